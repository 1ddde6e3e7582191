#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sockauditd by hand: what it tells of real sockets, in a network namespace of its own.

The waits are for things that happen; none of them is a measurement.
"""

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

BUILD = os.environ.get("BUILD", ".")
HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 30  # seconds, on a machine with much else to do

RULES = """allow scope loopback
flag critical tcp port 4000-4999
flag warning udp port 4000-4999
ignore udp
set udp-grace 500ms
set poll 200ms
"""


class Daemon:
    """A sockauditd in the foreground; what it tells comes line by line from a thread."""

    def __init__(self, directory):
        self.process = subprocess.Popen(
            [BUILD + "/sockauditd", "--foreground", "--json", "--rules", directory + "/rules",
             "--state-dir", directory + "/state", "--runtime-dir", directory + "/run"],
            stdout=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        self.expect(event="policy-loaded")
        self.until_it_answers(directory + "/run")

    def until_it_answers(self, runtime_dir):
        deadline = time.monotonic() + PATIENCE
        while subprocess.run([BUILD + "/sockauditctl", "--runtime-dir", runtime_dir, "status"],
                             capture_output=True, check=False).returncode != 0:
            assert time.monotonic() < deadline and self.process.poll() is None, "it answers nobody"
            time.sleep(0.05)

    def read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))

    def expect(self, **wanted):
        """The next object that has these values; others before it are kept in `passed`."""
        self.passed = []
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                told = self.lines.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"was not told: {wanted}; was: {self.passed}") from None
            if all(told.get(key) == value for key, value in wanted.items()):
                return told
            self.passed.append(told)

    def told_by(self, other_port):
        """All that was told until a listener on another port is: what comes later was not to be."""
        with listen("0.0.0.0", other_port):
            self.expect(event="flagged", port=other_port)
        return self.passed

    def stop(self, with_signal=signal.SIGTERM):
        self.process.send_signal(with_signal)
        return self.process.wait(PATIENCE)


def listen(address, port):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, port))
    sock.listen()
    return sock


def write_rules(directory, text):
    with open(directory + "/rules", "w", encoding="utf-8") as rules:
        rules.write(text)


def test_flags_with_all_fields(daemon, _directory):
    with listen("0.0.0.0", 4001):
        told = daemon.expect(event="flagged", port=4001)
    assert told["priority"] == 2 and told["proto"] == "tcp" and told["scope"] == "wildcard", told
    assert told["pid"] == os.getpid() and told["exe"] == os.path.realpath(sys.executable), told
    assert told["user"] == "root" and told["rule"].startswith("flag critical"), told
    assert "listens on 0.0.0.0:4001" in told["message"], told


def test_loopback_is_silent(daemon, _directory):
    with listen("127.0.0.1", 4002):
        assert not [told for told in daemon.told_by(4003) if told.get("port") == 4002]


def test_udp_after_its_grace(daemon, _directory):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("0.0.0.0", 4004))
        told = daemon.expect(event="flagged", port=4004)
    assert told["proto"] == "udp" and told["priority"] == 4, told


def test_a_restart_is_one_flag(daemon, _directory):
    for _ in range(3):
        with listen("0.0.0.0", 4005):
            time.sleep(0.3)
    flags = [told for told in daemon.told_by(4006) if told.get("port") == 4005]
    assert [told["event"] for told in flags] == ["flagged"], flags


def test_resolved_when_gone(daemon, _directory):
    with listen("0.0.0.0", 4007):
        daemon.expect(event="flagged", port=4007)
    told = daemon.expect(event="resolved", port=4007)
    assert told["priority"] == 6 and "it is gone" in told["message"], told


def test_a_broken_policy_is_not_used(daemon, directory):
    with listen("0.0.0.0", 4008):
        daemon.expect(event="flagged", port=4008)
        write_rules(directory, "allow tcp port 70000\nallow tcp\n")
        daemon.process.send_signal(signal.SIGHUP)
        told = daemon.expect(event="policy-rejected")
        assert "rules:1:16: error: port 70000 is not in 0-65535" in told["message"], told
        write_rules(directory, "allow tcp port 4008\n" + RULES)
        daemon.process.send_signal(signal.SIGHUP)
        told = daemon.expect(event="resolved", port=4008)
        assert "the rules allow it now" in told["message"], told
        write_rules(directory, RULES)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.expect(event="flagged", port=4008)


def test_a_kill_repeats_nothing_and_loses_nothing(daemon, directory):
    with listen("0.0.0.0", 4009):
        daemon.expect(event="flagged", port=4009)
        # On stdout nobody can look up what was told: that it was, is noted before the next one.
        daemon.told_by(4012)
        daemon.stop(signal.SIGKILL)
        with listen("0.0.0.0", 4010):
            after = Daemon(directory)
            try:
                after.expect(event="flagged", port=4010)
                told = after.passed + after.told_by(4011)
                assert not [one for one in told if one.get("port") == 4009], told
            finally:
                assert after.stop() == 0


def run(test):
    with tempfile.TemporaryDirectory() as directory:
        write_rules(directory, RULES)
        daemon = Daemon(directory)
        try:
            test(daemon, directory)
            print("ok:", test.__name__)
            return True
        except AssertionError as error:
            print("FAILED:", test.__name__, error)
            return False
        finally:
            if daemon.process.poll() is None:
                status = daemon.stop()
                assert status == 0, f"{test.__name__}: the daemon ended with {status}"


def main():
    if os.environ.get("IN_NAMESPACE") != "yes":
        os.execv(HERE + "/../net/namespace.sh", ["namespace.sh", os.path.abspath(__file__)])
    results = [run(test) for name, test in sorted(globals().items()) if name.startswith("test_")]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
