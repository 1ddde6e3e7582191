#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sockauditd where the machine gives it less than it wants, or more than it can take: event sources
that overrun or are missing, no more fds, a /proc that hides, clients in crowds, clocks that jump."""

import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
import clients  # noqa: E402
import support  # noqa: E402
import wire  # noqa: E402
from harness import (DAEMON, NOBODY, PATIENCE, POLLING, RULES, Faults, Foreground, bind_udp, listen,
                     mounted, run_quietly, until, write_rules)

MANY = "set burst 10000\n"
PEERS, PEERS_OF_USER = 64, 16  # src/bus/server.h


# --- events -----------------------------------------------------------------------------------

def while_stopped(daemon, act):
    """What happens while it is stopped: its sockets and rings overrun."""
    daemon.send(signal.SIGSTOP)
    try:
        until("it is stopped", lambda: "T (stopped)" in open(f"/proc/{daemon.pid}/status").read())
        return act()
    finally:
        daemon.send(signal.SIGCONT)


def flood_udp():
    for _ in range(3000):
        bind_udp(0).close()


def flood_links():
    address = "198.51.100.{}/32 dev zoo0\n"
    batch = "".join(f"addr {verb} {address.format(i % 250 + 1)}" for i in range(1500)
                    for verb in ("add", "del"))
    subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True)
    run_quietly("ip", "addr", "add", "203.0.113.9/32", "dev", "zoo0")


def test_nothing_is_lost_by_an_overrun(directory):
    write_rules(directory, MANY + RULES)
    with Foreground(directory) as daemon:
        standing = bind_udp(4001)
        daemon.expect(event="flagged", port=4001)
        gone = listen("0.0.0.0", 4002)
        daemon.expect(event="flagged", port=4002)

        def act():
            flood_udp()
            flood_links()
            standing.close()
            gone.close()
            return [listen("0.0.0.0", port) for port in range(4100, 4400)] + [
                listen("203.0.113.9", 4003), bind_udp(4004)]

        opened = while_stopped(daemon, act)
        wanted = {*range(4100, 4400), 4003, 4004}
        while wanted:
            wanted.discard(daemon.expect(event="flagged").get("port"))
        # 10 seconds in which they could have come back, then they are told as gone.
        left = {4001, 4002}
        while left:
            left.discard(daemon.expect(event="resolved").get("port"))
        told = [one["port"] for one in daemon.all if one["event"] == "flagged"]
        assert len(told) == len(set(told)), "told twice"
        assert daemon.status()["counts"]["events_lost"] > 0, daemon.status()
        for sock in opened:
            sock.close()


def test_without_bpf_it_polls(directory):
    with Foreground(directory, prefix=POLLING) as daemon:
        told = daemon.expect(event="source-degraded")
        daemon.told_by(4001)
        # What the journal says once can be asked for.
        sockets = daemon.status()["sources"][0]
        assert not sockets["works"] and "CAP_BPF" in sockets["why"], sockets
        assert sockets["why"] in told["message"] and sockets["words"] in told["message"], told
        assert sockets["why"] in daemon.good("status")


def test_all_events_are_missing(directory):
    """Without any right it still tells what it sees, and says what it doesn't."""
    for name in ("state", "run"):
        os.mkdir(f"{directory}/{name}")
        os.chown(f"{directory}/{name}", NOBODY, NOBODY)
    program = directory + "/sockauditd"
    shutil.copy(DAEMON, program)
    as_nobody = support.as_user(NOBODY, "--inh-caps=-all")
    with mounted("proc", "/proc", "hidepid=2"):
        with Foreground(directory, prefix=as_nobody, program=program) as daemon:
            assert any(one["event"] == "source-degraded" and "socket events" in one["message"]
                       for one in daemon.all) or \
                daemon.expect_said("socket events", event="source-degraded")
            with listen("0.0.0.0", 4001):
                told = daemon.expect(event="flagged", port=4001)
                assert "exe" not in told and "pid" not in told, told
                assert told["uid"] == 0, told
                assert "a process that could not be" in told["message"] or \
                    "unknown" in told["message"], told
                # Its own user's it may look at.
                holder = subprocess.Popen(
                    [*as_nobody, sys.executable, "-c", "import socket,sys\ns=socket.socket()\n"
                     "s.bind(('0.0.0.0',4002))\ns.listen()\nsys.stdin.read()"],
                    stdin=subprocess.PIPE)
                try:
                    told = daemon.expect(event="flagged", port=4002)
                    assert told["pid"] == holder.pid, told
                finally:
                    holder.stdin.close()
                    holder.wait(PATIENCE)


