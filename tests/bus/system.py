#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The server on a system bus of the test's own, with the policy file that is installed."""

import contextlib
import os
import pty
import select
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/../cli")
import support  # noqa: E402

ALICE, BOB, ADM = 1000, 1001, 4
SOURCE = os.path.abspath(os.environ.get("srcdir", HERE + "/../.."))
CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={folder}/socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
    <allow send_destination="org.freedesktop.PolicyKit1"/>
  </policy>
  <policy user="root"><allow own="org.freedesktop.PolicyKit1"/></policy>
  <include>{source}/dbus/org.sockaudit1.conf</include>
</busconfig>
"""


class System(support.Case):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            support.skip("only root can be several users")
        if not shutil.which("dbus-daemon"):
            support.skip("there is no dbus-daemon")
        with open(self.folder + "/bus.conf", "w", encoding="utf-8") as file:
            file.write(CONFIG.format(folder=self.folder, source=SOURCE))
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={self.folder}/socket"
        os.environ["RUNTIME_DIRECTORY"] = self.folder + "/nothing"
        self.bus = None
        self.addCleanup(self.end_bus)

    def start_bus(self):
        # The bus lets in nobody whose number has no name, and not every machine has a first user.
        with open("/etc/passwd", encoding="utf-8") as known:
            self.write("passwd", known.read() + f"alice:x:{ALICE}:{ALICE}::/:/bin/sh\n"
                       f"bob:x:{BOB}:{BOB}::/:/bin/sh\n")
        self.bus = subprocess.Popen(["unshare", "-m", "sh", "-ec",
                                     'mount --bind "$1/passwd" /etc/passwd; exec dbus-daemon --nofork'
                                     ' --nopidfile --nosyslog --config-file "$1/bus.conf"',
                                     "sh", self.folder],
                                    stderr=subprocess.DEVNULL)
        support.until("the bus listens", lambda: os.path.exists(self.folder + "/socket"))

    def end_bus(self):
        if self.bus:
            self.bus.terminate()
            self.bus.wait(support.PATIENCE)
            self.bus = None
        if os.path.exists(self.folder + "/socket"):
            os.unlink(self.folder + "/socket")

    def serve(self):
        self.server = self.start([support.BUILD + "/tests/bus/serve", self.folder + "/run", "3",
                                  "--system"], b"ready")

    def tell(self, line):
        self.server.stdin.write(line + b"\n")
        self.server.stdin.flush()

    def wait_for_name(self, there=1):
        def is_there():
            self.tell(b"stats")
            return self.server.stdout.readline().endswith(b"system=%d\n" % there)
        support.until(f"the name is there: {there}", is_there)

    def verb(self, *words, **how):
        return self.ctl(*words, **{"status": 0, **how})

    def seen(self, **who):
        document = support.strict_json(self.verb("list", "--json", **who).stdout)
        return {one["uid"] for one in document["listeners"] if one["owners"][0]["exe"]}

    def test_who_sees_and_may_what(self):
        self.start_bus()
        self.serve()
        self.wait_for_name()
        self.assertEqual(self.seen(), {0, 1000, 1001})
        self.assertEqual(self.seen(user=ALICE), {ALICE})
        self.assertEqual(self.seen(user=support.NOBODY), set())
        # dbus-daemon 1.12 tells no groups: a member of adm is then taken for anybody.
        old = b"Daemon 1.12." in subprocess.run(["dbus-daemon", "--version"], capture_output=True).stdout
        self.assertEqual(self.seen(user=support.NOBODY, groups=ADM), set() if old else {0, 1000, 1001})
        self.verb("snooze", "3001", "1h", user=ALICE)
        # There is no polkit here.
        self.verb("snooze", "3000", "1h", user=ALICE, status=5)
        self.verb("reload", user=ALICE, status=5)
        self.verb("reload")
        self.verb("show", "99", status=4)

    def polkit(self, answer):
        return self.start([support.BUILD + "/tests/bus/polkit", answer], b"ready")

    def test_polkit_is_asked(self):
        self.start_bus()
        self.serve()
        self.wait_for_name()
        no = self.polkit("no")
        self.verb("reload", user=ALICE, status=5)
        self.assertRegex(no.stdout.readline(),
                         rb"^system-bus-name name org\.sockaudit1\.manage\n$")
        self.end(no)
        self.polkit("yes")
        self.assertIn(b"loaded", self.verb("reload", user=ALICE).stdout)
        self.verb("snooze", "3000", "1h", user=ALICE)
        self.verb("allow", "3000", user=ALICE)
        # What does not need it is not asked for.
        self.verb("show", "99", user=ALICE, status=4)

    def reload_of(self, uid):
        return subprocess.Popen([*support.as_user(uid), self.folder + "/ctl", "reload"], stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def test_pending_questions_to_polkit_are_limited_per_user(self):
        self.start_bus()
        self.serve()
        self.wait_for_name()
        polkit = self.polkit("silent")
        self.verb("status", user=ALICE)
        refused = [self.reload_of(ALICE) for _ in range(10)]
        for _ in range(4):
            self.assertTrue(polkit.stdout.readline())
        support.until("the others are refused", lambda: sum(one.poll() == 5 for one in refused) == 6)
        self.verb("reload")
        waiting = self.reload_of(BOB)
        self.assertTrue(polkit.stdout.readline())
        for one in refused + [waiting]:
            one.kill()
            one.wait()

    def test_on_a_terminal_polkits_agent_is_started(self):
        self.start_bus()
        self.serve()
        self.wait_for_name()
        self.polkit("yes")
        self.verb("status", user=ALICE)  # with the copy of the client that she may run
        path = self.folder + "/agent"
        os.mkdir(path, mode=0o777)
        os.chmod(path, 0o777)
        with open(path + "/pkttyagent", "w", encoding="utf-8") as agent:
            agent.write('#!/bin/sh\necho "$$ $*" >>"$0.log"; eval "exec $2>&-"; exec sleep 600\n')
        os.chmod(path + "/pkttyagent", 0o755)

        def started(user, terminal):
            """What the agent was started with, if it was, by a reload that is permitted."""
            leader, follower = pty.openpty()
            done = subprocess.run([*support.as_user(user), self.folder + "/ctl", "reload"],
                                  stdin=follower if terminal else subprocess.DEVNULL, capture_output=True,
                                  timeout=support.PATIENCE, env=dict(os.environ, PATH=path + ":" + os.environ["PATH"]))
            os.close(leader)
            os.close(follower)
            self.assertIn(done.returncode, (0, 1), done.stderr)  # it was permitted
            log = path + "/pkttyagent.log"
            with contextlib.suppress(FileNotFoundError), open(log, encoding="utf-8") as file:
                lines = file.read().splitlines()
                os.unlink(log)
                return lines
            return []

        self.assertEqual(started(ALICE, False), [])
        self.assertEqual(started(0, True), [])
        lines = started(ALICE, True)
        self.assertEqual(len(lines), 1)
        pid, rest = lines[0].split(" ", 1)
        self.assertRegex(rest, r"^--notify-fd \d+ --fallback$")
        self.assertFalse(os.path.exists(f"/proc/{pid}"))

    def test_the_bus_comes_late_and_is_restarted(self):
        self.serve()
        self.wait_for_name(0)
        self.verb("status", status=3)
        self.start_bus()
        self.wait_for_name()
        self.verb("status")
        for _ in range(2):
            self.end_bus()
            self.wait_for_name(0)
            self.start_bus()
            self.wait_for_name()
            self.verb("status")

    def test_the_name_is_free_when_another_daemon_ends(self):
        self.start_bus()
        self.serve()
        self.wait_for_name()
        first = self.server
        os.mkdir(self.folder + "/second")
        self.server = self.start([support.BUILD + "/tests/bus/serve", self.folder + "/second/run",
                                  "3", "--system"], b"ready")
        self.wait_for_name(0)
        self.end(first)
        self.wait_for_name()
        self.verb("status")

    def test_signals(self):
        self.start_bus()
        self.serve()
        self.wait_for_name()
        process = subprocess.Popen([support.CTL, "watch", "--json"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(process.stdout.close)

        def is_told():  # as soon as it has subscribed
            self.tell(b"signal 1")
            return select.select([process.stdout], [], [], 0.1)[0]
        support.until("a signal comes", is_told)
        line = process.stdout.readline()
        self.assertEqual(support.strict_json(line)["port"], 3000)
        self.assertNotIn(b"secret", line)  # it goes to everybody
        process.terminate()
        process.wait(support.PATIENCE)


if __name__ == "__main__":
    support.main(__file__)
