#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The unit of a socket is that of the cgroup that it was made in, also when that is gone."""

import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import Foreground, listen, until, write_rules

RULES = "allow tcp unit {} port 4001\nflag critical tcp port 4000-4999\nignore udp\n"


def unified():
    for path in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        if os.path.exists(path + "/cgroup.procs"):
            return path
    return harness.skip("there is no unified cgroup hierarchy")


def move(directory):
    with open(directory + "/cgroup.procs", "w", encoding="ascii") as file:
        file.write("0")


class Holder:
    """A child that listens, made in that cgroup and no longer there; shares the socket when told."""

    def __init__(self, cgroup, port):
        with open("/proc/self/cgroup", encoding="ascii") as file:
            own = next(line[3:].strip() for line in file if line.startswith("0::"))
        read, write = os.pipe()
        self.order, child_end = os.pipe()[::-1]
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.order)
            move(unified() + cgroup)
            with listen("0.0.0.0", port):
                move(unified() + own)
                os.write(write, b"x")
                os.read(child_end, 1)
                if os.fork() == 0:
                    os.read(child_end, 1)
                    os._exit(0)
                os.read(child_end, 1)
            os._exit(0)
        os.close(write)
        os.close(child_end)
        os.read(read, 1)
        os.close(read)

    def share(self):
        os.write(self.order, b"x")

    def end(self):
        os.close(self.order)
        os.waitpid(self.pid, 0)


def test_a_cgroup_that_goes(directory):
    unit = f"sockaudit-test-{os.getpid()}.service"
    path = f"{unified()}/{unit}"
    write_rules(directory, RULES.format(unit))
    os.mkdir(path)
    with Foreground(directory) as daemon:
        try:
            daemon.status()
            holder = Holder("/" + unit, 4001)
            until("it is known", lambda: daemon.listeners().get(4001, {}).get("unit") == unit)
        finally:
            os.rmdir(path)
        # A holder that no event told of is found by a search for all of them, which begins anew.
        holder.share()
        daemon.send(signal.SIGHUP)
        until("all are searched for", lambda: len(daemon.listeners()[4001]["owners"]) == 2)
        found = daemon.listeners()[4001]
        assert found["unit"] == unit and found["verdict"] == "allow", found
        assert found["cgroup"] == "/" + unit, found

        def is_certain():
            """Not while another process can't be looked at, as one just sent into a container."""
            daemon.send(signal.SIGHUP)
            return daemon.listeners()[4001]["attribution_note"] is None

        until(lambda: daemon.listeners()[4001], is_certain)
        assert not any(one.get("port") == 4001 for one in daemon.told_by(4002))
        holder.end()


if __name__ == "__main__":
    harness.main(__file__, globals())
