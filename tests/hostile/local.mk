# SPDX-License-Identifier: GPL-2.0-or-later
# Attacks of an ordinary user on the daemon. `./dev hostile` runs each of them for a minute.
HOSTILE_TESTS = \
	tests/hostile/attacks.py \
	tests/hostile/evasions.py
dist_check_SCRIPTS += $(HOSTILE_TESTS)
TESTS += $(HOSTILE_TESTS)
