#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Ways in which an ordinary user may try to listen without an alert. Each function below is one way. The
daemon must report its listener, with the user's uid. docs/SECURITY.md lists the ways that are not reported."""

import array
import ctypes
import os
import signal
import socket
import struct
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/../daemon")
import harness  # noqa: E402
from harness import Foreground, until, write_rules  # noqa: E402

ATTACKER = 54321
FIRST_PORT = 4000
RULES = """allow scope loopback
flag critical udp
flag critical
set settle 0s
set udp-grace 0s
set burst 10000
"""

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x20000, 0x10000000, 0x20000000, 0x40000000
PR_SET_DUMPABLE, PR_SET_NAME = 4, 15
SYS_EXIT = {"x86_64": 60, "aarch64": 93}[os.uname().machine]
IPPROTO_UDPLITE, IPPROTO_MPTCP = 136, 262
libc = ctypes.CDLL(None, use_errno=True)

ways = []


def way(function):
    """Registers a function that opens a listener on the port, as the attacker. Its return value is kept, so that the
    listener stays open. The function need not return."""
    ways.append(function)
    return function


def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def bound(port, address="0.0.0.0", kind=socket.SOCK_STREAM, protocol=0):
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, port))
    return sock


def listening(port, address="0.0.0.0", protocol=0):
    sock = bound(port, address, protocol=protocol)
    sock.listen()
    return sock


def ready():
    os.write(READY, b"x")


def in_user_namespace(flags=0):
    check(libc.unshare(CLONE_NEWUSER | flags))


# --- addresses ----------------------------------------------------------------------------------------

@way
def plain(port):
    return listening(port)


@way
def both_families(port):
    return listening(port, "::")


@way
def mapped_wildcard(port):
    return listening(port, "::ffff:0.0.0.0")


@way
def one_address(port):
    return listening(port, "192.0.2.1")


@way
def one_address_of_ipv6(port):
    return listening(port, "fd00:200::1")


@way
def link_local(port):
    sock = socket.socket(socket.AF_INET6)
    sock.bind(("fe80::200", port, 0, socket.if_nametoindex("zoo0")))
    sock.listen()
    return sock


@way
def behind_a_device(port):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"zoo0")
    sock.bind(("0.0.0.0", port))
    sock.listen()
    return sock


@way
def beside_one_on_loopback(port):
    return listening(port, "127.0.0.1"), listening(port, "192.0.2.1")


@way
def in_a_group(port):
    """Opens two sockets of a reuseport group; the first is on loopback and allowed."""
    socks = []
    for address in ("127.0.0.1", "0.0.0.0"):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((address, port))
        sock.listen()
        socks.append(sock)
    return socks


# --- calls ----------------------------------------------------------------------------------------------

@way
def without_backlog(port):
    sock = bound(port)
    sock.listen(0)
    return sock


@way
def shut_down_and_again(port):
    sock = listening(port)
    sock.shutdown(socket.SHUT_RDWR)
    time.sleep(0.2)
    sock.listen()
    return sock


@way
def another_descriptor(port):
    sock = listening(port)
    copy = os.dup2(sock.fileno(), 200)
    sock.close()
    return copy


@way
def multipath(port):
    return listening(port, protocol=IPPROTO_MPTCP)


@way
def multipath_of_ipv6(port):
    return listening(port, "::", IPPROTO_MPTCP)


@way
def the_kernels_choice(port):
    """Lets the kernel choose the port. To avoid many tries, the range of local ports contains only this port."""
    sock = socket.socket()
    sock.bind(("0.0.0.0", 0))
    sock.listen()
    os.write(READY, struct.pack("H", sock.getsockname()[1]))
    return sock


@way
def without_bind(port):
    sock = socket.socket()
    sock.listen()
    os.write(READY, struct.pack("H", sock.getsockname()[1]))
    return sock


# --- UDP --------------------------------------------------------------------------------------------------

