#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What comes by itself: ages, the end of a rule, of a snooze and of UDP's grace, reminders, and ways
in that come and go with addresses and interfaces. Nothing else wakes the daemon up but the dump of
everything each half minute: UDP is polled once an hour. What comes many times in a row, each time
after it was seen, in less time than as many dumps would take, does not come by them."""

import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import Readable, bind_udp, in_a_row, listen, rules_below, until, write

IN_A_ROW = 6
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
FAR = RULES.format(remind="1h", until="2199-12-31")


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def check_ages_are_reached(daemon):
    def age(port):
        with listen("0.0.0.0", port):
            daemon.expect(f"listens on 0.0.0.0:{port}")
    in_a_row(lambda port=port: age(port) for port in range(4610, 4610 + IN_A_ROW))


def check_ways_in_come_and_go(daemon):
    """A way in ends with its interface, its address, and when it is taken down."""
    line = "listens on 0.0.0.0:4602"

    def change(*words):
        before = daemon.told(line)
        for command in words:
            ip(*command.split())
        daemon.expect(line, before + 1)
        # Told once: each is another than the last.
        verdict = daemon.listeners()[4602]["verdict"]
        assert daemon.told(line) == before + 1
        assert verdict == ("flag" if before % 2 == 0 else "allow")

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

    with listen("0.0.0.0", 4602):
        until("it is allowed", lambda: daemon.listeners()[4602]["verdict"] == "allow")
        in_a_row(lambda made=made: turn(made) for made in (
            "link add sockaudit0 type veth peer name sockaudit1",
            "link add link zoo0 name sockaudit0 type vlan id 7",
            "link add link zoo0 name sockaudit0 type macvlan",
            "link add sockaudit0 type bridge",
            "tuntap add mode tun name sockaudit0"))


def check_the_grace_of_udp_ends(daemon):
    def grace(port):
        with bind_udp(port):
            # A dump of everything finds it; what ends its grace is its own timer.
            ip("addr", "add", f"203.0.113.{port % 100}/32", "dev", "lo")
            daemon.expect(f"listens on udp 0.0.0.0:{port}")
    in_a_row(lambda port=port: grace(port) for port in range(4620, 4620 + IN_A_ROW))
    with bind_udp(4629):
        pass
    in_a_row([lambda: grace(4628)])
    assert not daemon.told(":4629"), "it did not last as long as its grace"


def check_a_snooze_ends(daemon):
    def snooze(times):
        daemon.good("snooze", "4603", "1s")
        daemon.expect("listens on 0.0.0.0:4603", 1 + 2 * times)  # flagged, resolved, flagged
    with listen("0.0.0.0", 4603):
        daemon.expect("listens on 0.0.0.0:4603")
        in_a_row(lambda times=times: snooze(times) for times in range(1, 1 + IN_A_ROW))
    assert daemon.told("(snoozed)") == IN_A_ROW


class Minutes:
    """What takes a minute, as `until` and `remind` know nothing shorter: begun before all else."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.rule_ends, self.ends, self.reminded = (listen("0.0.0.0", port)
                                                    for port in (4604, 4605, 4606))
        daemon.knows(4604, 4605, 4606)
        daemon.expect("listens on 0.0.0.0:4605")
        daemon.expect("listens on 0.0.0.0:4606")
        assert self.verdicts() == ["allow", "flag"] and not daemon.told("0.0.0.0:4604")
        # The periods are others after a reload: what waits comes sooner.
        while True:
            end = (int(time.time() + 10) // 60 + 1) * 60  # a whole minute, not at once
            minute = time.strftime("%Y-%m-%dT%H:%M", time.localtime(end))
            self.reload(RULES.format(remind="1m", until=minute))
            if self.verdicts() == ["allow", "flag"]:
                break
            assert time.time() >= end, "ended before its time"
            self.reload(FAR)  # this machine is slow: another minute
        self.end, self.before = end, daemon.told("0.0.0.0:4604")

    def reload(self, rules):
        write(rules_below(self.daemon.directory + "/root") + "/sockaudit.rules", rules)
        self.daemon.good("reload")

    def verdicts(self):
        found = self.daemon.listeners()
        return [found[port]["verdict"] for port in (4604, 4605)]

    def expect(self):
        self.daemon.expect("listens on 0.0.0.0:4604", self.before + 1)
        assert time.time() >= self.end, "ended before its time"
        self.daemon.expect("(allowed by a rule from now on)")
        assert self.verdicts() == ["flag", "allow"]
        self.daemon.expect("Still exposed after")
        for sock in (self.rule_ends, self.ends, self.reminded):
            sock.close()


def test_all_that_comes_by_itself(directory):
    write(rules_below(directory + "/root") + "/sockaudit.rules", FAR)
    with Readable(directory, root=True).serving() as daemon:
        minutes = Minutes(daemon)
        for check in (check_ages_are_reached, check_ways_in_come_and_go,
                      check_the_grace_of_udp_ends, check_a_snooze_ends):
            check(daemon)
            print("  ", check.__name__, flush=True)
        minutes.expect()


if __name__ == "__main__":
    harness.main(__file__, globals())
