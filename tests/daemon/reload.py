#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The rules change while the daemon runs: only what is judged otherwise is told, by SIGHUP and by
`auditctl reload` alike; what is broken changes nothing; and what else a policy says is in force."""

import json
import os
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import foreground  # pylint: disable=wrong-import-position
import verbs  # pylint: disable=wrong-import-position

foreground.PATIENCE = verbs.PATIENCE = 120
KEPT = """allow scope loopback
flag critical tcp port 4000-4499 id always
"""
BEFORE = KEPT + "flag warning tcp port 4500 id one\nallow tcp\nignore udp\nset poll 1h\n"
AFTER = KEPT + "flag warning tcp port 4501 id two\nallow tcp\nignore udp\nset poll 1h\n"
foreground.RULES = BEFORE
RANGE = "/proc/sys/net/ipv4/ip_local_port_range"


def ctl(directory, *words, status=0):
    done = subprocess.run([foreground.BUILD + "/sockauditctl", "--runtime-dir", directory + "/run",
                           *words], capture_output=True, text=True, timeout=foreground.PATIENCE)
    assert done.returncode == status, done
    return done


def by_signal(daemon, _directory):
    daemon.process.send_signal(foreground.signal.SIGHUP)


def by_verb(_daemon, directory):
    ctl(directory, "reload")


def verdicts(directory):
    found = json.loads(ctl(directory, "list", "--all", "--json").stdout)["listeners"]
    return {one["port"]: one["verdict"] for one in found}


def known(directory, *ports):
    verbs.until(f"{ports} are known", lambda: set(ports) <= set(verdicts(directory)))


def hits(directory):
    rules = json.loads(ctl(directory, "rules", "--json").stdout)["rules"]
    return {rule["id"]: rule["hits"] for rule in rules if rule["id"]}


def differs(directory):
    return "not what is on disk" in ctl(directory, "status").stdout


def test_only_differences_are_told(daemon, directory):
    with foreground.listen("0.0.0.0", 4400), foreground.listen("0.0.0.0", 4500), \
            foreground.listen("0.0.0.0", 4501), foreground.listen("0.0.0.0", 4502):
        known(directory, 4400, 4500, 4501, 4502)
        daemon.told_by(4001)
        for reload in by_signal, by_verb:
            for text, flagged, resolved in (AFTER, 4501, 4500), (BEFORE, 4500, 4501):
                foreground.write_rules(directory, text)
                reload(daemon, directory)
                daemon.expect(event="policy-loaded")
                assert not daemon.passed, daemon.passed
                # One of each, in the order of the listeners.
                told = {(one["event"], one["port"])
                        for one in (daemon.lines.get(timeout=foreground.PATIENCE) for _ in range(2))}
                assert told == {("flagged", flagged), ("resolved", resolved)}, told
        # The same once more is no news, nor is anything late.
        by_verb(daemon, directory)
        told = [one for one in daemon.told_by(4002) if one.get("port") != 4001]
        assert [one["event"] for one in told] == ["policy-loaded"], told


def test_counts_are_kept(daemon, directory):
    with foreground.listen("0.0.0.0", 4400), foreground.listen("0.0.0.0", 4500), \
            foreground.listen("0.0.0.0", 4501):
        known(directory, 4400, 4500, 4501)
        daemon.told_by(4001)
        before = hits(directory)
        assert before == {"always": 2, "one": 1}, before
        for _ in range(3):
            by_verb(daemon, directory)
        assert hits(directory) == before, hits(directory)
        foreground.write_rules(directory, AFTER)
        by_verb(daemon, directory)
        daemon.expect(event="flagged", port=4501)
        after = hits(directory)
        assert after["always"] == 2 and set(after) == {"always", "two"} and after["two"] <= 1, after
        with foreground.listen("0.0.0.0", 4401):
            daemon.expect(event="flagged", port=4401)
        assert hits(directory)["always"] == 3, hits(directory)


def test_broken_rules_change_nothing(daemon, directory):
    with foreground.listen("0.0.0.0", 4500), foreground.listen("0.0.0.0", 4501):
        known(directory, 4500, 4501)
        assert not differs(directory)
        foreground.write_rules(directory, "allow tcp\nfrobnicate\nallow tcp port 70000\n")
        assert differs(directory)
        said = ctl(directory, "reload", status=1).stderr
        told = daemon.expect(event="policy-rejected")
        for text in said, told["message"]:  # all that is wrong, each at its place
            assert "rules:2:1: error:" in text and "rules:3:16: error: port 70000" in text, text
        assert told["priority"] == 3 and differs(directory)
        assert verdicts(directory)[4500] == "flag" and verdicts(directory)[4501] == "allow"
        with foreground.listen("0.0.0.0", 4402):
            daemon.expect(event="flagged", port=4402)
        foreground.write_rules(directory, AFTER)
        by_verb(daemon, directory)
        daemon.expect(event="flagged", port=4501)
        assert not differs(directory)


def test_rules_that_were_broken_at_the_start(_daemon, directory):
    verbs.RULES = "frobnicate\n"
    world = verbs.World(directory + "/world")
    try:
        assert "the built-in one" in world.good("status")
        assert "not what is on disk" not in world.good("status")
        world.write("/sockaudit.rules", BEFORE)  # in place: its folder's times stay
        assert "not what is on disk" in world.good("status")
        world.good("reload")
        assert "the built-in one" not in world.good("status")
        assert "not what is on disk" not in world.good("status")
        world.write("/rules.d/90-none.txt", "no rules")
        assert "not what is on disk" not in world.good("status"), "no file of rules"
        world.write("/rules.d/90-more.rules", "allow tcp port 1\n")
        assert "not what is on disk" in world.good("status")
    finally:
        world.stop()


def test_another_period_counts_at_once(daemon, directory):
    """Six in a row, each after the one before was told: not by the dump of each half minute."""
    foreground.write_rules(directory, KEPT + "flag warning udp\nset poll 200ms\nset udp-grace 0s\n")
    by_verb(daemon, directory)
    foreground.PATIENCE = 60
    for port in range(4601, 4607):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("0.0.0.0", port))
            daemon.expect(event="flagged", port=port)


def write_range(text):
    with open(RANGE, "w", encoding="ascii") as file:
        file.write(text)


def test_another_range_of_ports_of_clients(daemon, directory):
    foreground.write_rules(directory, "ignore udp ephemeral yes\nflag warning udp\nallow tcp\n"
                           "set poll 200ms\nset udp-grace 0s\n")
    by_verb(daemon, directory)
    with open(RANGE, encoding="ascii") as file:
        before = file.read()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("0.0.0.0", 20005))
            daemon.expect(event="flagged", port=20005)
            write_range("20000 21000")
            by_verb(daemon, directory)
            daemon.expect(event="resolved", port=20005)
            # With no reload: at the next look at everything, which another address leads to.
            write_range(before)
            subprocess.run(["ip", "addr", "add", "198.51.100.9/32", "dev", "lo"], check=True)
            daemon.expect(event="flagged", port=20005)
    finally:
        write_range(before)


def main():
    verbs.enter_namespaces(os.path.abspath(__file__))
    results = [foreground.run(test) for name, test in sorted(globals().items())
               if name.startswith("test_")]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