@way
def datagrams(port):
    return bound(port, kind=socket.SOCK_DGRAM)


@way
def datagrams_of_both_families(port):
    return bound(port, "::", socket.SOCK_DGRAM)


@way
def datagrams_lite(port):
    return bound(port, kind=socket.SOCK_DGRAM, protocol=IPPROTO_UDPLITE)


@way
def a_multicast_group(port):
    return bound(port, "224.0.0.1", socket.SOCK_DGRAM)


@way
def a_multicast_group_of_ipv6(port):
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.bind(("ff02::1", port, 0, socket.if_nametoindex("zoo0")))
    return sock


@way
def broadcast(port):
    return bound(port, "255.255.255.255", socket.SOCK_DGRAM)


@way
def given_to_another(port):
    """fchown() on a socket changes the owner and the times of its inode."""
    sock = bound(port, kind=socket.SOCK_DGRAM)
    os.fchown(sock.fileno(), -1, os.getgid())
    return sock


@way
def connected_and_no_more(port):
    """A connected UDP socket receives datagrams of one peer only, until connect(AF_UNSPEC)."""
    sock = bound(port, "192.0.2.1", socket.SOCK_DGRAM)
    sock.connect(("192.0.2.7", 9))
    check(libc.connect(sock.fileno(), struct.pack("H14x", socket.AF_UNSPEC), 16))
    return sock


# --- processes -------------------------------------------------------------------------------------------------

@way
def in_another_thread(port):
    socks = []
    thread = threading.Thread(target=lambda: socks.append(listening(port)))
    thread.start()
    thread.join()
    return socks


@way
def without_its_leader(port):
    """The first thread exits and the process continues: /proc/PID shows nothing about it."""
    def stay():
        time.sleep(0.2)
        sock = listening(port)
        ready()
        signal.pause()
        sock.close()

    threading.Thread(target=stay).start()
    libc.syscall(SYS_EXIT, 0)


@way
def by_a_child_that_is_gone(port):
    sock = bound(port)
    if os.fork() == 0:
        sock.listen()
        os._exit(0)
    os.wait()
    return sock


@way
def by_a_child_in_another_netns(port):
    """A child in another network namespace calls listen() on a socket of this namespace."""
    sock = bound(port)
    if os.fork() == 0:
        in_user_namespace(CLONE_NEWNET)
        sock.listen()
        ready()
        signal.pause()
    signal.pause()


