#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A server that restarts on each save, and workers that come and go, are one alert with a count;
another program or another user on the same port is another alert."""

import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import foreground  # pylint: disable=wrong-import-position
import verbs  # pylint: disable=wrong-import-position

foreground.PATIENCE = verbs.PATIENCE = 120
RULES = "flag {severity} tcp port 4000-4999\nallow tcp\nignore udp\n"
foreground.RULES = RULES.format(severity="warning")

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

    def __init__(self, directory, port, reuse=0, program=sys.executable, uid=0, **how):
        self.directory = directory
        self.port = port
        self.process = subprocess.Popen([program, "-c", SERVER, str(port), str(reuse), str(uid)],
                                        stdin=subprocess.PIPE, **how)
        self.until("is known", lambda: self.process.pid in self.pids())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def until(self, what, holds):
        verbs.until(f"{self.process.pid} at {self.port} {what}", holds)

    def listeners(self):
        done = subprocess.run([foreground.BUILD + "/sockauditctl", "--runtime-dir",
                               self.directory + "/run", "list", "--all", "--json"],
                              capture_output=True, text=True, check=True)
        found = foreground.json.loads(done.stdout)["listeners"]
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


def make_worse(daemon, directory):
    """What is flagged is told once more: what it says then is what was counted."""
    foreground.write_rules(directory, RULES.format(severity="critical"))
    daemon.process.send_signal(foreground.signal.SIGHUP)


def test_a_server_that_restarts_on_each_save(daemon, directory):
    for _ in range(20):
        with Server(directory, 4101):
            pass
    with Server(directory, 4101):
        told = of_port(daemon.told_by(4100), 4101)
        assert [one["event"] for one in told] == ["flagged"], told
        make_worse(daemon, directory)
        worse = daemon.expect(event="flagged", port=4101)
        assert worse["priority"] == 2 and "(it came back 20 times)" in worse["message"], worse
    with Server(directory, 4101):
        pass
    told = daemon.expect(event="resolved", port=4101)
    assert "it is gone" in told["message"] and "(it came back 1 time)" in told["message"], told
    assert not of_port(daemon.passed, 4101), daemon.passed


def test_workers_come_and_go(daemon, directory):
    workers = [Server(directory, 4102, reuse=1) for _ in range(3)]
    try:
        for _ in range(4):
            found = workers[0].listeners()
            assert len(found) == 1 and found[0]["sockets"] == 3, found
            workers.pop(0).close(last=False)
            workers[0].until("is one of two", lambda: workers[0].listeners()[0]["sockets"] == 2)
            workers.append(Server(directory, 4102, reuse=1))
    finally:
        for worker in workers:
            worker.close(last=worker is workers[-1])
    with Server(directory, 4102, reuse=1):
        told = of_port(daemon.told_by(4100), 4102)
        assert [one["event"] for one in told] == ["flagged"], told
        make_worse(daemon, directory)
        worse = daemon.expect(event="flagged", port=4102)
        # Some were there all the time, but before the last.
        assert "(it came back 1 time)" in worse["message"], worse


def test_another_program_or_user_is_another(daemon, directory):
    os.chmod(directory, 0o755)
    other = shutil.copy(os.path.realpath(sys.executable), directory + "/other")
    with Server(directory, 4103):
        mine = daemon.expect(event="flagged", port=4103)
    with Server(directory, 4103, program=other, env={"PYTHONHOME": sys.base_prefix}):
        told = daemon.expect(event="flagged", port=4103)
    assert (told["exe"], told["user"]) == (other, "root") and mine["exe"] != other, (mine, told)
    with Server(directory, 4103, uid=65534):
        told = daemon.expect(event="flagged", port=4103)
    assert (told["exe"], told["uid"]) == (mine["exe"], 65534), (mine, told)


def main():
    verbs.enter_namespaces(os.path.abspath(__file__))
    results = [foreground.run(test) for name, test in sorted(globals().items())
               if name.startswith("test_")]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
