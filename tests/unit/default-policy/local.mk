# SPDX-License-Identifier: GPL-2.0-or-later
check_PROGRAMS += tests/unit/test-default-policy
TESTS += tests/unit/test-default-policy
tests_unit_test_default_policy_SOURCES = tests/unit/default-policy/table.c
tests_unit_test_default_policy_CPPFLAGS = $(AM_CPPFLAGS) -DTOP_SRCDIR='"$(abs_top_srcdir)"'
tests_unit_test_default_policy_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_unit_test_default_policy_LDADD = $(AM_TESTS_LIBS)
EXTRA_DIST += tests/fixtures/default-policy.table
