# SPDX-License-Identifier: GPL-2.0-or-later
# The installed package on a booted systemd.
dist_check_SCRIPTS += tests/system/booted
TESTS += tests/system/booted
EXTRA_DIST += tests/system/inside.py tests/system/package tests/system/root
