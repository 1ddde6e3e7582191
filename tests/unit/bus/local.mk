# SPDX-License-Identifier: GPL-2.0-or-later
check_PROGRAMS += tests/unit/test-bus
TESTS += tests/unit/test-bus
tests_unit_test_bus_SOURCES = \
	tests/unit/bus/access.c \
	tests/unit/bus/frame.c \
	tests/unit/bus/marshal.c \
	tests/unit/bus/message.c \
	tests/unit/bus/message.h \
	tests/unit/bus/queue.c
tests_unit_test_bus_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_unit_test_bus_LDADD = $(AM_TESTS_LIBS)
