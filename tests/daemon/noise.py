#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a desktop does all day must not be an alert by the shipped policy: clients' sockets, browsing the
network, virtual machines' networks and VPNs that come and go. SOCKAUDIT_NOISE=N does all of it N times,
and starts real services over and over as well, which must be installed then."""

import contextlib
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import Foreground, listen, until, write, write_rules  # noqa: E402
from networks import SHIPPED, alerts, bind_udp_at, ip  # noqa: E402

TIMES = int(os.environ.get("SOCKAUDIT_NOISE", "1"))
# Of the kernel's range for clients; two of its ports are guessed to be Spotify's and BitTorrent's.
FIRST, LAST = 51000, 58999
GUESSED = {51413, 57621}
GRACE = 0.2  # s
SETTINGS = "set udp-grace 200ms\nset poll 100ms\nset burst 10000\n"
# As libvirt's `default` network has it.
DNSMASQ = """strict-order
pid-file={pid}
except-interface=lo
bind-dynamic
interface=virbr0
dhcp-range=192.168.122.2,192.168.122.254,255.255.255.0
dhcp-no-override
dhcp-authoritative
dhcp-lease-max=253
dhcp-leasefile={leases}
no-resolv
user=root
"""


@contextlib.contextmanager
def quiet_daemon(directory, rules=""):
    """One that must tell nothing of what happens meanwhile, and then of what it should."""
    with open(SHIPPED, encoding="utf-8") as file:
        write_rules(directory, rules + file.read() + SETTINGS)
    with Foreground(directory).serving() as daemon:
        yield daemon
        outlive_grace(daemon)
        daemon.told_by(9229)
        assert alerts(daemon) == [("flagged", 9229)], [
            one for one in daemon.so_far() if one["event"] in ("flagged", "resolved", "suppressed")]


def outlive_grace(daemon):
    """Until a UDP socket that is opened now has been judged, and with it all that were before."""
    with bind_udp_at("127.0.0.1", 5000):
        until("it is judged", lambda: not daemon.listeners().get(5000, {}).get("pending", True))


# --- clients ----------------------------------------------------------------------------------------

def draw(address="0.0.0.0", family=socket.AF_INET):
    """A port-0 socket, as any client has it."""
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind((address, 0))
    return sock


def ask_names():
    """A resolver's sockets: connected, or not until the first query (which binds them)."""
    socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(20)]
    for sock in socks[:10]:
        sock.connect(("192.0.2.53", 53))
    for sock in socks[10:]:
        with contextlib.suppress(OSError):
            sock.sendto(b"?", ("192.0.2.53", 53))
    return socks


def ask_the_time():
    socks = [draw() for _ in range(4)]
    for sock in socks[:2]:
        sock.connect(("192.0.2.123", 123))
    return socks


def browse():
    """mDNS and SSDP, as browsers and players do it: the port shared by all, and one-shot queries."""
    socks = []
    for group, port in (("224.0.0.251", 5353), ("239.255.255.250", 1900), ("239.255.255.250", 3702)):
        for _ in range(3):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock.bind(("", port))
            member = socket.inet_aton(group) + socket.inet_aton("192.0.2.1")
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
            socks.append(sock)
        group_only = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        group_only.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        group_only.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        group_only.bind((group, port))
        socks += [group_only, draw()]
    return socks


def call():
    """WebRTC: a socket on each interface and one on all, some of which get connected to the peer."""
    socks = []
    for _ in range(10):
        socks += [draw(), draw("192.0.2.1"), draw("fd00:200::1", socket.AF_INET6),
                  draw("::", socket.AF_INET6)]
    for sock in random.sample(socks, 10):
        with contextlib.suppress(OSError):
            address = "fd00:200::9" if sock.family == socket.AF_INET6 else "192.0.2.9"
            sock.connect((address, 3478))
    return socks


