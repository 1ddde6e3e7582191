# SPDX-License-Identifier: GPL-2.0-or-later
"""What the benchmarks of the daemon share: a world of namespaces of its own, with a socket where
the journal's would be; sockauditd in it; its counters; the table of what was met and missed."""

import glob
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(os.environ.get("BUILD", "."))
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
JOURNAL = "/run/systemd/journal/socket"
UNIT = "sockaudit-bench.service"


def enter(file):
    """Runs the script again in network and mount namespaces of its own: `lo` is up, and /run is
    empty."""
    if os.environ.get("IN_WORLD") == "yes":
        return
    if os.geteuid() != 0:
        sys.exit("it needs root")
    status = subprocess.run(["unshare", "-n", "-m", "sh", "-c", """
        set -eu
        ip link set lo up
        ip link add zoo0 type veth peer name zoo1
        ip addr add 192.0.2.1/24 dev zoo0
        ip link set zoo0 up
        ip link set zoo1 up
        mount -t tmpfs tmpfs /run
        mkdir -p /run/systemd/journal
        echo 4096 >/proc/sys/net/unix/max_dgram_qlen
        exec python3 "$0"
        """, os.path.abspath(file)], env=dict(os.environ, IN_WORLD="yes"), check=False).returncode
    sys.exit(status)


class Journal:
    """A datagram socket where journald's would be."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
        self.socket.bind(JOURNAL)
        self.socket.setblocking(False)

    def take(self):
        """What came since it was last asked, each a dictionary."""
        entries = []
        while True:
            try:
                entry = self.socket.recv(1 << 20)
            except BlockingIOError:
                return entries
            lines = entry.decode(errors="replace").split("\n")
            entries.append(dict(line.split("=", 1) for line in lines if "=" in line))

    def wait(self, seconds, holds):
        """Entries until one is as wanted; None, if none comes in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for entry in self.take():
                if holds(entry):
                    return entry
            time.sleep(0.005)
        return None

    def close(self):
        self.socket.close()
        os.unlink(JOURNAL)


class Daemon:
    """sockauditd as the service manager would start it, by the shipped policy behind `rules`."""

    def __init__(self, rules="", journal=True):
        self.directory = tempfile.mkdtemp(prefix="sockaudit-bench-", dir="/run")  # a tmpfs
        self.journal = Journal() if journal else None
        os.makedirs(self.directory + "/state")
        with open(TOP + "/etc/sockaudit.rules", encoding="utf-8") as shipped:
            text = rules + "\n" + shipped.read()
        with open(self.directory + "/rules", "w", encoding="utf-8") as file:
            file.write(text)
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(self.directory + "/notify")
        notify.settimeout(60)
        env = dict(os.environ, NOTIFY_SOCKET=self.directory + "/notify")
        begin = time.monotonic()
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", BUILD + "/sockauditd", "--rules", self.directory + "/rules", "--runtime-dir",
             self.directory, "--state-dir", self.directory + "/state"], env=env)
        while b"READY=1" not in notify.recv(4096):
            pass
        self.start = time.monotonic() - begin
        notify.close()
        os.unlink(self.directory + "/notify")
        self.pid = self.process.pid

    def ctl(self, *words):
        return subprocess.run([BUILD + "/sockauditctl", "--runtime-dir", self.directory, *words],
                              capture_output=True, text=True, check=False).stdout

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        if self.journal:
            self.journal.close()
        shutil.rmtree(self.directory)
        if status != 0:
            sys.exit(f"the daemon ended with {status}")

    # --- its counters ---

    def cpu(self):
        """Seconds of all its threads, by the scheduler's own clock."""
        total = 0
        for path in glob.glob(f"/proc/{self.pid}/task/*/schedstat"):
            with open(path, encoding="ascii") as file:
                total += int(file.read().split()[0])
        return total / 1e9

    def wakeups(self):
        """Voluntary context switches of all its threads. Involuntary ones are caused by other
        programs."""
        total = 0
        for path in glob.glob(f"/proc/{self.pid}/task/*/status"):
            with open(path, encoding="ascii") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt"))
        return total

    def resident(self):
        """MiB."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


def program(name, *words, unshare=False, **how):
    """Starts a program of the benchmarks; `unshare`: in another network namespace."""
    path = BUILD + "/tests/bench/" + name
    if "user" in how:  # to whom the way there may be closed
        if not os.path.exists("/run/" + name):
            shutil.copy(path, "/run")
        path = "/run/" + name
    return subprocess.Popen([*(["unshare", "-n"] if unshare else []), path, *map(str, words)],
                            stdout=subprocess.PIPE, text=True, **how)


def output(name, *words, **how):
    process = program(name, *words, **how)
    out = process.communicate()[0]
    if process.returncode != 0:
        sys.exit(f"{name} {words} ended with {process.returncode}")
    return out


class Holder:
    """`sockets hold …`: they listen until it is closed."""

    def __init__(self, *words):
        self.process = program("sockets", "hold", *words, stdin=subprocess.PIPE)
        if not self.process.stdout.readline().startswith("ready"):
            sys.exit("the listeners could not be made")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Cgroup:
    """A cgroup of the name of a unit; None as its path where there is no cgroup v2."""

    def __init__(self):
        mounts = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        mounts = [path for path in mounts if os.path.exists(path + "/cgroup.procs")]
        self.path = mounts[0] + "/" + UNIT if mounts else None
        if self.path:
            os.makedirs(self.path, exist_ok=True)

    def join(self):
        if self.path:
            with open(self.path + "/cgroup.procs", "w", encoding="ascii") as procs:
                procs.write(str(os.getpid()))

    def remove(self):
        for _ in range(100):
            try:
                if self.path:
                    os.rmdir(self.path)
                return
            except OSError:
                time.sleep(0.05)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def median(values):
    return statistics.median(values) if values else float("nan")


class Table:
    """Rows of what, measured, budget, met or missed."""

    def __init__(self, title):
        print(f"{title:<58} {'measured':>14} {'budget':>12}")
        self.missed = 0

    def row(self, what, value, unit="", budget=None, at_least=False, form=".2f"):
        verdict, limit = "", ""
        if budget is not None:
            met = value >= budget if at_least else value <= budget
            self.missed += not met
            verdict = "met" if met else "MISSED"
            limit = f"{'≥' if at_least else '≤'} {budget:g}"
        print(f"{what:<58} {value:>9{form}} {unit:<4} {limit:>12} {verdict}", flush=True)

    def end(self):
        with open("/proc/loadavg", encoding="ascii") as file:
            print(f"  {self.missed} missed; load of the machine {' '.join(file.read().split()[:3])}\n")

    @staticmethod
    def note(text):
        print("  " + text, flush=True)
