# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the daemon as a whole share: namespaces, daemons, a journal's stand-in, faults.

A test file ends with `harness.main(__file__, globals())`, which runs its test_…() in network and mount
namespaces of their own, each with a folder. There /run is empty. Waits are
for things that happen, and none of them is a measurement.
"""

import contextlib
import errno
import functools
import json
import os
import queue
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/../cli")
sys.path.insert(0, HERE + "/../bus")
import support  # noqa: E402
from support import BUILD, NOBODY, PATIENCE, skip, until  # noqa: E402,F401

DAEMON = BUILD + "/sockauditd"
HOLDER = BUILD + "/tests/cli/holder"
with open(DAEMON, "rb") as program:
    sanitizers = set(re.findall(b"__[at]san_init", program.read()))
# They keep what was freed for a while, and notes of the rest.
MEMORY_SCALE = 4 if sanitizers else 1
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
JOURNAL = "/run/systemd/journal/socket"
# Starts a daemon that may load no program into the kernel (CAP_BPF by its number: the setpriv of
# Ubuntu 22.04 does not know the name): it polls.
POLLING = ["setpriv", "--bounding-set=-cap_39,-sys_admin"]

RULES = """allow scope loopback
flag critical tcp port 4000-4999
flag warning udp port 4000-4999
ignore udp
set udp-grace 500ms
set settle 0s
set poll 200ms
"""


def in_a_row(steps, patience=75):
    """Each step makes something and waits until it is told. Six come by the dumps of each half
    minute in three minutes: in less they did not come by them."""
    begun = time.monotonic()
    for step in steps:
        step()
    passed = time.monotonic() - begun
    assert passed < patience, f"{passed} s: by the dumps, and not by itself"


def listen(address, port, patience=PATIENCE, **how):
    """An address that is in use is waited for: who looks at /proc/PID/fd while a socket is closed
    there holds its file for a moment, and it is closed when that one lets go."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return listen_now(address, port, **how)
        except OSError as why:
            if why.errno != errno.EADDRINUSE or time.monotonic() >= deadline:
                raise
            time.sleep(0.001)


def listen_now(address, port, reuseport=False, device=None):
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuseport:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if device:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    try:
        sock.bind((address, port))
        sock.listen()
    except BaseException:
        sock.close()
        raise
    return sock


def bind_udp(port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("0.0.0.0", port))
    return sock


def write(path, text):
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())


def read(path):
    """What is in a file; nothing, if there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def write_rules(directory, text):
    write(directory + "/rules", text)


def rules_below(root):
    """Where a daemon with that --root looks for its rules; made if it is not there."""
    folder = root + support.sysconfdir() + "/sockaudit"
    os.makedirs(folder + "/rules.d", mode=0o755, exist_ok=True)
    return folder


def run_quietly(*words):
    return subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False).returncode


@contextlib.contextmanager
def mounted(kind, at, options=None):
    subprocess.run(["mount", "-t", kind, "-o", options or "rw", kind, at], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", at], check=True)


# --- faults ---------------------------------------------------------------------------------------

class Faults:
    """Faults of a daemon under inject.so, armed while it runs."""
    LAYOUT = struct.Struct("32s6q")

    def __init__(self, directory):
        self.path = directory + "/control"
        write(self.path, self.LAYOUT.pack(b"", -1, 0, 0, 0, 0, 0))
        self.file = os.open(self.path, os.O_RDWR)

    def close(self):
        os.close(self.file)

    def read(self):
        return self.LAYOUT.unpack(os.pread(self.file, self.LAYOUT.size, 0))

    def arm(self, function, nth, error):
        """The nth call from now on fails, that once."""
        # The name last: until it stands there nothing counts.
        os.pwrite(self.file, bytes(32), 0)
        os.pwrite(self.file, struct.pack("4q", nth, getattr(errno, error), 0, 0), 32)
        os.pwrite(self.file, function.encode(), 0)

    @property
    def fired(self):
        return self.read()[3]

    @property
    def calls(self):
        return self.read()[4]

    def set_clock(self, seconds):
        """The wall clock is off by so much from now on."""
        os.pwrite(self.file, struct.pack("q", seconds), 64)

    def suspend(self, seconds):
        """The machine was suspended for so long."""
        os.pwrite(self.file, struct.pack("2q", seconds, seconds), 64)

    def environment(self):
        """A sanitizer's library must come before any other."""
        linked = subprocess.run(["ldd", DAEMON], capture_output=True, text=True, check=True).stdout
        first = re.findall(r"=> (\S*/lib[atu]b?san\.so\S*|\S*/lib[atu]\w*san\.so\S*)", linked)
        return {"INJECT_CONTROL": self.path,
                "LD_PRELOAD": " ".join([*first, BUILD + "/tests/daemon/inject.so"])}


# --- the daemon -----------------------------------------------------------------------------------

