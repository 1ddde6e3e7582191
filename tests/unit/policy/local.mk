# SPDX-License-Identifier: GPL-2.0-or-later
check_PROGRAMS += tests/unit/test-policy
TESTS += tests/unit/test-policy
tests_unit_test_policy_SOURCES = \
	tests/unit/policy/bounds.c \
	tests/unit/policy/corpus.c \
	tests/unit/policy/exe_table.c \
	tests/unit/policy/explain.c \
	tests/unit/policy/kept.c \
	tests/unit/policy/lint.c \
	tests/unit/policy/load.c \
	tests/unit/policy/suggest.c \
	tests/unit/policy/tool.c \
	tests/unit/policy/untold.c \
	tests/unit/policy/world.c \
	tests/unit/policy/world.h
tests_unit_test_policy_CPPFLAGS = $(AM_CPPFLAGS) -DTOP_SRCDIR='"$(abs_top_srcdir)"' \
	-I$(top_srcdir)/tests/unit/policy
tests_unit_test_policy_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_unit_test_policy_LDADD = $(AM_TESTS_LIBS)
EXTRA_DIST += $(srcdir)/tests/fixtures/rules
