# SPDX-License-Identifier: GPL-2.0-or-later
check_PROGRAMS += tests/unit/test-report
TESTS += tests/unit/test-report
tests_unit_test_report_SOURCES = \
	tests/unit/report/alert.c \
	tests/unit/report/catalog.c \
	tests/unit/report/journal.c
tests_unit_test_report_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_unit_test_report_CPPFLAGS = $(AM_CPPFLAGS) -DSRCDIR='"$(abs_top_srcdir)"'
tests_unit_test_report_LDADD = $(AM_TESTS_LIBS)
# What systemd explains with `journalctl -x`; read by the test.
EXTRA_DIST += catalog/sockaudit.catalog
