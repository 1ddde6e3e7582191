#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The rules change while the daemon runs: only what is judged otherwise is told, by SIGHUP and by
`auditctl reload` alike; what is broken changes nothing; and what else a policy says is in force."""

import contextlib
import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import (Readable, bind_udp, in_a_row, listen, read, rules_below, with_foreground,
                     write, write_rules)

KEPT = """allow scope loopback
flag critical tcp port 4000-4499 id always
set settle 0s
"""
BEFORE = KEPT + "flag warning tcp port 4500 id one\nallow tcp\nignore udp\nset poll 1h\n"
AFTER = KEPT + "flag warning tcp port 4501 id two\nallow tcp\nignore udp\nset poll 1h\n"
RANGE = "/proc/sys/net/ipv4/ip_local_port_range"


def by_signal(daemon):
    daemon.send(signal.SIGHUP)


def by_verb(daemon):
    daemon.good("reload")


def verdict(daemon, port):
    return daemon.listeners()[port]["verdict"]


def hits(daemon):
    rules = json.loads(daemon.good("rules", "--json"))["rules"]
    return {rule["id"]: rule["hits"] for rule in rules if rule["id"]}


def differs(daemon, how=""):
    told = daemon.status()["policy"]["differs"]
    return bool(told) and how in told


@with_foreground(BEFORE)
def test_only_differences_are_told(daemon):
    with listen("0.0.0.0", 4400), listen("0.0.0.0", 4500), \
            listen("0.0.0.0", 4501), listen("0.0.0.0", 4502):
        daemon.knows(4400, 4500, 4501, 4502)
        daemon.told_by(4001)
        for reload in by_signal, by_verb:
            for text, flagged, resolved in (AFTER, 4501, 4500), (BEFORE, 4500, 4501):
                write_rules(daemon.directory, text)
                reload(daemon)
                daemon.expect(event="policy-loaded")
                assert not daemon.passed, daemon.passed
                # One of each, in the order of the listeners.
                told = {(one["event"], one["port"]) for one in (daemon.next(), daemon.next())}
                assert told == {("flagged", flagged), ("resolved", resolved)}, told
        # The same once more is no news, nor is anything late.
        by_verb(daemon)
        told = [one for one in daemon.told_by(4002) if one.get("port") != 4001]
        assert [one["event"] for one in told] == ["policy-loaded"], told


@with_foreground(BEFORE)
def test_counts_are_kept(daemon):
    with listen("0.0.0.0", 4400), listen("0.0.0.0", 4500), listen("0.0.0.0", 4501):
        daemon.knows(4400, 4500, 4501)
        daemon.told_by(4001)
        before = hits(daemon)
        assert before == {"always": 2, "one": 1}, before
        for _ in range(3):
            by_verb(daemon)
        assert hits(daemon) == before, hits(daemon)
        write_rules(daemon.directory, AFTER)
        by_verb(daemon)
        daemon.expect(event="flagged", port=4501)
        after = hits(daemon)
        assert after["always"] == 2 and set(after) == {"always", "two"} and after["two"] <= 1, after
        with listen("0.0.0.0", 4401):
            daemon.expect(event="flagged", port=4401)
        assert hits(daemon)["always"] == 3, hits(daemon)


@with_foreground(BEFORE)
def test_broken_rules_change_nothing(daemon):
    with listen("0.0.0.0", 4500), listen("0.0.0.0", 4501):
        daemon.knows(4500, 4501)
        assert not differs(daemon)
        write_rules(daemon.directory, "allow tcp\nfrobnicate\nallow tcp port 70000\n")
        assert differs(daemon)
        status, _, said = daemon.ctl("reload")
        assert status == 1, status
        told = daemon.expect(event="policy-rejected")
        for text in said, told["message"]:  # all that is wrong, each at its place
            assert "rules:2:1: error:" in text and "rules:3:16: error: port 70000" in text, text
        assert told["priority"] == 3 and differs(daemon)
        assert differs(daemon, "errors") and not differs(daemon, "changed")
        assert verdict(daemon, 4500) == "flag" and verdict(daemon, 4501) == "allow"
        with listen("0.0.0.0", 4402):
            daemon.expect(event="flagged", port=4402)
        write_rules(daemon.directory, AFTER)
        by_verb(daemon)
        daemon.expect(event="flagged", port=4501)
        assert not differs(daemon)


def test_rules_that_were_broken_at_the_start(directory):
    rules = rules_below(directory + "/root")
    write(rules + "/sockaudit.rules", "frobnicate\n")
    with Readable(directory, root=True) as daemon:
        assert daemon.status()["policy"]["builtin"]
        assert differs(daemon, "errors")
        write(rules + "/sockaudit.rules", BEFORE)  # in place: its folder's times stay
        assert differs(daemon, "changed")
        daemon.good("reload")
        assert not daemon.status()["policy"]["builtin"]
        assert not differs(daemon)
        write(rules + "/rules.d/90-none.txt", "no rules")
        assert not differs(daemon), "no file of rules"
        write(rules + "/rules.d/90-more.rules", "allow tcp port 1\n")
        assert differs(daemon)


@with_foreground(BEFORE)
def test_another_period_counts_at_once(daemon):
    write_rules(daemon.directory, KEPT + "flag warning udp\nset poll 200ms\nset udp-grace 0s\n")
    by_verb(daemon)

    with contextlib.ExitStack() as stays:  # that one goes would bring on a look, too
        def come(port):
            stays.enter_context(bind_udp(port))
            daemon.expect(event="flagged", port=port)
        in_a_row(lambda port=port: come(port) for port in range(4601, 4607))


@with_foreground(BEFORE)
def test_another_range_of_ports_of_clients(daemon):
    write_rules(daemon.directory, "ignore udp ephemeral yes\nflag warning udp\nallow tcp\n"
                           "set poll 200ms\nset udp-grace 0s\n")
    by_verb(daemon)
    before = read(RANGE)
    try:
        with bind_udp(20005):
            daemon.expect(event="flagged", port=20005)
            write(RANGE, "20000 21000")
            by_verb(daemon)
            daemon.expect(event="resolved", port=20005)
            # With no reload: at the next look at everything, which another address leads to.
            write(RANGE, before)
            subprocess.run(["ip", "addr", "add", "198.51.100.9/32", "dev", "lo"], check=True)
            daemon.expect(event="flagged", port=20005)
    finally:
        write(RANGE, before)


if __name__ == "__main__":
    harness.main(__file__, globals())
