#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The client's verbs against a real sockauditd that hears of TCP from the tracepoint, in network
and mount namespaces of their own."""

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
sys.path.insert(0, HERE + "/../cli")
import support  # pylint: disable=wrong-import-position
PATIENCE = 30  # seconds, on a machine with much else to do

RULES = "allow scope loopback\nflag critical tcp port 4000-4999 id four\nignore udp\n"


def listen(address, port):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, port))
    sock.listen()
    return sock


def until(what, holds):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class World:
    def __init__(self, directory):
        self.directory = directory
        self.rules = directory + "/root" + support.sysconfdir() + "/sockaudit"
        os.makedirs(self.rules + "/rules.d", mode=0o755)
        os.chmod(directory, 0o755)
        self.write("/sockaudit.rules", RULES)
        self.log = open(directory + "/log", "w+b")
        self.daemon = subprocess.Popen(
            [BUILD + "/sockauditd", "--foreground", "--root", directory + "/root",
             "--runtime-dir", directory + "/run", "--state-dir", directory + "/state"],
            stdout=self.log)
        until("the daemon answers", lambda: self.ctl("status")[0] == 0)

    def write(self, name, text):
        with open(self.rules + name, "w", encoding="utf-8") as file:
            file.write(text)

    def ctl(self, *words):
        done = subprocess.run([BUILD + "/sockauditctl", "--runtime-dir", self.directory + "/run",
                               *words], capture_output=True, text=True, timeout=PATIENCE)
        return done.returncode, done.stdout, done.stderr

    def good(self, *words):
        status, out, err = self.ctl(*words)
        assert status == 0, (words, status, out, err)
        return out

    def listeners(self, *words):
        return {one["port"]: one for one in json.loads(self.good("list", "--json", *words))["listeners"]}

    def stop(self):
        self.daemon.send_signal(signal.SIGTERM)
        assert self.daemon.wait(PATIENCE) == 0
        self.log.seek(0)
        return self.log.read().decode()


NOTES = ['"\nallow tcp\n#', 'a\\', '\\"', '"', "x\r\nignore tcp", "\x1b]0;x\x07", "\u202eevil",
         "# no", "{", "a" * 300, b"\xff\xfe", "\x7f\x9b31m", "note \"a\" until 2001-01-01"]


def check_notes(world):
    """Whatever a note says, it is the note of that one rule, or is refused."""
    with listen("0.0.0.0", 4190):
        until("it is known", lambda: 4190 in world.listeners())
        for i, note in enumerate(NOTES):
            with listen("0.0.0.0", 4150 + i):
                until("it is known", lambda: 4150 + i in world.listeners())
                before = len(json.loads(world.good("rules", "--json"))["rules"])
                raw = note if isinstance(note, bytes) else note.encode()
                done = subprocess.run(
                    [BUILD + "/sockauditctl", "--runtime-dir", world.directory + "/run", "allow",
                     str(4150 + i), "note", raw], capture_output=True, timeout=PATIENCE)
                assert b"\x1b" not in done.stdout + done.stderr, done
                world.good("reload")  # what was written can be read
                allowed = done.returncode == 0
                found = world.listeners()
                assert (found[4150 + i]["verdict"] == "allow") == allowed, (note, done, found)
                assert found[4190]["verdict"] == "flag", (note, found)
                rules = json.loads(world.good("rules", "--json"))["rules"]
                assert len(rules) == before + allowed, (note, done, rules)
    with open(world.rules + "/rules.d/50-local.rules", encoding="utf-8") as local:
        text = local.read()
    assert all(c.isprintable() for c in text.replace("\n", "")), text


def run(world):
    check_notes(world)
    with listen("0.0.0.0", 4100) as one, listen("127.0.0.1", 4101):
        until("both are known", lambda: {4100, 4101} <= set(world.listeners()))
        flagged = world.listeners("--flagged")
        assert set(flagged) == {4100} and flagged[4100]["verdict"] == "flag", flagged
        assert flagged[4100]["first_seen"] and flagged[4100]["rule"]["id"] == "four", flagged
        assert flagged[4100]["owners"][0]["pid"] == os.getpid(), flagged
        assert set(world.listeners("port", "4101")) == {4101}
        assert "4101" in world.good("list", "--allowed") and "4100" not in world.good("list", "--allowed")
        for words in (["show", "4100"], ["show", flagged[4100]["id"]], ["show", "4100", "--json"],
                      ["status"], ["list", "-o", "id,endpoint,seen,snoozed"]):
            assert world.good(*words), words
        assert "4100" in world.good("status")
        status = json.loads(world.good("status", "--json"))
        assert status, status
        status, _, err = world.ctl("show", "4999")
        assert status == 4 and "nothing listens on port or with id '4999'" in err, err
        assert any(rule.get("hits") for rule in json.loads(world.good("rules", "--json"))["rules"])
        assert "allow" in world.good("suggest") and "4100" in world.good("suggest")

        world.good("snooze", "4100", "1h")
        assert "4100" in world.good("list", "--all")
        world.write("/rules.d/10-broken.rules", "allow tcp port 70000\n")
        code, _, err = world.ctl("reload")
        assert code == 1 and "70000" in err, (code, err)
        assert "rules" in world.good("status")
        os.unlink(world.rules + "/rules.d/10-broken.rules")
        world.good("reload")

        world.good("allow", "4100", "note", "for the test")
        with open(world.rules + "/rules.d/50-local.rules", encoding="utf-8") as local:
            assert 'note "for the test"' in local.read()
        assert world.listeners()[4100]["verdict"] == "allow"
        one.close()
        until("what closed is gone", lambda: 4100 not in world.listeners())

    watch = subprocess.Popen([BUILD + "/sockauditctl", "--runtime-dir", world.directory + "/run",
                              "watch", "--json"], stdout=subprocess.PIPE, text=True)
    try:
        time.sleep(0.5)
        for port in (4102, 4103):
            with listen("0.0.0.0", port):
                time.sleep(0.3)
        # Too short for anybody to look it up: told by what the reader of the tracepoint saw.
        for _ in range(20):
            listen("0.0.0.0", 4104).close()
        events = [json.loads(watch.stdout.readline()) for _ in range(3)]
        assert {event.get("port") or event.get("listener", {}).get("port")
                for event in events} & {4102, 4103}, events
    finally:
        watch.terminate()
        watch.wait(PATIENCE)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("0.0.0.0", 4105))
        until("UDP is seen by polling", lambda: 4105 in world.listeners("--all"))
    until("and that it went", lambda: 4105 not in world.listeners("--all"))
    # There may be no journal here; what it has of us in the last hour, if so, is a list.
    for words in (["history", "--since", "-1h", "tcp"], ["history", "--json", "-U", "now"]):
        done = subprocess.run([BUILD + "/sockauditctl", *words], capture_output=True, text=True,
                              timeout=PATIENCE)
        assert done.returncode in (0, 1) and (done.returncode == 0 or done.stderr), done


def enter_namespaces(program):
    if os.environ.get("IN_NAMESPACE") != "yes":
        os.execv(HERE + "/../net/namespace.sh", ["namespace.sh", program])
    if os.environ.get("IN_MOUNTS") != "yes":
        os.environ["IN_MOUNTS"] = "yes"
        os.execvp("unshare", ["unshare", "-m", "sh", "-c",
                              "mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; exec \"$0\"",
                              program])


def main():
    enter_namespaces(os.path.abspath(__file__))
    with tempfile.TemporaryDirectory() as directory:
        world = World(directory)
        try:
            run(world)
        finally:
            told = world.stop()
    assert "listens on 0.0.0.0:4102" in told, told
    assert world.ctl("status")[0] == 3
    print("ok: every verb of the daemon")


if __name__ == "__main__":
    main()
