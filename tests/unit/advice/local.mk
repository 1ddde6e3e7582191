# SPDX-License-Identifier: GPL-2.0-or-later
check_PROGRAMS += tests/unit/test-advice
TESTS += tests/unit/test-advice
tests_unit_test_advice_SOURCES = \
	tests/unit/advice/find.c \
	tests/unit/advice/load.c \
	tests/unit/advice/parse.c \
	tests/unit/advice/restartable.c \
	tests/unit/advice/shipped.c \
	tests/unit/advice/support.c \
	tests/unit/advice/support.h
tests_unit_test_advice_CPPFLAGS = $(AM_CPPFLAGS) -DTOP_SRCDIR='"$(abs_top_srcdir)"' \
	-I$(top_srcdir)/tests/unit/advice
tests_unit_test_advice_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_unit_test_advice_LDADD = $(AM_TESTS_LIBS)
EXTRA_DIST += tests/fixtures/advice.table
