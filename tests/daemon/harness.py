# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the daemon as a whole share: namespaces, daemons, a journal's stand-in, faults.

A test file ends with `harness.main(__file__, globals())`, which runs its test_…() in network and mount
namespaces of their own, each with a folder. There /run is empty, and tracefs is mounted. Waits are
for things that happen, and none of them is a measurement.
"""

import contextlib
import errno
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

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/../cli")
sys.path.insert(0, HERE + "/../bus")
import support  # noqa: E402  # pylint: disable=wrong-import-position,unused-import

BUILD, NOBODY = support.BUILD, support.NOBODY
DAEMON = BUILD + "/sockauditd"
PATIENCE = 60  # seconds, on a machine with much else to do
# AddressSanitizer keeps what was freed for a while, and puts room around the rest.
MEMORY_SCALE = 1
with open(DAEMON, "rb") as program:
    if b"__asan_init" in program.read():
        MEMORY_SCALE = 4
        os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
JOURNAL = "/run/systemd/journal/socket"
TRACEFS = "/sys/kernel/tracing"

RULES = """allow scope loopback
flag critical tcp port 4000-4999
flag warning udp port 4000-4999
ignore udp
set udp-grace 500ms
set poll 200ms
"""


class Skipped(Exception):
    pass


def skip(why):
    """In CI a test that can't run fails."""
    if support.CI:
        raise AssertionError("cannot run: " + why)
    raise Skipped(why)


def until(what, holds, patience=PATIENCE):
    """Waits until `holds` returns something true, and returns that."""
    deadline = time.monotonic() + patience
    while not (result := holds()):
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(0.02)
    return result


def listen(address, port, backlog=16):
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, port))
    sock.listen(backlog)
    return sock


def write(path, text):
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())


def write_rules(directory, text):
    write(directory + "/rules", text)


def run_quietly(*words):
    return subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False).returncode


@contextlib.contextmanager
def mounted(kind, at, options=None):
    subprocess.run(["mount", "-t", kind, *(["-o", options] if options else []), kind, at], check=True)
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
    """A sockauditd that keeps its state in the folder; stderr goes into a file there."""
    options = ()
    env = {}

    def __init__(self, directory, *options, env=None, prefix=(), program=DAEMON,
                 stdout=subprocess.PIPE):
        self.directory = directory
        self.stderr_path = directory + "/stderr"
        self.prefix = prefix
        with open(self.stderr_path, "wb") as stderr:
            self.process = subprocess.Popen(
                [*prefix, program, *self.command(directory), *self.options, *options],
                stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, text=True,
                env=dict(os.environ, **(env or {})))

    def command(self, directory):
        return ["--rules", directory + "/rules", "--state-dir", directory + "/state",
                "--runtime-dir", directory + "/run"]

    @property
    def pid(self):
        return self.process.pid

    def stderr(self):
        with open(self.stderr_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def is_alive(self):
        return self.process.poll() is None

    def send(self, number):
        self.process.send_signal(number)

    def wait(self):
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

    def ctl(self, *words, timeout=PATIENCE):
        done = subprocess.run([support.CTL, "--runtime-dir", self.directory + "/run", *words],
                              capture_output=True, text=True, timeout=timeout, check=False)
        return done.returncode, done.stdout, done.stderr

    def status(self):
        """What it answers; it tells of its policy before it begins to serve."""
        answer = until(lambda: self.ctl("status"), lambda: self.ok(self.ctl("status", "--json")))
        return json.loads(answer)

    @staticmethod
    def ok(answer):
        return answer[1] if answer[0] == 0 else None

    def listeners(self):
        answer = until(lambda: self.ctl("list"), lambda: self.ok(self.ctl("list", "--all", "--json")))
        return {one["port"]: one for one in json.loads(answer)["listeners"]}

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
            if kind is None and self.is_alive():
                status = self.stop()
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
            self.expect(event=loaded)

    def read(self):
        with contextlib.suppress(ValueError):  # closed under it
            for line in self.process.stdout:
                self.lines.put(json.loads(line))
        self.lines.put(None)

    def next(self, patience=PATIENCE):
        """The next object; None: there will be no more."""
        told = self.lines.get(timeout=patience)
        if told is None:
            self.lines.put(None)
        else:
            self.all.append(told)
        return told

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
    if os.environ.get("IN_NAMESPACE") != "yes":
        script = HERE + "/../net/namespace.sh"
        os.execv(script, [script, sys.executable, os.path.abspath(file), *sys.argv[1:]])
    if os.environ.get("IN_MOUNTS") != "yes":
        os.environ["IN_MOUNTS"] = "yes"
        os.execvp("unshare", ["unshare", "-m", "--propagation", "private", "sh", "-c",
                              f"mount -t tracefs tracefs {TRACEFS} 2>/dev/null; "
                              "mount -t tmpfs -o mode=0755 run /run && exec \"$@\"", "sh",
                              sys.executable, os.path.abspath(file), *sys.argv[1:]])


def has_tracefs():
    return os.path.exists(TRACEFS + "/events/sock/inet_sock_set_state/format")


def run(name, test):
    with tempfile.TemporaryDirectory(prefix="sockaudit-daemon-") as directory:
        os.chmod(directory, 0o755)
        write_rules(directory, RULES)
        try:
            test(directory)
        except Skipped as why:
            print("skipped:", name, why, flush=True)
        except Exception as error:  # pylint: disable=broad-exception-caught
            import traceback
            traceback.print_exc()
            print("FAILED:", name, error, flush=True)
            return False
        else:
            print("ok:", name, flush=True)
        return True


def main(file, names):
    """Runs each test_…(directory); with arguments those whose names have one of them in it."""
    # Begun in the background it is ignored, and so would the daemons, up to where they take it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    enter(file)
    tests = [(name, test) for name, test in names.items() if name.startswith("test_")
             and (len(sys.argv) < 2 or any(word in name for word in sys.argv[1:]))]
    results = [run(name, test) for name, test in tests]
    sys.exit(0 if all(results) else 1)
