#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Listeners that stay while those who hold them change: a parent that leaves its socket to a
worker, a process that runs another program, a socket that is passed on, a second holder."""

import os
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import Readable, listen, until, write_rules

PYTHON = os.path.realpath(sys.executable)
SLEEP = os.path.realpath(shutil.which("sleep"))
RULES = f"allow tcp port 4201, 4203 exe {PYTHON}\nflag warning tcp\nignore udp\n"

# Listens on a port, says so, and waits for a word of what to do.
CHILD = """
import os, signal, socket, sys
listener = socket.socket()
listener.bind(("0.0.0.0", int(sys.argv[1])))
listener.listen()
print("ready", flush=True)
word = sys.stdin.readline().strip()
if word == "leave":
    child = os.fork()
    if child == 0:
        signal.pause()
    print(child, flush=True)
elif word == "exec":
    os.set_inheritable(listener.fileno(), True)
    os.execv(sys.argv[2], [sys.argv[2], "1000"])
elif word == "pass":
    with socket.socket(socket.AF_UNIX) as way:
        way.connect(sys.argv[2])
        socket.send_fds(way, [b"x"], [listener.fileno()])
"""


class Child:
    def __init__(self, *arguments):
        self.process = subprocess.Popen([PYTHON, "-c", CHILD, *map(str, arguments)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def tell(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def pids(daemon, port):
    found = daemon.listeners().get(port)
    return {owner["pid"] for owner in found["owners"]} if found else set()


def verdict(daemon, port):
    return daemon.listeners()[port]["verdict"]


def held_by(daemon, port, *wanted):
    """Waits for it. Known holders are looked at again every half minute."""
    until(lambda: (port, wanted, pids(daemon, port)), lambda: pids(daemon, port) == set(wanted))


def check_handed_over(daemon, leaves, runs, passes, way):
    for port, child in ((4200, leaves), (4201, runs), (4202, passes)):
        held_by(daemon, port, child.process.pid)
    assert verdict(daemon, 4201) == "allow" and verdict(daemon, 4202) == "flag"

    leaves.tell("leave")
    worker = int(leaves.process.stdout.readline())
    runs.tell("exec")
    passes.tell("pass")
    with way.accept()[0] as peer:
        _, fds, _, _ = socket.recv_fds(peer, 16, 1)
    try:
        leaves.process.wait()
        passes.process.wait()
        held_by(daemon, 4200, worker)
        held_by(daemon, 4202, os.getpid())
        until("it runs another program", lambda: verdict(daemon, 4201) == "flag")
        owner = daemon.listeners()[4201]["owners"][0]
        assert owner["pid"] == runs.process.pid and owner["exe"] == SLEEP, owner
    finally:
        os.kill(worker, 9)
        os.close(fds[0])


def check_shared(daemon):
    """A second holder is found by a search, which a reload brings on."""
    with listen("0.0.0.0", 4203) as shared:
        held_by(daemon, 4203, os.getpid())
        assert verdict(daemon, 4203) == "allow"
        with subprocess.Popen([SLEEP, "1000"], pass_fds=[shared.fileno()]) as other:
            try:
                daemon.good("reload")
                held_by(daemon, 4203, os.getpid(), other.pid)
                assert verdict(daemon, 4203) == "flag"
            finally:
                other.kill()
        held_by(daemon, 4203, os.getpid())
        assert verdict(daemon, 4203) == "allow"


def test_holders_that_change(directory):
    write_rules(directory, RULES)
    children = []
    with socket.socket(socket.AF_UNIX) as way, Readable(directory).serving() as daemon:
        way.bind(directory + "/way")
        way.listen()
        try:
            children += [Child(4200), Child(4201, SLEEP), Child(4202, directory + "/way")]
            check_handed_over(daemon, *children, way)
            check_shared(daemon)
        finally:
            for child in children:
                child.end()
    assert daemon.told("listens on 0.0.0.0:4201") == 1
    assert daemon.told("sleep")


if __name__ == "__main__":
    harness.main(__file__, globals())
