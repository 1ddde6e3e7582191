#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Verbs, options, exit statuses, columns, colour, width, pager."""

import fcntl
import os
import pty
import re
import socket
import struct
import subprocess
import termios

import support

ALLOW = "set default allow\n"
LINUX_AUDIT = ["-l", "-w", "-W", "-s", "-D", "-a", "-A", "-d", "-b", "-e1", "-f", "-r", "-R",
               "--loginuid-immutable", "--signal"]


class Verbs(support.Case):
    def check_stderr(self, words, status, *texts, **how):
        done = self.ctl(*words, status=status, **how)
        for text in texts:
            self.assertIn(text.encode(), done.stderr)
        self.assertEqual(done.stdout, b"")

    def test_mistyped_words_get_the_nearest(self):
        self.check_stderr(["scna"], 2, "unknown verb 'scna': did you mean 'scan'?")
        self.check_stderr(["statsu"], 2, "did you mean 'status'?")
        self.check_stderr(["scan", "--jsom"], 2, "did you mean '--json'?")
        self.check_stderr(["scan", "-o", "prot"], 2, "did you mean 'proto'?")
        self.check_stderr(["explain", "tpc", "0.0.0.0:1"], 2, "did you mean 'tcp'?")
        self.check_stderr(["explain", "tcp", "0.0.0.0:1", "usr", "x"], 2, "did you mean 'user'?")
        self.check_stderr(["scan", "prot", "80"], 2, "did you mean `port`?")
        self.check_stderr(["help", "scann"], 2, "did you mean 'scan'?")

    def test_words_near_to_none_get_all_there_are(self):
        self.check_stderr(["xyzzy"], 2, "unknown verb 'xyzzy': there are status, list, ", ", help\n")
        self.check_stderr(["scan", "-o", "xyzzy"], 2, "unknown column 'xyzzy': there are state, ")
        self.check_stderr(["rules", "-o", "endpoint"], 2, "unknown column 'endpoint': there are number, ")
        self.check_stderr(["scan", "--xyzzy"], 2, "unknown option '--xyzzy': there are --all, ")
        self.check_stderr(["explain", "tcp", "0.0.0.0:1", "xyzzy", "x"], 2, "there are user, group, ")

    def test_a_filter_by_a_name_that_nobody_has_says_so(self):
        for what in ("user", "group"):
            done = self.ctl("scan", "--rules", self.policy, what, "no-such-one", status=0)
            self.assertIn(f"no {what} is named `no-such-one` here".encode(), done.stderr)
        self.assertEqual(self.ctl("scan", "--rules", self.policy, "user", "root").stderr, b"")

    def test_wrong_use_is_2(self):
        for words in (["scan", "--nope"], ["scan", "-x"], ["scan", "--rules"], ["rules", "x"],
                      ["scan", "port", "70000"], ["explain"], ["explain", "tcp"],
                      ["explain", "tcp", "0.0.0.0"], ["check", "--all"], ["check", "--rules", "a",
                      "b"], ["explain", "tcp", "0.0.0.0:1", "user"]):
            self.ctl(*words, status=2)

    def test_rules_that_the_caller_may_not_read_are_5(self):
        root = self.folder + "/root"
        rules = root + support.sysconfdir() + "/sockaudit"
        os.makedirs(rules + "/rules.d")
        self.policy = self.write("root" + support.sysconfdir() + "/sockaudit/sockaudit.rules", ALLOW)
        verbs = (["scan"], ["scan", "--json"], ["check"], ["check", "--json"], ["rules"],
                 ["explain", "tcp", "0.0.0.0:80"], ["explain", "80"])

        def all_end_with(status, *more):
            for words in verbs:
                done = self.ctl(words[0], *more, *words[1:], user=support.NOBODY)
                self.assertEqual(done.returncode, 4 if words[-1] == "80" and not status else status, words)
        all_end_with(0, "--root", root)
        for path in (self.policy, rules + "/rules.d", rules):
            mode = os.stat(path).st_mode
            os.chmod(path, 0)
            all_end_with(5, "--root", root)
            os.chmod(path, mode)
        os.chmod(self.policy, 0o600)
        all_end_with(5, "--rules", self.policy)
        self.ctl("check", self.policy, user=support.NOBODY, status=5)

    def test_the_daemons_verbs_say_that_it_is_not_there(self):
        nowhere = ["--runtime-dir", self.folder + "/nowhere"]
        for words in (["status"], ["list"], ["show", "80"], ["watch"], ["reload"],
                      ["allow", "80"], ["snooze", "80", "1h"], ["suggest"], []):
            self.check_stderr([*nowhere, *words], 3, self.folder + "/nowhere")

    def test_what_is_not_permitted_is_not_none(self):
        """An empty answer would say that there are no alerts, or no daemon."""
        closed = self.folder + "/closed"
        os.mkdir(closed, mode=0o700)
        for words in (["status"], ["list"], ["suggest"]):
            self.ctl("--runtime-dir", closed, *words, status=3)
            self.ctl("--runtime-dir", closed, *words, user=support.NOBODY, status=5)

    def test_a_journal_that_may_not_be_read_is_not_empty(self):
        journals = self.folder + "/var/log/journal"
        machine = journals + "/" + "0123456789abcdef" * 2
        os.makedirs(machine)
        history = ("history", "--root", self.folder)
        for how in ((), ("--json",)):
            self.assertEqual(self.ctl(*history, *how, user=support.NOBODY, status=0).stdout, b"")
        os.close(os.open(machine + "/system.journal", os.O_CREAT | os.O_WRONLY, 0o640))
        for how in ((), ("--json",)):
            self.assertEqual(self.ctl(*history, *how, user=support.NOBODY, status=5).stdout, b"")
        os.unlink(machine + "/system.journal")
        self.ctl(*history, user=support.NOBODY, status=0)
        os.chmod(machine, 0o700)
        self.ctl(*history, user=support.NOBODY, status=5)

    def test_linux_audits_options_under_its_name(self):
        name = self.folder + "/auditctl"
        os.symlink(support.CTL, name)
        for option in LINUX_AUDIT:
            done = self.ctl(option, program=name, status=2)
            self.assertEqual(done.stderr.count(b"\n"), 1)
            self.assertIn(b"Linux Audit", done.stderr)
            self.assertIn(b"sockauditctl", done.stderr)
        self.assertIn(b"unknown option", self.ctl("-l", status=2).stderr)
        self.assertIn(b"auditctl VERB", self.ctl("--help", program=name, status=0).stdout)

    def test_help_and_version(self):
        for words in (["--help"], ["help"], ["-h"], ["scan", "--help"], ["help", "explain"],
                      ["help", "help"], ["help", "-h"]):
            self.assertGreater(len(self.ctl(*words, status=0).stdout), 100)
        self.assertEqual(self.ctl("help", "help").stdout, self.ctl("--help").stdout)
        self.assertRegex(self.ctl("--version", status=0).stdout, rb"^sockaudit \d")
        columns = self.ctl("scan", "--help", status=0).stdout
        self.assertLessEqual(len(self.ctl("--help", status=0).stdout.splitlines()), 36)
        for column in (b"endpoint", b"cmdline", b"advice"):
            self.assertIn(column, columns)

    def test_closed_descriptors_are_not_taken_for_other_files(self):
        for verb in ("scan", "rules", "check"):
            for redirected, status in ((">&-", 1), ("<&- >&-", 1), ("2>&-", 0)):
                command = f'exec "$@" {redirected}'
                done = self.ctl("-c", command, "sh", support.CTL, verb, "--rules", self.policy,
                                program="/bin/sh")
                self.assertEqual(done.returncode, status, (verb, redirected, done))

    def test_output_that_cannot_be_written_is_told(self):
        with open("/dev/full", "wb") as full:
            self.assertEqual(self.ctl("scan", "--rules", self.policy, stdout=full).returncode, 1)
            self.assertEqual(self.ctl("--version", stdout=full).returncode, 1)


