#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon reports a listener of each protocol that is opened while it runs, with its process, and
`scan` lists it. Every kernel of `./dev kernels` runs this. What a kernel lacks must have a reason.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../daemon")
import harness  # noqa: E402
import support  # noqa: E402
from harness import Foreground, write_rules  # noqa: E402

RULES = """flag warning port 4000-4999
set settle 0s
set poll 200ms
set udp-grace 0s
"""
SORTS = {
    "tcp": (4001, socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "udp": (4002, socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    "udplite": (4003, socket.SOCK_DGRAM, socket.IPPROTO_UDPLITE),
    "mptcp": (4004, socket.SOCK_STREAM, 262),
    "sctp": (4005, socket.SOCK_STREAM, socket.IPPROTO_SCTP),
}


def open_listener(proto):
    port, kind, number = SORTS[proto]
    sock = socket.socket(socket.AF_INET, kind, number)
    sock.bind(("0.0.0.0", port))
    if kind == socket.SOCK_STREAM:
        sock.listen()
    return sock


def scan(directory):
    done = subprocess.run([support.CTL, "scan", "--all", "--json", "--rules", directory + "/rules"],
                          capture_output=True, timeout=harness.PATIENCE, check=False)
    assert done.returncode in (0, 1), done
    return json.loads(done.stdout)


def processes(listener):
    return [one["pid"] for one in listener["owners"]]


def check_reported(directory, proto):
    port = SORTS[proto][0]
    write_rules(directory, RULES)
    with Foreground(directory).serving() as daemon, open_listener(proto):
        alert = daemon.expect(event="flagged", port=port)
        assert (alert["proto"], alert["pid"]) == (proto, os.getpid()), alert
        listed = daemon.listeners()[port]
        assert (listed["proto"], processes(listed)) == (proto, [os.getpid()]), listed
        document = scan(directory)
        assert document["coverage"][proto] == "full", document["coverage"]
        scanned = {one["port"]: one for one in document["listeners"]}[port]
        assert (scanned["proto"], processes(scanned)) == (proto, [os.getpid()]), scanned


def test_tcp(directory):
    check_reported(directory, "tcp")


def test_udp(directory):
    check_reported(directory, "udp")


def test_udplite(directory):
    check_reported(directory, "udplite")


def test_mptcp(directory):
    with contextlib.suppress(OSError):
        socket.socket(socket.AF_INET, *SORTS["mptcp"][1:]).close()
        return check_reported(directory, "mptcp")
    assert scan(directory)["coverage"]["mptcp"].startswith("unavailable: ")


def test_sctp(directory):
    check_reported(directory, "sctp")


def test_what_is_missing_has_a_reason(directory):
    with Foreground(directory).serving() as daemon:
        sources = daemon.status()["sources"]
        assert sources
        for source in sources:
            assert source["works"] or source["why"], source


if __name__ == "__main__":
    harness.main(__file__, globals())
