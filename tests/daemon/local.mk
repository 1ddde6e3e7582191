# SPDX-License-Identifier: GPL-2.0-or-later
# sockauditd as a whole, with real sockets.
dist_check_SCRIPTS += tests/daemon/foreground.py tests/daemon/verbs.py tests/daemon/flood.py
TESTS += tests/daemon/foreground.py tests/daemon/verbs.py tests/daemon/flood.py
