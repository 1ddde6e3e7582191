# SPDX-License-Identifier: GPL-2.0-or-later
check_PROGRAMS += tests/unit/test-collect
TESTS += tests/unit/test-collect
tests_unit_test_collect_SOURCES = \
	tests/unit/collect/build.c \
	tests/unit/collect/build.h \
	tests/unit/collect/diag.c \
	tests/unit/collect/forward.c \
	tests/unit/collect/links.c \
	tests/unit/collect/messages.c \
	tests/unit/collect/protocols.c \
	tests/unit/collect/recorded.c
tests_unit_test_collect_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_unit_test_collect_LDADD = $(AM_TESTS_LIBS)
EXTRA_DIST += $(srcdir)/tests/fixtures/netlink
# The event sources.
tests_unit_test_collect_SOURCES += tests/unit/collect/event_parts.c \
	tests/unit/collect/kernel_event.c tests/unit/collect/ring.c
