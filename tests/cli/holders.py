#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`scan --all --json` of the zoo against `ss -p`, and against what the zoo made: the same
endpoints, none more, none less, with the same holders and those that ss can't name."""

import collections
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../net")
import support  # noqa: E402
from animals import Zoo, endpoint_of, ss_endpoints, ss_rows  # noqa: E402


def ss_holders(*options):
    """(endpoint, holders) of each; a holder is (pid, fd)."""
    for endpoint, line in ss_rows("-p", *options):
        found = re.findall(r"pid=(\d+),fd=(\d+)", line)
        yield endpoint, {(int(pid), int(fd)) for pid, fd in found}


class Holders(support.Case):
    """One zoo for all tests: a dump beside sockets that go can miss others (KERNEL.md 3)."""

    @classmethod
    def setUpClass(cls):
        cls.zoo = Zoo()
        cls.addClassCleanup(cls.zoo.end)

    def setUp(self):
        super().setUp()
        self.document = self.scan(status=1)
        self.listeners = self.document["listeners"]

    def test_same_endpoints_as_ss(self):
        ours = collections.Counter()
        for listener in self.listeners:
            if listener["proto"] != "udplite":  # which ss does not list
                ours[endpoint_of(listener)] += listener["sockets"]
        self.assertEqual(ss_endpoints(), ours)
        self.assertGreaterEqual(len(self.listeners), 40)

    def test_same_holders_as_ss(self):
        theirs = collections.defaultdict(set)
        for endpoint, holders in [*ss_holders("-tu"), *ss_holders("-M")]:
            theirs[endpoint] |= holders
        for listener in self.listeners:
            ours = {(owner["pid"], owner["fd"]) for owner in listener["owners"]}
            named = theirs[endpoint_of(listener)]
            if listener["proto"] == "mptcp":
                # ss names the holders of the subflow, which is the same socket.
                named |= theirs[("tcp", *endpoint_of(listener)[1:])]
            with_fd = {holder for holder in ours if holder[1] is not None}
            if listener["proto"] != "udplite":
                self.assertEqual(with_fd & named, named, listener)

    def test_holders_that_ss_cannot_name(self):
        by_endpoint = {endpoint_of(listener): listener for listener in self.listeners}
        rings = [animal for animal in self.zoo.made if "io-uring" in animal["name"]]
        self.assertTrue(rings)
        for animal in rings:
            if "skipped" in animal:
                support.skip(animal["skipped"])
            listener = by_endpoint[endpoint_of(animal)]
            pids = {owner["pid"] for owner in listener["owners"]}
            self.assertLessEqual(set(animal["holders"]), pids, listener)

    def test_made_ones_have_their_holders(self):
        for animal in self.zoo.made:
            if not animal.get("listens"):
                continue
            listeners = [one for one in self.listeners if endpoint_of(one) == endpoint_of(animal)]
            pids = {owner["pid"] for one in listeners for owner in one["owners"]}
            self.assertLessEqual(set(animal["holders"]), pids, animal)

    def test_the_table_has_a_row_a_listener(self):
        done = self.ctl("scan", "--all", "--no-legend", "-o", "id", "--rules", self.policy)
        self.assertEqual(sorted(done.stdout.decode().split()),
                         sorted(listener["id"] for listener in self.listeners))


if __name__ == "__main__":
    support.main(__file__)
