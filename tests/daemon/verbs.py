#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The client's verbs against a real sockauditd that receives the kernel's records."""

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
import support  # noqa: E402
from harness import PATIENCE, Readable, bind_udp, listen, read, rules_below, until, watching, write

RULES = "allow scope loopback\nflag critical tcp port 4000-4999 id four\nignore udp\n"
NOTES = ['"\nallow tcp\n#', 'a\\', '\\"', '"', "x\r\nignore tcp", "\x1b]0;x\x07", "\u202eevil",
         "# no", "{", "a" * 300, b"\xff\xfe", "\x7f\x9b31m", "note \"a\" until 2001-01-01"]


def rules(daemon):
    return json.loads(daemon.good("rules", "--json"))["rules"]


def local_rules(daemon):
    return read(rules_below(daemon.directory + "/root") + "/rules.d/50-local.rules")


def check_notes(daemon):
    """Whatever a note says, it is the note of that one rule, or is refused."""
    with listen("0.0.0.0", 4190):
        daemon.knows(4190)
        for port, note in enumerate(NOTES, 4150):
            with listen("0.0.0.0", port):
                daemon.knows(port)
                before = len(rules(daemon))
                raw = note if isinstance(note, bytes) else note.encode()
                status, out, err = daemon.ctl("allow", str(port), "note", raw)
                assert "\x1b" not in out + err, (out, err)
                daemon.good("reload")  # what was written can be read
                allowed = status == 0
                found = daemon.listeners()
                assert (found[port]["verdict"] == "allow") == allowed, (note, out, err, found)
                assert found[4190]["verdict"] == "flag", (note, found)
                assert len(rules(daemon)) == before + allowed, (note, out, err, rules(daemon))
    text = local_rules(daemon)
    assert all(c.isprintable() for c in text.replace("\n", "")), text


def check_listing(daemon):
    daemon.knows(4100, 4101)
    # Those of the notes are gone, but may be there yet for a slow daemon.
    until(daemon.listeners, lambda: set(daemon.listeners("--flagged")) == {4100})
    flagged = daemon.listeners("--flagged")
    assert flagged[4100]["verdict"] == "flag", flagged
    assert flagged[4100]["first_seen"] and flagged[4100]["rule"]["id"] == "four", flagged
    assert flagged[4100]["owners"][0]["pid"] == os.getpid(), flagged
    assert set(daemon.listeners("port", "4101")) == {4101}
    allowed = daemon.good("list", "--allowed")
    assert "4101" in allowed and "4100" not in allowed, allowed
    for words in (["show", "4100"], ["show", flagged[4100]["id"]], ["show", "4100", "--json"],
                  ["status"], ["list", "-o", "id,endpoint,seen,snoozed"]):
        assert daemon.good(*words), words
    assert "4100" in daemon.good("status")
    assert daemon.status()
    status, _, err = daemon.ctl("show", "4999")
    assert status == 4 and "nothing listens on port 4999\n" in err, err
    status, _, err = daemon.ctl("show", "s99\x1b")
    assert status == 4 and r"no listener has the id 's99\x1b'" in err, err
    status, _, err = daemon.ctl("snooze", "4999", "1h")
    assert status == 4 and "nothing listens on port 4999\n" in err, err
    status, _, err = daemon.ctl("show", "70000")
    assert status == 2 and err, (status, err)
    assert any(rule.get("hits") for rule in rules(daemon))
    assert "allow" in daemon.good("suggest") and "4100" in daemon.good("suggest")


def check_changes(daemon):
    daemon.good("snooze", "4100", "1h")
    assert "4100" in daemon.good("list", "--all")
    broken = rules_below(daemon.directory + "/root") + "/rules.d/10-broken.rules"
    write(broken, "allow tcp port 70000\n")
    status, _, err = daemon.ctl("reload")
    assert status == 1 and "70000" in err, (status, err)
    assert "rules" in daemon.good("status")
    os.unlink(broken)
    daemon.good("reload")

    daemon.good("allow", "4100", "note", "for the test")
    assert 'note "for the test"' in local_rules(daemon)
    assert daemon.listeners()[4100]["verdict"] == "allow"


