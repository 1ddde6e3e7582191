# SPDX-License-Identifier: GPL-2.0-or-later
check_PROGRAMS += tests/unit/test-owner
TESTS += tests/unit/test-owner
tests_unit_test_owner_SOURCES = \
	tests/unit/owner/caller_owner.c \
	tests/unit/owner/cgroup_path.c \
	tests/unit/owner/cgroups.c \
	tests/unit/owner/facts.c \
	tests/unit/owner/forwarder.c \
	tests/unit/owner/identity.c \
	tests/unit/owner/machine.c \
	tests/unit/owner/machine.h \
	tests/unit/owner/proc_parse.c \
	tests/unit/owner/recheck.c \
	tests/unit/owner/search.c \
	tests/unit/owner/subuids.c
tests_unit_test_owner_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_unit_test_owner_LDADD = $(AM_TESTS_LIBS) -lpthread
