# SPDX-License-Identifier: GPL-2.0-or-later
libsockaudit_a_SOURCES += \
	src/policy/advice.h \
	src/policy/lint.h \
	src/policy/policy.h
