#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Names that a process chose never reach the terminal raw, and never break JSON."""

import os
import re
import shutil

import support

NAMES = [b"a\nb", b"\033[2J\033]0;x\007", b"\xff\xfe", b"a) R 1 (b", b"\xe2\x80\xaeevil",
         b"\"\\", b"\xc2\x9b31m", b"{\"a\":1}"]


class Hostile(support.Case):
    def check_clean(self, data):
        """UTF-8 without controls (C0 but newline, DEL, C1) and without bidi controls."""
        found = re.search("[^\n\x20-\x7e\xa0-\u2029\u202f-\U0010ffff]",
                          data.decode("utf-8", "strict"))
        self.assertIsNone(found)

    def look(self):
        """Every way to show it; returns the listeners."""
        columns = "state,endpoint,process,exe,cmdline,cwd,unit,cgroup,note,text,advice"
        for words in (["scan"], ["scan", "-o", columns], ["explain", "3000"]):
            done = self.ctl(*words, "--rules", self.policy)
            self.check_clean(done.stdout)
            self.check_clean(done.stderr)
        done = self.ctl("explain", "3000", "--json", "--rules", self.policy)
        self.check_clean(done.stdout)
        support.strict_json(done.stdout)
        done = self.ctl("scan", "--json", "--rules", self.policy)
        self.check_clean(done.stdout)
        return support.strict_json(done.stdout)["listeners"]

    def test_names(self):
        for name in NAMES:
            with self.subTest(name=name):
                folder = os.fsencode(self.folder) + b"/" + name
                os.mkdir(folder)
                exe = folder + b"/x" + name
                shutil.copy(support.BUILD + "/tests/cli/holder", exe)
                process = self.start([exe, "0.0.0.0", "3000", "name", name], b"listens",
                                     cwd=folder)
                (listener,) = self.look()
                self.end(process)
                (owner,) = listener["owners"]
                self.assertEqual(owner["pid"], process.pid)
                self.assertTrue(owner["comm"])
                self.assertEqual(len(owner["cmdline"]), 5)

    def test_paths_of_4095_bytes(self):
        # Deeper than a path can name from the root: reached step by step.
        here = os.open(self.folder, os.O_RDONLY)
        length, depth = len(self.folder), 0
        try:
            while length + 201 < 4095 - 20:
                os.mkdir("d" * 200, dir_fd=here)
                there = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
                os.close(here)
                here, length, depth = there, length + 201, depth + 1
            path = self.folder + ("/" + "d" * 200) * depth
            name = "e" * (4095 - len(path) - 1)
            self.assertEqual(len(path) + 1 + len(name), 4095)
            shutil.copy(support.BUILD + "/tests/cli/holder", path + "/h")
            os.rename("h", name, src_dir_fd=here, dst_dir_fd=here)
            self.start([f"/proc/self/fd/{here}/{name}", "0.0.0.0", "3000"], b"listens",
                       cwd=path, pass_fds=[here])
            (listener,) = self.look()
            owner = listener["owners"][0]
            self.assertEqual(owner["cwd"], path)
            # The kernel itself names no longer exe than that (readlink of PATH_MAX with its NUL).
            self.assertIn(owner["exe"], (None, path + "/" + name))
        finally:
            os.close(here)

    def test_long_command_lines(self):
        self.start([support.BUILD + "/tests/cli/holder", "0.0.0.0", "3000", "x" * 100000, "\n" * 999],
                   b"listens")
        (listener,) = self.look()
        self.assertTrue(listener["owners"][0]["cmdline"])

    def test_words_of_the_command_line_are_escaped_in_messages(self):
        for words in ([b"sc\033an"], [b"scan", b"--\033"], [b"scan", b"-o", b"\033"],
                      [b"scan", b"\033"], [b"explain", b"\033\xff"], [b"check", b"/\033\xff"],
                      [b"explain", b"tcp", b"\033\xff:1"], [b"scan", b"--rules", b"/\033\xff"],
                      [b"explain", b"tcp", b"0.0.0.0:1", b"user", b"\033\xff"],
                      [b"explain", b"tcp", b"0.0.0.0:1", b"user"], [b"explain", b"\033tcp"]):
            done = self.ctl(*words)
            self.assertGreater(done.returncode, 0)
            self.check_clean(done.stderr)


if __name__ == "__main__":
    support.main(__file__)
