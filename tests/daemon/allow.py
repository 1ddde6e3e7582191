#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`auditctl allow` to a daemon that runs as the service does, as a system user of its own: into a
file of root's, which it may not give back."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
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
        lines.expect("(allowed by the rules)", since=at)
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
        self.assertIn("60-other.rules:1:16: error: port 70000", said)
        self.assertEqual(os.listdir(self.rules), ["60-other.rules"])
        os.unlink(other)
        self.allow(8000)
        lines.expect("(allowed by the rules)", since=at)
        self.end(daemon)

    def test_not_where_one_file_is_all_the_rules(self):
        self.write("only.rules", "flag warning tcp port 8000\n")
        daemon, lines = self.begin("--runtime-dir", self.folder + "/run",
                                   "--rules", self.folder + "/only.rules")
        self.serve(8000)
        lines.expect("0.0.0.0:8000")
        self.assertIn("--rules", self.allow(8000, status=1))
        self.assertEqual(os.listdir(self.rules), [])
        self.end(daemon)


def unified():
    for path in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        if os.path.exists(path + "/cgroup.procs"):
            return path
    return support.skip("there is no unified cgroup hierarchy")


class Lasting(run.Case):
    """What is written allows the same program tomorrow, and nothing else."""

    def setUp(self):
        super().setUp()
        self.local = f"{self.tree}/root{support.sysconfdir()}/sockaudit/rules.d/50-local.rules"
        self.daemon, self.lines = self.begin()

    def written(self):
        with open(self.local, encoding="utf-8") as file:
            return file.read()

    def serve_in(self, scope, user, port=8000):
        """A server of that user, in a session's cgroup."""
        cgroup = f"{unified()}/{scope}"
        os.mkdir(cgroup)
        self.addCleanup(os.rmdir, cgroup)

        def enter():
            with open(cgroup + "/cgroup.procs", "w", encoding="ascii") as file:
                file.write("0")
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)

        server = subprocess.Popen(["/usr/bin/python3", "-u", "-m", "http.server", str(port)], cwd="/",
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  preexec_fn=enter)
        self.addCleanup(self.kill, server)
        self.assertIn(b"Serving", server.stdout.readline())
        return server

    def listener(self, port, **wanted):
        """What is known of that port, once it is so."""
        def find():
            listeners = json.loads(self.ask("list", "--all", "--json"))["listeners"]
            return next((x for x in listeners if x["port"] == port and
                         all(x[key] == value for key, value in wanted.items())), None)
        return support.until(lambda: (port, wanted, self.ask("list", "--all")), find)

    def test_a_rule_for_a_session_outlasts_it(self):
        name = f"session-{os.getpid()}"
        server = self.serve_in(f"{name}a.scope", support.NOBODY)
        found = self.listener(8000, verdict="flag", unit=f"{name}a.scope")
        # Root and the user are told the same, and nobody else is.
        told = [json.loads(self.ask("suggest", "--json", user=user))["suggestions"]
                for user in (0, support.NOBODY)]
        self.assertEqual(told[0], told[1])
        self.assertEqual([one["id"] for one in told[0]], [found["id"]])
        self.assertEqual(json.loads(self.ask("suggest", "--json", user=12345, status=5))["suggestions"], [])

        added = json.loads(self.ask("allow", "8000", "--json"))
        self.assertEqual(added["added"], [told[0][0]["rule"]])
        self.assertEqual((added["file"], added["line"]), (self.local, 1))
        self.assertRegex(self.written(), r"^allow tcp port 8000 user \S+ exe /usr/bin/python3\S*\n$")
        self.listener(8000, verdict="allow", rule={"file": self.local, "line": 1, "id": None,
                                                   "text": self.written().strip()})
        self.kill(server)
        at = len(self.lines.text)
        server = self.serve_in(f"{name}b.scope", support.NOBODY)
        self.listener(8000, verdict="allow", unit=f"{name}b.scope")
        self.assertNotRegex(self.lines.text[at:], r"warning .*:8000")
        # Another user's is none of it, and neither is another port.
        self.kill(server)
        self.serve_in(f"{name}c.scope", SERVICE)
        self.listener(8000, verdict="flag")
        self.serve_in(f"{name}d.scope", support.NOBODY, 8001)
        self.listener(8001, verdict="flag")
        self.end(self.daemon)

    def test_what_no_process_holds_is_not_allowed_by_its_user(self):
        here, there = socket.socketpair()
        with here, there:
            with harness.listen("0.0.0.0", 8002) as listener:
                socket.send_fds(here, [b"x"], [listener.fileno()])
            self.listener(8002, verdict="flag")
            self.ask("allow", "8002", status=1)
            self.assertEqual(json.loads(self.ask("suggest", "--json"))["suggestions"], [])
        self.end(self.daemon)
        self.assertFalse(os.path.exists(self.local))


class Forwarded(run.Case):
    """A rule for a forward is for where it leads."""

    def forward(self, to, how="dnat"):
        text = ("table ip sockaudit_test\ndelete table ip sockaudit_test\ntable ip sockaudit_test {\n"
                "chain pre { type nat hook prerouting priority dstnat\n"
                f"tcp dport 8080 {how} to {to}\n}}\n}}\n")
        subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)

    def verdict(self):
        listeners = json.loads(self.ask("list", "--all", "--json", "origin", "forward"))["listeners"]
        return [(x["port"], x["verdict"], (x["forward_to"] or {}).get("address")) for x in listeners]

    def test_it_is_pinned_to_its_target(self):
        self.forward("10.0.0.5:80")
        self.addCleanup(subprocess.run, ["nft", "delete", "table", "ip", "sockaudit_test"], check=True)
        daemon, _ = self.begin()
        support.until(self.verdict, lambda: self.verdict() == [(8080, "flag", "10.0.0.5")])
        suggested = json.loads(self.ask("suggest", "--json"))["suggestions"]
        self.assertEqual([one["rule"] for one in suggested],
                         ["allow tcp port 8080 target 10.0.0.5:80"])
        self.assertEqual(json.loads(self.ask("allow", "8080", "--json"))["added"],
                         ["allow tcp port 8080 target 10.0.0.5:80"])
        self.assertEqual(self.verdict(), [(8080, "allow", "10.0.0.5")])
        self.forward("10.0.0.6:80")
        daemon.send_signal(signal.SIGHUP)
        support.until(self.verdict, lambda: self.verdict() == [(8080, "flag", "10.0.0.6")])
        self.forward(":80", "redirect")
        support.until(self.verdict, lambda: self.verdict() == [(8080, "flag", None)])
        self.assertEqual(json.loads(self.ask("allow", "8080", "--json"))["added"],
                         ["allow tcp port 8080 target self:80"])
        self.assertEqual(self.verdict(), [(8080, "allow", None)])
        self.forward(":81", "redirect")
        support.until(self.verdict, lambda: self.verdict() == [(8080, "flag", None)])
        self.end(daemon)


if __name__ == "__main__":
    run.main(__file__)
