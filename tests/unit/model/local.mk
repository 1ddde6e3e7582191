# SPDX-License-Identifier: GPL-2.0-or-later
check_PROGRAMS += tests/unit/test-model
TESTS += tests/unit/test-model
tests_unit_test_model_SOURCES = \
	tests/unit/model/address.c \
	tests/unit/model/endpoint.c \
	tests/unit/model/program.c \
	tests/unit/model/reach.c \
	tests/unit/model/snapshot.c
tests_unit_test_model_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_unit_test_model_LDADD = $(AM_TESTS_LIBS)
EXTRA_DIST += $(srcdir)/tests/fixtures/processes