class Statuses(support.Case):
    def test_scan(self):
        allow = self.write("allow.rules", ALLOW)
        self.ctl("scan", "--rules", self.policy, status=0)
        self.ctl("scan", "--strict", "--rules", self.policy, status=0)
        self.hold("127.0.0.1", "3000")
        self.ctl("scan", "--rules", self.policy, status=1)
        self.ctl("scan", "--rules", self.policy, "udp", status=0)
        self.ctl("scan", "--rules", allow, status=0)
        self.ctl("scan", "--rules", allow, user=support.NOBODY, status=0)
        self.ctl("scan", "--strict", "--rules", allow, user=support.NOBODY, status=6)
        self.ctl("scan", "--strict", "--rules", self.policy, user=support.NOBODY, status=1)

    def test_what_no_process_holds_is_no_lack(self):
        # In flight between two processes. That nobody holds it can be seen from the first pid
        # namespace alone, but there also where even root may not look at pid 1.
        ours, theirs = socket.socketpair()
        with ours, theirs:
            with socket.create_server(("127.0.0.1", 3000)) as server:
                socket.send_fds(ours, [b"x"], [server.fileno()])
            first = os.readlink("/proc/self/ns/pid") == "pid:[4026531836]"
            rules = self.write("allow.rules", ALLOW)
            # Not while a process is there that was just sent in from outside: it is opaque at first.
            found = [self.ctl("scan", "--strict", "--rules", rules).returncode]
            while found[-1] != (0 if first else 6) and len(found) < 20:
                found.append(self.ctl("scan", "--strict", "--rules", rules).returncode)
            self.assertEqual(found[-1], 0 if first else 6, found)

    def test_a_named_file_that_is_broken_or_missing(self):
        broken = self.write("broken.rules", "allow prt 3\n")
        done = self.ctl("scan", "--rules", broken, status=1)
        self.assertEqual(done.stdout, b"")
        self.assertIn(b"broken.rules:1:7: error:", done.stderr)
        done = self.ctl("scan", "--rules", self.folder + "/none", status=1)
        self.assertEqual(done.stdout, b"")
        self.assertIn(b"none", done.stderr)

    def root(self, text):
        place = f"root{support.sysconfdir()}/sockaudit"
        os.makedirs(f"{self.folder}/{place}")
        if text is not None:
            self.write(place + "/sockaudit.rules", text)
        return self.folder + "/root"

    def test_the_machines_policy_broken_is_told_and_does_not_blind(self):
        self.hold("127.0.0.1", "3000")
        done = self.ctl("scan", "--root", self.root("allow prt 3\n"), status=1)
        self.assertIn(b"error:", done.stderr)
        self.assertIn(b"built-in", done.stderr)
        self.assertIn(b"127.0.0.1:3000", done.stdout)

    def test_no_policy_is_told(self):
        self.hold("127.0.0.1", "3000")
        self.hold("0.0.0.0", "3001")
        done = self.ctl("scan", "--root", self.root(None), "-o", "state,port", status=1)
        self.assertIn(b"built-in", done.stderr)
        self.assertRegex(done.stdout, rb"(?m)^warning +3001$")
        self.assertRegex(done.stdout, rb"(?m)^allowed +3000$")

    def test_root_takes_the_policy_below_it(self):
        self.hold("127.0.0.1", "3000")
        self.ctl("scan", "--root", self.root(ALLOW), status=0)

    def test_a_file_that_others_can_write_is_refused(self):
        os.chmod(self.policy, 0o666)
        done = self.ctl("scan", "--rules", self.policy, status=1)
        self.assertIn(b"0666", done.stderr)

    def test_check(self):
        broken = self.write("broken.rules", "allow prt 3\nflag scope lan\n")
        done = self.ctl("check", self.policy, status=0)
        self.assertEqual(done.stdout, b"1 file, no rules: no errors, no warnings\n")
        done = self.ctl("check", self.policy, broken, status=1)
        self.assertEqual(done.stderr.count(b"error:"), 2)
        self.assertIn(b"2 errors", done.stdout)
        document = support.strict_json(self.ctl("check", "--json", broken, status=1).stdout)
        self.assertEqual(document["errors"], 2)
        first = document["diagnostics"][0]
        self.assertEqual((first["level"], first["line"], first["column"], first["length"]),
                         ("error", 1, 7, 3))
        self.ctl("check", self.folder + "/none", status=1)

    def test_check_lints_against_this_machine(self):
        text = ("let unused = 1\nallow unit sockaudit-no-such.service\n"
                "allow interface zoo0\nallow interface nozoo7\nallow exe /no/such/file\n")
        done = self.ctl("check", self.write("lint.rules", text), status=0)
        for word in (b"unused", b"sockaudit-no-such.service", b"nozoo7", b"/no/such/file"):
            self.assertIn(word, done.stderr)
        self.assertNotIn(b"'zoo0'", done.stderr)

    def test_explain(self):
        rules = self.write("e.rules", "allow tcp port 22\nallow user root exe /bin/sh\n"
                                      "flag critical port 3000\n")
        done = self.ctl("explain", "tcp", "0.0.0.0:3000", "user", "nobody", "exe", "/bin/sh",
                        "--rules", rules, status=0)
        for text in (b"no: port 22", b"no: user root", b"decides", b"critical"):
            self.assertIn(text, done.stdout)
        document = support.strict_json(self.ctl(
            "explain", "tcp", "[::]:3000", "--json", "--rules", rules, status=0).stdout)
        (one,) = document["explained"]
        self.assertEqual((one["verdict"], one["severity"]), ("flag", "critical"))
        self.assertEqual([step["decides"] for step in one["steps"]], [False, False, True])
        self.assertEqual(one["steps"][0]["failed"], "port 22")
        self.assertEqual(one["rule"]["line"], 3)

    def test_a_machine_without_names_of_services(self):
        rules = self.write("r.rules", "allow tcp port ssh\n")
        script = 'mount --bind /dev/null /etc/services && exec "$@"'
        command = ["unshare", "-m", "sh", "-c", script, "sh", support.CTL, "check", rules]
        if not os.path.exists("/etc/services"):
            command = command[-3:]
        elif os.geteuid() != 0:
            support.skip("only root can take /etc/services away")
        done = subprocess.run(command, capture_output=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"r.rules:1:16: error: no service is known by name here", done.stderr)
        self.assertIn(b"netbase", done.stderr)

    def test_explain_a_user_and_a_program_that_are_not_there(self):
        rules = self.write("r.rules", "allow user bob\nallow user alice-of-nowhere exe /usr/bin/python\n"
                           "flag error user alice-of-nowhere exe /nowhere/node\n")
        words = ("explain", "tcp", "0.0.0.0:3000", "user", "alice-of-nowhere", "exe",
                 "/nowhere/node", "--rules", rules)
        done = self.ctl(*words, status=0)
        self.assertIn(b", of alice-of-nowhere, process /nowhere/node\n", done.stdout)
        self.assertIn(b"no: user bob ", done.stdout)
        self.assertRegex(done.stdout, rb"\*    3  .*\n +decides")
        self.assertIn(b"verdict: flagged, error", done.stdout)
        self.assertIn(b"No user is named alice-of-nowhere", done.stderr)
        (one,) = support.strict_json(self.ctl(*words, "--json", status=0).stdout)["explained"]
        self.assertEqual(one["listener"]["user"], "alice-of-nowhere")
        self.assertIsNone(one["listener"]["uid"])
        self.assertEqual(one["severity"], "error")

    def test_explain_what_is_there(self):
        self.hold("127.0.0.1", "3000")
        self.ctl("explain", "3001", "--rules", self.policy, status=4)
        self.ctl("explain", "sfff0", "--rules", self.policy, status=4)
        done = self.ctl("explain", "3000", "--rules", self.policy, status=0)
        self.assertIn(b"tests/cli/holder", done.stdout)
        (listener,) = self.scan()["listeners"]
        self.assertEqual(self.ctl("explain", listener["id"], "--rules", self.policy).stdout,
                         done.stdout)

    def test_rules(self):
        rules = self.write("r.rules", "# a\nallow tcp port 22 note \"n\"\nignore udp id mine\n"
                                      "set default flag error\n")
        done = self.ctl("rules", "--rules", rules, "-o", "number,text", "--no-legend", status=0)
        self.assertEqual(len(done.stdout.splitlines()), 3)
        document = support.strict_json(self.ctl("rules", "--json", "--rules", rules).stdout)
        self.assertEqual([rule["line"] for rule in document["rules"]], [2, 3])
        self.assertEqual(document["rules"][1]["id"], "mine")
        self.assertEqual(document["default"]["severity"], "error")
        self.assertFalse(document["builtin"])


