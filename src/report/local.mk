# SPDX-License-Identifier: GPL-2.0-or-later
libsockaudit_a_SOURCES += \
	src/report/alert.c \
	src/report/alert.h \
	src/report/ids.c \
	src/report/ids.h \
	src/report/journal.c \
	src/report/journal.h \
	src/report/journal_socket.c \
	src/report/journal_socket.h \
	src/report/lines.c \
	src/report/lines.h \
	src/report/record.c \
	src/report/record.h
