#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`auditctl allow` to a daemon that runs as the service does, as a system user of its own: into a
file of root's, which it may not give back."""

import os
import stat
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import run  # noqa: E402
import support  # noqa: E402

SERVICE = 990
MINE = "# root's own\n\tallow tcp  port 9999 # kept\n"


class Allow(run.Case):
    def setUp(self):
        super().setUp()
        # Where it is trusted (policy/files/file_trust.h) is where it is known by its name.
        with open("/etc/passwd", encoding="utf-8") as passwd:
            lines = [line for line in passwd if not line.startswith("sockaudit:")]
        self.write("passwd", "".join(lines) + f"sockaudit:x:{SERVICE}:{SERVICE}::/:/bin/false\n")
        subprocess.run(["mount", "--bind", self.folder + "/passwd", "/etc/passwd"], check=True)
        self.addCleanup(subprocess.run, ["umount", "/etc/passwd"], check=True)
        self.rules = f"{self.tree}/root{support.sysconfdir()}/sockaudit/rules.d"
        self.local = self.rules + "/50-local.rules"
        os.makedirs(self.rules, exist_ok=True)
        for place in (self.rules, self.folder):
            os.chown(place, SERVICE, 0)
            os.chmod(place, 0o755)

    def begin_service(self):
        """With what the unit gives it, and no root (systemd/sockaudit.service.in). cap_38 is
        CAP_PERFMON, whose name Ubuntu 22.04's setpriv does not know."""
        capabilities = ",".join("+" + name for name in ("cap_38", "sys_ptrace", "dac_read_search",
                                                        "net_admin", "setuid"))
        process = subprocess.Popen(
            [*support.as_user(SERVICE, f"--inh-caps={capabilities}",
                              f"--ambient-caps={capabilities}"),
             self.tree + "/sockauditd", "--foreground", "--root", self.tree + "/root",
             "--runtime-dir", self.folder + "/run", "--state-dir", self.folder + "/state"],
            text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, umask=0o077)
        self.addCleanup(self.kill, process)
        lines = run.Lines(process.stdout)
        lines.expect("Now watching")
        return process, lines

    def allow(self, port, status=0):
        return self.ask("--runtime-dir", self.folder + "/run", "allow", str(port), status=status)

    def local_rules(self):
        with open(self.local, encoding="utf-8") as file:
            return file.read(), os.fstat(file.fileno())

    def test_into_a_file_of_roots(self):
        with open(self.local, "w", encoding="utf-8") as file:
            file.write(MINE)
        os.chmod(self.local, 0o644)
        daemon, lines = self.begin_service()
        self.serve(8000)
        at = lines.expect("0.0.0.0:8000", "flag warning")
        self.allow(8000)
        lines.expect("the rules allow it now", since=at)
        text, status = self.local_rules()
        self.assertTrue(text.startswith(MINE + "allow tcp port 8000 "), text)
        self.assertEqual(text.count("\n"), 3)
        self.assertIn(status.st_uid, (0, SERVICE))
        self.assertEqual(stat.S_IMODE(status.st_mode), 0o644)
        self.assertEqual(os.listdir(self.rules), ["50-local.rules"])

        # It is trusted from now on as root's was, by it and by root.
        self.serve(8001)
        lines.expect("0.0.0.0:8001")
        self.allow(8001)
        self.end(daemon)
        daemon, lines = self.begin("--runtime-dir", self.folder + "/run")
        self.serve(8002)
        lines.expect("0.0.0.0:8002")
        self.allow(8002)
        self.assertEqual(self.local_rules()[0].count("\nallow tcp port 800"), 3)
        self.end(daemon)

    def test_not_into_what_others_can_write(self):
        daemon, lines = self.begin_service()
        self.serve(8000)
        lines.expect("0.0.0.0:8000")
        os.symlink(self.folder + "/elsewhere", self.local)
        self.assertIn("50-local.rules: error: is a link", self.allow(8000, status=1))
        self.assertFalse(os.path.exists(self.folder + "/elsewhere"))
        os.unlink(self.local)
        with open(self.rules + "/mine", "w", encoding="utf-8") as file:
            file.write(MINE)
        os.symlink("mine", self.local)
        self.assertIn("50-local.rules is a link", self.allow(8000, status=1))
        os.unlink(self.local)
        os.unlink(self.rules + "/mine")
        self.write("theirs", MINE)
        os.chown(self.folder + "/theirs", support.NOBODY, 0)
        os.rename(self.folder + "/theirs", self.local)
        self.assertIn("50-local.rules: error: is owned by nobody", self.allow(8000, status=1))
        self.assertEqual(self.local_rules()[0], MINE)
        os.unlink(self.local)
        os.chmod(self.rules, 0o777)
        self.assertIn("rules.d: error: is owned by", self.allow(8000, status=1))
        self.assertEqual(os.listdir(self.rules), [])
        self.end(daemon)

    def test_not_beside_what_can_not_be_loaded(self):
        daemon, lines = self.begin_service()
        self.serve(8000)
        at = lines.expect("0.0.0.0:8000")
        other = self.rules + "/60-other.rules"
        with open(other, "w", encoding="utf-8") as file:
            file.write("allow tcp port 70000\n")
        os.chmod(other, 0o644)
        said = self.allow(8000, status=1)
        self.assertIn("nothing was written", said)
        self.assertIn("60-other.rules:1:16: error: port 70000", said)
        self.assertEqual(os.listdir(self.rules), ["60-other.rules"])
        os.unlink(other)
        self.allow(8000)
        lines.expect("the rules allow it now", since=at)
        self.end(daemon)

    def test_not_where_one_file_is_all_the_rules(self):
        self.write("only.rules", "flag warning tcp port 8000\n")
        daemon, lines = self.begin("--runtime-dir", self.folder + "/run",
                                   "--rules", self.folder + "/only.rules")
        self.serve(8000)
        lines.expect("0.0.0.0:8000")
        self.assertIn("judges by one file alone (--rules)", self.allow(8000, status=1))
        self.assertEqual(os.listdir(self.rules), [])
        self.end(daemon)


if __name__ == "__main__":
    run.main(__file__)
