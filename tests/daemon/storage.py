#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sockauditd where its files are not as they should be: state, rules, runtime directory, output."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import (DAEMON, PATIENCE, RULES, Foreground, Process, listen, mounted, read, rules_below,
                     until, write, write_rules)


# --- the state ------------------------------------------------------------------------------------

def is_about_saving(told):
    return told["event"] == "source-degraded" and "state" in told["message"]


def test_a_full_disk_is_told_once_and_forgotten(directory):
    os.mkdir(directory + "/state")
    write_rules(directory, "set burst 1000\n" + RULES)
    with mounted("tmpfs", directory + "/state", "size=64k"), Foreground(directory) as daemon:
        with listen("0.0.0.0", 4001):
            daemon.expect(event="flagged", port=4001)
            with open(directory + "/state/ballast", "wb", buffering=0) as ballast:
                try:
                    while True:
                        ballast.write(bytes(4096))
                except OSError:
                    pass
            daemon.all.clear()
            # Each alert is noted before and after, and every few seconds all is saved.
            for port in range(4100, 4150):
                with listen("0.0.0.0", port):
                    daemon.expect(event="flagged", port=port)
            until("a save failed", lambda: any(map(is_about_saving, daemon.all)) or
                  daemon.told_by(4200))
            before = os.stat(directory + "/state").st_mtime_ns
            until("it tries again", lambda: os.stat(directory + "/state").st_mtime_ns != before)
            daemon.told_by(4201)
            assert len(list(filter(is_about_saving, daemon.all))) == 1, daemon.all
            os.unlink(directory + "/state/ballast")
            daemon.expect_said("state", event="source-restored")
            # What was told is told no more, also not after a kill.
            daemon.stop(signal.SIGKILL)
            with Foreground(directory) as after:
                told = after.told_by(4202)
                assert not [one for one in told if one.get("port") == 4001], told


def test_a_state_is_behind_its_log_after_a_save_that_failed(directory):
    """What is noted after a save that failed belongs to the state that is there."""
    os.mkdir(directory + "/state")
    with Foreground(directory) as daemon:
        with listen("0.0.0.0", 4001):
            daemon.expect(event="flagged", port=4001)
            until("it is saved", lambda: "flag tcp" in read(directory + "/state/state"))
            # A directory in the way of the next one: it can't be saved, but noted.
            os.makedirs(directory + "/state/state.new/x")
            with listen("0.0.0.0", 4002):
                daemon.expect(event="flagged", port=4002)
                daemon.expect(is_about_saving)
                daemon.told_by(4003)
                daemon.stop(signal.SIGKILL)
                shutil.rmtree(directory + "/state/state.new")
                with Foreground(directory) as after:
                    told = after.told_by(4004)
                    assert not [one for one in told if one.get("port") in (4001, 4002)], told


def replace_by(make):
    def spoil(path, _text):
        os.unlink(path)
        make(path)
    return spoil


def self_link(path):
    os.symlink(path, path)


SPOILED = {
    "empty": lambda path, text: write(path, ""),
    "random": lambda path, text: write(path, random.randbytes(4000)),
    "zeros": lambda path, text: write(path, bytes(len(text))),
    "another version": lambda path, text: write(path, text.replace("sockaudit-state 1", "sockaudit-state 2")),
    "another address": lambda path, text: write(path, text.replace("0.0.0.0", "0.0.0.1")),
    "twice": lambda path, text: write(path, text + text),
    "huge": lambda path, text: os.truncate(path, 20 << 20),
    "a directory": replace_by(os.mkdir),
    "a directory with a file": replace_by(lambda path: (os.mkdir(path), write(path + "/file", ""))),
    "a FIFO": replace_by(os.mkfifo),
    "a link to a file": replace_by(lambda path: os.symlink("/etc/passwd", path)),
    "a link to itself": replace_by(self_link),
}


