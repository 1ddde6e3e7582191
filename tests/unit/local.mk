# SPDX-License-Identifier: GPL-2.0-or-later
# One Criterion program a room. A room's sources are listed with its tests.
AM_TESTS_LIBS = libsockaudit.a $(CRITERION_LIBS) $(MNL_LIBS) $(JANSSON_LIBS)

check_PROGRAMS += tests/unit/test-util
TESTS += tests/unit/test-util
tests_unit_test_util_SOURCES = tests/unit/util/parse.c
tests_unit_test_util_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_unit_test_util_LDADD = $(AM_TESTS_LIBS)
