#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Networks that come and go, by the shipped policy: VPNs, bridges of virtual machines, addresses that
are bound before they exist. Events alone are to lead to what is checked: UDP is polled once an hour, and
in_a_row() is faster than the dumps of everything."""

import json
import os
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import Foreground, in_a_row, listen, until, watching, write_rules  # noqa: E402

IN_A_ROW = 6
SHIPPED = os.path.join(harness.HERE, "../../etc/sockaudit.rules")
IP_FREEBIND = 15


def ip(*commands):
    for command in commands:
        subprocess.run(["ip", *command.split()], check=True)


def listen_free(address, port):
    """On an address that may be on no interface yet."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
    sock.bind((address, port))
    sock.listen()
    return sock


def bind_udp_at(address, port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    sock.bind((address, port))
    return sock


def with_shipped_policy(settings):
    """For a test_…(daemon)."""
    def decorate(test):
        def run_with(directory):
            with open(SHIPPED, encoding="utf-8") as file:
                write_rules(directory, file.read() + settings)
            with Foreground(directory).serving() as daemon:
                test(daemon)
        return run_with
    return decorate


def scope_of(daemon, port):
    return daemon.listeners().get(port, {}).get("scope")


def alerts(daemon):
    return [(told["event"], told.get("port")) for told in daemon.so_far()
            if told["event"] in ("flagged", "resolved", "suppressed")]


@with_shipped_policy("set poll 1h\n")
def test_an_address_comes_to_a_socket(daemon):
    """Bound with IP_FREEBIND: silent until an interface has the address, and then an alert."""
    def come(port):
        with listen_free("198.51.100.9", port):
            until("it is listed", lambda: scope_of(daemon, port) == "unreachable")
            ip("addr add 198.51.100.9/32 dev lo")
            told = daemon.expect(event="flagged", port=port)
            assert told["scope"] == "public", told
            assert not [one for one in daemon.passed if one["event"] == "flagged"], daemon.passed
        ip("addr del 198.51.100.9/32 dev lo")

    in_a_row(lambda port=port: come(port) for port in range(4444, 4444 + IN_A_ROW))


@with_shipped_policy("set poll 1h\n")
def test_a_vpn_goes_and_comes(daemon):
    """What was an alert stays that alert; what lost its interface is not worse than before."""
    def go(turn):
        ip("link del sockaudit0")
        until("it is unreachable", lambda: scope_of(daemon, 5005) == "unreachable")
        assert daemon.listeners()[5005]["verdict"] == "allow"
        come()
        until("it is back", lambda: scope_of(daemon, 5005) == "vpn")
        assert daemon.listeners()[5005]["verdict"] == "flag", turn

    def come():
        ip("tuntap add mode tun name sockaudit0", "link set sockaudit0 up",
           "addr add 10.88.0.1/24 dev sockaudit0")

    come()
    with listen("10.88.0.1", 5005):
        told = daemon.expect(event="flagged", port=5005)
        assert (told["scope"], told["priority"]) == ("vpn", 5), told
        in_a_row(lambda turn=turn: go(turn) for turn in range(IN_A_ROW))
        daemon.told_by(9229)
        assert alerts(daemon)[0] == ("flagged", 5005)
        assert [port for _, port in alerts(daemon)].count(5005) == 1, alerts(daemon)
        ip("link del sockaudit0")
    # Its end is told as any other.
    daemon.expect(event="resolved", port=5005)


def check_forwards(daemon, add, remove):
    """Each is an alert soon after the rule is there, and not listed soon after the rule is gone."""
    def come_and_go(turn):
        port = 4100 + turn
        for command in add:
            subprocess.run(command.format(port=port).split(), check=True)
        told = daemon.expect(event="flagged", port=port)
        assert daemon.listeners()[port]["origin"] == "forward", told
        for command in remove:
            subprocess.run(command.format(port=port).split(), check=True)
        until("it is gone", lambda: port not in daemon.listeners())

    in_a_row(lambda turn=turn: come_and_go(turn) for turn in range(IN_A_ROW))


@with_shipped_policy("set poll 1h\n")
def test_a_forward_of_nft(daemon):
    subprocess.run(["nft", "add table ip n; add chain ip n pre "
                           "{ type nat hook prerouting priority dstnat; }"], check=True)
    check_forwards(daemon, ["nft add rule ip n pre tcp dport {port} dnat to 10.0.0.2:80"],
                   ["nft flush chain ip n pre"])


@with_shipped_policy("set poll 1h\n")
def test_a_forward_of_iptables(daemon):
    rule = "PREROUTING -p tcp --dport {port} -j DNAT --to-destination 10.0.0.2:80"
    check_forwards(daemon, ["iptables-nft -t nat -A " + rule], ["iptables-nft -t nat -D " + rule])


@with_shipped_policy("set poll 1h\n")
def test_a_forward_by_an_element_of_a_map(daemon):
    subprocess.run(["nft", "add table ip m; add chain ip m pre "
                           "{ type nat hook prerouting priority dstnat; }; "
                           "add map ip m to { type inet_service : ipv4_addr; }; "
                           "add rule ip m pre dnat to tcp dport map @to"], check=True)
    check_forwards(daemon, ["nft add element ip m to {{ {port} : 10.0.0.3 }}"],
                   ["nft delete element ip m to {{ {port} }}"])


def listed(daemon):
    """By protocol and port; those of UDP after their grace, when they are told of."""
    found = json.loads(daemon.good("list", "--json", "--all"))["listeners"]
    return {(one["proto"], one["port"]): one for one in found if not one["pending"]}


def bring_bridge_up_and_down(daemon, turn):
    mine = {("tcp", 53), ("udp", 53), ("udp", 137 + turn)}
    ip("link add sockaudit0 type bridge", "link set sockaudit0 up")
    ip("addr add 192.168.122.1/24 dev sockaudit0")
    with listen("192.168.122.1", 53), bind_udp_at("192.168.122.1", 53), \
            bind_udp_at("192.168.122.255", 137 + turn):
        until("all are known", lambda: mine <= set(listed(daemon)))
        found = listed(daemon)
        # A broadcast address is of its interface.
        assert {found[one]["scope"] for one in mine} == {"virtual"}, found
        assert found["tcp", 53]["verdict"] == "allow", found
        ip("link del sockaudit0")
        until("they are unreachable", lambda: scope_of(daemon, 53) == "unreachable")
    # Otherwise the next one at that address is another socket of the same listener.
    until("they are gone", lambda: not mine & set(listed(daemon)))


@with_shipped_policy("set poll 200ms\nset udp-grace 500ms\n")
def test_the_bridge_of_virtual_machines(daemon):
    """As libvirt does it: the bridge gets its address, and dnsmasq is bound to it at once. A look
    that knew the bridge without its address must not make DNS and DHCP a public service."""
    def appeared(port):
        return [one["scope"] for one in events if (one["event"], one.get("port")) ==
                ("added", port)]

    def is_watched():
        with listen("127.0.0.1", 9228):
            daemon.knows(9228)
        return appeared(9228)

    with watching(daemon) as events:
        until("it watches", is_watched)
        for turn in range(IN_A_ROW):
            bring_bridge_up_and_down(daemon, turn)
        daemon.told_by(9229)
        until("all is watched", lambda: appeared(9229))
        # The addresses were asked for before it said so.
        until(lambda: appeared(53), lambda: len(appeared(53)) >= 2 * IN_A_ROW)
        assert appeared(53) == 2 * IN_A_ROW * ["virtual"], appeared(53)
    told = [one for one in daemon.so_far() if one["event"] == "flagged" and one["port"] != 9229]
    assert not [one for one in told if one["priority"] < 5], told
    assert not [one for one in told if one["port"] == 53], told


if __name__ == "__main__":
    harness.main(__file__, globals())