def begin_with_state(directory, name, spoil, text):
    shutil.rmtree(directory + "/state", ignore_errors=True)
    os.mkdir(directory + "/state")
    path = directory + "/state/state"
    write(path, text)
    spoil(path, text)
    # What an earlier one left, too: a directory can't take a file's place, nor the other way round.
    aside = random.choice([None, os.mkdir, lambda at: write(at, "")])
    if aside:
        aside(path + ".corrupt")
    with listen("0.0.0.0", 4001), Foreground(directory, loaded=None) as daemon:
        told = daemon.expect(event="source-degraded", holds=lambda one: "state.corrupt" in one["message"])
        assert told["priority"] == 4, (name, told)
        daemon.expect(event="flagged", port=4001)
        assert os.path.lexists(path + ".corrupt"), (name, os.listdir(directory + "/state"))
        until(lambda: (name, "it saves", os.listdir(directory + "/state")),
              lambda: read(path).startswith("sockaudit-state 1 "))
    with open("/etc/passwd", encoding="utf-8") as passwd:
        assert "root" in passwd.read()


def good_state(directory):
    with listen("0.0.0.0", 4001), Foreground(directory) as daemon:
        daemon.expect(event="flagged", port=4001)
        daemon.stop()
    return read(directory + "/state/state")


def test_a_spoiled_state_is_set_aside(directory):
    text = good_state(directory)
    assert "flag tcp" in text, text
    for name, spoil in SPOILED.items():
        begin_with_state(directory, name, spoil, text)


def test_a_state_cut_anywhere_is_set_aside(directory):
    text = good_state(directory)
    step = int(os.environ.get("SOCKAUDIT_CUTS_STEP", "61"))
    for at in range(random.randrange(step) or 1, len(text), step):
        begin_with_state(directory, f"cut at {at}", lambda path, _: os.truncate(path, at), text)


def test_a_log_that_is_none_keeps_nothing_up(directory):
    for make in (os.mkdir, os.mkfifo, self_link, lambda path: write(path, random.randbytes(3000)),
                 lambda path: os.truncate(path, 30 << 20) if write(path, "") is None else None):
        for name in ("state.log", "state.new"):
            shutil.rmtree(directory + "/state", ignore_errors=True)
            os.mkdir(directory + "/state")
            make(f"{directory}/state/{name}")
            with Foreground(directory) as daemon, listen("0.0.0.0", 4001):
                daemon.expect(event="flagged", port=4001)


def test_a_state_directory_that_is_none_is_told(directory):
    write(directory + "/state", "")
    with Foreground(directory, loaded=None) as daemon:
        daemon.expect_said(directory, event="source-degraded")
        daemon.told_by(4001)


def test_a_state_directory_that_goes_is_made_again(directory):
    with Foreground(directory) as daemon:
        daemon.told_by(4001)
        until("it is gone, whatever is written into it meanwhile", lambda: shutil.rmtree(
            directory + "/state", ignore_errors=True) or not os.path.exists(directory + "/state"))
        daemon.told_by(4002)
        until("it saves anew", lambda: "sockaudit-state" in read(directory + "/state/state"))


# --- the rules ------------------------------------------------------------------------------------

def reload_is_refused(daemon, port):
    daemon.send(signal.SIGHUP)
    told = daemon.expect(event="policy-rejected")
    # The old policy is: `critical` it is by that alone.
    with listen("0.0.0.0", port):
        assert daemon.expect(event="flagged", port=port)["priority"] == 2
    return told


def test_rules_that_are_no_file_are_refused(directory):
    path, ports = directory + "/rules", iter(range(4001, 4100))
    with Foreground(directory) as daemon:
        for make in (os.mkfifo, os.mkdir, self_link, lambda at: os.symlink("/dev/zero", at),
                     lambda at: os.symlink("/nowhere", at), lambda at: None,
                     lambda at: (write(at, ""), os.truncate(at, 1 << 30)),
                     lambda at: write(at, "allow tcp port 1\n" * 500000),
                     lambda at: write(at, bytes(4000)), lambda at: write(at, random.randbytes(4000)),
                     lambda at: (write(at, RULES), os.chmod(at, 0o666)),
                     lambda at: (write(at, RULES), os.chown(at, harness.NOBODY, 0))):
            if os.path.isdir(path):
                os.rmdir(path)
            elif os.path.lexists(path):
                os.unlink(path)
            make(path)
            reload_is_refused(daemon, next(ports))
        if os.path.lexists(path):
            os.unlink(path)
        write_rules(directory, RULES)
        daemon.send(signal.SIGHUP)
        daemon.expect(event="policy-loaded")


