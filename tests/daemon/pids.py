#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A pid that is another program's by the time it is looked at: nobody is named for what another did."""

import contextlib
import ctypes
import os
import signal
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import NOBODY, POLLING, Foreground, listen, until

LIBC = ctypes.PyDLL(None, use_errno=True)
SYS_CLONE3 = 435


def fork_as(pid):
    """fork(2) with that pid (clone3(2), set_tid)."""
    tid = ctypes.c_int(pid)
    arguments = struct.pack("11Q", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, ctypes.addressof(tid), 1, 0)
    result = LIBC.syscall(SYS_CLONE3, arguments, len(arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), "clone3")
    return result


@contextlib.contextmanager
def stopped(daemon):
    """What happens within is seen afterwards alone."""
    daemon.status()
    daemon.send(signal.SIGSTOP)
    with open(f"/proc/{daemon.pid}/status", encoding="utf-8") as status:
        until("it is stopped", lambda: status.seek(0) == 0 and "T (stopped)" in status.read())
    yield
    daemon.send(signal.SIGCONT)


@contextlib.contextmanager
def innocent(pid):
    """A process of root's that gets that pid, and has begun since."""
    def born(of):
        with open(f"/proc/{of}/stat", encoding="utf-8") as stat:
            return int(stat.read().rpartition(")")[2].split()[19])

    while True:
        child = fork_as(pid)
        if child == 0:
            try:
                os.execv("/bin/sleep", ["innocent", "600"])
            finally:
                os._exit(1)
        if born(child) > innocent.after:
            break
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    # Before it is another program it has what this one holds.
    until("it runs", lambda: os.readlink(f"/proc/{child}/exe") == os.path.realpath("/bin/sleep"))
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def act(work):
    """A process of nobody's that does that and ends; returns the pid that it had, and its end."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setuid(NOBODY)
            work()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    innocent.after = int(os.sysconf("SC_CLK_TCK") * harness.time.clock_gettime(
        harness.time.CLOCK_BOOTTIME)) + 1
    return pid


def check_caller(told, pid):
    """The process that called listen() is named, not the one that has its pid now."""
    assert told["pid"] == pid and told["uid"] == NOBODY, told
    assert told["exe"] == os.path.realpath(sys.executable), told
    assert os.path.basename(__file__) in told["cmdline"], told


def test_one_that_came_and_went(directory):
    with contextlib.ExitStack() as stack, Foreground(directory) as daemon:
        with stopped(daemon):
            pid = act(lambda: listen("0.0.0.0", 4001).close())
            stack.enter_context(innocent(pid))
        told = [*daemon.told_by(4002), *daemon.told_by(4003)]
        check_caller(next(one for one in told if one.get("port") == 4001), pid)


def pass_on(daemon):
    """A process listens, passes the socket to this one, and ends. Returns its pid and what was told."""
    passed, kept = socket.socketpair()

    def listen_and_pass():
        with listen("0.0.0.0", 4001) as sock:
            socket.send_fds(passed, [b"x"], [sock.fileno()])

    with contextlib.ExitStack() as stack, passed, kept:
        with stopped(daemon):
            pid = act(listen_and_pass)
            fd, = socket.recv_fds(kept, 1, 1)[1]
            os.set_inheritable(fd, False)
            stack.enter_context(innocent(pid))
        told = daemon.expect(event="flagged", port=4001)
        os.close(fd)
        return pid, told


def test_one_whose_caller_went(directory):
    with Foreground(directory) as daemon:
        pid, told = pass_on(daemon)
        check_caller(told, pid)


def test_by_polling_the_holder_is_named(directory):
    with Foreground(directory, prefix=POLLING) as daemon:
        _, told = pass_on(daemon)
        assert told["pid"] == os.getpid() and told["uid"] == NOBODY, told


if __name__ == "__main__":
    harness.main(__file__, globals())
