#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the collector sees of the zoo against what ss sees, and against what the zoo made.

None more, none less. Where ss and we differ on purpose it stands here:
- ss lists an MPTCP listener twice, as its subflow with -t and as itself with -M; we list it once.
- ss -l lists UDP-Lite not at all; that is compared with the zoo alone.
- Sockets that share an endpoint are rows of ss; here they are one listener with a count.
"""

import collections
import json
import os
import subprocess
import sys

BUILD = os.environ.get("BUILD", ".")
HERE = os.path.dirname(os.path.abspath(__file__))


def zoo_start():
    """The zoo, started, and what it made."""
    zoo = subprocess.Popen([BUILD + "/tests/net/zoo"], stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, text=True)
    made = []
    for line in zoo.stdout:
        animal = json.loads(line)
        if "ready" in animal:
            return zoo, made
        made.append(animal)
    sys.exit("the zoo ended early")


def split_endpoint(text):
    """`[ADDRESS]%DEVICE:PORT` of ss as address, device, port."""
    address, port = text.rsplit(":", 1)
    address, _, device = address.partition("%")
    return address.strip("[]"), device, int(port)


def ss_rows(*options):
    out = subprocess.run(["ss", "-Hln", *options], check=True, stdout=subprocess.PIPE,
                         text=True).stdout
    return [line.split() for line in out.splitlines()]


def endpoint_of_ss(proto, local):
    address, device, port = split_endpoint(local)
    # `*` is the wildcard of IPv6 that takes IPv4 too.
    return proto, "::" if address == "*" else address, device, port


def ss_endpoints():
    """Counts of (proto, address, device, port), MPTCP's subflows taken out."""
    counts = collections.Counter()
    for state in ss_rows("-tu"):
        counts[endpoint_of_ss(state[0], state[4])] += 1
    for state in ss_rows("-M"):
        proto, *rest = endpoint_of_ss("mptcp", state[3])
        counts[(proto, *rest)] += 1
        # Of IPv6 without device: in the TCP dump it looks like any other.
        counts[("tcp", *rest)] -= 1
    return +counts


def normal(listener):
    """ss writes the device of a link-local address as its scope, as it does any device."""
    return listener["proto"], listener["address"], listener["device"], listener["port"]


def main():
    failures = []

    def expect(holds, text):
        if not holds:
            failures.append(text)

    zoo, made = zoo_start()
    out = subprocess.run([BUILD + "/tests/net/snapshot"], check=True, stdout=subprocess.PIPE,
                         text=True).stdout
    seen = [json.loads(line) for line in out.splitlines()]
    theirs = ss_endpoints()
    zoo.stdin.close()
    zoo.wait()

    listeners = [entry for entry in seen if entry["type"] == "listener"]
    coverage = {entry["proto"]: entry for entry in seen if entry["type"] == "coverage"}
    end = seen[-1]
    ours = collections.Counter()
    for listener in listeners:
        ours[normal(listener)] += listener["sockets"]

    for key in sorted(set(ours) | set(theirs)):
        if key[0] not in ("udplite", "sctp"):
            expect(ours[key] == theirs[key], f"{key}: ours {ours[key]}, ss {theirs[key]}")

    wanted = collections.Counter()
    for animal in made:
        if "skipped" in animal:
            print("skipped:", animal["name"], animal["skipped"])
            expect(animal["name"].startswith(("sctp", "tcp4-io-uring")),
                   f"the zoo lacks {animal}")
            continue
        key = (*normal(animal), animal["v6only"])
        if animal["listens"]:
            wanted[key] += 1
    found = collections.Counter()
    for listener in listeners:
        found[(*normal(listener), listener["v6only"])] += listener["sockets"]
    for key in sorted(set(wanted) | set(found)):
        expect(wanted[key] == found[key], f"{key}: made {wanted[key]}, found {found[key]}")

    inodes = {animal.get("inode") for animal in made if animal.get("listens")}
    for listener in listeners:
        expect(listener["inode"] in inodes or listener["port"] == 7001,
               f"nobody made inode {listener['inode']}")
    expect(len(listeners) >= 40, f"only {len(listeners)} listeners")
    expect(sum(wanted.values()) == end["sockets"], f"sockets: {end['sockets']}")
    for proto in ("tcp", "udp", "udplite", "mptcp", "links"):
        expect(coverage[proto]["is"] == "full", f"{coverage[proto]}")
    with open("/proc/net/protocols", encoding="ascii") as file:
        has_sctp = any(line.startswith("SCTP") for line in file)
    expect(has_sctp or (coverage["sctp"]["is"].startswith("unavailable: ")
                        and coverage["sctp"]["absent"]), f"{coverage['sctp']}")
    expect(end["complete"], "not complete")

    for failure in failures:
        print("FAILED:", failure)
    print(f"{len(listeners)} listeners, {end['sockets']} sockets, {len(failures)} differences")
    return 1 if failures else 0


if __name__ == "__main__":
    if os.environ.get("IN_NAMESPACE") != "yes":
        os.execv(HERE + "/namespace.sh", ["namespace.sh", os.path.abspath(__file__)])
    sys.exit(main())