class Selection(support.Case):
    rules = ("ignore port 3000\nallow port 3001\nflag critical port 3002\n"
             "set default flag notice\n")

    def setUp(self):
        super().setUp()
        for port in ("3000", "3001", "3002", "3003"):
            self.hold("127.0.0.1", port)

    def ports(self, *words):
        done = self.ctl("scan", "--no-legend", "-o", "port", "--rules", self.policy, *words)
        document = support.strict_json(self.ctl("scan", "--json", "--rules", self.policy,
                                                *words).stdout)
        ports = done.stdout.decode().split()
        self.assertEqual([str(one["port"]) for one in document["listeners"]], ports)
        return " ".join(ports)

    def test_which_and_in_which_order(self):
        self.assertEqual(self.ports(), "3002 3003 3001")
        self.assertEqual(self.ports("--all"), "3002 3003 3001 3000")
        self.assertEqual(self.ports("--flagged"), "3002 3003")
        self.assertEqual(self.ports("--allowed"), "3001")
        self.assertEqual(self.ports("--all", "port", "3000-3001"), "3001 3000")
        self.assertEqual(self.ports("not", "port", "3002,", "3003"), "3001")

    def test_the_sum(self):
        done = self.ctl("scan", "--rules", self.policy)
        self.assertIn(b"4 listeners: 2 flagged, 1 allowed, 1 ignored", done.stdout)