# --- fds --------------------------------------------------------------------------------------

def test_no_fd_is_left(directory):
    with Foreground(directory) as daemon:
        assert daemon.status()
        before = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
        fds = daemon.fds()
        for room in (0, 1, 2, 5):
            until("its clients are gone", lambda: daemon.fds() <= fds)
            resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (fds + room, before[1]))
            port = 4100 + 10 * room
            with listen("0.0.0.0", port), bind_udp(port + 1):
                seen = {daemon.expect(event="flagged")["port"] for _ in range(2)}
                assert seen == {port, port + 1}, seen
            daemon.send(signal.SIGHUP)
            daemon.expect(lambda told: told["event"] in ("policy-loaded", "policy-rejected"))
            resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, before)
            daemon.serving()
            with listen("0.0.0.0", port + 2):
                assert daemon.expect(event="flagged", port=port + 2)["pid"] == os.getpid()


def test_too_few_fds_to_start(directory):
    for limit in range(3, 40):
        daemon = Foreground(directory, loaded=None, prefix=("prlimit", f"--nofile={limit}:{limit}"))
        try:
            port = 4000 + limit
            with listen("0.0.0.0", port):
                until(lambda: (limit, daemon.stderr()), lambda: not daemon.is_alive() or any(
                    one.get("port") == port for one in daemon.so_far()))
            # It may tell of the listener, and then find that it can't go on.
            status = daemon.stop() if daemon.is_alive() else daemon.process.returncode
            assert status == 0 or (status in (1, 127) and daemon.stderr()), (
                limit, status, daemon.stderr())
        finally:
            daemon.end()


# --- clients ----------------------------------------------------------------------------------

