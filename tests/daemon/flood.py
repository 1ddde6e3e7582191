#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sockauditd while others open and close listeners as fast as they can: what stands is not told to
be gone, what others open is told, and nothing is lost. In network and mount namespaces of its own.
"""

import ctypes
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

BUILD = os.environ.get("BUILD", ".")
HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 60  # seconds, on a machine with much else to do
CLONE_NEWNET = 0x40000000
FLOODER = 65534

RULES = """allow scope loopback
flag critical tcp port 4000-4999
flag warning tcp
ignore udp
set burst 10000
"""


class Daemon:
    """A sockauditd in the foreground; all that it tells is kept."""

    def __init__(self, directory):
        self.directory = directory
        with open(directory + "/rules", "w", encoding="utf-8") as file:
            file.write(RULES)
        self.process = subprocess.Popen(
            [BUILD + "/sockauditd", "--foreground", "--json", "--rules", directory + "/rules",
             "--runtime-dir", directory, "--state-dir", directory + "/state"],
            stdout=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        self.told = []
        threading.Thread(target=self.read, daemon=True).start()
        self.expect(event="policy-loaded")

    def read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))

    def expect(self, **wanted):
        """The next object that has these values."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                told = self.lines.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"was not told: {wanted}; last: {self.told[-5:]}") from None
            self.told.append(told)
            if all(told.get(key) == value for key, value in wanted.items()):
                return told

    def resident(self):
        """KiB."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))

    def listeners(self):
        done = subprocess.run([BUILD + "/sockauditctl", "--runtime-dir", self.directory, "list",
                               "--json", "--all"], stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)["listeners"]

    def is_sanitized(self):
        """Then what is freed stays for a while, and memory says nothing."""
        with open(f"/proc/{self.process.pid}/maps", encoding="ascii") as file:
            return "san.so" in file.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


def listen(address, port, reuseport=False, device=None):
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuseport:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if device:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    sock.bind((address, port))
    sock.listen()
    return sock


class Beside:
    """A process that does it over and over, as fast as it can, until it has done so `count` times
    or is stopped."""

    def __init__(self, what, count=None, uid=0, elsewhere=False):
        self.count, self.pid = count, os.fork()
        if self.pid == 0:
            try:
                if elsewhere:
                    assert ctypes.CDLL(None).unshare(CLONE_NEWNET) == 0
                    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
                os.setresuid(uid, uid, uid)
                done = 0
                while count is None or done < count:
                    what(done)
                    done += 1
            finally:
                os._exit(0)

    def __enter__(self):
        return self

    def wait(self):
        os.waitpid(self.pid, 0)
        self.pid = None

    def __exit__(self, *_):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


def churn(done):
    """Comes and goes on other ports, and on those of what stands under another address."""
    try:
        listen("0.0.0.0", 10000 + done % 1000).close()
        listen("127.0.0.9", 20000 + done % 450).close()
    except OSError:
        pass


def churn_elsewhere(done):
    """In another network namespace, at the very endpoints of what stands."""
    listen("0.0.0.0", 20000 + done % 500).close()


def churn_group(_done):
    """Another one of a group that stands."""
    listen("0.0.0.0", 20499, reuseport=True).close()


def stay(_done):
    with listen("0.0.0.0", 4110):
        time.sleep(2 * PATIENCE)


def churn_unbound(_done):
    """listen() without bind(): nobody knows the port beforehand."""
    sock = socket.socket()
    sock.listen()
    sock.close()


def test_what_stands_is_never_told_to_be_gone(daemon):
    standing = [listen("0.0.0.0" if port % 2 else "192.0.2.1", port)
                for port in range(20000, 20450)]
    standing += [listen("::", port) for port in range(20450, 20490)]
    standing += [listen("0.0.0.0", 20490, device="zoo0")]
    standing += [listen("0.0.0.0", 20499, reuseport=True) for _ in range(8)]
    ports = {sock.getsockname()[1] for sock in standing}
    flagged = set()
    while flagged != ports:
        told = daemon.expect(event="flagged")
        flagged |= {told["port"]} & ports
    before = len(daemon.told)

    beside = [Beside(churn, 3000), Beside(churn_elsewhere, 3000, elsewhere=True),
              Beside(churn_group, 3000), Beside(churn_unbound, 3000)]
    for process in beside:
        process.wait()
    # Two dumps of everything after it would have missed what is believed to be gone; what is told
    # as gone only waits for whether it returns.
    with listen("0.0.0.0", 4001):
        daemon.expect(event="flagged", port=4001)
    daemon.expect(event="resolved", port=4001)
    told = [one for one in daemon.told[before:] if one.get("port") in ports]
    assert not told, told[:5]
    # What is gone for a moment is not told, but counted.
    known = {one["port"]: one for one in daemon.listeners() if one["port"] in ports}
    assert set(known) == ports, ports - set(known)
    returned = [one for one in known.values() if one["returned"] > 0]
    assert not returned, (len(returned), returned[0])
    assert known[20499]["sockets"] == 8, known[20499]
    for sock in standing:
        sock.close()


def test_another_users_listener_is_told_in_a_flood(daemon):
    before = daemon.resident()
    with Beside(churn, uid=FLOODER), Beside(churn_unbound, uid=FLOODER):
        for port in range(4100, 4110):
            with listen("0.0.0.0", port):
                told = daemon.expect(event="flagged", port=port)
            assert told["uid"] == 0 and told["exe"], told
        # Its own, too, is only delayed.
        with Beside(stay, uid=FLOODER):
            told = daemon.expect(event="flagged", port=4110)
        assert told["uid"] == FLOODER, told
    grown = daemon.resident() - before
    assert grown < 64 << 10 or daemon.is_sanitized(), f"grew by {grown} KiB"


def test_a_listener_without_bind_is_found(daemon):
    with Beside(churn_unbound, uid=FLOODER):
        with socket.socket() as sock:
            sock.listen()
            told = daemon.expect(event="flagged", port=sock.getsockname()[1], uid=0)
    assert told["pid"] == os.getpid(), told


def test_one_that_hides_behind_a_device_is_found(daemon):
    with listen("0.0.0.0", 4200, device="zoo0"):
        told = daemon.expect(event="flagged", port=4200)
    assert told["device"] == "zoo0", told


def run(test):
    with tempfile.TemporaryDirectory() as directory:
        daemon = Daemon(directory)
        try:
            test(daemon)
            print("ok:", test.__name__, flush=True)
            return True
        except AssertionError as error:
            print("FAILED:", test.__name__, error, flush=True)
            return False
        finally:
            if daemon.process.poll() is None:
                status = daemon.stop()
                assert status == 0, f"{test.__name__}: the daemon ended with {status}"


def main():
    if os.environ.get("IN_NAMESPACE") != "yes":
        os.execv(HERE + "/../net/namespace.sh", ["namespace.sh", os.path.abspath(__file__)])
    if os.environ.get("IN_MOUNTS") != "yes":
        os.environ["IN_MOUNTS"] = "yes"
        os.execvp("unshare", ["unshare", "-m", "sh", "-c",
                              "mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; exec \"$0\"",
                              os.path.abspath(__file__)])
    wanted = sys.argv[1:]
    tests = [test for name, test in sorted(globals().items()) if name.startswith("test_")]
    results = [run(test) for test in tests if not wanted or test.__name__ in wanted]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
