#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules may name programs on a file system that hangs (a FUSE whose server sleeps; NFS is no
other): the daemon and `scan` go on, and what could not be looked at equals nothing."""

import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
import support  # noqa: E402
from harness import PATIENCE, Foreground, until, write

HOLDER = os.path.realpath(harness.HOLDER)
NAME = b"program"


class FileSystem:
    """One program, of which nothing may be kept in caches but its contents."""

    def __init__(self, where, contents):
        self.where, self.contents = where, contents
        device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        libc = ctypes.CDLL(None, use_errno=True)
        options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
        if libc.mount(b"hung", where.encode(), b"fuse", 0, options) != 0:
            raise OSError(ctypes.get_errno(), "mount")
        ours, self.control = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            self.control.close()
            try:
                self.serve(device, ours)
            finally:
                os._exit(0)
        ours.close()
        os.close(device)

    def order(self, what):
        """`h`: hang from now on; `g`: go on. Either is in force when it returns."""
        self.control.sendall(what)
        assert self.control.recv(1) == what

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Who waits for an answer gets an error; before, it can't even be killed."""
        self.control.close()
        os.waitpid(self.pid, 0)
        subprocess.run(["umount", "-l", self.where], check=True)

    def serve(self, device, control):
        os.set_blocking(device, False)
        while True:
            order = b""
            try:
                order = control.recv(1, socket.MSG_DONTWAIT)
                if not order:
                    return
            except BlockingIOError:
                pass
            if order:
                control.sendall(order)
            if order == b"h":
                order = control.recv(1)
                if not order:
                    return
                control.sendall(order)
            try:
                request = os.read(device, 1 << 17)
            except BlockingIOError:
                time.sleep(0.001)
                continue
            _, opcode, unique, node = struct.unpack_from("<IIQQ", request)
            answer = self.answer(opcode, node, request[40:])
            if answer is not None:
                error, body = answer
                os.write(device, struct.pack("<IiQ", 16 + len(body), -error, unique) + body)

    def attributes(self, node):
        mode, size = (0o40755, 0) if node == 1 else (0o100755, len(self.contents))
        return struct.pack("<6Q10I", node, size, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    def answer(self, opcode, node, body):
        if opcode == 26:  # INIT
            return 0, struct.pack("<IIIIHHIIHHI7I", 7, 31, 65536, 0, 16, 12, 65536, 1, 0, 0, 0,
                                  *[0] * 7)
        if opcode == 1:  # LOOKUP
            if body.split(b"\0")[0] != NAME:
                return 2, b""
            return 0, struct.pack("<QQQQII", 2, 1, 0, 0, 0, 0) + self.attributes(2)
        if opcode == 3:  # GETATTR
            return 0, struct.pack("<QII", 0, 0, 0) + self.attributes(node)
        if opcode == 14:  # OPEN, with FOPEN_KEEP_CACHE
            return 0, struct.pack("<QII", 0, 2, 0)
        if opcode == 15:  # READ
            _, offset, size = struct.unpack_from("<QQI", body)
            return 0, self.contents[offset:offset + size]
        if opcode in (2, 42, 36):  # FORGET, BATCH_FORGET, INTERRUPT
            return None
        return 38, b""


class Holders:
    """Processes that listen, until the end."""

    def __init__(self):
        self.processes = []

    def add(self, program, port):
        process = subprocess.Popen([program, "0.0.0.0", str(port)], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
        self.processes.append(process)
        assert b"listens" in process.stdout.readline(), port

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait(PATIENCE)
            process.stdin.close()
            process.stdout.close()


def write_all_rules(directory, program):
    rest = (f"allow exe {program}\nallow exe {HOLDER} tcp port 4201\n"
            "flag critical tcp port 4200-4299\nignore udp\nallow scope loopback\n")
    # Were each waited for, these took minutes.
    absent = "".join(f"allow exe {os.path.dirname(program)}/absent-{i}\n" for i in range(1000))
    write(directory + "/rules", absent + rest)
    write(directory + "/fewer-rules", rest)


def listed(daemon):
    return {port: one["verdict"] for port, one in daemon.listeners().items()}


def scanned(directory):
    """By rules without the name that the daemon's helper is at: who looks up the same name sleeps
    in the kernel (d_alloc_parallel()) so that not even SIGKILL ends it."""
    done = subprocess.run([support.CTL, "scan", "--all", "--json", "--rules",
                           directory + "/fewer-rules"], capture_output=True, text=True,
                          timeout=PATIENCE, check=False)
    return {one["port"]: one["verdict"] for one in json.loads(done.stdout)["listeners"]}


def test_what_hangs_holds_up_nobody(directory):
    harness.need_fuse()
    harness.look_for_no_leaks()
    mount = directory + "/mount"
    os.mkdir(mount)
    program = mount + "/" + NAME.decode()
    write_all_rules(directory, program)
    with open(HOLDER, "rb") as file:
        contents = file.read()
    with Foreground(directory) as daemon, Holders() as holders, FileSystem(mount, contents) as fuse:
        daemon.good("reload")  # its rules were read before there was a file system
        holders.add(program, 4200)
        holders.add(HOLDER, 4201)
        alive = {4200: "allow", 4201: "allow"}
        until("both are allowed", lambda: listed(daemon) == alive)
        # Of a file system whose server is waited for it has patience for a quarter of a second.
        until("a scan allows both", lambda: scanned(directory) == alive)

        fuse.order(b"h")
        holders.add(HOLDER, 4202)
        until("what comes is judged", lambda: listed(daemon).get(4202) == "flag")
        daemon.good("reload")
        # What could not be compared is not allowed; what could, is.
        hung = {4200: "flag", 4201: "allow", 4202: "flag"}
        until("what hangs equals nothing", lambda: listed(daemon) == hung)
        until("that is told", lambda: any(one["event"] == "source-degraded" and
                                          "file system" in one["message"]
                                          for one in daemon.so_far()))
        until("a scan does without", lambda: scanned(directory) == hung)

        fuse.order(b"g")
        until("a scan sees it again", lambda: scanned(directory) == {**hung, 4200: "allow"})
        # Nothing tells when: each dump of everything asks again.
        daemon.expect_said("programs named in rules", event="source-restored")
        until("what hung no longer does", lambda: listed(daemon) == {**hung, 4200: "allow"})
        fuse.order(b"h")
        assert daemon.stop() == 0


if __name__ == "__main__":
    harness.main(__file__, globals())
