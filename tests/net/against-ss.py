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

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, HERE + "/../cli"]
import support  # noqa: E402
from animals import Zoo, endpoint_of, ss_endpoints  # noqa: E402


def main():
    failures = []

    def expect(holds, text):
        if not holds:
            failures.append(text)

    zoo = Zoo()
    out = subprocess.run([support.BUILD + "/tests/net/snapshot"], check=True, stdout=subprocess.PIPE,
                         text=True).stdout
    seen = [json.loads(line) for line in out.splitlines()]
    theirs = ss_endpoints()
    zoo.end()

    listeners = [entry for entry in seen if entry["type"] == "listener"]
    coverage = {entry["proto"]: entry for entry in seen if entry["type"] == "coverage"}
    end = seen[-1]
    ours = collections.Counter()
    for listener in listeners:
        ours[endpoint_of(listener)] += listener["sockets"]

    for key in sorted(set(ours) | set(theirs)):
        if key[0] not in ("udplite", "sctp"):
            expect(ours[key] == theirs[key], f"{key}: ours {ours[key]}, ss {theirs[key]}")

    wanted = collections.Counter()
    for animal in zoo.made:
        if "skipped" in animal:
            print("skipped:", animal["name"], animal["skipped"])
            expect(animal["name"].startswith(("sctp", "tcp4-io-uring")),
                   f"the zoo lacks {animal}")
            continue
        key = (*endpoint_of(animal), animal["v6only"])
        if animal["listens"]:
            wanted[key] += 1
    found = collections.Counter()
    for listener in listeners:
        found[(*endpoint_of(listener), listener["v6only"])] += listener["sockets"]
    for key in sorted(set(wanted) | set(found)):
        expect(wanted[key] == found[key], f"{key}: made {wanted[key]}, found {found[key]}")

    inodes = {animal.get("inode") for animal in zoo.made if animal.get("listens")}
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
    support.enter(__file__)
    sys.exit(main())
