#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Run the tests named in /test/list on this kernel, one after the other. Write TAP.

A program writes TAP, with Criterion or by itself. A script writes `ok: NAME`, `skipped: NAME` or
`FAILED: NAME` for each of its tests (tests/daemon/harness.py), or has only its exit status.
"""

import os
import re
import subprocess
import sys
import time

BUILD = "/test/build"
TIME_LIMIT = 300  # seconds for one program, on a busy machine
SUPPORTED = (5, 15)
# What must hold on an older kernel as well: listeners are found, and what is missing has a reason.
ON_UNSUPPORTED = {"tests/net/facts", "tests/kernels/events.py"}
# In emulation a pair of dumps overlaps with more changes: 1 of 200 missed a port on 6.1.192.
# There, the programs that the tests of identity copy are busybox, which depends on its name.
LEFT_OUT = {"tests/net/facts": "!(facts/fact_03_two_dumps*)", "tests/unit/test-owner": "facts/*"}
STATES = {"ok": "ok", "skipped": "skip", "FAILED": "not ok"}

count = 0


def report(state, name, output):
    """`state` is "ok", "not ok" or "skip"."""
    global count
    count += 1
    print(f"ok {count} - {name} # SKIP" if state == "skip" else f"{state} {count} - {name}")
    if state == "not ok":
        for line in output.splitlines()[-40:]:
            print("#", line[:500])


def run(*command, **environment):
    """Return the exit status, which is None after the time limit, and the combined output."""
    try:
        done = subprocess.run(command, cwd=BUILD, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=TIME_LIMIT, check=False, env=dict(
                                  os.environ, BUILD=BUILD, top_builddir=BUILD, srcdir="/test", **environment))
    except subprocess.TimeoutExpired as why:
        return None, (why.stdout or b"").decode("utf-8", "replace") + f"\nno end within {TIME_LIMIT} s"
    return done.returncode, done.stdout.decode("utf-8", "replace")


def run_program(test, **environment):
    tap = "/tmp/tap"
    with open(tap, "w", encoding="utf-8"):
        pass
    status, output = run(f"{BUILD}/{test}", f"--tap={tap}", f"--filter={LEFT_OUT.get(test, '*')}", **environment)
    with open(tap, encoding="utf-8") as file:
        written = file.read() or output
    found = re.findall(r"^(ok|not ok) (?:\d+ )?- (.*?) *(?:\([\d.]+s\))?(# SKIP)?$", written, re.M)
    # Criterion reports the tests that the filter leaves out as skipped, with these words.
    return status, output, [("skip" if skipped else state, name) for state, name, skipped in found
                            if not name.endswith("# SKIP test was skipped")]


def run_script(test, **environment):
    status, output = run(sys.executable, f"/test/{test}", **environment)
    found = re.findall(r"^(ok|skipped|FAILED): (test_\w+)", output, re.M)
    if not found and status in (0, 77):
        return 0, output, [("ok" if status == 0 else "skip", test)]
    return status, output, [(STATES[state], f"{test}: {name}") for state, name in found]


def main():
    release = os.uname().release
    supported = tuple(map(int, release.split(".")[:2])) >= SUPPORTED
    with open("/test/list", encoding="utf-8") as file:
        tests = [test for test in file.read().split() if supported or test in ON_UNSUPPORTED]
    for test in tests:
        begun = time.monotonic()
        # With $CI a test that cannot run has failed.
        status, output, found = (run_script if test.endswith(".py") else run_program)(
            test, **{"CI": "true"} if supported else {})
        for state, name in found:
            report(state, name, output)
        if not found or status not in (0, 77) and all(state != "not ok" for state, _ in found):
            report("not ok", f"{test} ends with success, not {status}", output)
        print(f"# {test}: {time.monotonic() - begun:.1f} s", flush=True)
    print("# done", flush=True)


main()
