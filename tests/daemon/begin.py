#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How sockauditd may be begun: without standard files, in an odd environment, with descriptors that
it was promised and did not get, where its directory is gone. And a client that can't write."""

import os
import stat
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
import support  # noqa: E402
from harness import PATIENCE, Foreground, Process, listen, until


class Begun(Process):
    """By a shell, that says something first."""
    options = ("--foreground",)

    def __init__(self, directory, command, **how):
        super().__init__(directory, prefix=("sh", "-c", command, "sh"), **how)


def test_closed_standard_files_are_filled(directory):
    for closed, numbers in (("<&-", [0]), (">&-", [1]), ("2>&-", [2]), ("<&- >&- 2>&-", [0, 1, 2])):
        with Begun(directory, f'exec "$@" {closed}') as daemon:
            daemon.status()
            for number in numbers:
                assert os.readlink(f"/proc/{daemon.pid}/fd/{number}") == "/dev/null", (closed, number)


def test_an_odd_environment_is_no_reason_not_to_run(directory):
    odd = ["NOTIFY_SOCKET=garbage", "NOTIFY_SOCKET=@", "NOTIFY_SOCKET=/" + "a" * 200,
           "LISTEN_FDS=garbage", "LISTEN_FDS=3", "LISTEN_FDS=3 LISTEN_PID=1",
           "WATCHDOG_USEC=garbage", "WATCHDOG_USEC=0", "WATCHDOG_USEC=" + "9" * 30,
           "WATCHDOG_USEC=3000000 WATCHDOG_PID=garbage",
           "LC_ALL=garbage TZ=:/nowhere COLUMNS=-1 TERM=garbage"]
    for one in odd:
        with Begun(directory, f'exec env {one} "$@"') as daemon:
            daemon.status()
            assert ("WATCHDOG" in daemon.stderr()) == ("WATCHDOG" in one), (one, daemon.stderr())


def test_descriptors_that_were_not_passed_are_missed(directory):
    for n, names in (("1", "diag"), ("2", "diag:route"), ("2", "x"), ("5", "a:b:c:d:e"),
                     ("5000000", "x"), ("-1", "x"), ("garbage", "x"), ("3", "a" * 100000)):
        command = f'LISTEN_PID=$$ LISTEN_FDS={n} LISTEN_FDNAMES={names} exec "$@"'
        with Begun(directory, "export " + command.replace(" exec", "; exec")) as daemon:
            status = daemon.wait()
            assert status == 1 and "fd store" in daemon.stderr(), (n, status, daemon.stderr())


def test_nothing_is_left_open_to_others(directory):
    """Where the umask hides nothing, and the working directory is gone."""
    command = f'umask 0; mkdir {directory}/gone; cd {directory}/gone; rmdir ../gone; exec "$@"'
    with Begun(directory, command) as daemon:
        daemon.status()
        for folder, _, files in os.walk(directory):
            for path in [folder, *(folder + "/" + name for name in files)]:
                mode = os.stat(path).st_mode
                if not stat.S_ISSOCK(mode):
                    assert mode & 0o022 == 0, (path, oct(mode))
        assert os.stat(directory + "/state").st_mode & 0o077 == 0


def test_help_that_cannot_be_written_is_told(_directory):
    for option in ("--help", "--version"):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([harness.DAEMON, option], stdout=full, stderr=subprocess.PIPE,
                                  text=True, check=False)
        assert done.returncode == 1 and "No space left" in done.stderr, done


def test_a_watcher_that_cannot_write_says_so(directory):
    with Foreground(directory) as daemon:
        daemon.status()
        for words in ([], ["--json"]):
            with open("/dev/full", "wb") as full:
                watch = subprocess.Popen(
                    [support.CTL, "watch", "--runtime-dir", directory + "/run", *words],
                    stdout=full, stderr=subprocess.PIPE, text=True)
            port = 4100 + len(words)

            def has_ended(watch=watch, port=port):
                # Again until it listens itself.
                listen("0.0.0.0", port).close()
                return watch.poll() is not None
            until("the watcher ends", has_ended)
            assert watch.wait(PATIENCE) == 1, watch.returncode
            assert "No space left" in watch.stderr.read()
            watch.stderr.close()


if __name__ == "__main__":
    harness.main(__file__, globals())
