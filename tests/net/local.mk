# SPDX-License-Identifier: GPL-2.0-or-later
# Real sockets in network namespaces of their own.
check_PROGRAMS += tests/net/snapshot tests/net/zoo
tests_net_snapshot_SOURCES = tests/net/snapshot.c
tests_net_snapshot_LDADD = libsockaudit.a $(MNL_LIBS)
# Makes one of every sort of socket, tells what it made, and holds them until its stdin ends.
tests_net_zoo_SOURCES = tests/net/zoo.c tests/net/ring.c tests/net/ring.h
# A script that makes its namespaces by namespace.sh, and finds the programs below the build folder.
dist_check_SCRIPTS += tests/net/against-ss.py tests/net/forwards.py
TESTS += tests/net/against-ss.py tests/net/forwards.py
EXTRA_DIST += tests/net/animals.py tests/net/namespace.sh
if TESTS_ENABLED
check_PROGRAMS += tests/net/facts
TESTS += tests/net/facts
tests_net_facts_SOURCES = tests/net/facts.c tests/net/world.c tests/net/world.h
tests_net_facts_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_net_facts_LDADD = $(AM_TESTS_LIBS)
endif
# Event sources, in namespaces that each test makes for itself.
if TESTS_ENABLED
EVENT_TESTS = tests/net/test-hints tests/net/test-sources tests/net/test-handles \
	tests/net/test-kernel_events tests/net/test-kernel_callers
check_PROGRAMS += $(EVENT_TESTS) tests/net/caller
TESTS += $(EVENT_TESTS)
tests_net_test_hints_SOURCES = tests/net/hints.c tests/net/world.c tests/net/world.h
tests_net_test_hints_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_net_test_hints_LDADD = $(AM_TESTS_LIBS)
tests_net_test_sources_SOURCES = tests/net/sources.c tests/net/world.c tests/net/world.h
tests_net_test_sources_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_net_test_sources_LDADD = $(AM_TESTS_LIBS)
tests_net_test_handles_SOURCES = tests/net/handles.c tests/net/world.c tests/net/world.h
tests_net_test_handles_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_net_test_handles_LDADD = $(AM_TESTS_LIBS)
tests_net_test_kernel_events_SOURCES = tests/net/kernel_events.c tests/net/events.c \
	tests/net/events.h tests/net/ring.c tests/net/ring.h tests/net/world.c tests/net/world.h
tests_net_test_kernel_events_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_net_test_kernel_events_LDADD = $(AM_TESTS_LIBS) -lpthread
tests_net_test_kernel_callers_SOURCES = tests/net/kernel_callers.c tests/net/events.c \
	tests/net/events.h tests/net/world.c tests/net/world.h
tests_net_test_kernel_callers_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_net_test_kernel_callers_LDADD = $(AM_TESTS_LIBS) -lpthread
tests_net_caller_SOURCES = tests/net/caller.c
tests_net_caller_LDADD = -lpthread
endif
