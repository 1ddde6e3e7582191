#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the users of somebody's containers do is charged to that somebody (subuid(5))."""

import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import verbs  # pylint: disable=wrong-import-position

BURST = 3
verbs.RULES = f"flag warning tcp\nignore udp\nset burst {BURST}\n"


def listen_as(uid, port):
    os.seteuid(uid)
    try:
        return verbs.listen("0.0.0.0", port)
    finally:
        os.seteuid(0)


def told(world):
    with open(world.directory + "/log", encoding="utf-8") as log:
        return log.read()


def flood(world, uids, port):
    """How many of the alerts about a listener of each of those users are told."""
    sockets = [listen_as(uid, port + i) for i, uid in enumerate(uids)]
    try:
        ports = {port + i for i in range(len(uids))}
        verbs.until("all are known", lambda: ports <= set(world.listeners("--flagged")))
        return sum(f"0.0.0.0:{one}" in told(world) for one in ports)
    finally:
        for sock in sockets:
            sock.close()


def run(world):
    subuid = world.directory + "/root/etc/subuid"
    os.makedirs(os.path.dirname(subuid), exist_ok=True)
    with open(subuid, "w", encoding="utf-8") as file:
        file.write("54321:700000:65536\n")
    # Each has a share of their own as long as the file was not read.
    assert flood(world, range(700000, 700010), 4300) == 10
    world.good("reload")
    assert flood(world, range(700100, 700110), 4400) == BURST
    # Others have theirs, as before.
    assert flood(world, range(800000, 800010), 4500) == 10


def main():
    verbs.enter_namespaces(os.path.abspath(__file__))
    with tempfile.TemporaryDirectory() as directory:
        world = verbs.World(directory)
        try:
            run(world)
        finally:
            world.stop()
    print("ok: containers' users are charged to who runs them")


if __name__ == "__main__":
    main()
