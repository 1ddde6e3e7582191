#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A server that restarts on each save, and workers that come and go, are one alert with a count;
another program or another user on the same port is another alert."""

import json
import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import NOBODY, until, with_foreground, write_rules

RULES = "flag {severity} tcp port 4000-4999\nallow tcp\nignore udp\nset settle 0s\n"
BEFORE = RULES.format(severity="warning")

# Listens until its input ends.
SERVER = """
import os, socket, sys
os.setuid(int(sys.argv[3]))
sock = socket.socket()
sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(sys.argv[2]))
sock.bind(("0.0.0.0", int(sys.argv[1])))
sock.listen()
sys.stdin.read()
"""


class Server:
    """A process that listens; known to the daemon when it is made, and gone after close()."""

    def __init__(self, daemon, port, reuse=0, program=sys.executable, uid=0, **how):
        self.daemon = daemon
        self.port = port
        self.process = subprocess.Popen([program, "-c", SERVER, str(port), str(reuse), str(uid)],
                                        stdin=subprocess.PIPE, **how)
        self.until("is known", lambda: self.process.pid in self.pids())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def until(self, what, holds):
        until(f"{self.process.pid} at {self.port} {what}", holds)

    def listeners(self):
        """Those on its port: as of other users and programs, they may be several for a moment."""
        found = json.loads(self.daemon.good("list", "--all", "--json"))["listeners"]
        return [one for one in found if one["port"] == self.port]

    def pids(self):
        return {owner["pid"] for one in self.listeners() for owner in one["owners"]}

    def close(self, last=True):
        if self.process.stdin.closed:
            return
        self.process.stdin.close()
        self.process.wait()
        if last:
            self.until("is gone", lambda: not self.listeners())


def of_port(told, port):
    return [one for one in told if one.get("port") == port]


def make_worse(daemon):
    """What is flagged is told once more: what it says then is what was counted."""
    write_rules(daemon.directory, RULES.format(severity="critical"))
    daemon.send(signal.SIGHUP)


@with_foreground(BEFORE)
def test_a_server_that_restarts_on_each_save(daemon):
    for _ in range(20):
        with Server(daemon, 4101):
            pass
    with Server(daemon, 4101):
        told = of_port(daemon.told_by(4100), 4101)
        assert [one["event"] for one in told] == ["flagged"], told
        make_worse(daemon)
        worse = daemon.expect(event="flagged", port=4101)
        assert worse["priority"] == 2 and worse["returned"] == 20, worse
    with Server(daemon, 4101):
        pass
    told = daemon.expect(event="resolved", port=4101)
    assert told["reason"] == "gone" and told["returned"] == 1, told
    assert not of_port(daemon.passed, 4101), daemon.passed


@with_foreground(BEFORE)
def test_workers_come_and_go(daemon):
    workers = [Server(daemon, 4102, reuse=1) for _ in range(3)]
    try:
        for _ in range(4):
            workers[0].until("is one of three",
                             lambda: [one["sockets"] for one in workers[0].listeners()] == [3])
            workers.pop(0).close(last=False)
            workers[0].until("is one of two",
                             lambda: [one["sockets"] for one in workers[0].listeners()] == [2])
            workers.append(Server(daemon, 4102, reuse=1))
    finally:
        for worker in workers:
            worker.close(last=worker is workers[-1])
    with Server(daemon, 4102, reuse=1):
        told = of_port(daemon.told_by(4100), 4102)
        assert [one["event"] for one in told] == ["flagged"], told
        make_worse(daemon)
        worse = daemon.expect(event="flagged", port=4102)
        # Some were there all the time, but before the last.
        assert worse["returned"] == 1, worse


@with_foreground(BEFORE)
def test_another_program_or_user_is_another(daemon):
    other = shutil.copy(os.path.realpath(sys.executable), daemon.directory + "/other")
    with Server(daemon, 4103):
        mine = daemon.expect(event="flagged", port=4103)
    with Server(daemon, 4103, program=other, env={"PYTHONHOME": sys.base_prefix}):
        told = daemon.expect(event="flagged", port=4103)
    assert (told["exe"], told["uid"]) == (other, 0) and mine["exe"] != other, (mine, told)
    with Server(daemon, 4103, uid=NOBODY):
        told = daemon.expect(event="flagged", port=4103)
    assert (told["exe"], told["uid"]) == (mine["exe"], NOBODY), (mine, told)


if __name__ == "__main__":
    harness.main(__file__, globals())
