#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Names that a process chose, all the way out: the journal's own protocol, JSON lines, the bus, the
client's table. They are told, and forge no field, no line and nothing on a terminal."""

import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import HOLDER, Foreground, Journal, Process, write_rules

NAMES = [b"plain", b"a\nINJECTED=yes\nMESSAGE=all is well", b"\nINJECTED\n\x03\0\0".rstrip(b"\0"),
         b"\033[2J\033]0;x\007", b"\xff\xfe\x80", b"\xe2\x80\xaeevil", b"\"},{\"event\":\"resolved\"",
         b"\xc2\x9b31m\x7f", b"a) R 1 (b\t\r", b"x=1\\n"]


def make_cgroup(port, name):
    """A unit of that name, as far as the kernel takes it; None where there are no cgroups of v2."""
    for place in (b"/sys/fs/cgroup", b"/sys/fs/cgroup/unified"):
        if os.path.exists(place + b"/cgroup.procs"):
            path = place + b"/sockaudit-%d" % port + name[:200].replace(b"\n", b"") + b".service"
            os.mkdir(path)
            return path
    return None


class Named:
    """A process that listens and has that name wherever a process can have one."""

    def __init__(self, directory, port, name):
        self.cgroup = make_cgroup(port, name)
        # Not more than a file's name may have.
        folder = os.fsencode(directory) + b"/%d" % port + name[:200]
        os.mkdir(folder)
        exe = folder + b"/x" + name[:200]
        shutil.copy(HOLDER, exe)
        self.process = subprocess.Popen(
            [exe, "0.0.0.0", str(port), "name", name, name * (100000 // len(name))],
            cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=self.enter)
        assert b"listens" in self.process.stdout.readline()
        self.pid = self.process.pid

    def enter(self):
        if self.cgroup:
            with open(self.cgroup + b"/cgroup.procs", "wb", 0) as file:
                file.write(b"0")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(harness.PATIENCE)
        if self.cgroup:
            harness.until("its cgroup is empty", self.is_left)
            os.rmdir(self.cgroup)

    def is_left(self):
        with open(self.cgroup + b"/cgroup.procs", "rb") as file:
            return not file.read()


def check_printable(text):
    assert all(c.isprintable() for c in text.replace("\n", "")), text


# What is told where the machine had the time for it: it is waited for half a second at most.
LATE = {"SOCKAUDIT_USER", "SOCKAUDIT_CMDLINE", "user", "cmdline"}


def check_fields(told, plain):
    assert set(told) - LATE == set(plain) - LATE, (set(told) ^ set(plain), told)


def check_entry(entry, plain, pid):
    # What no unit can be called is none.
    unit = entry.get("SOCKAUDIT_UNIT", "x.service")
    assert re.fullmatch(r"[\w:.\\@-]+\.service", unit, re.A), unit
    entry, plain = ({k: v for k, v in one.items() if k != "SOCKAUDIT_UNIT"} for one in (entry, plain))
    # No field that others have not, and what is the daemon's to say is as with any other name.
    check_fields(entry, plain)
    assert entry["SOCKAUDIT_PID"] == str(pid), entry
    for field in ("PRIORITY", "MESSAGE_ID", "SOCKAUDIT_EVENT", "SOCKAUDIT_RULE"):
        assert entry.get(field) == plain.get(field), (field, entry)
    check_printable(entry["MESSAGE"])
    assert len(entry["MESSAGE"]) < 16384, len(entry["MESSAGE"])


def check_line(told, plain, pid):
    told, plain = ({k: v for k, v in one.items() if k != "unit"} for one in (told, plain))
    check_fields(told, plain)
    assert told["event"] == "flagged" and told["pid"] == pid, told
    check_printable(told["message"])


def check_client(daemon, port, pid):
    listener = daemon.listeners()[port]
    assert listener["verdict"] == "flag" and listener["owners"][0]["pid"] == pid, listener
    columns = "state,endpoint,process,exe,cmdline,cwd,unit,cgroup,note,advice"
    for words in (["list"], ["list", "-o", columns], ["show", str(port)], ["status"]):
        status, out, err = daemon.ctl(*words)
        assert status == 0, (words, err)
        check_printable(out + err)


def test_names(directory):
    journal, second = Journal(), directory + "/second"
    os.mkdir(second)
    write_rules(second, harness.RULES)
    with Process(directory) as daemon, Foreground(second) as lines:
        daemon.status()
        plain = None
        for i, name in enumerate(NAMES):
            port = 4000 + i
            with Named(directory, port, name) as named:
                entry = journal.expect("flagged", PORT=port)[0]
                told = lines.expect(event="flagged", port=port)
                plain = plain or (entry, told)
                check_entry(entry, plain[0], named.pid)
                check_line(told, plain[1], named.pid)
                assert name != b"plain" or ("SOCKAUDIT_UNIT" in entry) == bool(named.cgroup), entry
                daemon.knows(port)
                check_client(daemon, port, named.pid)
    journal.close()
    os.unlink(journal.path)


if __name__ == "__main__":
    harness.main(__file__, globals())
