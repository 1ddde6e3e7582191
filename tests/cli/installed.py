#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What `make install` puts into place is what the programs of the same build read, whatever the
prefix: under `make distcheck` it is none that anybody uses."""

import os

import support


class Installed(support.Case):
    def setUp(self):
        super().setUp()
        self.root = self.folder + "/root"
        support.install_data(self.root)

    def files(self):
        done = self.ctl("rules", "--json", "--root", self.root, status=0)
        return support.strict_json(done.stdout)["files"]

    def drop_in(self, place, text, name="1.rules"):
        folder = f"root{place}/sockaudit/rules.d"
        os.makedirs(f"{self.folder}/{folder}")
        self.write(f"{folder}/{name}", text)

    def test_the_shipped_rules_are_read(self):
        shipped = f"{self.root}{support.directory('sysconfdir')}/sockaudit/sockaudit.rules"
        self.assertEqual(self.files(), [shipped])
        self.assertEqual(self.ctl("rules", "--root", self.root, status=0).stderr, b"")

    def test_every_directory_of_drop_ins_is_read(self):
        places = [support.directory("prefix") + "/lib", "/run", support.directory("sysconfdir")]
        for number, place in enumerate(places):
            self.drop_in(place, "allow tcp port 1\n", f"{number}.rules")
        self.assertEqual(self.files()[:3], [f"{self.root}{place}/sockaudit/rules.d/{number}.rules"
                                            for number, place in enumerate(places)])

    def test_the_shipped_policy_is_no_news_to_the_linter(self):
        done = self.ctl("check", "--root", self.root, status=0)
        self.assertEqual(done.stderr, b"")

    def test_packages_may_name_what_is_not_installed(self):
        self.drop_in(support.directory("prefix") + "/lib", "allow unit no-such.service\n")
        self.assertEqual(self.ctl("check", "--root", self.root + "/", status=0).stderr, b"")
        self.drop_in(support.directory("sysconfdir"), "allow unit nor-such.service\n")
        self.assertIn(b"no unit is named `nor-such.service` here",
                      self.ctl("check", "--root", self.root, status=0).stderr)

    def test_the_shipped_advice_is_read(self):
        done = self.ctl("explain", "--root", self.root, "tcp", "0.0.0.0:6379", status=0)
        self.assertIn(b"to make it local: ", done.stdout)


if __name__ == "__main__":
    support.main(__file__)
