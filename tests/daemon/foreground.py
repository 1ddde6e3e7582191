#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sockauditd by hand: what it tells of real sockets."""

import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import (POLLING, RULES, Foreground, bind_udp, listen, until, with_foreground,
                     write_rules)


@with_foreground()
def test_flags_with_all_fields(daemon):
    with listen("0.0.0.0", 4001):
        told = daemon.expect(event="flagged", port=4001)
    assert told["priority"] == 2 and told["proto"] == "tcp" and told["scope"] == "wildcard", told
    assert told["pid"] == os.getpid() and told["exe"] == os.path.realpath(sys.executable), told
    assert told["uid"] == 0 and told["rule"].startswith("flag critical"), told
    # Half a second is all that its name may take.
    assert told.get("user", "root") == "root", told
    assert "listens on 0.0.0.0:4001" in told["message"], told


@with_foreground()
def test_loopback_is_silent(daemon):
    with listen("127.0.0.1", 4002):
        assert not [told for told in daemon.told_by(4003) if told.get("port") == 4002]


@with_foreground()
def test_udp_after_its_grace(daemon):
    with bind_udp(4004):
        told = daemon.expect(event="flagged", port=4004)
    assert told["proto"] == "udp" and told["priority"] == 4, told


@with_foreground()
def test_a_restart_is_one_flag(daemon):
    for _ in range(3):
        with listen("0.0.0.0", 4005):
            daemon.knows(4005)
        until("it is gone", lambda: 4005 not in daemon.listeners())
    flags = [told for told in daemon.told_by(4006) if told.get("port") == 4005]
    assert [told["event"] for told in flags] == ["flagged"], flags


@with_foreground()
def test_resolved_when_gone(daemon):
    with listen("0.0.0.0", 4007):
        daemon.expect(event="flagged", port=4007)
    told = daemon.expect(event="resolved", port=4007)
    assert told["priority"] == 6 and told["reason"] == "gone", told


@with_foreground()
def test_a_broken_policy_is_not_used(daemon):
    with listen("0.0.0.0", 4008):
        daemon.expect(event="flagged", port=4008)
        write_rules(daemon.directory, "allow tcp port 70000\nallow tcp\n")
        daemon.send(signal.SIGHUP)
        told = daemon.expect(event="policy-rejected")
        assert "rules:1:16: error: port 70000 is not in 0-65535" in told["message"], told
        write_rules(daemon.directory, "allow tcp port 4008\n" + RULES)
        daemon.send(signal.SIGHUP)
        told = daemon.expect(event="resolved", port=4008)
        assert told["reason"] == "policy", told
        write_rules(daemon.directory, RULES)
        daemon.send(signal.SIGHUP)
        daemon.expect(event="flagged", port=4008)


@with_foreground()
def test_a_kill_repeats_nothing_and_loses_nothing(daemon):
    with listen("0.0.0.0", 4009):
        daemon.expect(event="flagged", port=4009)
        # On stdout nobody can look up what was told: that it was, is noted before the next one.
        daemon.told_by(4012)
        daemon.stop(signal.SIGKILL)
        with listen("0.0.0.0", 4010), Foreground(daemon.directory) as after:
            after.expect(event="flagged", port=4010)
            told = after.passed + after.told_by(4011)
            assert not [one for one in told if one.get("port") == 4009], told


def test_all_of_it_by_polling(directory):
    """Where the kernel takes no program."""
    Foreground.prefix = POLLING
    for name, test in globals().items():
        if name.startswith("test_") and name != "test_all_of_it_by_polling":
            print("  ", name, flush=True)
            os.mkdir(f"{directory}/{name}")
            test(f"{directory}/{name}")


if __name__ == "__main__":
    harness.main(__file__, globals())
