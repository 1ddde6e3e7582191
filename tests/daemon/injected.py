#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sockauditd where a system call or an allocation fails, each of them once: it says so and goes on, or
ends with a message at its start. It never crashes, and tells of a listener that is opened then.

SOCKAUDIT_FAULTS_STEP=1 lets each call fail; by default it is one in some, others in every run.
SOCKAUDIT_FAULT='open EMFILE 12' lets that call alone fail: each failure says which it was.
"""

import os
import queue
import random
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import Faults, Foreground, bind_udp, listen, read, until, write_rules

STEP = int(os.environ.get("SOCKAUDIT_FAULTS_STEP", "40"))

# Any user's listener is told at once here, however many there are.
RULES = """allow scope loopback
flag critical tcp port 10000-60000
flag warning udp port 10000-60000
ignore udp
set udp-grace 0s
set settle 10ms
set poll 200ms
set burst 10000
"""

FAULTS = [
    ("malloc", "ENOMEM"), ("recvmsg", "ENOBUFS"), ("recvmsg", "EINTR"), ("recvmsg", "ENOMEM"),
    ("recv", "ENOBUFS"), ("sendmsg", "ENOBUFS"), ("sendto", "ENOBUFS"), ("sendto", "EINTR"),
    ("open", "EMFILE"), ("open", "EINTR"), ("socket", "EMFILE"), ("read", "EIO"), ("read", "EINTR"),
    ("write", "ENOSPC"), ("fsync", "EIO"), ("renameat", "EIO"), ("fstat", "EIO"), ("mmap", "ENOMEM"),
    ("readlinkat", "ENOMEM"), ("fdopendir", "ENOMEM"), ("bind", "ENOMEM"), ("setsockopt", "ENOBUFS"),
    ("accept4", "EMFILE"), ("epoll_ctl", "ENOMEM"), ("epoll_wait", "EINTR"),
    ("epoll_create1", "EMFILE"), ("timerfd_create", "EMFILE"),
]

if ONLY := os.environ.get("SOCKAUDIT_FAULT", "").split():
    FAULTS = [tuple(ONLY[:2])]

ports = iter(range(10000, 60001))


def calls_to_fail(n_calls):
    """The numbers of those that shall fail: two at the least, of functions that are rarely called."""
    if ONLY:
        return [int(ONLY[2])]
    step = max(1, min(STEP, n_calls // 2))
    return range(random.randint(1, step), n_calls + 1, step)


def start(directory, faults):
    return Foreground(directory, env=faults.environment(), loaded=None)


def look_for_a_listener(daemon):
    port = next(ports)
    with listen("0.0.0.0", port):
        daemon.expect(event="flagged", port=port)
    return port


def begin_with(directory, fault, nth):
    """Returns whether it came to that call."""
    function, error = fault
    faults = Faults(directory)
    faults.arm(function, nth, error)
    if nth % 2:  # with a state to load, and without
        shutil.rmtree(directory + "/state", ignore_errors=True)
    daemon = start(directory, faults)
    try:
        while (told := daemon.next()) is not None and told["event"] not in (
                "policy-loaded", "policy-rejected"):
            pass
        # Up to here it may give up, in words; once it serves it goes on.
        until(lambda: (fault, nth, "it neither serves nor ends", daemon.stderr()),
              lambda: daemon.process.poll() is not None or
              (told and os.path.exists(directory + "/run/bus")) or faults.fired)
        served = False
        if daemon.process.poll() is None:
            try:
                # Its first look may tell of this listener, and the next call fail.
                look_for_a_listener(daemon)
                served = daemon.ctl("status", "--json")[0] == 0
            except AssertionError as why:
                until(lambda: (fault, nth, why), lambda: not daemon.is_alive())
        status = daemon.stop() if daemon.is_alive() else daemon.wait()
        if served or status != 1:
            assert status == 0, (fault, nth, status, daemon.stderr())
        else:
            assert faults.fired, (fault, nth, "it ended by itself", daemon.stderr())
            assert "sockauditd: " in daemon.stderr(), (fault, nth, daemon.stderr())
        assert "Sanitizer" not in daemon.stderr(), daemon.stderr()
        return faults.fired
    finally:
        daemon.end()
        faults.close()


def test_one_call_fails_at_the_start(directory):
    write_rules(directory, RULES)
    n_faults, failures = 0, []
    for fault in FAULTS:
        # How many calls there are in a start shows by one in which none fails.
        faults = Faults(directory)
        faults.arm(fault[0], -1, fault[1])
        shutil.rmtree(directory + "/state", ignore_errors=True)
        daemon = start(directory, faults)
        with daemon:
            daemon.expect(event="policy-loaded")
            look_for_a_listener(daemon)
            n_calls = faults.calls
        faults.close()
        for nth in calls_to_fail(n_calls):
            try:
                n_faults += begin_with(directory, fault, nth)
            except (AssertionError, queue.Empty, subprocess.TimeoutExpired) as why:
                failures.append(f"{' '.join(fault)} {nth}: {why!r} {read(directory + '/stderr')}")
        print("  ", *fault, n_calls, "calls", flush=True)
    print("  ", n_faults, "faults at the start", flush=True)
    assert not failures, "\n".join(failures)


def a_day(daemon):
    """What a daemon does: listeners come and go, it is asked, its rules are loaded again."""
    look_for_a_listener(daemon)
    port = next(ports)
    with bind_udp(port):
        daemon.expect(event="flagged", port=port)
    daemon.ctl("list")
    daemon.send(signal.SIGHUP)
    daemon.expect(lambda told: told["event"] in ("policy-loaded", "policy-rejected"))


def test_one_call_fails_later(directory):
    write_rules(directory, RULES)
    faults = Faults(directory)
    n_faults = 0
    with start(directory, faults) as daemon:
        daemon.expect(event="policy-loaded")
        look_for_a_listener(daemon)
        for function, error in FAULTS:
            faults.arm(function, -1, error)
            a_day(daemon)
            n_calls = faults.calls
            for nth in calls_to_fail(n_calls):
                faults.arm(function, nth, error)
                try:
                    a_day(daemon)
                except (AssertionError, subprocess.TimeoutExpired) as why:
                    raise AssertionError(f"{function} {error} {nth}: {why!r}") from None
                n_faults += faults.fired
            faults.arm("", -1, error)
            assert daemon.status()["sources"], function
            print("  ", function, error, n_calls, "calls", flush=True)
        print("  ", n_faults, "faults", flush=True)
    faults.close()


if __name__ == "__main__":
    harness.main(__file__, globals())
