#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A process that can't be looked at without falling asleep (see clot.c) stops nobody: neither the
readers of events, nor the daemon, nor a scan, nor the daemon's end."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("BUILD", ".")
HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 30  # seconds, on a machine with much else to do
RULES = "allow scope loopback\nflag critical tcp port 4100-4199\nignore udp\n"


def until(what, holds):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def ctl(*words):
    return subprocess.run([BUILD + "/sockauditctl", *words], capture_output=True, text=True,
                          timeout=PATIENCE)


class World:
    def __init__(self, directory):
        self.clots = []
        self.directory = directory
        self.rules = directory + "/rules"
        with open(self.rules, "w", encoding="utf-8") as file:
            file.write(RULES)
        self.daemon = subprocess.Popen(
            [BUILD + "/sockauditd", "--foreground", "--json", "--rules", self.rules,
             "--runtime-dir", directory + "/run", "--state-dir", directory + "/state"],
            stdout=open(directory + "/log", "wb"))

    def told(self):
        with open(self.directory + "/log", encoding="utf-8") as log:
            return [json.loads(line) for line in log if line.endswith("\n")]

    def clot(self, port, cpu):
        """Begins to listen on the port when it is stuck already. Returns its pid."""
        where = f"{self.directory}/mount-{port}"
        os.mkdir(where)
        process = subprocess.Popen([BUILD + "/tests/daemon/clot", where, str(port)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                   preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
        self.clots.append(process)
        words = process.stdout.readline().split()
        assert words[:1] == ["listens"], words
        return int(words[1])

    def listeners(self, *words):
        done = ctl("--runtime-dir", self.directory + "/run", "list", "--all", "--json", *words)
        assert done.returncode == 0, done
        return {one["port"]: one for one in json.loads(done.stdout)["listeners"]}

    def end_clots(self):
        for process in self.clots:
            process.stdin.close()
            process.wait(PATIENCE)
            process.stdout.close()
        self.clots = []


def check_stuck(one, pid):
    owner = one["owners"][0]
    assert one["verdict"] == "flag" and owner["pid"] == pid, one
    # Which file it runs decides, and must not hang on what the process chose to hide.
    assert owner["exe"] == os.path.realpath(BUILD + "/tests/daemon/clot"), one
    assert owner["exe_verified"] and not owner["cmdline"], one
    assert one["attribution"] == "partial", one


def check_readers(world, cpu):
    """Only a reader sees what is gone at once: that of the CPU where one is stuck still reads."""
    if any(one["event"] == "source-degraded" and "TCP" in one["message"] for one in world.told()):
        assert not os.environ.get("CI"), world.told()
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    port = 4110

    def seen():
        with socket.create_server(("0.0.0.0", port)):
            pass
        return any(one.get("port") == port for one in world.told())

    until("what is gone at once is told", seen)
    os.sched_setaffinity(0, before)


def run(world):
    cpus = sorted(os.sched_getaffinity(0))[:4]
    until("the daemon answers",
          lambda: ctl("--runtime-dir", world.directory + "/run", "status").returncode == 0)
    pids = {4100 + i: world.clot(4100 + i, cpu) for i, cpu in enumerate(cpus)}
    until("what is stuck is known", lambda: set(pids) <= set(world.listeners()))
    check_readers(world, cpus[0])
    with socket.create_server(("0.0.0.0", 4109)):
        until("what listens after it is known", lambda: 4109 in world.listeners())
        found = world.listeners()
        for port, pid in pids.items():
            check_stuck(found[port], pid)
        # The user's other processes lose their command line for a while, and nothing that decides.
        assert found[4109]["owners"][0]["exe_verified"], found[4109]

    done = ctl("scan", "--json", "--rules", world.rules)
    found = {one["port"]: one for one in json.loads(done.stdout)["listeners"]}
    for port, pid in pids.items():
        check_stuck(found[port], pid)

    world.daemon.send_signal(signal.SIGTERM)
    assert world.daemon.wait(PATIENCE) == 0


def main():
    if os.environ.get("IN_NAMESPACE") != "yes":
        os.execv(HERE + "/../net/namespace.sh", ["namespace.sh", os.path.abspath(__file__)])
    if os.environ.get("IN_MOUNTS") != "yes":
        os.environ["IN_MOUNTS"] = "yes"
        os.execvp("unshare", ["unshare", "-m", "sh", "-c",
                              "mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; exec \"$0\"",
                              os.path.abspath(__file__)])
    if not os.path.exists("/dev/fuse"):
        print("there is no /dev/fuse", file=sys.stderr)
        sys.exit(1 if os.environ.get("CI") else 77)
    # LeakSanitizer stops every thread before it looks, and would wait for one that sleeps in the clot.
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    with tempfile.TemporaryDirectory() as directory:
        world = World(directory)
        try:
            run(world)
        finally:
            # First: whoever sleeps in one of them can't even be killed while it is there.
            world.end_clots()
            if world.daemon.poll() is None:
                world.daemon.kill()
                world.daemon.wait(PATIENCE)
    print("ok: nobody is stuck with it")


if __name__ == "__main__":
    main()