def test_clients(directory):
    write("/proc/sys/net/ipv4/ip_local_port_range", f"{FIRST} {LAST}")
    with quiet_daemon(directory):
        for _ in range(TIMES):
            held = [sock for act in (ask_names, ask_the_time, browse, call) for sock in act()]
            time.sleep(2 * GRACE)
            for sock in random.sample(held, len(held) // 2):
                sock.close()
            time.sleep(2 * GRACE)
            for sock in held:
                sock.close()


def test_ten_thousand_sockets(directory):
    """Together they draw every port of the kernel's range, and so those that are guessed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16384), hard))
    write("/proc/sys/net/ipv4/ip_local_port_range", f"{FIRST} {LAST}")
    with quiet_daemon(directory) as daemon:
        for _ in range(TIMES):
            drawn = [draw() for _ in range(LAST - FIRST + 1)]
            assert GUESSED <= {sock.getsockname()[1] for sock in drawn}
            outlive_grace(daemon)
            for sock in drawn:
                sock.close()
            drawn = [draw("192.0.2.1") for _ in range(10000 - len(drawn))]
            outlive_grace(daemon)
            for sock in drawn:
                sock.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# --- networks ---------------------------------------------------------------------------------------

@contextlib.contextmanager
def dnsmasq(directory):
    write(directory + "/dnsmasq.conf",
          DNSMASQ.format(pid=directory + "/dnsmasq.pid", leases=directory + "/leases"))
    process = subprocess.Popen(["dnsmasq", "--keep-in-foreground", "--log-facility=/dev/null",
                                "--conf-file=" + directory + "/dnsmasq.conf"])
    try:
        yield process
    finally:
        process.terminate()
        process.wait(harness.PATIENCE)


def is_served(daemon):
    found = daemon.listeners()
    return {53, 67} <= set(found)


def test_the_network_of_virtual_machines(directory):
    """libvirt's: the bridge, dnsmasq on it at once, machines on it, and away; also the bridge first."""
    if not shutil.which("dnsmasq"):
        harness.skip("there is no dnsmasq")
    with quiet_daemon(directory) as daemon:
        for turn in range(4 * TIMES):
            ip("link add virbr0 type bridge", "addr add 192.168.122.1/24 dev virbr0",
               "link set virbr0 up")
            with dnsmasq(directory):
                until("it serves", lambda: is_served(daemon))
                ip("tuntap add mode tap name vnet0", "link set vnet0 master virbr0 up")
                outlive_grace(daemon)
                if turn % 2:
                    ip("link del virbr0")
                    outlive_grace(daemon)
            ip("link del vnet0")
            if not turn % 2:
                ip("link del virbr0")
            until("it is gone", lambda: not is_served(daemon))


def test_a_vpn(directory):
    """A service that is allowed there alone, and UDP clients; it goes and comes with all addresses."""
    with quiet_daemon(directory, "allow tcp port 8384 scope vpn\n") as daemon:
        ip("tuntap add mode tun name tun0", "addr add 10.88.0.1/24 dev tun0",
           "-6 addr add fd88::1/64 dev tun0 nodad", "link set tun0 up")
        with listen("10.88.0.1", 8384), listen("fd88::1", 8384), draw("10.88.0.1"):
            for turn in range(4 * TIMES):
                daemon.knows(8384)
                if turn % 2:
                    ip("link set tun0 down")
                else:
                    ip("link del tun0")
                outlive_grace(daemon)
                if turn % 2 == 0:
                    ip("tuntap add mode tun name tun0", "addr add 10.88.0.1/24 dev tun0")
                ip("link set tun0 up", "-6 addr add fd88::1/64 dev tun0 nodad")
                outlive_grace(daemon)
        ip("link del tun0")


# --- services that are started again ----------------------------------------------------------------

NGINX = """pid {directory}/nginx.pid;
worker_processes 4;
events {{}}
http {{ access_log off; server {{ listen 8088; listen [::]:8088; }} }}
"""
# By name: the port, and the command, which becomes a daemon. As each allows, by program and user.
SERVICES = {
    "nginx": (8088, "nginx -e {directory}/nginx.log -c {directory}/nginx.conf"),
    "redis-server": (6379, "redis-server --bind 0.0.0.0 --port 6379 --daemonize yes "
                           "--protected-mode no --dir {directory} --pidfile {directory}/redis-server.pid"),
    "sshd": (2222, "/usr/sbin/sshd -p 2222 -h {directory}/key -o PidFile={directory}/sshd.pid"),
}


def is_open(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def prepare_services(directory):
    os.makedirs("/run/sshd", exist_ok=True)
    write(directory + "/nginx.conf", NGINX.format(directory=directory))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory + "/key"],
                   check=True)


def restart(directory, name, pause):
    port, command = SERVICES[name]
    subprocess.run(command.format(directory=directory).split(), check=True,
                   stdout=subprocess.DEVNULL)
    until(f"{name} is there", lambda: is_open(port))
    time.sleep(pause)
    pid_file = f"{directory}/{name}.pid"
    until("it has written its pid", lambda: harness.read(pid_file).strip())
    os.kill(int(harness.read(pid_file)), signal.SIGTERM)
    until(f"{name} is gone", lambda: not is_open(port))


CHRONY = "server 192.0.2.123 iburst\npool 192.0.2.124 iburst\ncmdport 323\npidfile {directory}/chrony.pid\n"
AVAHI = "[server]\nenable-dbus=no\nuse-ipv4=yes\nuse-ipv6=yes\n[publish]\npublish-workstation=yes\n"


@contextlib.contextmanager
def running(*words):
    """A daemon that stays in the foreground; it must still run at the end."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
        assert process.poll() is None, words
    finally:
        process.terminate()
        process.wait(harness.PATIENCE)


if TIMES > 1:
    def test_real_clients(directory):
        """chrony asks for the time, avahi browses and publishes, while addresses come and go."""
        write(directory + "/chrony.conf", CHRONY.format(directory=directory))
        write(directory + "/avahi.conf", AVAHI)
        os.makedirs("/run/avahi-daemon", exist_ok=True)
        with quiet_daemon(directory) as daemon, \
                running("chronyd", "-d", "-x", "-u", "root", "-f", directory + "/chrony.conf"), \
                running("avahi-daemon", "--no-drop-root", "--no-chroot", "-f", directory + "/avahi.conf"):
            daemon.knows(323, 5353)
            for _ in range(TIMES):
                ip("addr add 192.0.2.77/24 dev zoo0")
                outlive_grace(daemon)
                ip("addr del 192.0.2.77/24 dev zoo0")
                outlive_grace(daemon)

    def test_services_that_are_started_again(directory):
        """Each forks before and after it listens: who holds the socket is asked for before an alert."""
        prepare_services(directory)
        rules = "".join(f"allow port {port} user root exe {shutil.which(command.split()[0])}\n"
                        for port, command in SERVICES.values())
        with quiet_daemon(directory, rules):
            for _ in range(50):
                for name in SERVICES:
                    # Also at the end of `settle`, when the alert would be sent.
                    restart(directory, name, random.choice((0, 0.05, 0.24, 0.26, 0.28, 0.29)))


if __name__ == "__main__":
    harness.main(__file__, globals())
