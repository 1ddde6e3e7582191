#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sockauditd and its journal: one that goes away and returns, and kills at any moment.

SOCKAUDIT_KILLS: so many times it is killed (default 25); SOCKAUDIT_SEED: the moments are those again.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import PATIENCE, RULES, Journal, Process, listen, read, until, write, write_rules

KEPT_MAX = 512  # src/report/journal.h
KILLS = int(os.environ.get("SOCKAUDIT_KILLS", "25"))


def kept(daemon):
    return daemon.status()["counts"]["alerts_kept"]


def ports_of(entries):
    return [int(entry["SOCKAUDIT_PORT"]) for entry in entries]


# --- journald is away -------------------------------------------------------------------------

def test_what_is_kept_is_sent_in_order(directory):
    write_rules(directory, "set burst 1000\n" + RULES)
    journal = Journal()
    with Process(directory) as daemon:
        journal.expect("policy-loaded")
        with listen("0.0.0.0", 4001):
            journal.expect("flagged", PORT=4001)
            journal.close()
            held = []
            for port in range(4100, 4150):
                held.append(listen("0.0.0.0", port))
                until("it is kept", lambda: kept(daemon) == len(held))
            journal.reopen()
            until("all are sent", lambda: len(journal.events("flagged")) == 51)
            assert ports_of(journal.events("flagged")) == [4001, *range(4100, 4150)], journal.entries
            # Who has that pid by now may be another.
            first, *late = journal.events("flagged")
            assert "OBJECT_PID" in first and not any("OBJECT_PID" in one for one in late), late[0]
            assert all(one.get("OBJECT_SYSTEMD_UNIT") == one.get("SOCKAUDIT_UNIT") for one in late)
            until("none is kept", lambda: kept(daemon) == 0)
            held.append(listen("0.0.0.0", 4200))
            journal.expect("flagged", PORT=4200)
            assert len(journal.events("flagged")) == 52
            for sock in held:
                sock.close()
    journal.close()
    os.unlink(journal.path)


def test_what_is_kept_is_bounded(directory):
    write_rules(directory, "set burst 10000\n" + RULES)
    journal = Journal()
    with Process(directory) as daemon:
        journal.expect("policy-loaded")
        journal.close()
        os.unlink(journal.path)
        before = daemon.memory()
        held = [listen("0.0.0.0", port) for port in range(4000, 4700)]
        until("all are flagged", lambda: daemon.status()["counts"]["told"] == 700)
        assert kept(daemon) == KEPT_MAX, daemon.status()
        assert daemon.memory() - before < harness.MEMORY_SCALE * 24 * 1024, daemon.memory()
        journal.open()
        until("all are sent", lambda: len(journal.events("flagged")) == KEPT_MAX)
        # In which order so many at once are found is the kernel's; each is there once.
        assert len(set(ports_of(journal.events("flagged")))) == KEPT_MAX
        lost = [entry["SOCKAUDIT_DROPPED"] for entry in journal.entries if "SOCKAUDIT_DROPPED" in entry]
        assert lost == ["188"], lost
        for sock in held:
            sock.close()
    journal.close()
    os.unlink(journal.path)


def test_what_is_kept_outlasts_the_daemon(directory):
    """Killed or stopped while journald is away: what it had not sent is told by the next one."""
    for how in (signal.SIGKILL, signal.SIGTERM):
        shutil.rmtree(directory + "/state", ignore_errors=True)
        journal = Journal()
        with listen("0.0.0.0", 4001):
            with Process(directory) as daemon:
                journal.expect("flagged", PORT=4001)
                journal.close()
                with listen("0.0.0.0", 4002):
                    until("it is kept", lambda: kept(daemon) == 1)
                    # Saved whole meanwhile, as one that is not told yet.
                    until("it is saved", lambda: " telling " in read(directory + "/state/state"))
                    daemon.stop(how)
                    journal.reopen()
                    with Process(directory) as after:
                        journal.expect("flagged", PORT=4002)
                        after.serving()
        assert ports_of(journal.events("flagged")).count(4002) == 1, journal.entries
        # There is no journal to be asked in this test, only one that is sent to. But of the first
        # it was noted that it was sent.
        assert ports_of(journal.events("flagged")).count(4001) == 1, journal.entries
        journal.close()
        os.unlink(journal.path)


