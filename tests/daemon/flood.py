#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sockauditd while others open and close listeners as fast as they can: what stands is not told to
be gone, what others open is told, and nothing is lost."""

import ctypes
import os
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import MEMORY_SCALE, listen, with_foreground

CLONE_NEWNET = 0x40000000
FLOODER = harness.NOBODY

RULES = """allow scope loopback
flag critical tcp port 4000-4999
flag warning tcp
ignore udp
set burst 10000
"""


class Beside:
    """A process that does it over and over, as fast as it can, until it has done so `count` times
    or is stopped."""

    def __init__(self, what, count=None, uid=0, elsewhere=False):
        self.count, self.pid = count, os.fork()
        if self.pid == 0:
            try:
                if elsewhere:
                    assert ctypes.CDLL(None).unshare(CLONE_NEWNET) == 0
                    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
                os.setresuid(uid, uid, uid)
                done = 0
                while count is None or done < count:
                    what(done)
                    done += 1
            finally:
                os._exit(0)

    def __enter__(self):
        return self

    def wait(self):
        os.waitpid(self.pid, 0)
        self.pid = None

    def __exit__(self, *_):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


def churn(done):
    """Comes and goes on other ports, and on those of what stands under another address."""
    try:
        listen("0.0.0.0", 10000 + done % 1000, patience=0).close()
        listen("127.0.0.9", 20000 + done % 450, patience=0).close()
    except OSError:
        pass


def churn_elsewhere(done):
    """In another network namespace, at the very endpoints of what stands."""
    listen("0.0.0.0", 20000 + done % 500).close()


def churn_group(_done):
    """Another one of a group that stands."""
    listen("0.0.0.0", 20499, reuseport=True).close()


def stay(_done):
    with listen("0.0.0.0", 4110):
        signal.pause()


def churn_unbound(_done):
    """listen() without bind(): nobody knows the port beforehand."""
    sock = socket.socket()
    sock.listen()
    sock.close()


@with_foreground(RULES)
def test_what_stands_is_never_told_to_be_gone(daemon):
    standing = [listen("0.0.0.0" if port % 2 else "192.0.2.1", port)
                for port in range(20000, 20450)]
    standing += [listen("::", port) for port in range(20450, 20490)]
    standing += [listen("0.0.0.0", 20490, device="zoo0")]
    standing += [listen("0.0.0.0", 20499, reuseport=True) for _ in range(8)]
    ports = {sock.getsockname()[1] for sock in standing}
    flagged = set()
    while flagged != ports:
        told = daemon.expect(event="flagged")
        flagged |= {told["port"]} & ports
    before = len(daemon.all)

    beside = [Beside(churn, 3000), Beside(churn_elsewhere, 3000, elsewhere=True),
              Beside(churn_group, 3000), Beside(churn_unbound, 3000)]
    for process in beside:
        process.wait()
    # Two dumps of everything after it would have missed what is believed to be gone; what is told
    # as gone only waits for whether it returns.
    with listen("0.0.0.0", 4001):
        daemon.expect(event="flagged", port=4001)
    daemon.expect(event="resolved", port=4001)
    told = [one for one in daemon.all[before:] if one.get("port") in ports]
    assert not told, told[:5]
    # What is gone for a moment is not told, but counted.
    known = {port: one for port, one in daemon.listeners().items() if port in ports}
    assert set(known) == ports, ports - set(known)
    returned = [one for one in known.values() if one["returned"] > 0]
    assert not returned, (len(returned), returned[0])
    assert known[20499]["sockets"] == 8, known[20499]
    for sock in standing:
        sock.close()


@with_foreground(RULES)
def test_another_users_listener_is_told_in_a_flood(daemon):
    before = daemon.memory()
    with Beside(churn, uid=FLOODER), Beside(churn_unbound, uid=FLOODER):
        for port in range(4100, 4110):
            with listen("0.0.0.0", port):
                told = daemon.expect(event="flagged", port=port)
            assert told["uid"] == 0 and told["exe"], told
        # Its own, too, is only delayed.
        with Beside(stay, uid=FLOODER):
            told = daemon.expect(event="flagged", port=4110)
        assert told["uid"] == FLOODER, told
    grown = daemon.memory() - before
    assert grown < MEMORY_SCALE * (64 << 10), f"grew by {grown} KiB"


@with_foreground(RULES)
def test_a_listener_without_bind_is_found(daemon):
    with Beside(churn_unbound, uid=FLOODER):
        with socket.socket() as sock:
            sock.listen()
            told = daemon.expect(event="flagged", port=sock.getsockname()[1], uid=0)
    assert told["pid"] == os.getpid(), told


@with_foreground(RULES)
def test_one_that_hides_behind_a_device_is_found(daemon):
    with listen("0.0.0.0", 4200, device="zoo0"):
        told = daemon.expect(event="flagged", port=4200)
    assert told["device"] == "zoo0", told


if __name__ == "__main__":
    harness.main(__file__, globals())
