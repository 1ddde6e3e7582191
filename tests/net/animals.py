# SPDX-License-Identifier: GPL-2.0-or-later
"""The sockets of the zoo (zoo.c), and what ss says of them.

An endpoint is (proto, address, device, port); without a device that is empty.
"""

import collections
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../cli")
import support  # noqa: E402


class Zoo:
    """Holds its sockets until the end; `made` is what it says of them."""

    def __init__(self):
        self.process = subprocess.Popen([support.BUILD + "/tests/net/zoo"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.made = []
        for line in self.process.stdout:
            animal = json.loads(line)
            if "ready" in animal:
                return
            self.made.append(animal)
        raise AssertionError("the zoo ended early")

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def endpoint_of(listener):
    """Of an animal or a listener."""
    return listener["proto"], listener["address"], listener["device"] or "", listener["port"]


def split_endpoint(text):
    """`[ADDRESS]%DEVICE:PORT` of ss as address, device, port."""
    address, port = text.rsplit(":", 1)
    address, _, device = address.partition("%")
    address = address.strip("[]")
    # `*` is the wildcard of IPv6 that takes IPv4 too.
    return "::" if address == "*" else address, device, int(port)


def ss_rows(*options):
    """(endpoint, line) of each."""
    out = subprocess.run(["ss", "-Hln", *options], check=True, stdout=subprocess.PIPE).stdout
    for line in out.decode("utf-8", "replace").splitlines():
        words = line.split()
        proto, local = ("mptcp", words[3]) if "-M" in options else (words[0], words[4])
        yield (proto, *split_endpoint(local)), line


def ss_endpoints():
    """How many sockets ss has of each endpoint, MPTCP's subflows taken out."""
    counts = collections.Counter(endpoint for endpoint, _ in ss_rows("-tu"))
    for endpoint, _ in ss_rows("-M"):
        counts[endpoint] += 1
        counts[("tcp", *endpoint[1:])] -= 1  # its subflow: in the TCP dump it looks like any other
    return +counts
