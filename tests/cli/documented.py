#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every verb, option, column and exit status of the code stands in the man page and in --help."""

import os
import re

import support

SOURCE = os.environ.get("srcdir", support.HERE + "/../..")


def read(path):
    with open(f"{SOURCE}/{path}", encoding="utf-8") as file:
        return file.read()


class Documented(support.Case):
    def setUp(self):
        super().setUp()
        self.page = read("man/sockauditctl.1").replace("\\-", "-")
        self.verbs = re.findall(r'^    \{"(\w+)"', read("src/ctl/verbs.c"), re.M)
        self.assertGreaterEqual(len(self.verbs), 4)

    def test_verbs(self):
        text = self.ctl("--help").stdout.decode()
        for verb in self.verbs:
            self.assertRegex(self.page, rf"(?m)^\.B[RI]? \"?{verb}\b", verb)
            self.assertRegex(text, rf"(?m)^  {verb} ")

    def test_options(self):
        names = re.findall(r"\{OPTION_\w+, [^,]+, \"([a-z-]+)\"", read("src/ctl/options.c"))
        self.assertGreaterEqual(len(names), 12)
        text = "".join(self.ctl(verb, "--help").stdout.decode() for verb in self.verbs)
        for name in names:
            self.assertIn("--" + name, text)
            self.assertIn("--" + name, self.page)

    def test_columns(self):
        for source, verb in (("print/listing_columns", "scan"), ("verbs/rules", "rules")):
            text = self.ctl(verb, "--help").stdout.decode()
            code = read(f"src/ctl/{source}.c")
            columns = re.findall(r'^    \{"(\w+)",', code[code.index("_columns[] = {"):], re.M)
            self.assertGreaterEqual(len(columns), 8)
            for column in columns:
                self.assertRegex(text, rf"(?m)^  {column} ")
                self.assertRegex(self.page, rf"\b{column}\b", column)

    def test_statuses(self):
        for number in re.findall(r"STATUS_\w+ = (\d)", read("src/ctl/status.h")):
            self.assertRegex(self.page, rf"(?m)^\.B {number}$", number)

    def test_keys_of_explain(self):
        keys = re.search(r"keys\[\] = \{(.*?)\}", read("src/ctl/verbs/hypothesis.c"), re.S).group(1)
        for key in re.findall(r'"([a-z-]+)"', keys):
            self.assertIn(key, self.page)


if __name__ == "__main__":
    support.main(__file__)
