# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the client share. A test file ends with `support.main(__file__)`, which runs it
in a network namespace of its own (tests/net/namespace.sh), where nothing listens but what it made.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

BUILD = os.path.abspath(os.environ.get("BUILD", "."))
HERE = os.path.dirname(os.path.abspath(__file__))
CTL = BUILD + "/sockauditctl"
NOBODY = 65534
PATIENCE = 180  # seconds, on a machine with much else to do
CI = bool(os.environ.get("CI"))


def directory(name):
    """A directory of this build (`prefix`, `sysconfdir`), as `make install` takes it."""
    values = {}
    with open(BUILD + "/Makefile", encoding="utf-8") as file:
        for line in file:
            key, equals, value = line.partition(" = ")
            if equals and key in ("prefix", name):
                values[key] = value.strip()
    return values[name].replace("${prefix}", values["prefix"])


def sysconfdir():
    """Where this build looks for the administrator's files."""
    return directory("sysconfdir")


def install_data(root):
    """What is no program, below that root, as `make install` puts it into place."""
    # Not the outer make's: its jobs are not ours to take.
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    subprocess.run(["make", "-s", "-C", BUILD, "install-data", "DESTDIR=" + root], check=True,
                   env=env, stdout=subprocess.DEVNULL)


def no_duplicates(pairs):
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError(f"a key twice in {keys}")
    return dict(pairs)


def no_constant(name):
    raise ValueError(f"{name} is no JSON")


def strict_json(data):
    """Parses bytes as RFC 8259 wants them: UTF-8, no duplicate keys, no NaN."""
    return json.loads(data.decode("utf-8", "strict"), object_pairs_hook=no_duplicates,
                      parse_constant=no_constant)


def skip(why):
    """In CI a test that can't run fails."""
    if CI:
        raise AssertionError("cannot run: " + why)
    raise unittest.SkipTest(why)


def until(what, holds, patience=PATIENCE):
    """Waits until `holds` returns something true, and returns that."""
    deadline = time.monotonic() + patience
    while not (result := holds()):
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(0.02)
    return result


def as_user(uid, *more, groups=None):
    """The words before a command that let that user run it."""
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}",
            f"--groups={groups}" if groups else "--clear-groups", *more]


class Case(unittest.TestCase):
    """With a folder of its own, readable to everyone, and a policy in it."""

    maxDiff = None
    rules = "set default flag warning\n"

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="sockaudit-cli-")
        os.chmod(self.folder, 0o755)
        self.addCleanup(shutil.rmtree, self.folder)
        self.policy = self.write("policy.rules", self.rules)

    def write(self, name, text):
        path = self.folder + "/" + name
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(path, 0o644)
        return path

    def ctl(self, *words, program=None, user=None, groups=None, env=None, status=None,
            stdout=subprocess.PIPE):
        """Runs the client; stdout and stderr are bytes. `status`: what it must end with."""
        command = [program or CTL, *words]
        if user is not None:
            copy = self.folder + "/ctl"
            if not os.path.exists(copy):
                shutil.copy(CTL, copy)
            command[0] = copy
            command = [*as_user(user, groups=groups), *command]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=stdout,
                              stderr=subprocess.PIPE, env=dict(os.environ, **(env or {})),
                              timeout=PATIENCE, check=False)
        self.assertGreaterEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(b"Sanitizer", done.stderr)
        if status is not None:
            self.assertEqual(done.returncode, status, (done.stdout, done.stderr))
        return done

    def scan(self, *words, rules=None, **how):
        """The JSON document of `scan --all`."""
        done = self.ctl("scan", "--all", "--json", "--rules", rules or self.policy, *words, **how)
        return strict_json(done.stdout)

    def start(self, command, ready=b"", **how):
        """Starts a process that prints a line when it is ready, and ends with its stdin."""
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **how)
        self.addCleanup(self.end, process)
        line = process.stdout.readline()
        self.assertTrue(line.startswith(ready) and line, (command, line))
        return process

    @staticmethod
    def end(process):
        process.stdin.close()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def hold(self, *words, program=BUILD + "/tests/cli/holder", **how):
        return self.start([program, *words], b"listens", **how)


def enter(file):
    """Into a network namespace of its own: runs the file anew there."""
    if os.environ.get("IN_NAMESPACE") != "yes":
        script = HERE + "/../net/namespace.sh"
        os.execv(script, [script, sys.executable, os.path.abspath(file), *sys.argv[1:]])


def main(file):
    enter(file)
    unittest.main(module="__main__", verbosity=1)
