#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An ordinary user attacks the daemon, while another user opens a listener now and then. No alert for
the other user may be lost or late, and the memory of the daemon must stay bounded.

SOCKAUDIT_HOSTILE=SECONDS sets the duration of each attack (`./dev hostile`) and enables a limit on the
delay of alerts. Without it, each attack is short, and alerts only have to arrive."""

import array
import contextlib
import ctypes
import datetime
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/../daemon")
import harness  # noqa: E402
import clients  # noqa: E402 (tests/bus)
from harness import MEMORY_SCALE, PATIENCE, Foreground, listen, write_rules  # noqa: E402

ATTACKER, INNOCENT = 54321, 54322
SECONDS = float(os.environ.get("SOCKAUDIT_HOSTILE", "0"))
LATE = 0.25 if SECONDS else PATIENCE
PERIOD = 1.0 if SECONDS else 0.5
FIRST_PORT = 30000
RULES = """allow scope loopback
flag critical tcp port 30000-31999
flag warning tcp
flag notice udp
set settle 100ms
set udp-grace 0s
"""
SETTLE = 0.1
# The growth limit of the daemon under an attack: the tracked sockets of a user, and the ring.
MEMORY = 64 << 10  # KiB
SCHED_RR = 2
libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def process_of(uid, work, privileged=lambda: None):
    """Runs `work` as that user in a new session, which is killed at the end."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            privileged()
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            work()
        except BaseException as error:  # pylint: disable=broad-exception-caught
            print(f"the attack ended: {error!r}", file=sys.stderr, flush=True)
        finally:
            os._exit(1)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


class Innocent:
    """Opens a listener on one port after the other, and reports the times."""

    def __init__(self, rounds):
        self.output, to_us = os.pipe()
        self.process = process_of(INNOCENT, lambda: self.work(to_us, rounds))
        self.to_us = to_us

    @staticmethod
    def work(to_us, rounds):
        kept = []
        for i in range(rounds):
            sock = socket.socket()
            sock.bind(("0.0.0.0", FIRST_PORT + i))
            os.write(to_us, f"{FIRST_PORT + i} {time.time()}\n".encode())
            sock.listen()
            kept.append(sock)
            time.sleep(PERIOD)
        os.write(to_us, b"\n")
        signal.pause()

    def lines(self):
        with self.process:
            os.close(self.to_us)
            with open(self.output, encoding="utf-8") as lines:
                for line in lines:
                    if line == "\n":
                        return
                    port, at = line.split()
                    yield int(port), float(at)


def lateness(told, opened):
    at = datetime.datetime.fromisoformat(told["time"].replace("Z", "+00:00"))
    return at.timestamp() - opened - SETTLE


def watch(daemon, name):
    """Runs the innocent user, and checks the delay of each alert and the memory of the daemon."""
    begun, rounds = daemon.memory(), max(4, int(SECONDS / PERIOD))
    late = []
    for port, opened in Innocent(rounds).lines():
        told = daemon.expect(event="flagged", port=port)
        assert told["uid"] == INNOCENT and told.get("exe"), told
        late.append(lateness(told, opened))
    grown = daemon.memory() - begun
    print(f"{name}: {rounds} alerts, delay: median {statistics.median(late) * 1000:.1f} ms, maximum "
          f"{max(late) * 1000:.1f} ms; memory {grown / 1024:+.1f} MiB", flush=True)
    assert max(late) < LATE, (name, late)
    assert grown < MEMORY * MEMORY_SCALE, (name, grown)


@contextlib.contextmanager
def daemon_in(directory, rules=RULES):
    write_rules(directory, rules)
    with Foreground(directory).serving() as daemon:
        yield daemon


def attacked(work, name, privileged=lambda: None, named=True, **also):
    """Returns a test in which the attacker runs `work`. Entries with the attacker's uid (`named`) or with
    the fields `also` must be logged."""
    def test(directory):
        with daemon_in(directory) as daemon:
            with process_of(ATTACKER, work, privileged):
                watch(daemon, name)
                wanted = also or ({"uid": ATTACKER} if named else None)
                if wanted and not [one for one in daemon.so_far() if wanted.items() <= one.items()]:
                    daemon.expect(**wanted)
    return test


# --- the attacks -----------------------------------------------------------------------------------


