#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`exe` and `unit` are not fooled by names that a user can choose (sockaudit.rules(5), Identity),
seen through the verdicts of `scan`."""

import os
import shutil
import subprocess

import support

PORT = "3000"


class Exe(support.Case):
    def setUp(self):
        super().setUp()
        self.server = self.folder + "/server"
        shutil.copy(support.BUILD + "/tests/cli/holder", self.server)
        self.policy = self.write("policy.rules", f"allow tcp exe {self.server}\n"
                                                 "set default flag warning\n")

    def verdict(self):
        listeners = self.scan(status=None)["listeners"]
        self.assertEqual(len(listeners), 1)
        self.listener = listeners[0]
        return self.listener["verdict"]

    def serve(self, program=None, *words, **how):
        return self.hold("0.0.0.0", PORT, *words, program=program or self.server, **how)

    def test_the_file_itself(self):
        self.serve()
        self.assertEqual(self.verdict(), "allow")
        self.assertIs(self.listener["owners"][0]["exe_verified"], True)

    def test_a_filter_names_files_of_its_own(self):
        self.policy = self.write("policy.rules", "allow exe /bin/sh\n")
        self.serve()
        listeners = self.scan("exe", self.server, status=None)["listeners"]
        self.assertEqual(len(listeners), 1)
        self.assertEqual(self.scan("exe", "/bin/sh", status=None)["listeners"], [])

    def test_a_rule_may_name_a_link(self):
        os.symlink(self.server, self.folder + "/alias")
        self.policy = self.write("policy.rules", f"allow exe {self.folder}/alias\n")
        self.serve()
        self.assertEqual(self.verdict(), "allow")

    def test_started_by_a_symlink_it_is_the_same_file(self):
        os.symlink(self.server, self.folder + "/alias")
        self.serve(self.folder + "/alias")
        self.assertEqual(self.verdict(), "allow")

    def test_a_hard_link_elsewhere(self):
        """The same file under another name: who may link it may run it, and runs the same code."""
        os.mkdir(self.folder + "/else")
        os.link(self.server, self.folder + "/else/server")
        self.serve(self.folder + "/else/server")
        self.assertEqual(self.verdict(), "allow")

    def test_a_copy(self):
        shutil.copy(self.server, self.folder + "/copy")
        self.serve(self.folder + "/copy")
        self.assertEqual(self.verdict(), "flag")

    def test_names_do_not_matter(self):
        shutil.copy(self.server, self.folder + "/copy")
        self.start([self.server, "0.0.0.0", PORT, "name", "server"], b"listens",
                   executable=self.folder + "/copy")
        self.assertEqual(self.verdict(), "flag")
        self.assertEqual(self.listener["owners"][0]["comm"], "server")
        self.assertEqual(self.listener["owners"][0]["cmdline"][0], self.server)

    def test_deleted(self):
        self.serve()
        os.unlink(self.server)
        self.assertEqual(self.verdict(), "flag")
        self.assertIs(self.listener["owners"][0]["exe_verified"], False)

    def test_replaced(self):
        self.serve()
        shutil.copy(self.server, self.folder + "/new")
        os.rename(self.folder + "/new", self.server)
        self.assertEqual(self.verdict(), "flag")

    def test_another_file_over_the_path_in_a_mount_namespace(self):
        shutil.copy(self.server, self.folder + "/evil")
        script = 'mount --bind "$1" "$2" && exec "$2" 0.0.0.0 "$3"'
        self.start(["unshare", "-m", "sh", "-c", script, "sh", self.folder + "/evil", self.server,
                    PORT], b"listens")
        self.assertEqual(self.verdict(), "flag")
        self.assertEqual(self.listener["owners"][0]["exe"], self.server)

    def test_a_second_holder_that_runs_something_else(self):
        self.serve(None, "share", "/bin/sleep")
        self.assertEqual(self.verdict(), "flag")
        self.assertEqual(len(self.listener["owners"]), 2)

    def test_the_table_is_not_fooled_by_ending_its_search_early(self):
        self.serve(None, "share", "/bin/sleep")
        done = self.ctl("scan", "--no-legend", "-o", "state", "--rules", self.policy)
        self.assertEqual(done.stdout, b"warning\n")

    def test_a_script_is_its_interpreter(self):
        script = self.write("server.py", "import socket,sys\ns=socket.create_server(('', 3000))\n"
                                         "print('listens',flush=True)\nsys.stdin.read()\n")
        self.policy = self.write("policy.rules", f"allow exe {script}\n")
        self.start(["python3", script], b"listens")
        self.assertEqual(self.verdict(), "flag")


def cgroup_root():
    for path in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        if os.path.exists(path + "/cgroup.procs") and os.path.exists(path + "/cgroup.controllers"):
            return path
    return None


class Unit(support.Case):
    rules = "allow unit sockaudit-test.service\nset default flag warning\n"

    def cgroup(self, path, owner=0):
        """Makes a cgroup, taken away at the end; the last `owner` directories are nobody's."""
        root = cgroup_root()
        if not root or not os.access(root, os.W_OK):
            support.skip("no cgroup2 that can be written")
        whole, parts = root, path.split("/")
        for depth, part in enumerate(parts):
            whole += "/" + part
            try:
                os.mkdir(whole)
            except FileExistsError:
                continue
            except OSError as error:
                support.skip(f"cannot make a cgroup: {error}")
            self.addCleanup(os.rmdir, whole)
            if depth >= len(parts) - owner:
                os.chown(whole, support.NOBODY, support.NOBODY)
        return whole

    def start_in(self, folder, *words):
        script = 'echo $$ >"$0/cgroup.procs" && exec "$@"'
        return self.start(["sh", "-c", script, folder, support.BUILD + "/tests/cli/holder",
                           "0.0.0.0", "3000", *words], b"listens")

    def judge(self, path, owner=0):
        self.start_in(self.cgroup(path, owner))
        (listener,) = self.scan()["listeners"]
        return listener

    def test_a_second_holder_in_another_cgroup(self):
        """The search that the socket's cgroup guides finds the first at once, and must go on."""
        process = self.start_in(self.cgroup("sockaudit-guided.service"), "share", "/bin/sleep")
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
            child = file.read().strip()
        with open(cgroup_root() + "/cgroup.procs", "w", encoding="ascii") as file:
            file.write(child)
        policy = self.write("exe.rules", f"allow exe {support.BUILD}/tests/cli/holder\n"
                                         "set default flag warning\n")
        done = self.ctl("scan", "--no-legend", "-o", "state", "--rules", policy)
        self.assertEqual(done.stdout, b"warning\n")
        # Where no verdict asks for all of them, a reader of JSON still gets them.
        (listener,) = self.scan()["listeners"]
        self.assertEqual({owner["pid"] for owner in listener["owners"]},
                         {process.pid, int(child)})

    def test_a_system_unit(self):
        listener = self.judge("system.slice/sockaudit-test.service")
        self.assertEqual(listener["unit"], "sockaudit-test.service")
        self.assertEqual(listener["verdict"], "allow")

    def test_a_users_unit_of_that_name(self):
        listener = self.judge("user.slice/user-4711.slice/user@4711.service/app.slice/"
                              "sockaudit-test.service")
        self.assertEqual(listener["user_unit"], "sockaudit-test.service")
        self.assertNotEqual(listener["unit"], "sockaudit-test.service")
        self.assertEqual(listener["verdict"], "flag")

    def test_a_cgroup_that_a_user_owns(self):
        listener = self.judge("sockaudit-evil/system.slice/sockaudit-test.service", owner=3)
        self.assertEqual(listener["verdict"], "flag")
        self.assertNotEqual(listener["unit"], "sockaudit-test.service")


if __name__ == "__main__":
    support.main(__file__)
