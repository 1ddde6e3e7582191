# SPDX-License-Identifier: GPL-2.0-or-later
libsockaudit_a_SOURCES += \
	src/policy/advice.c \
	src/policy/advice.h \
	src/policy/advice_find.c \
	src/policy/advice_parse.c \
	src/policy/advice_table.h \
	src/policy/lint.h \
	src/policy/policy.h
