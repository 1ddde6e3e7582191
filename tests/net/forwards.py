#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""KERNEL.md 27: ports that NAT rules forward with no socket, in the forms in which tools write them."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../cli")
import support  # noqa: E402

# iptables-nft as Docker calls it, by hand, and nft; then what must be seen: (proto, address, port, to).
SETUP = [
    "iptables -t nat -N DOCKER",
    "iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
    "iptables -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 3000 -j DNAT --to-destination 172.17.0.2:80",
    "iptables -t nat -A DOCKER -d 127.0.0.1/32 -p tcp -m tcp --dport 3001 -j DNAT --to-destination 172.17.0.2:81",
    "iptables -t nat -A DOCKER -p tcp -m tcp --dport 8000:8001 -j DNAT --to-destination 172.17.0.3",
    "iptables -t nat -A DOCKER -p udp -m multiport --dports 1053,5300:5301 -j DNAT --to-destination 172.17.0.3",
    "iptables -t nat -A PREROUTING -i zoo0 -p tcp --dport 2222 -j REDIRECT --to-ports 22",
    "ip6tables -t nat -A PREROUTING -p tcp --dport 3000 -j DNAT --to-destination [fd00::2]:80",
    "nft add table ip n",
    "nft add chain ip n pre { type nat hook prerouting priority dstnat; }",
    "nft add chain ip n out { type nat hook output priority 0; }",
    "nft add rule ip n out tcp dport 7777 dnat to 10.0.0.2",
    "nft add rule ip n pre ip daddr 192.0.2.0/24 tcp dport 9000 dnat to 10.0.0.2:90",
    "nft add rule ip n pre tcp dport { 9100, 9200-9201 } dnat to 10.0.0.2",
    "nft add rule ip n pre dnat to tcp dport map { 9300 : 10.0.0.3, 9301 : 10.0.0.4 }",
    "nft add rule ip n pre dnat ip to tcp dport map { 9302 : 10.0.0.3 . 8080 }",
    "nft add rule ip n pre iif zoo0 tcp dport 9600 redirect to :22",
    "nft add rule ip n pre ip daddr 192.0.0.0/12 tcp dport 9601 dnat to 10.0.0.2",
    "nft add rule ip n pre ip protocol udp th dport 9603 redirect",
    "nft add rule ip n pre tcp dport < 3 dnat to 10.0.0.2",
    "nft add rule ip n pre tcp dport > 65533 dnat to 10.0.0.2",
    "nft add rule ip n pre udp dport <= 1 dnat to 10.0.0.2",
    "nft add rule ip n pre udp dport >= 65535 dnat to 10.0.0.2",
    "nft add rule ip n pre tcp dport 9700-9702 dnat to 10.0.0.6:9701-9710",
    "iptables -t nat -A PREROUTING -p udp --dport 9800:9801 -j DNAT --to-destination 10.0.0.6:9801-9810",
    "nft add table inet m",
    "nft add chain inet m pre { type nat hook prerouting priority dstnat; }",
    "nft add chain inet m web",
    "nft add rule inet m web meta l4proto tcp dnat ip to 10.9.9.9:5",
    "nft add rule inet m pre tcp dport vmap { 9500 : jump web, 9501 : jump web }",
    "nft add rule inet m pre meta nfproto ipv6 udp dport 9602 redirect to :53",
    "nft add rule inet m pre meta l4proto { tcp, udp } th dport 9402 dnat ip6 to fd00::5",
]
EXPECTED = {
    ("tcp", "0.0.0.0", 3000, "172.17.0.2:80"),
    ("tcp", "127.0.0.1", 3001, "172.17.0.2:81"),
    ("tcp", "0.0.0.0", 8000, "172.17.0.3:8000"),
    ("tcp", "0.0.0.0", 8001, "172.17.0.3:8001"),
    ("udp", "0.0.0.0", 1053, "172.17.0.3:1053"),
    ("udp", "0.0.0.0", 5300, "172.17.0.3:5300"),
    ("udp", "0.0.0.0", 5301, "172.17.0.3:5301"),
    ("tcp", "0.0.0.0%zoo0", 2222, ":22"),
    ("tcp", "::", 3000, "fd00::2:80"),
    ("tcp", "192.0.2.1", 9000, "10.0.0.2:90"),
    ("tcp", "0.0.0.0", 9100, "10.0.0.2:9100"),
    ("tcp", "0.0.0.0", 9200, "10.0.0.2:9200"),
    ("tcp", "0.0.0.0", 9201, "10.0.0.2:9201"),
    ("tcp", "0.0.0.0", 9300, "10.0.0.3:9300"),
    ("tcp", "0.0.0.0", 9301, "10.0.0.4:9301"),
    ("tcp", "0.0.0.0", 9302, "10.0.0.3:8080"),
    ("tcp", "0.0.0.0%zoo0", 9600, ":22"),
    ("tcp", "192.0.2.1", 9601, "10.0.0.2:9601"),
    ("udp", "::", 9602, ":53"),
    ("udp", "0.0.0.0", 9603, ":9603"),
    ("tcp", "0.0.0.0", 1, "10.0.0.2:1"),
    ("tcp", "0.0.0.0", 2, "10.0.0.2:2"),
    ("tcp", "0.0.0.0", 65534, "10.0.0.2:65534"),
    ("tcp", "0.0.0.0", 65535, "10.0.0.2:65535"),
    ("udp", "0.0.0.0", 1, "10.0.0.2:1"),
    ("udp", "0.0.0.0", 65535, "10.0.0.2:65535"),
    ("tcp", "0.0.0.0", 9700, "10.0.0.6:9701"),
    ("tcp", "0.0.0.0", 9701, "10.0.0.6:9701"),
    ("tcp", "0.0.0.0", 9702, "10.0.0.6:9702"),
    ("udp", "0.0.0.0", 9800, "10.0.0.6:9801"),
    ("udp", "0.0.0.0", 9801, "10.0.0.6:9801"),
    ("tcp", "0.0.0.0", 9500, "10.9.9.9:5"),
    ("tcp", "0.0.0.0", 9501, "10.9.9.9:5"),
    ("tcp", "::", 9402, "fd00::5:9402"),
    ("udp", "::", 9402, "fd00::5:9402"),
}


