#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Alerts of a running daemon: none for a port probe, one for each service, another for another program,
and the truth about a service that was started anew."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import POLLING, Foreground, bind_udp, listen, until, with_foreground, write, write_rules

RULES = """flag warning tcp port 4000-4999
allow tcp
ignore udp
set settle 300ms
"""
# A probe is closed in that time, however busy the machine is.
PROBED = RULES.replace("300ms", "5s")
# No events of TCP: what is new is found by polling.
POLLED = RULES + "set poll 200ms\n"
UDP = "set udp-grace 500ms\nset settle 300ms\nallow scope loopback\nflag warning udp port 4601-4602\nallow tcp\n"
ALERTS = ("flagged", "still-flagged", "resolved")

# Listens at each ADDRESS,PORT until its input ends.
SERVER = """
import socket, sys
held = []
for word in sys.argv[1:]:
    address, port = word.split(",")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind((address, int(port)))
    sock.listen()
    held.append(sock)
print("ready", flush=True)
sys.stdin.read()
"""

# Listens, and leaves the socket to its child, as daemons do.
FORKING = """
import os, socket, sys, time
sock = socket.socket()
sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
sock.bind(("0.0.0.0", int(sys.argv[1])))
sock.listen()
if os.fork():
    os._exit(0)
if os.fork():
    os._exit(0)
print("ready", flush=True)
sys.stdin.read()
"""


class Server:
    """A Python script of its own folder that listens; in a process group of its own, as a shell starts
    one, unless told otherwise."""

    def __init__(self, *words, script=SERVER, folder=None, name="server.py", group=True):
        self.made = None if folder else tempfile.TemporaryDirectory()
        self.folder = folder or self.made.name
        write(f"{self.folder}/{name}", script)
        self.process = subprocess.Popen(
            [sys.executable, name, *words], cwd=self.folder, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, start_new_session=group)
        assert self.process.stdout.readline() == b"ready\n"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        if self.made:
            self.made.cleanup()


def probe(daemon, port):
    """Opens the port for a moment; returns the entry about it, and the alerts before that."""
    with listen("0.0.0.0", port):
        time.sleep(0.002)
    told = daemon.expect(event="transient", port=port)
    return told, [one for one in daemon.passed if one["event"] in ALERTS]


def alerts_until(daemon, port):
    """The alerts up to one about another service on that port, and to its end."""
    with Server(f"0.0.0.0,{port}"):
        daemon.expect(event="flagged", port=port)
        told = [one for one in daemon.passed if one["event"] in ALERTS]
    daemon.expect(event="resolved", port=port)
    return told + [one for one in daemon.passed if one["event"] in ALERTS]


@with_foreground(PROBED)
def test_a_port_probe_is_transient(daemon):
    for _ in range(3):
        told, alerts = probe(daemon, 4001)
        assert told["priority"] == 6 and not alerts, (told, alerts)
    assert not alerts_until(daemon, 4010)


@with_foreground(PROBED)
def test_a_port_that_opens_and_closes_repeatedly_is_one_alert(daemon):
    alerts = []
    for _ in range(12):
        alerts += probe(daemon, 4002)[1]
    alerts += alerts_until(daemon, 4010)
    assert [(one["event"], one.get("reason")) for one in alerts] == [("flagged", "repeats")], alerts


PROBES = """
import socket, sys, time
while True:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("0.0.0.0", int(sys.argv[1])))
    sock.listen()
    time.sleep(0.001)
    sock.close()
    time.sleep(0.05)
"""


