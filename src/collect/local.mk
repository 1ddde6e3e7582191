# SPDX-License-Identifier: GPL-2.0-or-later
libsockaudit_a_SOURCES += \
	src/collect/collect.h
