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
import unittest

BUILD = os.path.abspath(os.environ.get("BUILD", "."))
HERE = os.path.dirname(os.path.abspath(__file__))
CTL = BUILD + "/sockauditctl"
NOBODY = 65534
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

    def ctl(self, *words, program=None, user=None, env=None, status=None, stdout=subprocess.PIPE):
        """Runs the client; stdout and stderr are bytes. `status`: what it must end with."""
        command = [program or CTL, *words]
        if user is not None:
            copy = self.folder + "/ctl"
            shutil.copy(CTL, copy)
            command[0] = copy
            command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *command]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=stdout,
                              stderr=subprocess.PIPE, env=dict(os.environ, **(env or {})),
                              timeout=60, check=False)
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
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def hold(self, *words, program=BUILD + "/tests/cli/holder", **how):
        return self.start([program, *words], b"listens", **how)


def main(file):
    if os.environ.get("IN_NAMESPACE") != "yes":
        script = HERE + "/../net/namespace.sh"
        os.execv(script, [script, sys.executable, os.path.abspath(file), *sys.argv[1:]])
    unittest.main(module="__main__", verbosity=1)
