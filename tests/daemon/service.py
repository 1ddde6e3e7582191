#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the daemon as the service does: as a user without capabilities, with the file descriptors that
`--pass-sockets` stored in the service manager. The tests emulate the service manager."""

import array
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
import support  # noqa: E402
from harness import DAEMON, NOBODY, PATIENCE, Foreground, bind_udp, listen, until, write_rules

USER = 4711  # the daemon may not read the processes of this user
SERVER = harness.BUILD + "/tests/daemon/server"


class Store:
    """The fd store of a service manager, filled by `sockauditd --pass-sockets`."""

    def __init__(self, directory):
        self.path = directory + "/notify"
        self.fds = {}
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            data, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(64 * 4))
            fds = array.array("i")
            for _, _, bytes_of in ancillary:
                fds.frombytes(bytes_of[:len(bytes_of) // 4 * 4])
            said = dict(line.split("=", 1) for line in data.decode().splitlines() if "=" in line)
            if "FDSTOREREMOVE" in said and said["FDNAME"] in self.fds:
                os.close(self.fds.pop(said["FDNAME"]))
            if "FDSTORE" in said:
                self.fds[said["FDNAME"]] = fds.pop()
            for fd in fds:  # sd_notify_barrier() waits until its fd is closed
                os.close(fd)

    def fill(self):
        subprocess.run([DAEMON, "--pass-sockets"], env=dict(os.environ, NOTIFY_SOCKET=self.path),
                       check=True, timeout=PATIENCE)

    def pass_on(self):
        """Runs in the child before exec: numbers the fds as sd_listen_fds(3) expects them."""
        copies = [os.dup(fd) for fd in self.fds.values()]
        high = [os.dup2(fd, 200 + number) for number, fd in enumerate(copies)]
        for number, fd in enumerate(high):
            os.dup2(fd, 3 + number)
            os.close(fd)


def give_away(directory):
    """Prepares the directories for a daemon of the user nobody."""
    os.chmod(directory, 0o755)
    os.chown(directory + "/rules", NOBODY, NOBODY)
    for name in ("state", "run"):
        os.makedirs(f"{directory}/{name}", exist_ok=True)
        os.chown(f"{directory}/{name}", NOBODY, NOBODY)


class Service(Foreground):
    """A daemon of the user nobody, without capabilities."""

    def __init__(self, directory, store):
        give_away(directory)
        starts = [*support.as_user(NOBODY, "--inh-caps=-all", "--ambient-caps=-all",
                                   "--bounding-set=-all", "--no-new-privs"),
                  "sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh"]
        env = {"LISTEN_FDS": str(len(store.fds)), "LISTEN_FDNAMES": ":".join(store.fds)}
        popen = subprocess.Popen

        def with_store(*words, **how):
            return popen(*words, **how, close_fds=False, preexec_fn=store.pass_on)
        subprocess.Popen = with_store
        try:
            super().__init__(directory, prefix=starts, env=env)
        finally:
            subprocess.Popen = popen


@contextlib.contextmanager
def server(port, folder, program=SERVER):
    """Runs a process of USER in `folder` that listens on a port of TCP and UDP."""
    process = subprocess.Popen([program, str(port)], cwd=folder, user=USER,
                               group=USER, extra_groups=[], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def owners(daemon, port, protocol):
    found = json.loads(daemon.good("list", "--json", "--all"))["listeners"]
    return [owner for one in found if one["port"] == port and one["proto"] == protocol
            for owner in one["owners"]]


def named(daemon, port, folder, exe, pid):
    """Waits until both listeners are listed with complete information about their process."""
    def is_named():
        for protocol in ("tcp", "udp"):
            found = owners(daemon, port, protocol)
            if [one["pid"] for one in found] != [pid]:
                return False
            one = found[0]
            if one["exe"] != exe or not one["exe_verified"] or one["cwd"] != folder or \
                    one["uid"] != USER or one["cmdline"][-1:] != [str(port)] or \
                    not one["ancestors"]:
                return False
        return True
    until(lambda: (port, daemon.listeners(), daemon.stderr()), is_named)


def make_home(directory):
    """Makes a home directory that is closed to other users, with a program for rules."""
    home = directory + "/home"
    os.mkdir(home, 0o700)
    exe = home + "/server"
    shutil.copy2(SERVER, exe)
    os.chown(home, USER, USER)
    return home, exe


def inside_all(directory):
    home, exe = make_home(directory)
    plain = os.path.realpath(SERVER)
    write_rules(directory, f"""allow tcp port 4300-4399 exe {exe}
        flag warning tcp
        flag warning udp
        set udp-grace 0s
        set settle 0s
        """)
    store = Store(directory)
    store.fill()
    with server(4300, home, exe) as before, server(4301, "/") as other, \
            Service(directory, store).serving() as daemon:
        status = harness.read(f"/proc/{daemon.pid}/status")
        assert all(f"Cap{kind}:\t0000000000000000" in status
                   for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")), status
        named(daemon, 4300, home, exe, before.pid)
        named(daemon, 4301, "/", plain, other.pid)
        with server(4302, home, exe) as after, server(4303, "/usr") as third:
            named(daemon, 4302, home, exe, after.pid)
            named(daemon, 4303, "/usr", plain, third.pid)
            found = daemon.listeners()
            verdicts = {one["port"]: one["verdict"]
                        for one in json.loads(daemon.good("list", "--json", "--all"))["listeners"]
                        if one["proto"] == "tcp"}
            assert verdicts[4300] == verdicts[4302] == "allow", verdicts
            assert verdicts[4301] == verdicts[4303] == "flag", verdicts
            assert all(one["attribution"] == "full" for one in found.values()), found

            # Another process gets the first socket, and the second process runs another program. The daemon
            # spends 0.05 % of the time on listing all processes again, so this can take long.
            after.stdin.write("leave\n")
            after.stdin.flush()
            third.stdin.write("exec\n")
            third.stdin.flush()
            after.wait()
            sleep = os.path.realpath("/bin/sleep")
            until(lambda: (owners(daemon, 4302, "tcp"), owners(daemon, 4303, "tcp")),
                  lambda: [one["exe"] for one in owners(daemon, 4302, "tcp")] == [exe]
                  and owners(daemon, 4302, "tcp")[0]["pid"] != after.pid
                  and [one["exe"] for one in owners(daemon, 4303, "tcp")] == [sleep],
                  patience=1.5 * PATIENCE)


def inside_by_itself(directory):
    """The daemon was passed nothing. It may load the BPF programs, but not read /proc."""
    home, exe = make_home(directory)
    write_rules(directory, "flag warning tcp\nflag warning udp\nset udp-grace 0s\nset settle 0s\n")
    give_away(directory)
    caps = "+cap_12,+cap_38,+cap_39"  # NET_ADMIN, PERFMON, BPF
    starts = support.as_user(NOBODY, f"--inh-caps={caps}", f"--ambient-caps={caps}")
    with server(4300, home, exe) as before, Foreground(directory, prefix=starts).serving() as daemon:
        named(daemon, 4300, home, exe, before.pid)


def inside_restart(directory):
    """A daemon without capabilities reads the events before its start from the ring."""
    write_rules(directory, "flag warning tcp\nset settle 0s\n")
    store = Store(directory)
    store.fill()
    with Service(directory, store).serving() as daemon:
        with listen("0.0.0.0", 4310):
            daemon.expect(event="flagged", port=4310)
        assert daemon.stop() == 0
    with listen("0.0.0.0", 4311), bind_udp(4311):
        pass
    store.fill()
    with Service(directory, store).serving() as daemon:
        daemon.expect(event="flagged", port=4311)


def in_own_pids(inside):
    """Runs `inside` in a new pid namespace. --pass-sockets enters the namespaces of process 1, which is
    then in the network namespace of the test."""
    def run(directory):
        subprocess.run(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc",
                        sys.executable, os.path.abspath(__file__), "--inside", inside.__name__,
                        directory], check=True)
    return run


test_a_daemon_without_capabilities_names_every_process = in_own_pids(inside_all)
test_a_daemon_that_loads_the_iterators_names_every_process = in_own_pids(inside_by_itself)
test_a_restart_without_capabilities_loses_nothing = in_own_pids(inside_restart)

if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        globals()[sys.argv[2]](sys.argv[3])
        sys.exit()
    harness.main(__file__, globals())
