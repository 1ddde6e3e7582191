# SPDX-License-Identifier: GPL-2.0-or-later
# The installed package on a booted systemd: some minutes, and what the compiler was matters little
# to it. So it is no part of `make check`, which CI runs for each of them, but of `./dev test`.
EXTRA_DIST += tests/system/base tests/system/booted tests/system/builder tests/system/enter \
	tests/system/inside.py tests/system/package tests/system/root

check-system:
	srcdir=$(srcdir) $(srcdir)/tests/system/booted
.PHONY: check-system
