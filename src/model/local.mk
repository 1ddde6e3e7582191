# SPDX-License-Identifier: GPL-2.0-or-later
libsockaudit_a_SOURCES += \
	src/model/address.c \
	src/model/address.h \
	src/model/caller.c \
	src/model/caller.h \
	src/model/caller_parse.c \
	src/model/endpoint.c \
	src/model/endpoint.h \
	src/model/link.c \
	src/model/link.h \
	src/model/owner.c \
	src/model/owner.h \
	src/model/program.c \
	src/model/program.h \
	src/model/reach.c \
	src/model/reach.h \
	src/model/scope.c \
	src/model/scope.h \
	src/model/sentence.c \
	src/model/sentence.h \
	src/model/snapshot.c \
	src/model/snapshot.h \
	src/model/verdict.c \
	src/model/verdict.h