@with_foreground(PROBED)
def test_many_programs_that_probe_are_one_alert_each(daemon):
    """A busy machine loses some probes, so they go on until each is an alert."""
    ports, alerts = set(range(4020, 4030)), []
    with tempfile.TemporaryDirectory() as folder:
        for port in ports:
            write(f"{folder}/{port}.py", PROBES)
        processes = [subprocess.Popen([sys.executable, f"{folder}/{port}.py", str(port)])
                     for port in ports]
        try:
            while {one["port"] for one in alerts} != ports:
                alerts.append(daemon.expect(lambda told: told["event"] in ALERTS))
        finally:
            for process in processes:
                process.kill()
                process.wait()
    alerts += alerts_until(daemon, 4010)
    found = [(one["event"], one["port"], one["reason"]) for one in alerts
             if one["event"] != "resolved"]
    assert sorted(found) == [("flagged", port, "repeats") for port in sorted(ports)], alerts
    assert {one["port"] for one in daemon.all if one["event"] == "transient"} == ports


@with_foreground(RULES)
def test_both_families_are_one_alert(daemon):
    with Server("0.0.0.0,4003", "::,4003"):
        told = daemon.expect(event="flagged", port=4003)
        assert told["also"] == ("[::]:4003" if told["address"] == "0.0.0.0" else "0.0.0.0:4003"), told
    daemon.expect(event="resolved", port=4003)
    told = [one for one in daemon.all if one.get("port") == 4003 and one["event"] in ALERTS]
    assert [one["event"] for one in told] == ["flagged", "resolved"], told


@with_foreground(RULES)
def test_another_script_or_folder_is_another_alert(daemon):
    with tempfile.TemporaryDirectory() as folder:
        with Server("0.0.0.0,4004", folder=folder):
            daemon.expect(event="flagged", port=4004)
        # The same interpreter, another script; then the same script in another folder.
        with Server("0.0.0.0,4004", folder=folder, name="other.py"):
            told = daemon.expect(event="flagged", port=4004)
            assert "other.py" in told["cmdline"], told
        with Server("0.0.0.0,4004", name="other.py"):
            told = daemon.expect(event="flagged", port=4004)
            assert told["cwd"] != folder, told


def test_another_program_within_one_poll_is_another_alert(directory):
    """Without events, and with no poll while the one goes and the other comes."""
    write_rules(directory, POLLED)
    with Foreground(directory, prefix=POLLING) as daemon, tempfile.TemporaryDirectory() as folder:
        with Server("0.0.0.0,4004", folder=folder):
            daemon.expect(event="flagged", port=4004)
            daemon.send(signal.SIGSTOP)
        with Server("0.0.0.0,4004", folder=folder, name="other.py"):
            daemon.send(signal.SIGCONT)
            told = daemon.expect(event="flagged", port=4004)
            assert "other.py" in told["cmdline"], told


@with_foreground(RULES)
def test_a_service_that_was_started_anew_is_still_exposed(daemon):
    with tempfile.TemporaryDirectory() as folder:
        with Server("0.0.0.0,4005", folder=folder):
            daemon.expect(event="flagged", port=4005)
        with Server("0.0.0.0,4005", folder=folder):
            told = daemon.expect(event="still-flagged", port=4005)
            assert told["reason"] == "returned", told
            assert not [one for one in daemon.passed if one["event"] == "resolved"], daemon.passed
        daemon.expect(event="resolved", port=4005)


@with_foreground(RULES)
def test_a_restart_by_a_supervisor_is_no_news(daemon):
    with tempfile.TemporaryDirectory() as folder:
        with Server("0.0.0.0,4006", folder=folder, group=False):
            daemon.expect(event="flagged", port=4006)
        for _ in range(3):
            with Server("0.0.0.0,4006", folder=folder, group=False):
                until("it is listed", lambda: 4006 in daemon.listeners())
                time.sleep(0.5)  # longer than it takes to settle
    daemon.expect(event="resolved", port=4006)
    told = [one for one in daemon.all if one.get("port") == 4006 and one["event"] in ALERTS]
    assert [one["event"] for one in told] == ["flagged", "resolved"], told
    assert told[-1]["returned"] == 3, told


