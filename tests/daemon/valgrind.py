#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sockauditd under valgrind: no wrong access, and at its end no memory and no fd that is not freed.
It lives through the verbs of verbs.py, and through 200 listeners that come and go while one watches.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(os.environ.get("BUILD", "."))
HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 120  # seconds; valgrind is slow
N = 200

WRAPPER = """#!/bin/sh
exec valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect \\
    --errors-for-leak-kinds=definite,indirect --track-fds=yes --child-silent-after-fork=yes \\
    --log-file={directory}/valgrind.%p {program} "$@"
"""


def until(what, holds):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def is_sanitized():
    with open(BUILD + "/Makefile", encoding="utf-8") as makefile:
        return any(re.match("SANITIZE_CFLAGS = .*-fsanitize", line) for line in makefile)


def readable_program(directory):
    """The daemon, or without line numbers where valgrind can't read them (clang's, before 3.20)."""
    program = BUILD + "/sockauditd"
    if subprocess.run(["valgrind", "-q", program, "--version"], capture_output=True).returncode == 0:
        return os.path.abspath(program)
    stripped = directory + "/sockauditd.stripped"
    subprocess.run(["strip", "--strip-debug", "-o", stripped, program], check=True)
    return stripped


def make_build(directory):
    """A build directory whose daemon is the real one's, under valgrind."""
    for name in ("Makefile", "tests", "sockauditctl"):
        os.symlink(f"{BUILD}/{name}", f"{directory}/{name}")
    with open(directory + "/sockauditd", "w", encoding="utf-8") as wrapper:
        wrapper.write(WRAPPER.format(directory=directory, program=readable_program(directory)))
    os.chmod(directory + "/sockauditd", 0o755)


def come_and_go(directory):
    rules = directory + "/rules"
    with open(rules, "w", encoding="utf-8") as file:
        file.write("allow scope loopback\nflag critical tcp port 4000-4999\n")
    runtime = ["--runtime-dir", directory + "/run"]

    def ctl(*words):
        return subprocess.run([BUILD + "/sockauditctl", *runtime, *words], capture_output=True,
                              text=True, timeout=PATIENCE)

    def known():
        return {one["port"] for one in json.loads(ctl("list", "--all", "--json").stdout)["listeners"]}

    daemon = subprocess.Popen([directory + "/sockauditd", "--foreground", "--json", "--rules", rules,
                               "--state-dir", directory + "/state", *runtime],
                              stdout=subprocess.DEVNULL)
    watch = None
    try:
        until("the daemon answers", lambda: ctl("status").returncode == 0)
        watch = subprocess.Popen([BUILD + "/sockauditctl", *runtime, "watch", "--json"],
                                 stdout=subprocess.DEVNULL)
        ports = set(range(4000, 4000 + N))
        sockets = [socket.create_server(("0.0.0.0", port)) for port in sorted(ports)]
        until("all are known", lambda: ports <= known())
        with open(rules, "a", encoding="utf-8") as file:
            file.write("allow tcp port 70000\n")
        daemon.send_signal(signal.SIGHUP)
        until("the rules on disk are others", lambda: "changed" in ctl("status").stdout)
        for sock in sockets:
            sock.close()
        until("all are gone", lambda: not ports & known())
    finally:
        if watch:
            watch.terminate()
            watch.wait(PATIENCE)
        daemon.terminate()
        status = daemon.wait(PATIENCE)
    assert status == 0, status


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


def main():
    if os.environ.get("IN_NAMESPACE") != "yes":
        os.execv(HERE + "/../net/namespace.sh", ["namespace.sh", os.path.abspath(__file__)])
    if is_sanitized():
        print("a build with sanitizers has looked itself")
        return
    if not shutil.which("valgrind"):
        print("there is no valgrind", file=sys.stderr)
        sys.exit(1 if os.environ.get("CI") else 77)
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        make_build(directory)
        come_and_go(directory)
        subprocess.run([HERE + "/verbs.py"], env=dict(os.environ, BUILD=directory), check=True,
                       timeout=4 * PATIENCE)
        check_logs(directory)
    print("ok: nothing is left behind")


if __name__ == "__main__":
    main()
