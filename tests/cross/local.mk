# SPDX-License-Identifier: GPL-2.0-or-later
# The build for another architecture: `./dev cross`.
EXTRA_DIST += tests/cross/root tests/cross/run