def test_a_rules_directory_that_goes(directory):
    rules = rules_below(directory + "/root")
    write(rules + "/sockaudit.rules", RULES)
    with Foreground(directory, root=True) as daemon:
        assert not daemon.status()["policy"]["differs"], daemon.status()
        shutil.rmtree(rules)
        assert daemon.status()["policy"]["differs"], daemon.status()
        reload_is_refused(daemon, 4001)
        status, _, err = daemon.ctl("reload")
        assert status == 1 and "no rules file exists" in err, (status, err)
    # Nor does it begin blind: by the built-in ones everything but loopback is flagged.
    with Foreground(directory, root=True, loaded="policy-rejected") as daemon:
        with listen("0.0.0.0", 5001):
            daemon.expect(event="flagged", port=5001)
        write(rules_below(directory + "/root") + "/sockaudit.rules", RULES)
        daemon.send(signal.SIGHUP)
        daemon.expect(event="policy-loaded")


def test_a_typo_and_a_restart(directory):
    """It costs nothing: the last valid rules stay, under the names of the files that had them."""
    path = rules_below(directory + "/root") + "/sockaudit.rules"
    write(path, "allow tcp port 4050\n" + RULES)
    with listen("0.0.0.0", 4050), listen("0.0.0.0", 4001):
        with Foreground(directory, root=True) as daemon:
            daemon.expect(event="flagged", port=4001)
            policy = daemon.status()["policy"]
            assert not policy["last_valid"] and not policy["differs"], policy
            n_rules = policy["rules"]
        copy = directory + "/state/rules.valid"
        assert os.stat(copy).st_mode & 0o777 == 0o600
        write(path, "alow tcp port 4050\n" + RULES)
        with Foreground(directory, root=True, loaded="policy-rejected") as daemon:
            policy = daemon.status()["policy"]
            assert policy["last_valid"] and not policy["builtin"] and policy["differs"], policy
            assert policy["rules"] == n_rules, policy
            rules = json.loads(daemon.good("rules", "--json"))
            assert rules["last_valid"] and not rules["builtin"], rules
            rule = daemon.listeners()[4050]["rule"]
            assert (rule["file"], rule["line"]) == (path, 1), rule
            # Neither is told anew: one is allowed still, of the other the last daemon told.
            assert not any(one.get("port") in (4050, 4001) for one in daemon.told_by(4002))
            assert daemon.ctl("reload")[0] == 1
            assert daemon.status()["policy"]["last_valid"]
            # Nor is the copy lost by restarts.
        with Foreground(directory, root=True, loaded="policy-rejected") as daemon:
            assert daemon.status()["policy"]["last_valid"]
            write(path, "allow tcp port 4051\n" + RULES)
            daemon.good("reload")
            policy = daemon.status()["policy"]
            assert not policy["last_valid"] and not policy["differs"], policy
            daemon.expect(event="flagged", port=4050)
    write(path, "alow\n")
    with Foreground(directory, root=True, loaded="policy-rejected") as daemon:
        with listen("0.0.0.0", 4051):
            daemon.knows(4051)
            assert daemon.listeners()[4051]["verdict"] == "allow"


def test_a_copy_of_the_rules_that_is_no_good(directory):
    """Nothing is taken from it, and under the built-in rules there is no advice."""
    path = rules_below(directory + "/root") + "/sockaudit.rules"
    copy = directory + "/state/rules.valid"

    def damage():
        text = read(copy)
        write(copy, text.replace("4050", "4051"))

    def link():
        os.rename(copy, directory + "/elsewhere")
        os.symlink(directory + "/elsewhere", copy)

    for spoil in (damage, lambda: os.chmod(copy, 0o622), lambda: os.chown(copy, harness.NOBODY, 0),
                  link, lambda: os.unlink(copy), lambda: os.truncate(copy, 40), lambda: os.truncate(copy, 0)):
        write(path, "allow tcp port 4050\n" + RULES)
        with Foreground(directory, root=True):
            pass
        spoil()
        write(path, "alow\n")
        with listen("0.0.0.0", 4050):
            with Foreground(directory, root=True, loaded="policy-rejected") as daemon:
                told = daemon.expect(event="flagged", port=4050)
                assert told["advice"].startswith("#"), told
                policy = daemon.status()["policy"]
                assert policy["builtin"] and not policy["last_valid"], policy
                assert daemon.listeners()[4050]["advice"] is None
        shutil.rmtree(directory + "/state")
    # Another's rules are not taken, either.
    write(path, "allow tcp port 4050\n" + RULES)
    with Foreground(directory, root=True):
        pass
    write(path, "alow\n")
    write_rules(directory, "alow\n")
    with Foreground(directory, loaded="policy-rejected") as daemon:
        assert daemon.status()["policy"]["builtin"]


