#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A process that can't be looked at without falling asleep (see clot.c) stops nobody: neither the
daemon, nor a scan, nor the daemon's end."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
import support  # noqa: E402
from harness import BUILD, PATIENCE, Foreground, listen, until, write_rules

CLOT = os.path.realpath(BUILD + "/tests/daemon/clot")
RULES = "allow scope loopback\nflag critical tcp port 4100-4199\nignore udp\n"


class Clots:
    """Processes that are stuck already when they begin to listen."""

    def __init__(self, directory):
        self.directory = directory
        self.processes = []

    def add(self, port, cpu):
        """Returns its pid."""
        where = f"{self.directory}/mount-{port}"
        os.mkdir(where)
        process = subprocess.Popen([CLOT, where, str(port)], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True,
                                   preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
        self.processes.append(process)
        words = process.stdout.readline().split()
        assert words[:1] == ["listens"], words
        return int(words[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Whoever sleeps in one of them can't even be killed before."""
        for process in self.processes:
            process.stdin.close()
            process.wait(PATIENCE)
            process.stdout.close()


def check_stuck(one, pid, recorded):
    """`recorded`: by the kernel at listen(), which falls asleep nowhere."""
    owner = one["owners"][0]
    assert one["verdict"] == "flag" and owner["pid"] == pid, one
    # Which file it runs decides, and must not hang on what the process chose to hide.
    assert owner["exe"] == CLOT, one
    assert owner["exe_verified"], one
    assert bool(owner["cmdline"]) == recorded, one
    assert one["attribution"] == ("full" if recorded else "partial"), one


def scanned(directory):
    done = subprocess.run([support.CTL, "scan", "--json", "--rules", directory + "/rules"],
                          capture_output=True, text=True, timeout=PATIENCE, check=False)
    return {one["port"]: one for one in json.loads(done.stdout)["listeners"]}


def test_nobody_is_stuck_with_it(directory):
    harness.need_fuse()
    harness.look_for_no_leaks()
    write_rules(directory, RULES)
    cpus = sorted(os.sched_getaffinity(0))[:4]
    with Foreground(directory).serving() as daemon, Clots(directory) as clots:
        pids = {4100 + i: clots.add(4100 + i, cpu) for i, cpu in enumerate(cpus)}
        daemon.knows(*pids)
        with listen("0.0.0.0", 4109):
            daemon.knows(4109)
            found = daemon.listeners()
            recorded = daemon.status()["sources"][0]["works"]
            for port, pid in pids.items():
                check_stuck(found[port], pid, recorded)
            # The user's other processes lose their command line for a while; nothing that decides.
            assert found[4109]["owners"][0]["exe_verified"], found[4109]
        found = scanned(directory)
        for port, pid in pids.items():
            check_stuck(found[port], pid, False)
        assert daemon.stop() == 0


if __name__ == "__main__":
    harness.main(__file__, globals())