class Process:
    """A sockauditd that keeps all that is its in the folder; stderr goes into a file there."""
    options = ()
    prefix = ()  # what starts it

    def __init__(self, directory, *options, root=False, env=None, prefix=None, program=DAEMON,
                 stdout=subprocess.PIPE):
        self.directory = directory
        self.serves = self.awaited = False
        rules = ["--root", directory + "/root"] if root else ["--rules", directory + "/rules"]
        with open(directory + "/stderr", "wb") as stderr:
            self.process = subprocess.Popen(
                [*(self.prefix if prefix is None else prefix), program, *rules, "--state-dir", directory + "/state",
                 "--runtime-dir", directory + "/run", *self.options, *options],
                stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, text=True,
                env=dict(os.environ, **(env or {})))

    @property
    def pid(self):
        return self.process.pid

    def stderr(self):
        return read(self.directory + "/stderr")

    def is_alive(self):
        return self.process.poll() is None

    def send(self, number):
        self.process.send_signal(number)

    def wait(self):
        self.awaited = True
        return self.process.wait(PATIENCE)

    def stop(self, with_signal=signal.SIGTERM):
        self.send(with_signal)
        return self.wait()

    def end(self):
        """However it stands."""
        if self.is_alive():
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    @contextlib.contextmanager
    def ended_if_not(self):
        """What is done to begin it succeeds, or it is ended."""
        try:
            yield
        except BaseException:
            self.end()
            raise

    def ctl(self, *words, timeout=PATIENCE):
        done = subprocess.run([support.CTL, "--runtime-dir", self.directory + "/run", *words],
                              capture_output=True, text=True, errors="surrogateescape",
                              timeout=timeout, check=False)
        return done.returncode, done.stdout, done.stderr

    def serving(self):
        """Waits until it answers: it tells of its policy before it begins to serve."""
        with self.ended_if_not():
            until(lambda: (self.ctl("status"), self.stderr()),
                  lambda: self.ctl("status")[0] == 0 or not self.is_alive())
            assert self.is_alive(), (self.process.returncode, self.stderr())
        self.serves = True
        return self

    def good(self, *words):
        """What the client prints, with success."""
        if not self.serves:
            self.serving()
        status, out, err = self.ctl(*words)
        assert status == 0, (words, status, out, err)
        return out

    def status(self):
        return json.loads(self.good("status", "--json"))

    def listeners(self, *words):
        """By their ports; all, unless words of `list` say otherwise."""
        found = json.loads(self.good("list", "--json", *(words or ["--all"])))["listeners"]
        return {one["port"]: one for one in found}

    def knows(self, *ports):
        """Waits until all of them are listed."""
        until(lambda: (ports, self.listeners()), lambda: set(ports) <= set(self.listeners()))

    def memory(self):
        """Resident, in KiB."""
        with open(f"/proc/{self.pid}/status", encoding="utf-8") as file:
            return int(re.search(r"^VmRSS:\s*(\d+)", file.read(), re.M).group(1))

    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None and (self.is_alive() or not self.awaited):
                status = self.stop() if self.is_alive() else self.wait()
                assert status == 0, (status, self.stderr())
            if kind is None:
                assert "Sanitizer" not in self.stderr(), self.stderr()
        finally:
            self.end()


