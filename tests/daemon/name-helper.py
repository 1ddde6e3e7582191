#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who is who is asked for by a helper process: what the name services of the machine are made of is
not loaded into the daemon, and one that does not answer holds nobody up."""

import contextlib
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
import support  # noqa: E402
from harness import BUILD, Foreground, listen, read, until, write, write_rules

# As nss_hung.c has them.
UID, GID = 54321, 54320
RULES = f"allow scope loopback\nallow tcp port 4100 group {GID}\n" + harness.RULES


@contextlib.contextmanager
def hung_name_service(directory):
    """Users are asked for there, too. Yields what the daemon needs in its environment."""
    shutil.copy(BUILD + "/tests/daemon/nss_hung.so", directory + "/libnss_hung.so.2")
    write(directory + "/nsswitch.conf", "passwd: files hung\ngroup: files\nservices: files\n")
    if not os.path.exists("/etc/nsswitch.conf"):
        harness.skip("there is no /etc/nsswitch.conf to put another one over")
    subprocess.run(["mount", "--bind", directory + "/nsswitch.conf", "/etc/nsswitch.conf"], check=True)
    try:
        yield {"LD_LIBRARY_PATH": directory, "NSS_HUNG": directory + "/hung"}
    finally:
        subprocess.run(["umount", "/etc/nsswitch.conf"], check=True)


@contextlib.contextmanager
def listening(uid, port):
    """A process of that user, who listens."""
    theirs, ours = os.pipe()
    ready, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(ours)
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            with listen("0.0.0.0", port):
                os.write(tell, b"!")
                os.read(theirs, 1)
        finally:
            os._exit(0)
    os.close(theirs)
    os.close(tell)
    try:
        assert os.read(ready, 1) == b"!"
        yield
    finally:
        os.close(ours)
        os.close(ready)
        os.waitpid(pid, 0)


def children(pid):
    """The pids of its children, also of those that ended and were not waited for."""
    found = []
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError, IndexError):
            if name.isdigit():
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    if file.read().rpartition(")")[2].split()[1] == str(pid):
                        found.append(int(name))
    return found


def read_status(pid):
    lines = read(f"/proc/{pid}/status").splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def check_loaded_no_service(daemon):
    maps = read(f"/proc/{daemon.pid}/maps")
    assert "sockauditd" in maps and "libnss_" not in maps, maps


def flagged(daemon, n):
    """Of the next so many that are flagged, in whichever order, each by its port."""
    told = {}
    while len(told) < n:
        one = daemon.expect(event="flagged")
        told[one["port"]] = one
    return told


def test_names_are_asked_for_outside(directory):
    write_rules(directory, RULES)
    with hung_name_service(directory) as env, Foreground(directory, env=env) as daemon:
        ports = iter(range(4000, 4100))

        def user_of(uid):
            """As the alert about a listener of that user says."""
            with listening(uid, port := next(ports)):
                told = daemon.expect(event="flagged", port=port)
            assert told["uid"] == uid, told
            return told.get("user")

        # At once, but where the machine has much else to do: half a second is all it may take.
        until("it has no name", lambda: user_of(UID) == "hungry")
        assert user_of(54322) is None
        with listening(UID, 4100):
            until("it is allowed", lambda: daemon.listeners().get(4100, {}).get("verdict") == "allow")
        check_loaded_no_service(daemon)
        # It ends when it is not needed any more, and the daemon takes note.
        until(lambda: children(daemon.pid), lambda: not children(daemon.pid))
        until("root has no name", lambda: user_of(0) == "root")


def test_slow_names_in_rules_are_waited_for_all_together(directory):
    """Or the service manager would take the daemon for dead."""
    users = ", ".join(f"slow{i}" for i in range(40))
    write_rules(directory, f"allow tcp port 4100 user {users}\n" + RULES)
    with hung_name_service(directory) as env:
        write(directory + "/slow", "")
        with Foreground(directory, env=env | {"NSS_SLOW": directory + "/slow"}):
            # It is loaded. A second each, it had patience with some of them.
            assert 2 <= os.path.getsize(directory + "/slow") < 25, os.path.getsize(directory + "/slow")


def test_names_in_rules_are_looked_up_again(directory):
    # The service is in a file, and is asked for behind the user.
    write_rules(directory, "allow tcp port 4200 user hungry\nallow tcp port socks\n" + RULES)
    with hung_name_service(directory) as env:
        write(env["NSS_HUNG"], "")
        with Foreground(directory, env=env) as daemon:
            daemon.expect_said("names used in rules", event="source-degraded")
            with listening(UID, 4200), listen("0.0.0.0", 1080):
                assert set(flagged(daemon, 2)) == {4200, 1080}
                os.unlink(env["NSS_HUNG"])
                rules = {}
                while len(rules) < 2:
                    one = daemon.expect(event="resolved")
                    rules[one["port"]] = one["rule"]
                assert rules[4200].endswith("user hungry") and rules[1080].endswith("socks"), rules
                if not any(told["event"] == "source-restored" for told in daemon.all):
                    daemon.expect(event="source-restored")


def test_a_service_that_there_is_not_is_told_when_that_is_known(directory):
    write_rules(directory, "allow tcp port 4200 user hungry\nallow tcp port no-such-service\n" + RULES)
    with hung_name_service(directory) as env:
        write(env["NSS_HUNG"], "")
        with Foreground(directory, env=env) as daemon:
            daemon.expect_said("names used in rules", event="source-degraded")
            with listen("0.0.0.0", 4000):
                assert daemon.expect(event="flagged", port=4000)["rule"].startswith("flag critical")
                os.unlink(env["NSS_HUNG"])
                daemon.expect_said("no service is named `no-such-service`", event="policy-rejected")
                # All the rest of the rules stays in force.
                assert not any(told["event"] == "resolved" for told in daemon.all), daemon.all
                assert "unknown" in daemon.status()["policy"]["differs"], daemon.status()
            daemon.told_by(4001)
            assert sum(told["event"] == "policy-rejected" for told in daemon.all) == 1


def test_one_that_hangs_holds_nobody_up(directory):
    write_rules(directory, RULES)
    with hung_name_service(directory) as env, Foreground(directory, env=env) as daemon:
        write(env["NSS_HUNG"], "")
        with listening(UID, 4000), listening(UID, 4100), listen("0.0.0.0", 4002):
            told = flagged(daemon, 3)
            assert told[4000]["uid"] == UID and "user" not in told[4000], told
            os.unlink(env["NSS_HUNG"])
            # Allowed by a group that could not be asked for: that is told, and made good.
            told = daemon.expect(event="resolved", port=4100)
            assert told["rule"].startswith("allow"), told
        ports = iter(range(4003, 4020))

        def is_named():
            """At once, but where the machine has much else to do."""
            with listening(UID, port := next(ports)):
                return daemon.expect(event="flagged", port=port).get("user") == "hungry"

        until("it has no name", is_named)


def test_one_that_hangs_for_good_is_given_up(directory):
    write_rules(directory, RULES + "set burst 10000\n")
    with hung_name_service(directory) as env, Foreground(directory, env=env) as daemon:
        write(env["NSS_HUNG"], "")
        with listening(UID, 4000):
            daemon.expect(event="flagged", port=4000)
        [hung] = children(daemon.pid)
        ports = iter(range(4001, 4900))

        def is_replaced():
            """By the first question that comes late enough."""
            with listening(UID, port := next(ports)):
                daemon.expect(event="flagged", port=port)
            time.sleep(.3)
            return hung not in children(daemon.pid)

        until("it still runs", is_replaced)
    # Nor does it hold up the daemon's end, or outlive it.
    assert not os.path.exists(f"/proc/{hung}")


def test_the_helper_has_no_privileges(directory):
    """No capability of the daemon's, and none of its sockets."""
    caps = "+sys_ptrace,+dac_read_search,+net_admin"
    # The way to the build directory may be closed to others.
    program = shutil.copy(harness.DAEMON, directory)
    for path in (directory, directory + "/rules"):
        os.chown(path, harness.NOBODY, 0)
    prefix = support.as_user(harness.NOBODY, f"--inh-caps={caps}", f"--ambient-caps={caps}")
    with Foreground(directory, prefix=prefix, program=program) as daemon:
        assert int(read_status(daemon.pid)["CapEff"], 16) != 0
        with listening(54322, 4000):
            daemon.expect(event="flagged", port=4000)
        [helper] = children(daemon.pid)
        status = until("it did not become itself", lambda: one
                       if (one := read_status(helper))["Name"] == "sockaudit-names" else None)
        for kind in ("CapPrm", "CapEff", "CapAmb"):
            assert int(status[kind], 16) == 0, status
        assert int(status["SigBlk"], 16) == 0, status
        assert sorted(os.listdir(f"/proc/{helper}/fd")) == ["0", "1", "2"]


if __name__ == "__main__":
    harness.main(__file__, globals())
