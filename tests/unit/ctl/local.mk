# SPDX-License-Identifier: GPL-2.0-or-later
check_PROGRAMS += tests/unit/test-ctl
TESTS += tests/unit/test-ctl
tests_unit_test_ctl_SOURCES = \
	tests/unit/ctl/fixture.c \
	tests/unit/ctl/fixture.h \
	tests/unit/ctl/hypothesis.c \
	tests/unit/ctl/json.c \
	tests/unit/ctl/listing.c \
	tests/unit/ctl/options.c \
	tests/unit/ctl/past.c \
	tests/unit/ctl/path_safety.c \
	tests/unit/ctl/report.c \
	tests/unit/ctl/sentence.c \
	tests/unit/ctl/when.c
tests_unit_test_ctl_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_unit_test_ctl_LDADD = libsockauditctl.a $(AM_TESTS_LIBS)
