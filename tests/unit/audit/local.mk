# SPDX-License-Identifier: GPL-2.0-or-later
check_PROGRAMS += tests/unit/test-audit
TESTS += tests/unit/test-audit
tests_unit_test_audit_SOURCES = \
	tests/unit/audit/alerts.c \
	tests/unit/audit/clock.c \
	tests/unit/audit/closed.c \
	tests/unit/audit/completion.c \
	tests/unit/audit/flood.c \
	tests/unit/audit/judge.c \
	tests/unit/audit/ledger.c \
	tests/unit/audit/look_budget.c \
	tests/unit/audit/model.c \
	tests/unit/audit/place.c \
	tests/unit/audit/place.h \
	tests/unit/audit/rate.c \
	tests/unit/audit/state.c \
	tests/unit/audit/state_file.c \
	tests/unit/audit/world.c \
	tests/unit/audit/world.h
tests_unit_test_audit_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_unit_test_audit_LDADD = $(AM_TESTS_LIBS)
