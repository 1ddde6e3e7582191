#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sockauditd under valgrind: no wrong access, and at its end no memory and no fd that is not freed.
It lives through the verbs of verbs.py, and through 200 listeners that come and go while one watches.
"""

import os
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
import support  # noqa: E402
from harness import BUILD, DAEMON, PATIENCE, Foreground, listen, until, write, write_rules

N = 200

WRAPPER = """#!/bin/sh
exec valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect \\
    --errors-for-leak-kinds=definite,indirect --track-fds=yes --child-silent-after-fork=yes \\
    --suppressions={directory}/suppressions --log-file={directory}/valgrind.%p {program} "$@"
"""
# libbpf asks the kernel for programs with structures that it has filled as far as they are read.
SUPPRESSIONS = "".join(f"""{{
   libbpf
   Memcheck:Param
   bpf(attr->{field})
   fun:syscall
   obj:*/libbpf.so*
   ...
}}
""" for field in ("expected_attach_type", "prog_ifindex"))


def is_sanitized():
    with open(BUILD + "/Makefile", encoding="utf-8") as makefile:
        return any(re.match("SANITIZE_CFLAGS = .*-fsanitize", line) for line in makefile)


def readable_program(directory):
    """The daemon, or without line numbers where valgrind can't read them (clang's, before 3.20)."""
    if harness.run_quietly("valgrind", "-q", DAEMON, "--version") == 0:
        return DAEMON
    stripped = directory + "/sockauditd.stripped"
    subprocess.run(["strip", "--strip-debug", "-o", stripped, DAEMON], check=True)
    return stripped


def make_build(directory):
    """A build directory whose daemon is the real one's, under valgrind."""
    for name in ("Makefile", "tests", "sockauditctl"):
        os.symlink(f"{BUILD}/{name}", f"{directory}/{name}")
    write(directory + "/suppressions", SUPPRESSIONS)
    write(directory + "/sockauditd",
          WRAPPER.format(directory=directory, program=readable_program(directory)))
    os.chmod(directory + "/sockauditd", 0o755)


def come_and_go(directory):
    rules = "allow scope loopback\nflag critical tcp port 4000-4999\n"
    write_rules(directory, rules)
    with Foreground(directory, program=directory + "/sockauditd").serving() as daemon:
        with subprocess.Popen([support.CTL, "--runtime-dir", directory + "/run", "watch", "--json"],
                              stdout=subprocess.DEVNULL) as watch:
            ports = range(4000, 4000 + N)
            sockets = [listen("0.0.0.0", port) for port in ports]
            daemon.knows(*ports)
            write_rules(directory, rules + "allow tcp port 70000\n")
            daemon.send(signal.SIGHUP)
            try:
                until("the rules on disk are others",
                      lambda: daemon.status()["policy"]["differs"])
                for sock in sockets:
                    sock.close()
                until("all are gone", lambda: not set(ports) & set(daemon.listeners()))
            finally:
                watch.terminate()


def check_logs(directory):
    """Only fds that the daemon was started with may be open at its end."""
    logs = [name for name in os.listdir(directory) if name.startswith("valgrind.")]
    assert len(logs) == 2, logs
    for name in logs:
        with open(f"{directory}/{name}", encoding="utf-8") as log:
            text = "".join(line for line in log if line.startswith("=="))
        text = re.sub(r"==\d+== ?", "", text)
        assert "blocks are" not in text and "Invalid" not in text, text
        left = re.findall(r"^Open .*descriptor (\d+):.*\n(.*)", text, re.MULTILINE)
        own = [fd for fd, what in left if "inherited" not in what and int(fd) > 2]
        assert not own, text


def test_nothing_is_left_behind(directory):
    if is_sanitized():
        print("a build with sanitizers has looked itself")
        return
    if not shutil.which("valgrind"):
        harness.skip("there is no valgrind")
    make_build(directory)
    come_and_go(directory)
    subprocess.run([harness.HERE + "/verbs.py"], env=dict(os.environ, BUILD=directory), check=True,
                   timeout=4 * PATIENCE)
    check_logs(directory)


if __name__ == "__main__":
    harness.main(__file__, globals())
