#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs that are recognised: the key `tool`, the field, and advice with what was typed."""

import contextlib
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import Foreground, listen, rules_below, until, write  # noqa: E402

RULES = """allow scope loopback
ignore udp
flag critical tool "A tool"
flag warning tcp
"""
SHIPPED = os.path.join(harness.HERE, "../../data/advice.d/05-systemd.advice")
ADVICE = """[A tool]
script = serve-this.py
replaces = --host
advice = serve {arguments} --host 127.0.0.1
[Guess]
port = 4302
advice = a guess
"""
SERVER = """
import socket, sys
listener = socket.socket()
listener.bind((sys.argv[2], int(sys.argv[3])))
listener.listen()
print("ready", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def daemon_of(directory):
    folder = rules_below(directory + "/root")
    write(folder + "/sockaudit.rules", RULES)
    os.makedirs(folder + "/advice.d", mode=0o755)
    write(folder + "/advice.d/10-test.advice", ADVICE)
    write(directory + "/serve-this.py", SERVER)
    with Foreground(directory, root=True).serving() as daemon:
        yield daemon


@contextlib.contextmanager
def server(directory, port, address="0.0.0.0"):
    with subprocess.Popen([sys.executable, "serve-this.py", "--host", address, str(port), "-x"],
                          cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as process:
        assert process.stdout.readline() == "ready\n"
        yield process


def ports(daemon, *words):
    return sorted(one["port"] for one in json.loads(daemon.good("list", "--json", *words))["listeners"])


def test_a_tool_is_flagged_on_any_port(directory):
    with daemon_of(directory) as daemon, server(directory, 4301), listen("0.0.0.0", 4302):
        told = daemon.expect(event="flagged", port=4301)
        assert told["priority"] == 2 and told["tool"] == "A tool", told
        assert told["advice"] == "serve 4301 -x --host 127.0.0.1", told
        guess = daemon.expect(event="flagged", port=4302)
        assert guess["priority"] == 4 and "tool" not in guess and guess["advice"] == "a guess", guess

        found = daemon.listeners("--flagged")
        assert (found[4301]["tool"], found[4302]["tool"]) == ("A tool", None), found
        assert ports(daemon, "tool", "A*") == [4301]
        assert ports(daemon, "not", "tool", "A*") == [4302]
        assert ports(daemon, "tool", "Guess") == []


def test_it_has_its_name_when_it_is_over(directory):
    with daemon_of(directory) as daemon:
        with server(directory, 4303):
            daemon.expect(event="flagged", port=4303)
        told = daemon.expect(event="resolved", port=4303)
        assert told["tool"] == "A tool" and "advice" not in told, told


def test_on_loopback_it_is_allowed(directory):
    with daemon_of(directory) as daemon, server(directory, 4304, "127.0.0.1"):
        daemon.knows(4304)
        found = daemon.listeners()[4304]
        assert found["verdict"] == "allow" and found["tool"] is None, found


ACTIVATED = """
import socket
listener = socket.socket(fileno=3)
while True:
    connection, _ = listener.accept()
    connection.send(b"it is served")
    connection.close()
"""


def asked(port):
    with socket.create_connection(("127.0.0.1", port), harness.PATIENCE) as connection:
        return connection.recv(100)


def test_a_program_that_was_started_with_its_socket(directory):
    """systemd-socket-activate replaces itself with the program, which cannot change the address."""
    if not shutil.which("systemd-socket-activate"):
        harness.skip("there is no systemd-socket-activate")
    write(directory + "/act.py", ACTIVATED)
    command = ["systemd-socket-activate", "-l", "0.0.0.0:4305", sys.executable, directory + "/act.py"]
    with daemon_of(directory) as daemon:
        shutil.copy(SHIPPED, rules_below(directory + "/root") + "/advice.d/")
        for scope in ("wildcard", "loopback"):
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            try:
                daemon.knows(4305)
                assert asked(4305) == b"it is served"
                daemon.good("reload")  # searches for processes again
                until("the program is known", lambda: [
                    one for one in daemon.listeners()[4305]["owners"] if one["cmdline"] == command[-2:]])
                found = daemon.listeners()[4305]
                assert found["scope"] == scope, found
                if scope == "wildcard":
                    command = shlex.split(found["advice"].split(";")[0])
            finally:
                process.kill()
                process.wait()
            until("it is closed", lambda: 4305 not in daemon.listeners())


if __name__ == "__main__":
    harness.main(__file__, globals())
