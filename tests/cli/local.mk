# SPDX-License-Identifier: GPL-2.0-or-later
# The client from end to end, in a network namespace of the test's own (tests/net/namespace.sh).
check_PROGRAMS += tests/cli/holder
tests_cli_holder_SOURCES = tests/cli/holder.c
CLI_TESTS = \
	tests/cli/completions \
	tests/cli/developer.py \
	tests/cli/documented.py \
	tests/cli/holders.py \
	tests/cli/hostile.py \
	tests/cli/identity.py \
	tests/cli/installed.py \
	tests/cli/usage.py
dist_check_SCRIPTS += $(CLI_TESTS)
TESTS += $(CLI_TESTS)
EXTRA_DIST += tests/cli/support.py
