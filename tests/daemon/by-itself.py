#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What comes by itself: ages, reminders, the end of a snooze, and ways in that come and go with
addresses and interfaces. Nothing else wakes the daemon up: UDP is polled once an hour."""

import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import verbs  # pylint: disable=wrong-import-position

verbs.PATIENCE = 180
RULES = """allow scope loopback
flag error tcp port 4601 age 2s
flag notice tcp port 4602 interface sockaudit*
flag critical tcp port 4603
allow tcp
ignore udp
set poll 1h
set remind {remind}
"""
verbs.RULES = RULES.format(remind="1h")


def told(world, text):
    with open(world.directory + "/log", encoding="utf-8") as log:
        return sum(text in line for line in log)


def comes(world, text, times=1):
    verbs.until(f"{times} times: {text}", lambda: told(world, text) >= times)


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def test_an_age_is_reached(world):
    with verbs.listen("0.0.0.0", 4601):
        verbs.until("it is known", lambda: 4601 in world.listeners())
        comes(world, "listens on 0.0.0.0:4601")


def test_addresses_come_and_go(world):
    with verbs.listen("0.0.0.0", 4602):
        verbs.until("it is allowed", lambda: world.listeners()[4602]["verdict"] == "allow")
        ip("link", "add", "sockaudit0", "type", "veth", "peer", "name", "sockaudit1")
        ip("addr", "add", "198.51.100.7/24", "dev", "sockaudit0")
        ip("link", "set", "sockaudit0", "up")
        comes(world, "198.51.100.7")
        assert world.listeners()[4602]["verdict"] == "flag"
        ip("link", "set", "sockaudit0", "down")
        ip("link", "del", "sockaudit0")
        verbs.until("it is allowed again", lambda: world.listeners()[4602]["verdict"] == "allow")
        comes(world, "is reachable no longer as it was")


def test_a_snooze_ends_and_reminders_come(world):
    with verbs.listen("0.0.0.0", 4603):
        comes(world, "listens on 0.0.0.0:4603")
        world.good("snooze", "4603", "2s")
        comes(world, "it is snoozed")
        comes(world, "listens on 0.0.0.0:4603", 3)  # flagged, resolved, flagged
        # The period of reminders is another after a reload: the one that waits comes sooner.
        world.write("/sockaudit.rules", RULES.format(remind="1m"))
        world.good("reload")
        comes(world, "still, for")


def main():
    verbs.enter_namespaces(os.path.abspath(__file__))
    with tempfile.TemporaryDirectory() as directory:
        world = verbs.World(directory)
        try:
            for name, test in sorted(globals().items()):
                if name.startswith("test_"):
                    test(world)
                    print("ok:", name)
        except AssertionError:
            with open(directory + "/log", encoding="utf-8") as log:
                print(log.read())
            raise
        finally:
            world.stop()


if __name__ == "__main__":
    main()