class Foreground(Process):
    """One with --json; what it tells comes line by line from a thread."""
    options = ("--foreground", "--json")

    def __init__(self, directory, *options, **how):
        loaded = how.pop("loaded", "policy-loaded")
        super().__init__(directory, *options, **how)
        self.lines = queue.Queue()
        self.passed, self.all = [], []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        if loaded:
            with self.ended_if_not():
                self.expect(event=loaded)

    def read(self):
        with contextlib.suppress(ValueError):  # closed under it
            for line in self.process.stdout:
                self.lines.put(line)
        self.lines.put(None)

    def next(self, patience=PATIENCE):
        """The next object; None: there will be no more."""
        line = self.lines.get(timeout=patience)
        if line is None:
            self.lines.put(None)
            return None
        try:
            self.all.append(json.loads(line))
        except ValueError as why:
            raise AssertionError(f"it told what is no JSON: {line!r}, {why}") from None
        return self.all[-1]

    def so_far(self):
        """All that it has told by now."""
        with contextlib.suppress(queue.Empty):
            while self.next(0):
                pass
        return self.all

    def expect(self, holds=None, **wanted):
        """The next object that has these values; others before it are kept in `passed`."""
        self.passed = []
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                told = self.next(max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(
                    f"was not told: {wanted}; was: {self.passed}; {self.stderr()}") from None
            assert told is not None, f"it ended: {wanted}; {self.passed}; {self.stderr()}"
            if all(told.get(key) == value for key, value in wanted.items()) and \
                    (holds is None or holds(told)):
                return told
            self.passed.append(told)

    def expect_said(self, words, **wanted):
        return self.expect(lambda told: words in told["message"], **wanted)

    def told_by(self, other_port):
        """All that was told until a listener on another port is: what comes later was not to be."""
        with listen("0.0.0.0", other_port):
            self.expect(event="flagged", port=other_port)
        return self.passed


class Readable(Process):
    """One that tells people, whose lines are kept in a file."""
    options = ("--foreground",)

    def __init__(self, directory, *options, **how):
        with open(directory + "/stdout", "wb") as stdout:
            super().__init__(directory, *options, stdout=stdout, **how)

    def told(self, text):
        """How many lines have that text in them."""
        return sum(text in line for line in read(self.directory + "/stdout").splitlines())

    def expect(self, text, times=1):
        until(lambda: f"not told {times} times: {text}", lambda: self.told(text) >= times)


@contextlib.contextmanager
def watching(daemon):
    """What `watch` says, as it comes."""
    events = []
    watch = subprocess.Popen([support.CTL, "--runtime-dir", daemon.directory + "/run", "watch",
                              "--json"], stdout=subprocess.PIPE, text=True)
    reader = threading.Thread(
        target=lambda: events.extend(json.loads(line) for line in watch.stdout))
    reader.start()
    try:
        yield events
    finally:
        watch.terminate()
        watch.wait(PATIENCE)
        reader.join()
        watch.stdout.close()


def with_foreground(rules=RULES, **how):
    """For a test_…(daemon): one that serves by these rules, and ends well after it."""
    def decorate(test):
        @functools.wraps(test)
        def run_with(directory):
            write_rules(directory, rules)
            with Foreground(directory, **how).serving() as daemon:
                test(daemon)
        return run_with
    return decorate


class Journal:
    """A stand-in for journald: takes what is sent, parses it, keeps it."""

    def __init__(self, path=JOURNAL):
        self.path = path
        self.entries = []
        self.thread = self.socket = None
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.exists(path):
            os.unlink(path)
        self.open()

    def open(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o666)
        self.thread = threading.Thread(target=self.read, args=(self.socket,), daemon=True)
        self.thread.start()

    def read(self, sock):
        while True:
            data, controls, _, _ = sock.recvmsg(1 << 20, 4096)
            for level, kind, content in controls:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fd = struct.unpack("i", content[:4])[0]
                    with open(fd, "rb") as file:
                        file.seek(0)
                        data = file.read()
            if data == b"END":
                return
            self.entries.append(parse_entry(data))

    def close(self):
        """It goes away, as journald does: its socket is there and nobody is behind it."""
        ender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        ender.sendto(b"END", self.path)
        ender.close()
        self.thread.join(PATIENCE)
        self.socket.close()

    def reopen(self):
        os.unlink(self.path)
        self.open()

    def events(self, event, **wanted):
        return [entry for entry in list(self.entries)
                if entry.get("SOCKAUDIT_EVENT") == event and
                all(entry.get("SOCKAUDIT_" + key) == str(value) for key, value in wanted.items())]

    def expect(self, event, **wanted):
        return until(lambda: f"not in the journal: {event} {wanted}: {self.entries[-20:]}",
                     lambda: self.events(event, **wanted))


def parse_entry(data):
    fields = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            size = struct.unpack("<Q", data[:8])[0]
            value, data = data[8:8 + size], data[9 + size:]
        fields[name.decode()] = value.decode("utf-8", "replace")
    return fields


# --- running --------------------------------------------------------------------------------------

def enter(file):
    """Into namespaces of its own: runs the file anew there."""
    # Begun in the background it is ignored, and so would the daemons, up to where they take it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    support.enter(file)
    if os.environ.get("IN_MOUNTS") != "yes":
        os.environ["IN_MOUNTS"] = "yes"
        os.execvp("unshare", ["unshare", "-m", "--propagation", "private", "sh", "-c",
                              "mount -t tmpfs -o mode=0755 run /run && exec \"$@\"", "sh",
                              sys.executable, os.path.abspath(file), *sys.argv[1:]])


def need_fuse():
    if not os.path.exists("/dev/fuse"):
        skip("there is no /dev/fuse")


def look_for_no_leaks():
    """LeakSanitizer stops every thread before it looks, and would wait for one that can't be woken."""
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"


def run(name, test):
    with tempfile.TemporaryDirectory(prefix="sockaudit-daemon-") as directory:
        os.chmod(directory, 0o755)
        write_rules(directory, RULES)
        try:
            test(directory)
        except unittest.SkipTest as why:
            print("skipped:", name, why, flush=True)
            return 77
        except Exception as error:  # pylint: disable=broad-exception-caught
            traceback.print_exc()
            for output in ("stdout", "stderr"):
                sys.stderr.write(read(f"{directory}/{output}")[-10000:])
            print("FAILED:", name, error, flush=True)
            return 1
        print("ok:", name, flush=True)
        return 0


def main(file, names):
    """Runs each test_…(directory); with arguments those whose names have one of them in it."""
    enter(file)
    tests = [(name, test) for name, test in names.items() if name.startswith("test_")
             and (len(sys.argv) < 2 or any(word in name for word in sys.argv[1:]))]
    results = {run(name, test) for name, test in tests}
    sys.exit(1 if 1 in results else 77 if results == {77} else 0)
