#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the users of somebody's containers do is charged to that somebody (subuid(5))."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import Readable, listen, rules_below, until, write

BURST = 3
RULES = f"flag warning tcp\nignore udp\nset burst {BURST}\nset settle 0s\n"


def listen_as(uid, port):
    os.seteuid(uid)
    try:
        return listen("0.0.0.0", port)
    finally:
        os.seteuid(0)


def flood(daemon, uids, port):
    """How many of the alerts about a listener of each of those users are told."""
    sockets = [listen_as(uid, port + i) for i, uid in enumerate(uids)]
    try:
        ports = {port + i for i in range(len(uids))}
        until("all are known", lambda: ports <= set(daemon.listeners("--flagged")))
        return sum(daemon.told(f"0.0.0.0:{one}") > 0 for one in ports)
    finally:
        for sock in sockets:
            sock.close()


def test_the_users_of_containers_are_charged_to_who_runs_them(directory):
    write(rules_below(directory + "/root") + "/sockaudit.rules", RULES)
    with Readable(directory, root=True).serving() as daemon:
        os.makedirs(directory + "/root/etc", exist_ok=True)
        write(directory + "/root/etc/subuid", "54321:700000:65536\n")
        # Each has a share of their own as long as the file was not read.
        assert flood(daemon, range(700000, 700010), 4300) == 10
        daemon.good("reload")
        assert flood(daemon, range(700100, 700110), 4400) == BURST
        # Others have theirs, as before.
        assert flood(daemon, range(800000, 800010), 4500) == 10


if __name__ == "__main__":
    harness.main(__file__, globals())
