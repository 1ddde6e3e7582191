# SPDX-License-Identifier: GPL-2.0-or-later
# sockauditd as a whole, with real sockets.
dist_check_SCRIPTS += tests/daemon/allow.py tests/daemon/flood.py tests/daemon/foreground.py \
	tests/daemon/run.py tests/daemon/verbs.py
TESTS += tests/daemon/allow.py tests/daemon/flood.py tests/daemon/foreground.py \
	tests/daemon/run.py tests/daemon/verbs.py
# What `./dev run` runs is written there.
EXTRA_DIST += dev
