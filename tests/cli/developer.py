#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a developer meets on the first day, with the shipped policy and advice: a server on every
interface is flagged with what to type instead, and one on loopback is silent."""

import os
import subprocess

import support


class Developer(support.Case):
    def setUp(self):
        super().setUp()
        self.root = self.folder + "/root"
        source = os.environ.get("srcdir", support.HERE + "/../..")
        self.copy(source + "/etc/sockaudit.rules",
                  support.sysconfdir() + "/sockaudit/sockaudit.rules")
        for name in os.listdir(source + "/data/advice.d"):
            self.copy(f"{source}/data/advice.d/{name}",
                      f"{support.sysconfdir()}/sockaudit/advice.d/{name}")

    def copy(self, source, target):
        os.makedirs(os.path.dirname(self.root + target), exist_ok=True)
        with open(source, "rb") as file:
            self.write("root" + target, file.read())

    def serve(self, address, port, **how):
        process = subprocess.Popen(["python3", "-m", "http.server", "--bind", address, port],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, cwd=self.folder, **how)
        self.addCleanup(self.stop, process)
        support.until("it listens", lambda: subprocess.run(
            ["ss", "-Hltn", "sport", "=", ":" + port], check=True, stdout=subprocess.PIPE).stdout)
        return process

    @staticmethod
    def stop(process):
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()

    def test_on_every_interface_it_is_flagged_with_advice(self):
        process = self.serve("0.0.0.0", "8000")
        done = self.ctl("scan", "--root", self.root, status=1)
        text = done.stdout.decode()
        self.assertRegex(text, rf"pid {process.pid}, user root.* 0\.0\.0\.0:8000")
        self.assertIn("zoo0 192.0.2.1", text)
        self.assertRegex(text, r"to make it local: .*http\.server.*127\.0\.0\.1")
        self.assertIn("1 flagged", text)

    def test_on_loopback_it_is_silent(self):
        self.serve("127.0.0.1", "8000")
        done = self.ctl("scan", "--root", self.root, status=0)
        self.assertIn(b"1 listener: 0 flagged, 1 allowed", done.stdout)

    def test_unprivileged_every_socket_is_listed(self):
        self.serve("0.0.0.0", "8000")
        self.serve("127.0.0.1", "8001", user=support.NOBODY, group=support.NOBODY,
                   extra_groups=[])
        done = self.ctl("scan", "--all", "--root", self.root, "-o", "port,process",
                        "--no-legend", user=support.NOBODY, status=1)
        rows = dict(line.split(None, 1) for line in done.stdout.decode().splitlines())
        self.assertEqual(set(rows), {"8000", "8001"})
        self.assertEqual(rows["8000"].strip(), "-")
        self.assertIn("[", rows["8001"])
        self.assertIn(b"sudo", done.stderr)

        document = support.strict_json(self.ctl("scan", "--all", "--json", "--root", self.root,
                                                user=support.NOBODY).stdout)
        self.assertIs(document["complete"], False)
        self.assertTrue(document["coverage"]["owners"].startswith("incomplete: "))
        for listener in document["listeners"]:
            self.assertIn("sudo", listener["attribution_note"])


if __name__ == "__main__":
    support.main(__file__)
