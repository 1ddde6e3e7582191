#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules may name programs on a file system that hangs (a FUSE whose server sleeps; NFS is no
other): the daemon and `scan` go on, and what could not be looked at equals nothing."""

import ctypes
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("BUILD", ".")
HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 60  # seconds, on a machine with much else to do
HOLDER = os.path.realpath(BUILD + "/tests/cli/holder")
NAME = b"program"


def until(what, holds):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class FileSystem:
    """One program, of which nothing may be kept in caches but its contents."""

    def __init__(self, where, contents):
        self.contents = contents
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

    def end(self):
        """Who waits for an answer gets an error."""
        self.control.close()
        os.waitpid(self.pid, 0)

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


class World:
    def __init__(self, directory):
        self.directory = directory
        self.holders = []
        mount = directory + "/mount"
        os.mkdir(mount)
        with open(HOLDER, "rb") as file:
            self.file_system = FileSystem(mount, file.read())
        self.program = mount + "/" + NAME.decode()
        self.rules = directory + "/rules"
        self.fewer_rules = directory + "/fewer-rules"
        rest = (f"allow exe {self.program}\nallow exe {HOLDER} tcp port 4201\n"
                "flag critical tcp port 4200-4299\nignore udp\nallow scope loopback\n")
        with open(self.rules, "w", encoding="utf-8") as file:
            # Were each waited for, these took minutes.
            file.writelines(f"allow exe {mount}/absent-{i}\n" for i in range(1000))
            file.write(rest)
        with open(self.fewer_rules, "w", encoding="utf-8") as file:
            file.write(rest)
        self.log = open(directory + "/log", "wb")
        self.daemon = subprocess.Popen(
            [BUILD + "/sockauditd", "--foreground", "--json", "--rules", self.rules,
             "--runtime-dir", directory + "/run", "--state-dir", directory + "/state"],
            stdout=self.log)

    def told(self):
        with open(self.directory + "/log", encoding="utf-8") as log:
            return [json.loads(line) for line in log if line.endswith("\n")]

    def ctl(self, *words):
        return subprocess.run([BUILD + "/sockauditctl", *words], capture_output=True, text=True,
                              timeout=PATIENCE)

    def listen(self, program, port):
        process = subprocess.Popen([program, "0.0.0.0", str(port)], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
        self.holders.append(process)
        assert b"listens" in process.stdout.readline(), port

    def verdicts(self, *words):
        done = self.ctl(*words, "--json")
        assert words[0] == "scan" or done.returncode == 0, done
        return {one["port"]: one["verdict"] for one in json.loads(done.stdout)["listeners"]}

    def listed(self):
        return self.verdicts("list", "--all", "--runtime-dir", self.directory + "/run")

    def scanned(self):
        """By rules without the name that the daemon's helper is at: who looks up the same name sleeps
        in the kernel (d_alloc_parallel()) so that not even SIGKILL ends it."""
        return self.verdicts("scan", "--all", "--rules", self.fewer_rules)

    def end(self):
        # First: whoever waits for it can't even be killed.
        self.file_system.end()
        for process in [*self.holders, self.daemon]:
            if process.poll() is None:
                process.kill()
            process.wait(PATIENCE)
        subprocess.run(["umount", "-l", self.directory + "/mount"], check=False)
        self.log.close()


def run(world):
    status = ["status", "--runtime-dir", world.directory + "/run"]
    until("the daemon answers", lambda: world.ctl(*status).returncode == 0)
    world.listen(world.program, 4200)
    world.listen(HOLDER, 4201)
    alive = {4200: "allow", 4201: "allow"}
    until("both are allowed", lambda: world.listed() == alive)
    assert world.scanned() == alive, world.scanned()

    world.file_system.order(b"h")
    world.listen(HOLDER, 4202)
    until("what comes is judged", lambda: world.listed().get(4202) == "flag")
    assert world.ctl("reload", "--runtime-dir", world.directory + "/run").returncode == 0
    # What could not be compared is not allowed; what could, is.
    hung = {4200: "flag", 4201: "allow", 4202: "flag"}
    until("what hangs equals nothing", lambda: world.listed() == hung)
    until("that is told", lambda: any(one["event"] == "source-degraded" and
                                      "file system does not answer" in one["message"]
                                      for one in world.told()))
    assert world.scanned() == hung, world.scanned()

    world.file_system.order(b"g")
    assert world.scanned() == {**hung, 4200: "allow"}, world.scanned()
    world.file_system.order(b"h")
    world.daemon.send_signal(signal.SIGTERM)
    assert world.daemon.wait(PATIENCE) == 0


def main():
    if os.environ.get("IN_NAMESPACE") != "yes":
        os.execv(HERE + "/../net/namespace.sh", ["namespace.sh", os.path.abspath(__file__)])
    if os.environ.get("IN_MOUNTS") != "yes":
        os.environ["IN_MOUNTS"] = "yes"
        os.execvp("unshare", ["unshare", "-m", "sh", "-c",
                              "mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; exec \"$0\"",
                              os.path.abspath(__file__)])
    if not os.path.exists("/dev/fuse"):
        print("there is no /dev/fuse", file=sys.stderr)
        sys.exit(1 if os.environ.get("CI") else 77)
    # LeakSanitizer stops every thread before it looks, and would wait for one that hangs.
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    directory = tempfile.mkdtemp()
    world = World(directory)
    try:
        run(world)
    finally:
        world.end()
        shutil.rmtree(directory)
    print("ok: what hangs holds up nobody")


if __name__ == "__main__":
    main()