@way
def of_nobody(port):
    """The socket is in a message that no process receives, so no process has it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock = bound(port)
    ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [sock.fileno()]))])
    sock.listen()
    sock.close()
    return ours, theirs


@way
def another_program(port):
    sock = listening(port)
    sock.set_inheritable(True)
    ready()
    os.execv("/bin/sleep", ["sleep", "1000"])


def unverified(function):
    """Marks a way whose program must be reported as unverified: its path leads to another file, or to none."""
    function.verified = "no"
    return function


@way
@unverified
def a_program_without_a_file(port):
    fd = os.memfd_create("x", 0)
    with open(harness.HOLDER, "rb") as file:
        os.write(fd, file.read())
    start(f"/proc/self/fd/{fd}", port)


@way
@unverified
def a_deleted_program(port):
    path = f"{os.getcwd()}/holder-{port}"
    with open(harness.HOLDER, "rb") as file, open(path, "wb") as copy:
        copy.write(file.read())
    os.chmod(path, 0o755)
    fd = os.open(path, os.O_RDONLY)
    os.unlink(path)
    start(f"/proc/self/fd/{fd}", port)


@way
@unverified
def under_a_false_name(port):
    """The program has the path of an allowed program, in its own mount namespace."""
    in_user_namespace(CLONE_NEWNS)
    check(libc.mount(harness.HOLDER.encode(), b"/bin/sleep", None, 4096, None))
    start("/bin/sleep", port)


@way
def in_a_root_of_its_own(port):
    in_user_namespace()
    os.chroot("/")
    return listening(port)


@way
def in_a_user_namespace(port):
    in_user_namespace()
    return listening(port)


@way
def in_a_pid_namespace(port):
    in_user_namespace(CLONE_NEWPID)
    if os.fork() == 0:
        sock = listening(port)
        ready()
        signal.pause()
        sock.close()
    signal.pause()


@way
def not_dumpable(port):
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    return listening(port)


@way
def with_an_odd_name(port):
    libc.prctl(PR_SET_NAME, b"a) R 1\n\x1b[2J", 0, 0, 0)
    return listening(port)


@way
def without_arguments(port):
    """The process unmaps its command line, so that it cannot be read."""
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    begin = int(fields[45])
    ctypes.memset(begin, 0, int(fields[46]) - begin)
    return listening(port)


@way
def stopped(port):
    sock = listening(port)
    ready()
    os.kill(os.getpid(), signal.SIGSTOP)
    return sock


@way
def without_parents(port):
    if os.fork() == 0:
        if os.fork() == 0:
            sock = listening(port)
            ready()
            signal.pause()
            sock.close()
        os._exit(0)
    os.wait()
    signal.pause()


def start(program, port):
    """Runs a program that prints a line when it listens."""
    from_it, to_us = os.pipe()
    if os.fork() == 0:
        os.dup2(to_us, 1)
        os.dup2(os.pipe()[0], 0)
        os.execv(program, ["holder", "0.0.0.0", str(port)])
    os.read(from_it, 1)
    ready()
    signal.pause()


# --- the run -----------------------------------------------------------------------------------------------------

READY = -1


class Attempt:
    """Runs one way in a new session, which is killed at the end."""

    def __init__(self, function, port, folder):
        global READY  # pylint: disable=global-statement
        self.function, self.port = function, port
        self.ready, to_us = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            READY = to_us
            self.child(folder)
        os.close(to_us)

    def child(self, folder):
        try:
            os.setsid()
            os.setresgid(ATTACKER, ATTACKER, ATTACKER)
            os.setgroups([])
            os.setresuid(ATTACKER, ATTACKER, ATTACKER)
            libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
            os.chdir(folder)
            kept = self.function(self.port)
            ready()
            signal.pause()
            del kept
        except BaseException as error:  # pylint: disable=broad-exception-caught
            print(f"{self.function.__name__}: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(1)

    def await_ready(self):
        data = os.read(self.ready, 16)
        assert data, f"{self.function.__name__}: failed to open the listener"
        if data != b"x" and len(data) >= 2:
            self.port = struct.unpack("H", data[:2])[0]

    def end(self):
        for _ in range(2):
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        os.waitpid(self.pid, 0)
        os.close(self.ready)


def try_way(daemon, function, port, folder):
    attempt = Attempt(function, port, folder)
    try:
        attempt.await_ready()
        told = daemon.expect(event="flagged", port=attempt.port)
        assert told["uid"] == ATTACKER, told
        assert told["scope"] not in ("loopback", "unreachable"), told
        assert told.get("exe_verified") == function.__dict__.get("verified", "yes"), told
    finally:
        attempt.end()


def test_every_way_is_reported(directory):
    write_rules(directory, RULES)
    folder = directory + "/attacker"
    os.mkdir(folder)
    os.chown(folder, ATTACKER, ATTACKER)
    failed = []
    with Foreground(directory).serving() as daemon:
        for i, function in enumerate(ways):
            try:
                try_way(daemon, function, FIRST_PORT + i, folder)
            except AssertionError as error:
                failed.append((function.__name__, str(error)[:300]))
        until(lambda: daemon.listeners("--flagged"), lambda: not daemon.listeners("--flagged"))
    assert not failed, "\n".join(map(str, failed))
    print(f"{len(ways)} ways were tried")


if __name__ == "__main__":
    harness.main(__file__, globals())
