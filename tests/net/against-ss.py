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


failures = []


def expect(holds, text):
    if not holds:
        failures.append(text)


def counted(listeners, *keys):
    """How many sockets each endpoint has, and what else stands at these keys."""
    counts = collections.Counter()
    for one in listeners:
        counts[(*endpoint_of(one), *(one[key] for key in keys))] += one.get("sockets", 1)
    return counts


def check_against_ss(listeners, theirs):
    ours = counted(listeners)
    for key in sorted(set(ours) | set(theirs)):
        if key[0] not in ("udplite", "sctp"):
            expect(ours[key] == theirs[key], f"{key}: ours {ours[key]}, ss {theirs[key]}")


def check_against_zoo(listeners, made):
    for animal in made:
        if "skipped" in animal:
            print("skipped:", animal["name"], animal["skipped"])
            expect(animal["name"].startswith(("sctp", "tcp4-io-uring")), f"the zoo lacks {animal}")
    made = [animal for animal in made if animal.get("listens")]
    wanted, found = counted(made, "v6only"), counted(listeners, "v6only")
    for key in sorted(set(wanted) | set(found)):
        expect(wanted[key] == found[key], f"{key}: made {wanted[key]}, found {found[key]}")
    inodes = {animal.get("inode") for animal in made}
    for listener in listeners:
        expect(listener["inode"] in inodes or listener["port"] == 7001,
               f"nobody made inode {listener['inode']}")
    expect(len(listeners) >= 40, f"only {len(listeners)} listeners")
    return sum(wanted.values())


def check_coverage(coverage):
    for proto in ("tcp", "udp", "udplite", "mptcp", "links"):
        expect(coverage[proto]["is"] == "full", f"{coverage[proto]}")
    with open("/proc/net/protocols", encoding="ascii") as file:
        has_sctp = any(line.startswith("SCTP") for line in file)
    expect(has_sctp or (coverage["sctp"]["is"].startswith("unavailable: ")
                        and coverage["sctp"]["absent"]), f"{coverage['sctp']}")


def main():
    zoo = Zoo()
    out = subprocess.run([support.BUILD + "/tests/net/snapshot"], check=True, stdout=subprocess.PIPE,
                         text=True).stdout
    theirs = ss_endpoints()
    zoo.end()

    seen = [json.loads(line) for line in out.splitlines()]
    listeners = [entry for entry in seen if entry["type"] == "listener"]
    end = seen[-1]
    check_against_ss(listeners, theirs)
    made = check_against_zoo(listeners, zoo.made)
    expect(made == end["sockets"], f"sockets: {end['sockets']}")
    check_coverage({entry["proto"]: entry for entry in seen if entry["type"] == "coverage"})
    expect(end["complete"], "not complete")

    for failure in failures:
        print("FAILED:", failure)
    print(f"{len(listeners)} listeners, {end['sockets']} sockets, {len(failures)} differences")
    return 1 if failures else 0


if __name__ == "__main__":
    support.enter(__file__)
    sys.exit(main())