def snapshot(*prefix):
    """The forwards that the collector sees, and what it says of having seen all."""
    out = subprocess.run([*prefix, support.BUILD + "/tests/net/snapshot"], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    rows = [json.loads(line) for line in out.splitlines()]
    forwards = {
        (row["proto"], row["address"] + ("%" + row["device"] if row["device"] else ""),
         row["port"], row["forward"])
        for row in rows if row["type"] == "listener" and row["forward"]
    }
    coverage = [row["is"] for row in rows if row.get("proto") == "forwards" and "is" in row]
    return forwards, coverage[0]


def check(what, holds, detail=""):
    print(("ok: " if holds else "FAILED: ") + what, detail if not holds else "")
    return holds


def main():
    support.enter(__file__)
    good = check("no rules are no forwards", snapshot() == (set(), "full"), snapshot())
    for command in SETUP:
        subprocess.run(command.split(), check=True)
    seen, coverage = snapshot()
    good &= check("every forwarded port is seen, and no other", seen == EXPECTED,
                  f"missing {EXPECTED - seen}, too many {seen - EXPECTED}")
    good &= check("all of the rules were understood", coverage == "full", coverage)

    seen, coverage = snapshot(*support.as_user(support.NOBODY, "--bounding-set", "-all"))
    good &= check("without the right to read the rules it says so",
                  not seen and coverage.startswith("unavailable: only root"), coverage)

    subprocess.run("nft add rule ip n pre ip daddr 192.0.2.1 dnat to 10.0.0.9".split(), check=True)
    good &= check("a rule without ports is told as not covered",
                  snapshot()[1].startswith("incomplete: 1 "), snapshot()[1])

    # As many as are read (RULES_MAX of forwards.c) and one more, in place of all the others.
    subprocess.run("nft flush ruleset".split(), check=True)
    subprocess.run("nft -f -".split(), check=True, text=True, input=(
        "table ip n {\nchain pre { type nat hook prerouting priority dstnat; }\n"
        "chain many {\n" + 100001 * "counter\n" + "}\n}\n"))
    good &= check("more rules than are read are told as not covered",
                  snapshot()[1].startswith("incomplete: of the NAT rules, only the first 100000"),
                  snapshot()[1])
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
