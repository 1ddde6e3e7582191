# SPDX-License-Identifier: GPL-2.0-or-later
# One Criterion program a room, tests/unit/test-ROOM, listed in tests/unit/ROOM/local.mk.
include tests/unit/collect/local.mk
include tests/unit/model/local.mk
include tests/unit/ctl/local.mk
include tests/unit/util/local.mk
include tests/unit/owner/local.mk
include tests/unit/policy/local.mk
include tests/unit/advice/local.mk
include tests/unit/default-policy/local.mk
include tests/unit/audit/local.mk
include tests/unit/bus/local.mk
include tests/unit/report/local.mk
