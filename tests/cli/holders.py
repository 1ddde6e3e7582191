#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`scan --all --json` of the zoo against `ss -p`, and against what the zoo made: the same
endpoints, none more, none less, with the same holders and those that ss can't name."""

import collections
import json
import re
import subprocess

import support


def split_endpoint(text):
    address, port = text.rsplit(":", 1)
    address, _, device = address.partition("%")
    address = address.strip("[]")
    return "::" if address == "*" else address, device or None, int(port)


def ss_rows(*options):
    """(endpoint, holders) of each line; a holder is (pid, fd)."""
    out = subprocess.run(["ss", "-Hlnp", *options], check=True, stdout=subprocess.PIPE).stdout
    for line in out.decode("utf-8", "replace").splitlines():
        words = line.split()
        local = words[3] if "-M" in options else words[4]
        proto = "mptcp" if "-M" in options else words[0]
        holders = {(int(pid), int(fd)) for pid, fd in re.findall(r"pid=(\d+),fd=(\d+)", line)}
        yield (proto, *split_endpoint(local)), holders


class Holders(support.Case):
    """One zoo for all tests: a dump beside sockets that go can miss others (KERNEL.md 3)."""

    @classmethod
    def setUpClass(cls):
        cls.zoo = subprocess.Popen([support.BUILD + "/tests/net/zoo"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
        cls.addClassCleanup(cls.end, cls.zoo)
        cls.made = []
        for line in cls.zoo.stdout:
            animal = json.loads(line)
            if "ready" in animal:
                return
            cls.made.append(animal)
        raise AssertionError("the zoo ended early")

    def setUp(self):
        super().setUp()
        self.document = self.scan(status=1)
        self.listeners = self.document["listeners"]

    @staticmethod
    def key(listener):
        return (listener["proto"], listener["address"], listener["device"] or None,
                listener["port"])

    def test_same_endpoints_as_ss(self):
        theirs = collections.Counter(endpoint for endpoint, _ in ss_rows("-tu"))
        for endpoint, _ in ss_rows("-M"):
            theirs[endpoint] += 1
            theirs[("tcp", *endpoint[1:])] -= 1  # its subflow
        ours = collections.Counter()
        for listener in self.listeners:
            if listener["proto"] != "udplite":  # which ss does not list
                ours[self.key(listener)] += listener["sockets"]
        self.assertEqual(+theirs, ours)
        self.assertGreaterEqual(len(self.listeners), 40)

    def test_same_holders_as_ss(self):
        theirs = collections.defaultdict(set)
        for endpoint, holders in list(ss_rows("-tu")) + list(ss_rows("-M")):
            theirs[endpoint] |= holders
        for listener in self.listeners:
            ours = {(owner["pid"], owner["fd"]) for owner in listener["owners"]}
            named = theirs[self.key(listener)]
            if listener["proto"] == "mptcp":
                # ss names the holders of the subflow, which is the same socket.
                named |= theirs[("tcp", *self.key(listener)[1:])]
            with_fd = {holder for holder in ours if holder[1] is not None}
            if listener["proto"] != "udplite":
                self.assertEqual(with_fd & named, named, listener)

    def test_holders_that_ss_cannot_name(self):
        by_endpoint = {self.key(listener): listener for listener in self.listeners}
        rings = [animal for animal in self.made if "io-uring" in animal["name"]]
        self.assertTrue(rings)
        for animal in rings:
            if "skipped" in animal:
                support.skip(animal["skipped"])
            listener = by_endpoint[self.key(animal)]
            pids = {owner["pid"] for owner in listener["owners"]}
            self.assertLessEqual(set(animal["holders"]), pids, listener)

    def test_made_ones_have_their_holders(self):
        for animal in self.made:
            if not animal.get("listens"):
                continue
            listeners = [one for one in self.listeners if self.key(one) == self.key(animal)]
            pids = {owner["pid"] for one in listeners for owner in one["owners"]}
            self.assertLessEqual(set(animal["holders"]), pids, animal)

    def test_the_table_has_a_row_a_listener(self):
        done = self.ctl("scan", "--all", "--no-legend", "-o", "id", "--rules", self.policy)
        self.assertEqual(sorted(done.stdout.decode().split()),
                         sorted(listener["id"] for listener in self.listeners))


if __name__ == "__main__":
    support.main(__file__)
