# SPDX-License-Identifier: GPL-2.0-or-later
libsockaudit_a_SOURCES += \
	src/util/aside.c \
	src/util/aside.h \
	src/util/cleanup.h \
	src/util/clock.h \
	src/util/diagnostics.c \
	src/util/diagnostics.h \
	src/util/escape.c \
	src/util/escape.h \
	src/util/fnv.h \
	src/util/glob.c \
	src/util/glob.h \
	src/util/idmap.c \
	src/util/idmap.h \
	src/util/limit.h \
	src/util/memory.c \
	src/util/memory.h \
	src/util/name_service.c \
	src/util/name_service.h \
	src/util/nearest.c \
	src/util/nearest.h \
	src/util/parse.c \
	src/util/parse.h \
	src/util/read.c \
	src/util/read.h \
	src/util/serialize.c \
	src/util/serialize.h \
	src/util/standard_fds.c \
	src/util/standard_fds.h \
	src/util/text_stream.c \
	src/util/text_stream.h \
	src/util/words.c \
	src/util/words.h
