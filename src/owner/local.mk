# SPDX-License-Identifier: GPL-2.0-or-later
libsockaudit_a_SOURCES += \
	src/owner/file_identity.h \
	src/owner/owners.h