# --- kills --------------------------------------------------------------------------------------

class Journald:
    """A real one, that keeps what it is sent below /run."""
    program = "/lib/systemd/systemd-journald"

    def __init__(self):
        if not os.path.exists(self.program):
            harness.skip("there is no " + self.program)
        os.makedirs("/run/systemd/journal", exist_ok=True)
        os.makedirs("/etc/systemd", exist_ok=True)
        for path in ("/var/log/journal", "/run/log/journal"):
            os.makedirs(path, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "journal", "/etc/systemd"], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "journal", "/var/log/journal"], check=True)
        write("/etc/systemd/journald.conf", "[Journal]\nStorage=volatile\nRateLimitBurst=0\n"
              "ReadKMsg=no\nAudit=no\nForwardToSyslog=no\nForwardToWall=no\nForwardToConsole=no\n")
        self.log = open("/run/journald.log", "wb")
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen([self.program], stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log)
        until("journald listens", lambda: os.path.exists(harness.JOURNAL))

    def entries(self):
        done = subprocess.run(["journalctl", "-o", "json", "--no-pager", "-q",
                               "SYSLOG_IDENTIFIER=sockauditd"], capture_output=True, check=False,
                              timeout=PATIENCE)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.log.close()


class Churn:
    """Listeners that come and stay, and others that come and go."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.standing = {}
        self.stopped = threading.Event()
        self.next = 10000
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stopped.is_set():
            self.next += 1
            sock = listen("0.0.0.0", self.next)
            if self.random.random() < 0.7:
                self.standing[self.next] = sock
            else:
                time.sleep(self.random.random() * 0.003)
                sock.close()
            time.sleep(self.random.random() * 0.01)

    def stop(self):
        self.stopped.set()
        self.thread.join()

    def close(self):
        for sock in self.standing.values():
            sock.close()


def test_killed_at_any_moment(directory):
    """State always loads; each listener that stands has exactly one alert over all the lives."""
    seed = int(os.environ.get("SOCKAUDIT_SEED", str(time.time_ns())))
    moments = random.Random(seed)
    write_rules(directory, "set burst 10000\n" + RULES.replace("4000-4999", "10000-60000"))
    journald = Journald()
    churn = Churn(seed)
    try:
        for _ in range(KILLS):
            with Process(directory) as daemon:
                # Most of them while it begins or has just begun, where the most is under way.
                time.sleep(moments.choice((0.02, 0.1, 0.3, 1)) * moments.random())
                daemon.stop(signal.SIGKILL)
        churn.stop()
        with Process(directory) as daemon:
            daemon.knows(*churn.standing)
            until(lambda: missing(journald, churn), lambda: not missing(journald, churn))
            daemon.stop()
        entries = journald.entries()
    finally:
        churn.stop()
        journald.stop()
        churn.close()
    told = ports_of(entry for entry in entries if entry.get("SOCKAUDIT_EVENT") == "flagged")
    twice = sorted(port for port in churn.standing if told.count(port) != 1)
    assert not twice, (seed, [(port, told.count(port)) for port in twice])
    aside = [entry["MESSAGE"] for entry in entries if "source-degraded" == entry.get("SOCKAUDIT_EVENT")
             and "TCP events" not in entry["MESSAGE"]]
    assert not aside, (seed, aside)
    print(f"   {KILLS} kills, {len(churn.standing)} listeners, {len(entries)} entries, seed {seed}")


def missing(journald, churn):
    told = set(ports_of(entry for entry in journald.entries()
                        if entry.get("SOCKAUDIT_EVENT") == "flagged"))
    return [port for port in churn.standing if port not in told]


if __name__ == "__main__":
    harness.main(__file__, globals())