class Terminal(support.Case):
    def setUp(self):
        super().setUp()
        self.hold("0.0.0.0", "3000", "name", "a-long-name")

    def on_terminal(self, *words, verb="scan", width=100, height=60, closed=None, **env):
        """What the client prints on a terminal of that size; `closed`: a descriptor it lacks."""
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        env = dict({name: value for name, value in os.environ.items()
                    if name not in ("COLUMNS", "LINES", "NO_COLOR", "SUDO_UID")},
                   TERM="xterm", **env)
        process = subprocess.Popen([support.CTL, verb, "--rules", self.policy, *words],
                                   stdin=follower, stdout=follower, stderr=subprocess.DEVNULL,
                                   env=env,
                                   preexec_fn=None if closed is None else lambda: os.close(closed))
        os.close(follower)
        out = b""
        while True:
            try:
                data = os.read(leader, 65536)
            except OSError:
                break
            if not data:
                break
            out += data
        os.close(leader)
        process.wait(30)
        return out.replace(b"\r\n", b"\n")

    def test_colour_on_a_terminal_alone(self):
        self.assertNotIn(b"\033", self.ctl("scan", "--rules", self.policy).stdout)
        self.assertIn(b"\033[33m", self.on_terminal())
        self.assertNotIn(b"\033", self.on_terminal(NO_COLOR="1"))
        self.assertIn(b"\033", self.on_terminal(NO_COLOR=""))
        self.assertNotIn(b"\033", self.on_terminal("--json"))

    def test_width(self):
        for width in (60, 80, 100):
            table = self.on_terminal("--no-legend", width=width, NO_COLOR="1").decode()
            self.assertLessEqual(max(map(len, table.splitlines())), width, table)
        for locale, mark in ("C.UTF-8", "…"), ("C", "~"):
            cut = self.on_terminal("--no-legend", "-o", "endpoint,process", width=24, NO_COLOR="1",
                                   LC_ALL=locale).decode()
            self.assertRegex(cut, f"(?m)^0.0.0.0:3000 [a-z0-9-]+{mark}$")
            whole = self.on_terminal("--no-legend", "-o", "endpoint,process", width=60, NO_COLOR="1",
                                     LC_ALL=locale).decode()
            self.assertRegex(whole, r"(?m)^0.0.0.0:3000 [a-z0-9-]+\[[0-9]+\]$")
        wide = self.ctl("scan", "--rules", self.policy, "-o", "cmdline,exe,cwd,text",
                        env={"COLUMNS": "20"}).stdout
        self.assertIn(support.BUILD.encode() + b"/tests/cli/holder", wide)

    def test_long_output_goes_through_the_pager(self):
        pager = self.write("pager", "#!/bin/sh\necho \"paged $LESS\"; cat\n")
        os.chmod(pager, 0o755)
        self.assertNotIn(b"paged", self.on_terminal(PAGER=pager))
        self.assertIn(b"paged FRSXMK", self.on_terminal(PAGER=pager, height=3))
        self.assertIn(b"paged", self.on_terminal(SYSTEMD_PAGER=pager + " x", PAGER="cat", height=3))
        self.assertNotIn(b"paged", self.on_terminal("--no-pager", PAGER=pager, height=3))
        self.assertNotIn(b"paged", self.on_terminal("--json", PAGER=pager, height=3))
        self.assertIn(b"3000", self.on_terminal(PAGER="/no/such/pager", height=3))
        self.assertIn(b"3000", self.on_terminal(PAGER="", height=3))

    def test_the_pager_is_fed_where_stdin_is_closed(self):
        pager = self.write("pager", "#!/bin/sh\necho paged; cat\n")
        os.chmod(pager, 0o755)
        self.policy = self.write("long.rules", "allow tcp port 1\nallow tcp port 2\n")
        for closed in (None, 0):
            shown = self.on_terminal(verb="rules", PAGER=pager, height=3, closed=closed)
            self.assertIn(b"paged", shown)
            self.assertIn(b"allow tcp port 2", shown)

    def test_a_pager_is_no_way_to_a_root_shell(self):
        evil = self.write("evil", "#!/bin/sh\necho paged; cat\n")
        os.chmod(evil, 0o755)
        less = self.write("less", "#!/bin/sh\necho \"secure $LESSSECURE $LESSOPEN\"; cat\n")
        os.chmod(less, 0o755)
        path = self.folder + ":" + os.environ["PATH"]
        out = self.on_terminal(PAGER=evil, PATH=path, height=3, SUDO_UID="1000",
                               LESSOPEN="|evil %s")
        self.assertNotIn(b"paged", out)
        self.assertTrue(re.search(rb"^secure 1 $", out, re.M), out)


if __name__ == "__main__":
    support.main(__file__)