def in_flight(address, port):
    """Opens a listener that no process has: its fd is in a message that is not received."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, port))
    ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [sock.fileno()]))])
    sock.listen()
    sock.close()
    return ours, theirs


def many_descriptors():
    """Opens half a million fds, which slows down searches, and sockets that cause a search."""
    for _ in range(25):
        if os.fork() == 0:
            fd = os.open("/dev/null", os.O_RDONLY)
            with contextlib.suppress(OSError):
                for _ in range(20000):
                    os.dup(fd)
            signal.pause()
    port = 20000
    while True:
        kept = [in_flight("127.0.0.1", port + i) for i in range(8)]
        kept.append(in_flight("0.0.0.0", port + 1000))
        time.sleep(0.1)
        del kept
        port = 20000 + (port + 8) % 900


def open_and_close(address, kind=socket.SOCK_STREAM):
    def work():
        for i in range(1 << 60):
            sock = socket.socket(socket.AF_INET, kind)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                sock.bind((address, 10000 + i % 5000))
                if kind == socket.SOCK_STREAM:
                    sock.listen()
            sock.close()
    return work


def many_listeners():
    """Opens more allowed listeners than the limit of a user, then one that is not allowed."""
    ready, to_us = os.pipe()
    hosts = range(1, 9)
    for host in hosts:
        if os.fork() == 0:
            kept = []
            with contextlib.suppress(OSError):
                for port in range(2000, 10000):
                    kept.append(listen(f"127.0.0.{host}", port, patience=0))
            os.write(to_us, b"x")
            signal.pause()
    for _ in hosts:
        os.read(ready, 1)
    kept = listen("0.0.0.0", 29999)
    signal.pause()
    kept.close()


def many_alerts():
    kept = []
    while True:
        for port in range(10000, 10200):
            kept.append(listen("0.0.0.0", port))
        for sock in kept:
            sock.close()
        kept.clear()


def real_time_processes():
    """Opens listeners from short-lived processes with a priority above that of the daemon."""
    for i in range(1 << 60):
        if os.fork() == 0:
            with contextlib.suppress(OSError):
                listen("0.0.0.0", 10000 + i % 5000, patience=0).close()
            os._exit(0)
        os.wait()


def be_real_time():
    os.sched_setscheduler(0, SCHED_RR, os.sched_param(20))


def many_processes():
    """Starts short-lived processes, each with a listener."""
    while True:
        for i in range(16):
            if os.fork() == 0:
                with contextlib.suppress(OSError):
                    kept = listen("127.0.0.1", 10000 + i, patience=0)
                    time.sleep(0.01)
                    kept.close()
                os._exit(0)
        for _ in range(16):
            os.wait()


def many_threads_of_loops():
    """Runs ten busy loops, so that no CPU is idle."""
    for _ in range(9):
        if os.fork() == 0:
            break
    while True:
        pass


test_many_descriptors = attacked(many_descriptors, "many descriptors, sockets in flight")
test_a_flood = attacked(open_and_close("0.0.0.0"), "TCP flood")
test_a_flood_on_loopback = attacked(open_and_close("127.0.0.1"), "TCP flood on loopback", named=False)
test_a_flood_of_udp = attacked(open_and_close("0.0.0.0", socket.SOCK_DGRAM), "UDP flood")
test_many_listeners = attacked(many_listeners, "more listeners than allowed", event="flagged", port=29999)
test_many_alerts = attacked(many_alerts, "flood of alerts")
test_real_time = attacked(real_time_processes, "real-time processes", be_real_time)
test_many_processes = attacked(many_processes, "short-lived processes", named=False)
test_busy_loops = attacked(many_threads_of_loops, "ten busy loops", named=False)


def expect_entry(directory, work, rules, **wanted):
    with daemon_in(directory, rules) as daemon, process_of(ATTACKER, work):
        return daemon.expect(uid=ATTACKER, **wanted)


GRACE = RULES.replace("udp-grace 0s", "udp-grace 1s")


def test_servers_that_replace_each_other(directory):
    """Each UDP server exits within its grace, and the next one uses the same port."""
    def work():
        while True:
            if os.fork() == 0:
                sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                sock.bind(("0.0.0.0", 20000))
                time.sleep(0.6)
                os._exit(0)
            os.wait()

    expect_entry(directory, work, GRACE, event="flagged", port=20000)


def test_fchown_does_not_restart_the_grace(directory):
    """fchown() changes the times of the socket's inode, which must not change the age of the socket."""
    def work():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("0.0.0.0", 20000))
        while True:
            os.fchown(sock.fileno(), -1, ATTACKER)
            time.sleep(0.1)

    expect_entry(directory, work, GRACE, event="flagged", port=20000)


def test_short_listeners_in_a_flood(directory):
    """A flood on loopback, which is allowed, does not hide reachable listeners of the same user."""
    ports = range(25000, 25010)

    def work():
        if os.fork() == 0:
            open_and_close("127.0.0.1")()
        time.sleep(1)
        while True:
            for port in ports:
                sock = listen("0.0.0.0", port)
                time.sleep(0.001)
                sock.close()
                time.sleep(0.05)

    with daemon_in(directory) as daemon, process_of(ATTACKER, work):
        missing = set(ports)
        while missing:
            told = daemon.expect(lambda one: one["event"] in ("flagged", "transient"), uid=ATTACKER)
            missing.discard(told["port"])


def test_many_clients(directory):
    """A user opens all available connections and sends calls without pause; root still gets answers."""
    with daemon_in(directory) as daemon:
        bus = directory + "/run/bus"
        crowd = subprocess.Popen(clients.crowd(directory, bus, 1000, ATTACKER), stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True)
        try:
            crowd.stdout.readline()
            watch(daemon, "connections")
            assert daemon.status()
        finally:
            crowd.stdin.close()
            crowd.wait(PATIENCE)
            crowd.stdout.close()


if __name__ == "__main__":
    harness.main(__file__, globals())
