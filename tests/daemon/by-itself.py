#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What comes by itself: ages, the end of a rule, of a snooze and of UDP's grace, reminders, and ways
in that come and go with addresses and interfaces. Nothing else wakes the daemon up but the dump of
everything each half minute: UDP is polled once an hour. What comes many times in a row, each time
after it was seen, in less time than as many dumps would take, does not come by them."""

import os
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import verbs  # pylint: disable=wrong-import-position

verbs.PATIENCE = 180
IN_A_ROW = 5
ROW_PATIENCE = 75  # of all of them; IN_A_ROW dumps come in 150 s
RULES = """allow scope loopback
allow tcp port 4604 until {until}
flag error tcp port 4604
flag notice tcp port 4605 until {until}
flag error tcp port 4610-4619 age 1s
flag notice tcp port 4602 interface sockaudit*
flag critical tcp port 4603
flag critical tcp port 4606
allow tcp
flag warning udp port 4620-4629
ignore udp
set poll 1h
set udp-grace 1s
set burst 1000
set remind {remind}
"""
FAR = "2199-12-31"
verbs.RULES = RULES.format(remind="1h", until=FAR)


def told(world, text):
    with open(world.directory + "/log", encoding="utf-8") as log:
        return sum(text in line for line in log)


def comes(world, text, times=1):
    verbs.until(f"{times} times: {text}", lambda: told(world, text) >= times)


def comes_in_a_row(steps):
    """Each step makes something and says what is then told; all within the patience of a row."""
    begun = time.monotonic()
    for step in steps:
        step()
    passed = time.monotonic() - begun
    assert passed < ROW_PATIENCE, f"{passed} s: by the dumps, and not by itself"


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def test_ages_are_reached(world):
    def age(port):
        with verbs.listen("0.0.0.0", port):
            comes(world, f"listens on 0.0.0.0:{port}")
    comes_in_a_row(lambda port=port: age(port) for port in range(4610, 4610 + IN_A_ROW))


def test_ways_in_come_and_go(world):
    """A way in ends with its interface, its address, and when it is taken down."""
    line = "listens on 0.0.0.0:4602"

    def change(*words):
        before = told(world, line)
        for command in words:
            ip(*command.split())
        comes(world, line, before + 1)
        # Told once: each is another than the last.
        verdict = world.listeners()[4602]["verdict"]
        assert told(world, line) == before + 1 and verdict == ("flag" if before % 2 == 0 else "allow")

    def turn(made):
        # Only veth is in every kernel that can run these tests at all.
        probe = subprocess.run(["ip", *made.split()], capture_output=True, text=True, check=False)
        if probe.returncode != 0 and "veth" not in made:
            print(f"not tried, as this kernel has none: ip {made}: {probe.stderr.strip()}")
            return
        ip("link", "del", "sockaudit0")
        change(made, "link set sockaudit0 up",
               "addr add 198.51.100.7/24 dev sockaudit0")
        change("link set sockaudit0 down")
        change("link set sockaudit0 up")
        change("addr del 198.51.100.7/24 dev sockaudit0")
        change("addr add 198.51.100.8/24 dev sockaudit0")
        change("link del sockaudit0")

    with verbs.listen("0.0.0.0", 4602):
        verbs.until("it is allowed", lambda: world.listeners()[4602]["verdict"] == "allow")
        comes_in_a_row(lambda made=made: turn(made) for made in (
            "link add sockaudit0 type veth peer name sockaudit1",
            "link add link zoo0 name sockaudit0 type vlan id 7",
            "link add link zoo0 name sockaudit0 type macvlan",
            "link add sockaudit0 type bridge",
            "tuntap add mode tun name sockaudit0"))


def test_the_grace_of_udp_ends(world):
    def grace(port):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("0.0.0.0", port))
            # A dump of everything finds it; what ends its grace is its own timer.
            ip("addr", "add", f"203.0.113.{port % 100}/32", "dev", "lo")
            comes(world, f"listens on udp 0.0.0.0:{port}")
    comes_in_a_row(lambda port=port: grace(port) for port in range(4620, 4620 + IN_A_ROW))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("0.0.0.0", 4629))
    comes_in_a_row([lambda: grace(4628)])
    assert not told(world, ":4629"), "it did not last as long as its grace"


def test_a_snooze_ends(world):
    def snooze(times):
        world.good("snooze", "4603", "1s")
        comes(world, "listens on 0.0.0.0:4603", 1 + 2 * times)  # flagged, resolved, flagged
    with verbs.listen("0.0.0.0", 4603):
        comes(world, "listens on 0.0.0.0:4603")
        comes_in_a_row(lambda times=times: snooze(times) for times in range(1, 1 + IN_A_ROW))
    assert told(world, "it is snoozed") == IN_A_ROW


class Minutes:
    """What takes a minute, as `until` and `remind` know nothing shorter: begun before all else."""

    def __init__(self, world):
        self.world = world
        self.rule_ends, self.ends, self.reminded = (verbs.listen("0.0.0.0", port)
                                                    for port in (4604, 4605, 4606))
        verbs.until("all are known", lambda: {4604, 4605, 4606} <= set(world.listeners()))
        comes(world, "listens on 0.0.0.0:4605")
        comes(world, "listens on 0.0.0.0:4606")
        assert self.verdicts() == ["allow", "flag"] and not told(world, "0.0.0.0:4604")
        # The periods are others after a reload: what waits comes sooner.
        while True:
            end = (int(time.time() + 10) // 60 + 1) * 60  # a whole minute, not at once
            until = time.strftime("%Y-%m-%dT%H:%M", time.localtime(end))
            world.write("/sockaudit.rules", RULES.format(remind="1m", until=until))
            world.good("reload")
            if self.verdicts() == ["allow", "flag"]:
                break
            assert time.time() >= end, "ended before its time"
            world.write("/sockaudit.rules", verbs.RULES)  # this machine is slow: another minute
            world.good("reload")
        self.end, self.before = end, told(world, "0.0.0.0:4604")

    def verdicts(self):
        found = self.world.listeners()
        return [found[port]["verdict"] for port in (4604, 4605)]

    def expect(self):
        comes(self.world, "listens on 0.0.0.0:4604", self.before + 1)
        assert time.time() >= self.end, "ended before its time"
        comes(self.world, "a rule allows it from now on: ")
        assert self.verdicts() == ["flag", "allow"]
        comes(self.world, "still, for")
        for sock in (self.rule_ends, self.ends, self.reminded):
            sock.close()


def main():
    verbs.enter_namespaces(os.path.abspath(__file__))
    with tempfile.TemporaryDirectory() as directory:
        world = verbs.World(directory)
        try:
            minutes = Minutes(world)
            for name, test in sorted(globals().items()):
                if name.startswith("test_"):
                    test(world)
                    print("ok:", name)
            minutes.expect()
            print("ok: rules end, and reminders come")
        except AssertionError:
            with open(directory + "/log", encoding="utf-8") as log:
                print(log.read())
            raise
        finally:
            world.stop()


if __name__ == "__main__":
    main()
