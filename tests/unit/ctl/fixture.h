/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small machine made by hand: lo, eth0 (192.168.1.20, fd00::20), docker0; listeners on demand. */
#pragma once

#include "ctl/print/listing.h"

#define FIXTURE_NOW UINT64_C(1795000000000000)

/* A new snapshot with the links and no listeners; snapshot_free(). Ends the test when it can't. */
Snapshot *fixture_snapshot(void);

/* Adds a listener of `uid` and returns it: valid until the next one is added. */
Listener *fixture_add(Snapshot *snapshot, Proto proto, const char *address, uint16_t port,
                      uid_t uid);

/* Gives it an owner with one more holder. Strings are copied, NULL is unknown. */
Holder *fixture_hold(Listener *listener, pid_t pid, const char *comm, const char *exe);

/* Flags it by a rule of /etc/sockaudit/sockaudit.rules, line 42. */
void fixture_flag(Listener *listener, Severity severity);

ListingView fixture_view(const Snapshot *snapshot);

/* The name of 1000 is alice, of 0 root; others have none. */
const char *fixture_user(uid_t uid);

extern const RuleInfo fixture_rule, fixture_allow, fixture_default;
