# SPDX-License-Identifier: GPL-2.0-or-later
check_PROGRAMS += tests/unit/test-util
TESTS += tests/unit/test-util
tests_unit_test_util_SOURCES = \
	tests/unit/util/aside.c \
	tests/unit/util/diagnostics.c \
	tests/unit/util/escape.c \
	tests/unit/util/glob.c \
	tests/unit/util/idmap.c \
	tests/unit/util/memory.c \
	tests/unit/util/name_service.c \
	tests/unit/util/nearest.c \
	tests/unit/util/parse.c \
	tests/unit/util/read.c \
	tests/unit/util/serialize.c \
	tests/unit/util/text_stream.c
tests_unit_test_util_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_unit_test_util_LDADD = $(AM_TESTS_LIBS)
# text_stream.c lets it fail.
tests_unit_test_util_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=array_reserve