def check_versions(daemon):
    """A client that is not of the daemon's version says so, and what to type."""
    version = daemon.good("--version").split()[1]
    other = version[:-1] + ("8" if version.endswith("9") else "9")
    client = daemon.directory + "/of-another-version"
    with open(support.CTL, "rb") as file:
        text = file.read()
    with open(client, "wb") as file:
        file.write(text.replace(version.encode() + b"\0", other.encode() + b"\0"))
    os.chmod(client, 0o755)
    said = subprocess.run([client, "--runtime-dir", daemon.directory + "/run", "status"],
                          capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
    assert version in said and other in said and "systemctl restart" in said, said
    assert "systemctl restart" not in daemon.good("status")


def show(daemon, what):
    return json.loads(daemon.good("show", what, "--json"))["listeners"]


def check_crowd(daemon):
    """So many on one port that one message does not hold them: the one that matters is seen."""
    with contextlib.ExitStack() as stack:
        for i in range(300):
            stack.enter_context(listen(f"127.1.{i // 100}.{1 + i % 100}", 4200, reuseport=True))
        stack.enter_context(listen("0.0.0.0", 4200, reuseport=True))
        daemon.knows(4200)
        until(lambda: daemon.ctl("show", "4200"), lambda: len(show(daemon, "4200")) == 301)
        assert daemon.good("show", "4200").startswith("tcp 0.0.0.0:4200\n")
        shown = show(daemon, "4200")
        assert shown[0]["verdict"] == "flag", shown[0]
        for words in (["snooze", "4200", "1h"], ["allow", "4200", "until", "2036-12-31"]):
            status, _, err = daemon.ctl(*words)
            assert status == 1 and "-o id,endpoint" in err, (status, err)
        one = shown[0]["id"]
        assert json.loads(daemon.good("snooze", one, "1h", "--json"))["listeners"] == 1
        assert [each["id"] for each in show(daemon, "4200") if each["snoozed_usec"]] == [one]


def check_another_id(daemon, events):
    """Of two sockets of one endpoint the first is closed: who kept its id hears of the other."""
    socks = [listen("0.0.0.0", 4106, reuseport=True) for _ in range(2)]
    try:
        until(lambda: daemon.listeners(), lambda: daemon.listeners().get(4106, {}).get("sockets") == 2)
        before = daemon.listeners()[4106]
        # SO_COOKIE, 57
        cookies = [str(struct.unpack("Q", sock.getsockopt(socket.SOL_SOCKET, 57, 8))[0])
                   for sock in socks]
        socks.pop(cookies.index(before["cookie"])).close()
        until(events, lambda: any(one["was"] == before["id"] for one in events()))
        [told] = [one for one in events() if one["was"]]
        assert told["event"] == "changed" and "id" in told["why"].split(), told
        assert told["id"] == daemon.listeners()[4106]["id"] != before["id"], told
    finally:
        for sock in socks:
            sock.close()


def check_watch(daemon):
    """Listeners that stay open for a while, and listeners that close before a dump could show them:
    these are known from the kernel's records alone."""
    def of(port):
        return [one for one in events if one.get("port") == port]

    def opened(port):
        with listen("0.0.0.0", port):
            until("it is known", lambda: port in daemon.listeners())
        return of(port)

    def flashed(port):
        listen("0.0.0.0", port).close()
        return of(port)

    with watching(daemon) as events:
        # One that has not subscribed yet hears nothing.
        until(lambda: events, lambda: opened(4102))
        with listen("0.0.0.0", 4103):
            until(lambda: events, lambda: of(4103))
            allowed = rules_below(daemon.directory + "/root") + "/rules.d/20-allowed.rules"
            write(allowed, "allow tcp port 4103\n")
            daemon.good("reload")
            until(lambda: events, lambda: ("changed", "verdict") in {
                (one["event"], one["why"]) for one in of(4103)})
            os.unlink(allowed)
            daemon.good("reload")
        until(lambda: events, lambda: flashed(4104))
        check_another_id(daemon, lambda: of(4106))


def check_watch_words(daemon):
    """Without --json it is a person who reads."""
    watch = subprocess.Popen([support.CTL, "--runtime-dir", daemon.directory + "/run", "watch",
                              "tcp", "port", "4107"], stdout=subprocess.PIPE, text=True)
    said = []
    reader = threading.Thread(target=lambda: said.extend(watch.stdout))
    reader.start()
    try:
        def opened():
            with listen("0.0.0.0", 4107):
                until("it is known", lambda: 4107 in daemon.listeners())
            return said

        until(lambda: said, opened)  # it has subscribed
        with listen("0.0.0.0", 4107):
            until("it is known", lambda: 4107 in daemon.listeners())
            daemon.good("allow", "4107")
            until(lambda: said, lambda: any("; now allowed)" in line for line in said))
    finally:
        watch.terminate()
        watch.wait(PATIENCE)
        reader.join()
        watch.stdout.close()


def check_udp(daemon):
    with bind_udp(4105):
        daemon.knows(4105)
    until("it went", lambda: 4105 not in daemon.listeners())


def check_history():
    """There may be no journal here; what it has of us in the last hour, if so, is a list."""
    for words in (["history", "--since", "-1h", "tcp"], ["history", "--json", "-U", "now"]):
        done = subprocess.run([support.CTL, *words], capture_output=True, text=True,
                              timeout=PATIENCE, check=False)
        assert done.returncode in (0, 1) and (done.returncode == 0 or done.stderr), done
    # What it can't know it does not answer with an empty list.
    for key in (["interface", "lo"], ["age", "5m"], ["container", "any"], ["not", "netns", "host"]):
        done = subprocess.run([support.CTL, "history", "tcp", *key], capture_output=True, text=True,
                              timeout=PATIENCE, check=False)
        assert done.returncode == 2 and key[key[0] == "not"] in done.stderr, done


def test_every_verb(directory):
    write(rules_below(directory + "/root") + "/sockaudit.rules", RULES)
    with Readable(directory, root=True).serving() as daemon:
        check_notes(daemon)
        with listen("0.0.0.0", 4100), listen("127.0.0.1", 4101):
            check_listing(daemon)
            check_versions(daemon)
            check_changes(daemon)
        until("what closed is gone", lambda: 4100 not in daemon.listeners())
        check_crowd(daemon)
        check_watch(daemon)
        check_watch_words(daemon)
        check_udp(daemon)
        check_history()
    assert daemon.told("listens on 0.0.0.0:4102")
    assert daemon.ctl("status")[0] == 3


if __name__ == "__main__":
    harness.main(__file__, globals())