def crowd(directory, count, uid):
    """A process of that user that connects so often, and keeps what it gets."""
    return subprocess.Popen(clients.crowd(directory, directory + "/run/bus", count, uid),
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_thousand_clients(directory):
    with Foreground(directory) as daemon:
        assert daemon.status()
        before, crowds = daemon.fds(), []
        try:
            # One user alone takes 16 places, and leaves room for others.
            crowds.append(crowd(directory, 1000, 1000))
            assert int(crowds[0].stdout.readline()) <= PEERS_OF_USER
            crowds.append(crowd(directory, 1, 1001))
            assert int(crowds[1].stdout.readline()) == 1
            # Many of them take all but those that are kept for root.
            crowds += [crowd(directory, 50, 1100 + i) for i in range(20)]
            for one in crowds[2:]:
                one.stdout.readline()
            assert daemon.status()
            assert daemon.fds() < before + 5 * PEERS, daemon.fds()
            daemon.told_by(4001)
        finally:
            for one in crowds:
                one.stdin.close()
                one.wait(PATIENCE)
                one.stdout.close()
        until("they are let go", lambda: daemon.fds() < before + PEERS)


def test_a_client_that_never_reads(directory):
    write_rules(directory, MANY + RULES.replace("4999", "59999"))
    with Foreground(directory) as daemon:
        daemon.serving()
        before = daemon.memory()
        slow = wire.Peer(directory + "/run/bus", timeout=PATIENCE)
        assert slow.call("Subscribe")[0] == 2
        stop = threading.Event()

        def churn():
            while not stop.is_set():
                for port in range(4100, 4200):
                    listen("0.0.0.0", port).close()
                    time.sleep(0.001)  # a flood is another test's subject

        thread = threading.Thread(target=churn)
        thread.start()
        try:
            deadline = time.monotonic() + 2 * PATIENCE
            while is_open(slow):
                assert time.monotonic() < deadline, "it is kept"
                assert daemon.status()
                assert daemon.memory() - before < harness.MEMORY_SCALE * 48 * 1024, daemon.memory()
        finally:
            stop.set()
            thread.join()
        daemon.told_by(4001)
        slow.close()


def is_open(peer):
    """Whether the daemon has its end open yet; without reading what it sent."""
    poll = select.poll()
    poll.register(peer.socket, 0)
    return not any(event & select.POLLHUP for _, event in poll.poll(200))


# --- clocks -----------------------------------------------------------------------------------

YEAR = 365 * 86400


def test_the_clock_is_set(directory):
    date = time.strftime("%Y-%m-%d", time.gmtime(time.time() + YEAR // 2))
    write_rules(directory, f"allow tcp port 4001 until {date}\n" + RULES)
    faults = Faults(directory)
    with Foreground(directory, env=faults.environment()) as daemon:
        with listen("0.0.0.0", 4001), listen("0.0.0.0", 4002), listen("0.0.0.0", 4003):
            daemon.expect(event="flagged", port=4003)
            until("it is snoozed", lambda: daemon.ctl("snooze", "4003", "1h")[0] == 0)
            daemon.expect(event="resolved", port=4003)
            told = daemon.told_by(4004)
            assert not [one for one in told if one.get("port") == 4001], told

            faults.set_clock(YEAR)
            told = daemon.expect(event="flagged", port=4001)
            assert told["time"].startswith(time.strftime("%Y", time.gmtime(time.time() + YEAR))), told
            faults.set_clock(-YEAR)
            told = daemon.expect(event="resolved", port=4001)
            assert told["duration_usec"] < 3600 * 10**6, told
            told = daemon.told_by(4005)
            # A snooze is a span, and what stands is told once, whatever the date.
            assert not [one for one in told if one.get("port") in (4002, 4003)], told
            faults.set_clock(0)
            left = daemon.listeners()[4003]["snoozed_usec"]
            assert 0 < left <= 3600 * 10**6, left
        assert daemon.expect(event="resolved", port=4002)["duration_usec"] < 3600 * 10**6
    faults.close()


def test_the_clock_was_set_between_two_lives(directory):
    for name, offset in (("/forward", YEAR), ("/back", -YEAR)):
        place = directory + name
        os.mkdir(place)
        write_rules(place, RULES)
        faults = Faults(place)
        with listen("0.0.0.0", 4001):
            with Foreground(place, env=faults.environment()) as daemon:
                daemon.told_by(4002)
                first = daemon.listeners()[4001]["first_seen"]
                daemon.stop()
            faults.set_clock(offset)
            with Foreground(place, env=faults.environment()) as daemon:
                told = daemon.told_by(4003)
                assert not [one for one in told if one.get("port") == 4001], told
                seen = daemon.listeners()[4001]["first_seen"]
                # Its age is what it was: the date moved with the clock.
                assert first[:4] != seen[:4], (first, seen)
        faults.close()


def test_a_suspend(directory):
    write_rules(directory, RULES + "set remind 6h\n")
    faults = Faults(directory)
    with Foreground(directory, env=faults.environment()) as daemon:
        with listen("0.0.0.0", 4001), listen("0.0.0.0", 4002) as gone:
            daemon.expect(event="flagged", port=4002)
            until("it is snoozed", lambda: daemon.ctl("snooze", "4001", "1h")[0] == 0)
            gone.close()
            # It was away for less than 10 seconds that anybody could see.
            faults.suspend(8 * 3600)
            with listen("0.0.0.0", 4002):
                daemon.expect(event="flagged", port=4001)  # the snooze is over
                told = daemon.told_by(4003)
                assert not [one for one in told if one.get("port") == 4002 and
                            one["event"] == "resolved"], told
    faults.close()


# --- signals ----------------------------------------------------------------------------------

def test_signals_in_any_state(directory):
    for i in range(30):
        with Foreground(directory, loaded=None) as daemon:
            time.sleep(i * 0.004)
            daemon.send((signal.SIGTERM, signal.SIGINT)[i % 2])
            assert daemon.wait() in (0, -signal.SIGTERM, -signal.SIGINT), daemon.process.returncode
    with Foreground(directory) as daemon, listen("0.0.0.0", 4001):
        daemon.expect(event="flagged", port=4001)
        for _ in range(200):
            daemon.send(signal.SIGHUP)
        daemon.expect(event="policy-loaded")
        daemon.told_by(4002)
        for _ in range(5):
            daemon.send(signal.SIGHUP)
            daemon.send(signal.SIGTERM)
        assert daemon.wait() == 0


def test_the_service_manager_is_told(directory):
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(directory + "/notify")
    manager.settimeout(PATIENCE)
    seen = []

    def expect(word):
        while not any(line.startswith(word) for line in seen):
            seen.extend(manager.recv(4096).decode().split("\n"))
        seen.clear()

    env = {"NOTIFY_SOCKET": directory + "/notify", "WATCHDOG_USEC": "1000000"}
    with Foreground(directory, env=env) as daemon:
        expect("READY=1")
        for _ in range(3):
            expect("WATCHDOG=1")
        daemon.send(signal.SIGSTOP)
        time.sleep(2)
        daemon.send(signal.SIGCONT)
        expect("WATCHDOG=1")
        daemon.send(signal.SIGHUP)
        expect("RELOADING=1")
        expect("READY=1")
        daemon.send(signal.SIGTERM)
        expect("STOPPING=1")
        assert daemon.wait() == 0
    manager.close()


if __name__ == "__main__":
    harness.main(__file__, globals())