# --- the runtime directory ------------------------------------------------------------------------

def test_a_runtime_directory_that_is_none_is_told(directory):
    write(directory + "/run", "kept")
    with Foreground(directory) as daemon:
        daemon.expect_said(daemon.directory, event="source-degraded")
        daemon.told_by(4001)
    assert read(directory + "/run") == "kept"


def test_a_runtime_directory_that_is_read_only_is_told(directory):
    os.mkdir(directory + "/run")
    with mounted("tmpfs", directory + "/run", "ro"), Foreground(directory) as daemon:
        daemon.expect_said("Read-only file system", event="source-degraded")
        daemon.told_by(4001)


def test_what_is_no_socket_is_not_removed(directory):
    os.mkdir(directory + "/run")
    write(directory + "/run/bus", "kept")
    with Foreground(directory) as daemon:
        daemon.expect_said(daemon.directory, event="source-degraded")
        daemon.told_by(4001)
    assert read(directory + "/run/bus") == "kept"


def test_a_dead_daemons_socket_is_taken_over(directory):
    with Foreground(directory) as daemon:
        assert daemon.status()
        daemon.stop(signal.SIGKILL)
        assert os.path.exists(directory + "/run/bus")
    with Foreground(directory) as daemon:
        daemon.serving()
    assert not os.path.exists(directory + "/run/bus")


def test_a_living_daemons_socket_stays_its(directory):
    with Foreground(directory) as first:
        os.mkdir(directory + "/second")
        write_rules(directory + "/second", RULES)
        os.symlink(directory + "/run", directory + "/second/run")
        assert first.status()
        with Foreground(directory + "/second", loaded=None) as second:
            assert second.wait() == 1
            assert "--runtime-dir" in second.stderr(), second.stderr()
        assert first.status()


def test_a_living_daemons_state_stays_its(directory):
    with Foreground(directory) as first:
        assert first.status()
        os.mkdir(directory + "/second")
        write_rules(directory + "/second", RULES)
        os.symlink(directory + "/state", directory + "/second/state")
        with Foreground(directory + "/second", loaded=None) as second:
            told = second.expect(event="source-degraded")
            assert "another sockauditd uses it" in told["message"], told
            with listen("0.0.0.0", 4002):
                second.expect(event="flagged", port=4002)
                first.expect(event="flagged", port=4002)
            second.stop()


# --- what it writes -------------------------------------------------------------------------------

def test_an_output_that_nobody_reads_ends_it(directory):
    for options in (("--foreground", "--json"), ("--foreground",)):
        with Foreground(directory, *options) as daemon:
            daemon.serving()
            daemon.stop()
        reader, writer = os.pipe()
        daemon = Process(directory, *options, stdout=writer)
        os.close(writer)
        try:
            daemon.serving()
            os.close(reader)
            assert daemon.wait() == 0, daemon.process.returncode
            assert not os.path.exists(directory + "/run/bus")
        finally:
            daemon.end()
        shutil.rmtree(directory + "/state")


def test_an_output_without_room_is_told_once(directory):
    with open("/dev/full", "wb") as full:
        with Process(directory, "--foreground", "--json", stdout=full) as daemon:
            daemon.serving()
            for port in range(4001, 4005):
                with listen("0.0.0.0", port):
                    daemon.knows(port)
            assert daemon.stderr().count("standard output: No space left") == 1, daemon.stderr()


def test_a_usage_error_is_one(directory):
    for words in (["--json"], ["--nothing"], ["word"]):
        done = subprocess.run([DAEMON, *words], capture_output=True, text=True, timeout=PATIENCE,
                              cwd=directory, check=False)
        assert done.returncode == 2 and done.stderr, (words, done)


if __name__ == "__main__":
    harness.main(__file__, globals())
