#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What `./dev run` runs, and the client in another terminal: with the shipped policy, the default
runtime directory, and nothing installed."""

import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import harness  # noqa: E402
import support  # noqa: E402
from harness import BUILD, PATIENCE

DEV = HERE + "/../../dev"
RUNTIME = "/run/sockaudit"


class Lines:
    """What a daemon prints, as far as it has come."""

    def __init__(self, stream):
        self.text = ""
        self.ended = False
        self.more = threading.Condition()
        threading.Thread(target=self.read, args=[stream], daemon=True).start()

    def read(self, stream):
        for line in stream:
            with self.more:
                self.text += line
                self.more.notify_all()
        with self.more:
            self.ended = True
            self.more.notify_all()

    def expect(self, *words, since=0):
        """Waits until all of it was printed; returns where the text then ends."""
        with self.more:
            def printed():
                return all(word in self.text[since:] for word in words)
            self.more.wait_for(lambda: self.ended or printed(), PATIENCE)
            assert printed(), f"{words} not in:\n{self.text[since:]}"
            return len(self.text)


class Case(support.Case):
    def setUp(self):
        super().setUp()
        self.tree = self.folder + "/build"
        os.mkdir(self.tree)
        for name in ("sockauditd", "sockauditctl"):
            shutil.copy(f"{BUILD}/{name}", self.tree)
        os.symlink("sockauditctl", self.tree + "/auditctl")
        support.install_data(self.tree + "/root")

    def run_staged(self, *words, **how):
        """As a user with a narrow umask would: what it makes must be reachable all the same."""
        process = subprocess.Popen(
            ["bash", "-c", 'umask 077; . "$1"; run_staged "${@:2}"', "run.py", DEV, self.tree, *words],
            text=True, stdin=subprocess.DEVNULL,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **how})
        self.addCleanup(self.kill, process)
        return process

    @staticmethod
    def kill(process):
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()

    def begin(self, *words):
        process = self.run_staged(*words)
        lines = Lines(process.stdout)
        lines.expect("Now watching, until ^C.")
        return process, lines

    def end(self, process):
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(PATIENCE), 0)

    def ask(self, *words, user=0, status=0):
        """The client, from another terminal."""
        done = subprocess.run(support.as_user(user, self.tree + "/auditctl", *words),
                              capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, status, (words, done.stdout, done.stderr))
        return done.stdout if "--json" in words else done.stdout + done.stderr

    def serve(self, port, address="0.0.0.0"):
        server = subprocess.Popen([sys.executable, "-u", "-m", "http.server", str(port),
                                   "--bind", address], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL)
        self.addCleanup(self.kill, server)
        self.assertIn(b"Serving", server.stdout.readline())
        return server


class Run(Case):
    def test_a_session(self):
        daemon, lines = self.begin()
        for user in (0, support.NOBODY):
            said = self.ask("status", user=user)
            self.assertIn("running since", said)
            self.assertIn(f"{self.tree}/root{support.sysconfdir()}/sockaudit/sockaudit.rules", said)

        self.serve(8000)
        at = lines.expect("listens on 0.0.0.0:8000, reachable at zoo0 192.0.2.1",
                          "sockaudit.rules:", ": flag warning tool ",
                          " to make it local: ", "http.server 8000 --bind 127.0.0.1")
        self.assertIn("warning", self.ask("list", "--no-legend"))
        self.assertIn("0.0.0.0:8000", self.ask("status", user=support.NOBODY))
        self.ask("snooze", "8000", "1h", user=support.NOBODY, status=5)

        self.ask("snooze", "8000", "1h")
        at = lines.expect("(snoozed)", since=at)
        self.ask("reload")
        at = lines.expect("Loaded ", since=at)
        self.ask("allow", "8000", "note", "mine")
        at = lines.expect("Loaded ", since=at)
        self.assertIn("allowed", self.ask("list", "--no-legend"))
        self.assertEqual(json.loads(self.ask("allow", "8000", "--json"))["added"], [])
        self.assertIn("50-local.rules:1: ", self.ask("allow", "8000"))
        added = json.loads(self.ask("allow", "8000", "until", "2036-12-31", "--json"))["added"]
        self.assertEqual(len(added), 1)
        self.assertIn(" until 2036-12-31", added[0])
        self.assertEqual(json.loads(self.ask("reload", "--json"))["warnings"], [])
        folder = f"{self.tree}/root{support.sysconfdir()}/sockaudit/advice.d"
        os.makedirs(folder, exist_ok=True)
        os.rename(self.write("odd", "nonsense\n"), folder + "/odd.advice")
        warnings = json.loads(self.ask("reload", "--json"))["warnings"]
        self.assertIn("odd.advice:1:", warnings[0])
        os.unlink(folder + "/odd.advice")
        self.ask("snooze", "8000", "off")
        self.assertEqual(self.ask("list", "--no-legend", "--flagged", "--allowed").count("\n"), 1)

        self.serve(8001, "127.0.0.1")
        self.serve(8002)
        lines.expect("0.0.0.0:8002", since=at)
        self.assertNotIn(":8001", lines.text)
        self.end(daemon)
        self.assertFalse(os.path.exists(RUNTIME))
        self.ask("status", status=3)

        # What was told is known the next time: the table has it, no line.
        daemon, lines = self.begin()
        self.assertIn("allowed tcp   127.0.0.1:8001", lines.text)
        self.assertRegex(lines.text, r"warning tcp   0\.0\.0\.0:8002 +wildcard: zoo0 +python3")
        self.assertNotRegex(lines.text, r"\d  warning +python3")
        self.assertIn(" to make it local: python3 -m http.server 8002 --bind 127.0.0.1", lines.text)
        self.end(daemon)

    def test_status_tells_what_is_not_known(self):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            with socket.create_server(("0.0.0.0", 8000)) as server:
                socket.send_fds(ours, [b"x"], [server.fileno()])
            daemon, _ = self.begin()

            def is_certain():
                """In flight it has no holder. Whether that is certain hangs on who may look at
                pid 1, and on what was just sent into a container: it may change at any dump."""
                note = json.loads(self.ask("list", "--json"))["listeners"][0]["attribution_note"]
                return note.startswith("no process has the socket")

            while True:
                certain = is_certain()
                told = json.loads(self.ask("status", "--json"))
                said, shown = self.ask("status"), self.ask("show", "8000")
                if is_certain() == certain:
                    break
            self.assertEqual(told["coverage"]["owners"], "full" if certain else
                             "incomplete: process unknown for 1 of 1 listeners")
            self.assertEqual("holders incomplete: " in said, not certain)
            self.assertEqual("process  none (" in shown, certain, shown)
            self.assertEqual("unsure" in shown, not certain, shown)
            self.assertEqual(told["counts"]["alerts_kept"], 0)
            self.end(daemon)

    def test_every_key_is_in_the_manual(self):
        def keys(value):
            if isinstance(value, dict):
                return set(value).union(*map(keys, value.values()))
            return set().union(*map(keys, value)) if isinstance(value, list) else set()

        with open(HERE + "/../../man/sockauditctl.1", encoding="utf-8") as manual:
            known = set(re.findall(r"[a-z_0-9]+", manual.read().split("\n.SH JSON\n")[1]))
        daemon, lines = self.begin()
        watch = subprocess.Popen([self.tree + "/auditctl", "watch", "--json"], text=True,
                                 stdout=subprocess.PIPE)
        self.addCleanup(self.kill, watch)
        self.serve(8000)
        lines.expect("0.0.0.0:8000")
        shown = set()
        for words in (["list"], ["show", "8000"], ["status"], ["suggest"], ["rules"], ["reload"],
                      ["snooze", "8000", "1h"], ["allow", "8000"]):
            shown |= keys(json.loads(self.ask(*words, "--json")))
        self.end(daemon)
        for line in watch.communicate(timeout=PATIENCE)[0].splitlines():
            shown |= keys(json.loads(line))
        protocols = {"tcp", "udp", "udplite", "mptcp", "sctp"}
        self.assertEqual(shown - known - protocols, set())

    def test_json(self):
        daemon = self.run_staged("--json")
        lines = Lines(daemon.stdout)
        lines.expect('"policy-loaded"')
        self.serve(8000)
        lines.expect('"advice"')
        told = [json.loads(line) for line in lines.text.splitlines()]
        flagged = [one for one in told if one["event"] == "flagged"]
        self.assertEqual([one["port"] for one in flagged], [8000])
        self.assertEqual(flagged[0]["interface"], "zoo0")
        self.assertTrue(flagged[0]["rule_file"].endswith("sockaudit.rules"))
        self.end(daemon)

    def test_one_that_runs_already_is_left_alone(self):
        first, lines = self.begin()
        state = self.tree + "/state/state"
        before = os.stat(state).st_ino
        second = self.run_staged()
        said = second.communicate(timeout=PATIENCE)[0]
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"{RUNTIME}/bus", said)
        self.assertIn("--runtime-dir", said)
        self.assertEqual(os.stat(state).st_ino, before)

        beside, _ = self.begin("--runtime-dir", self.folder + "/beside",
                               "--state-dir", self.folder + "/state")
        self.ask("status", "--runtime-dir", self.folder + "/beside", user=support.NOBODY)
        self.end(beside)
        self.assertFalse(os.path.exists(self.folder + "/beside"))
        self.ask("status")
        self.serve(8000)
        lines.expect("0.0.0.0:8000")
        self.end(first)

    def test_a_directory_that_was_there_stays(self):
        os.mkdir(RUNTIME)
        self.addCleanup(os.rmdir, RUNTIME)
        daemon, _ = self.begin()
        self.ask("status", user=support.NOBODY)
        self.end(daemon)
        self.assertEqual(os.listdir(RUNTIME), [])

    def test_a_socket_of_one_that_was_killed_is_taken(self):
        first, _ = self.begin()
        first.kill()
        first.wait()
        self.assertTrue(os.path.exists(RUNTIME + "/bus"))
        second, _ = self.begin()
        self.ask("status")
        self.end(second)
        os.rmdir(RUNTIME)

    def test_it_ends_with_its_reader(self):
        daemon = self.run_staged()
        self.assertIn("Loaded ", daemon.stdout.readline())
        daemon.stdout.close()
        self.assertEqual(daemon.wait(PATIENCE), 0)
        self.assertFalse(os.path.exists(RUNTIME))

    def test_it_ends_with_its_terminal(self):
        ours, theirs = pty.openpty()
        daemon = self.run_staged(stdout=theirs, stderr=theirs)
        os.close(theirs)
        shown = b""
        while b"Now watching" not in shown:
            shown += os.read(ours, 4096)
        os.close(ours)
        self.assertEqual(daemon.wait(PATIENCE), 0)
        self.assertFalse(os.path.exists(RUNTIME))


def main(file):
    harness.enter(file)
    support.unittest.main(module="__main__", verbosity=1)


if __name__ == "__main__":
    main(__file__)
