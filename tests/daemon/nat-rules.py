#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon reads NAT rules from a helper process through a socket. If the helper is missing, hangs or
sends invalid data, the daemon continues, and the coverage of forwards has the reason until the helper
works again."""

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import DAEMON, MEMORY_SCALE, Foreground, listen, until  # noqa: E402

NEW_RULE, NEW_ELEMENTS, DONE, AGAIN = 0x0a06, 0x0a0c, 3, 4
ports = iter(range(4000, 5000))


def nft(commands):
    subprocess.run(["nft", commands], check=True)


def forward(port):
    """Changes the rules, which makes the daemon read them."""
    nft(f"add table ip n; add chain ip n pre {{ type nat hook prerouting priority -100; }}; "
        f"add rule ip n pre tcp dport {port} dnat to 10.0.0.2:80")


def dump():
    return subprocess.run([DAEMON, "--dump-nft"], stdout=subprocess.PIPE, check=True).stdout


def message(kind, payload=b"", length=None):
    payload += bytes(-len(payload) % 4)
    return struct.pack("=IHHII", 16 + len(payload) if length is None else length, kind, 0, 0, 0) + payload


def attribute(kind, payload):
    return struct.pack("=HH", 4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


class Helper:
    """Emulates sockaudit-nft.socket. `answer(connection)` writes the dump."""

    def __init__(self, directory, answer):
        self.path = directory + "/nft.sock"
        self.answer = answer
        self.n_connections = self.n_ended = 0
        self.listen()

    def listen(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(self.path)
        self.socket.listen(16)
        threading.Thread(target=self.serve, args=(self.socket,), daemon=True).start()

    def serve(self, listening):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                self.n_connections += 1
                with connection, contextlib.suppress(OSError):
                    self.answer(connection)
                self.n_ended += 1

    def stop(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        os.unlink(self.path)


def works(connection):
    subprocess.run([DAEMON, "--dump-nft"], stdout=connection.fileno(), check=True)


def hangs(connection):
    """Sends nothing until the daemon gives up."""
    connection.recv(1)


def stops_within(connection):
    """Sends complete messages except the last one, then nothing until the daemon gives up."""
    connection.sendall(dump()[:-8])
    connection.recv(1)


def endless(*messages):
    def send(connection):
        block = b"".join(messages)
        block *= 1 + 65536 // len(block)
        while True:
            connection.sendall(block)
    return send


def sends(make):
    return lambda connection: connection.sendall(make())


ELEMENTS = bytes(4) + attribute(1, b"n\0") + attribute(2, b"s\0")
WRONG = {
    "nothing": sends(lambda: b""),
    "garbage": sends(lambda: os.urandom(100000)),
    "half of a message": sends(lambda: dump()[:-8]),
    "half of a head": sends(lambda: dump()[:6]),
    "a length of zero": sends(lambda: message(NEW_RULE, bytes(4), length=0)),
    "the largest length": sends(lambda: message(NEW_RULE, bytes(4), length=0xffffffff)),
    "an end without a result": sends(lambda: message(DONE)),
    "a positive error": sends(lambda: message(DONE, struct.pack("=iI", 13, 0))),
    "elements of no set": sends(lambda: message(NEW_ELEMENTS, bytes(4))),
    "messages without end": endless(message(AGAIN)),
    "rules without end": endless(message(NEW_RULE, bytes(4) + attribute(1, b"n\0") + attribute(2, b"c\0"))),
    "elements without end": endless(message(NEW_ELEMENTS, ELEMENTS + attribute(3, attribute(1, attribute(1, bytes(8)))))),
    "an error of the kernel": sends(lambda: message(DONE, struct.pack("=iI", -1, 0))),
}


def coverage(daemon):
    return json.loads(daemon.good("list", "--json", "--all"))["coverage"]["forwards"]


def lists(daemon, port):
    until(lambda: (port, coverage(daemon), daemon.listeners()),
          lambda: daemon.listeners().get(port, {}).get("origin") == "forward" and coverage(daemon) == "full")


def alerts(daemon):
    port = next(ports)
    with listen("0.0.0.0", port):
        daemon.expect(event="flagged", port=port)


@contextlib.contextmanager
def started(directory, helper, **how):
    with Foreground(directory, "--nft-socket", helper.path, **how) as daemon:
        yield daemon.serving()


def test_forwards_without_the_capability(directory):
    forward(port := next(ports))
    helper = Helper(directory, works)
    with started(directory, helper, prefix=["setpriv", "--bounding-set=-net_admin"]) as daemon:
        lists(daemon, port)


def test_a_change_starts_a_dump(directory):
    helper = Helper(directory, works)
    with started(directory, helper) as daemon:
        def step():
            forward(port := next(ports))
            daemon.expect(event="flagged", port=port)
        harness.in_a_row([step] * 6)
        n_connections = helper.n_connections
        nft("flush ruleset")
        daemon.expect(event="resolved")
        # Only changes start a helper; full rescans do not.
        assert helper.n_connections <= n_connections + 2, (n_connections, helper.n_connections)


def test_a_stopped_helper_is_retried(directory):
    helper = Helper(directory, works)
    with started(directory, helper) as daemon:
        forward(first := next(ports))
        lists(daemon, first)
        helper.stop()
        forward(second := next(ports))
        until(lambda: coverage(daemon), lambda: coverage(daemon).startswith("unavailable"))
        # Known forwards stay listed.
        assert first in daemon.listeners() and second not in daemon.listeners()
        alerts(daemon)
        helper.listen()
        lists(daemon, second)


def test_invalid_dumps_are_rejected(directory):
    helper = Helper(directory, works)
    with started(directory, helper) as daemon:
        forward(first := next(ports))
        lists(daemon, first)
        daemon.good("list", "--all")
        before = daemon.memory()
        for name, answer in WRONG.items():
            helper.answer = answer
            n_ended = helper.n_ended
            forward(next(ports))
            alerts(daemon)
            until(name, lambda n_ended=n_ended: helper.n_ended > n_ended)
            until(lambda name=name: (name, coverage(daemon)),
                  lambda: coverage(daemon).startswith("unavailable"))
            assert first in daemon.listeners(), name
            helper.answer = works
            forward(port := next(ports))
            lists(daemon, port)
            grown = daemon.memory() - before
            assert grown < 8192 * MEMORY_SCALE, (name, grown)


def test_a_helper_that_hangs_delays_no_alert(directory):
    for answer in (hangs, stops_within):
        helper = Helper(directory, answer)
        with started(directory, helper) as daemon:
            def waits_meanwhile(helper=helper, daemon=daemon):
                """Returns whether an alert is sent quickly while the daemon waits for the helper."""
                earlier = helper.n_connections
                forward(next(ports))
                before = until("not connected", lambda: helper.n_connections > earlier and helper.n_connections)
                begun = time.monotonic()
                alerts(daemon)
                return time.monotonic() - begun < 2 and helper.n_connections == before and helper.n_ended < before
            until("the alert waits", waits_meanwhile)
            helper.answer = works
            forward(port := next(ports))
            lists(daemon, port)
        helper.stop()


if __name__ == "__main__":
    harness.main(__file__, globals())
