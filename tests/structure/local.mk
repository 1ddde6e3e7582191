# SPDX-License-Identifier: GPL-2.0-or-later
dist_check_SCRIPTS += tests/structure/tree tests/structure/manuals
TESTS += tests/structure/tree tests/structure/manuals