@with_foreground("allow tcp port 4007 user root exe " + os.path.realpath(sys.executable) + "\n" + RULES)
def test_an_allowed_daemon_that_forks_is_never_alerted(daemon):
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(20):
            with Server("4007", script=FORKING, folder=folder) as server:
                until("it is listed", lambda: 4007 in daemon.listeners())
                del server
            until("it is gone", lambda: 4007 not in daemon.listeners())
    told = alerts_until(daemon, 4010)
    assert not [one for one in told if one["port"] == 4007], told


@with_foreground(RULES)
def test_a_snooze_before_the_alert_silences_it(daemon):
    write_rules(daemon.directory, RULES.replace("300ms", "10s"))
    daemon.send(signal.SIGHUP)
    daemon.expect(event="policy-loaded")
    with Server("0.0.0.0,4008"):
        until("it is listed", lambda: 4008 in daemon.listeners())
        daemon.good("snooze", "4008", "1h")
        write_rules(daemon.directory, RULES)
        daemon.send(signal.SIGHUP)
        told = alerts_until(daemon, 4010)
    assert not [one for one in told if one["port"] == 4008], told


@with_foreground(RULES.replace("300ms", "10s"))
def test_limits_of_snoozes_by_users(daemon):
    """Users can snooze a listener only after its alert and for at most a day, and the journal records the user. An
    attacker who breaks into an account cannot silence its alerts in advance or forever."""
    def snooze(span, user=harness.NOBODY):
        return subprocess.run([harness.support.CTL, "--runtime-dir", daemon.directory + "/run", "snooze", "4009", span],
                              user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode

    os.chmod(daemon.directory, 0o755)
    os.seteuid(harness.NOBODY)
    with harness.listen("0.0.0.0", 4009):
        os.seteuid(0)
        until("it is listed", lambda: 4009 in daemon.listeners())
        assert snooze("1h") == 5, "before the alert"
        write_rules(daemon.directory, RULES)
        daemon.send(signal.SIGHUP)
        daemon.expect(event="flagged", port=4009)
        assert snooze("2d") == 5, "for longer than a day"
        assert snooze("1d") == 0
        daemon.expect(event="resolved", port=4009, reason="snooze")
        told = daemon.expect(event="snoozed", port=4009)
        assert told["uid"] == told["snoozed_by"] == harness.NOBODY, told
        assert told["snoozed_usec"] == 86400 * 10**6, told
        assert snooze("2d", user=0) == 0


@with_foreground(UDP.replace("500ms", "20s") + "ignore udp port 4605\n")
def test_watch_shows_udp_that_closed_within_its_grace(daemon):
    """Such a socket has a process and a verdict, but causes no alert. Ignored sockets are not shown."""
    def tried():
        for port in (4605, 4601):
            with bind_udp(port):
                pass
        return [one for one in events if one["event"] == "removed" and one["port"] == 4601]

    with harness.watching(daemon) as events:
        until("it is watched", tried)
    gone = tried()[0]
    assert gone["transient"] and gone["verdict"] == "flag" and not gone["pending"], gone
    assert gone["owners"][0]["pid"] == os.getpid() and gone["owners"][0]["cmdline"], gone
    assert not [one for one in events if one.get("port") == 4605 or one["event"] == "added"], events
    assert not [one for one in daemon.all if one.get("port") == 4601], daemon.all


@with_foreground(UDP)
def test_a_socket_that_is_bound_to_a_device_later(daemon):
    """As dnsmasq's is: the record of its bind() does not have the device yet."""
    with bind_udp(4601) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
        with bind_udp(4602):
            daemon.expect(event="flagged", port=4602)
        until("it is known as it is", lambda: daemon.listeners().get(4601, {}).get("device") == "lo")
        daemon.expect(event="resolved", port=4602)
    assert not [one for one in daemon.all if one.get("port") == 4601 and one["event"] in ALERTS], daemon.all


if __name__ == "__main__":
    harness.main(__file__, globals())
