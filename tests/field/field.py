#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs real development tools under the daemon of this tree and types the advice that it gives.

    field.py [--root ROOT] [--cache CACHE] [--jobs N] [--json FILE] TABLE… [-- NAME…]

A table (tools/*.toml) has an entry for each tool: what to install, a minimal project, how to start it on
loopback and exposed, and what the daemon must report. Each tool runs as an unprivileged user, in
network and mount namespaces that look like a laptop's (lo, wlan0 192.168.1.20/24 and a neighbour), with a
sockauditd that has the shipped policy and advice. Four things must hold:

  local     the loopback start causes no alert
  alerts    the exposed start causes one alert for each exposed port, and no other
  tool      the alert names the tool and its process
  advice    the command of the advice, typed as it stands, leaves the tool answering on loopback
            only, and the daemon resolves the alert

The exit status is 1 if one of them does not. With --root the tools run in that root directory; without
it they run from this machine's own packages.
"""

import argparse
import concurrent.futures
import contextlib
import ctypes
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/../daemon")
import harness  # noqa: E402
from harness import PATIENCE, read, until  # noqa: E402

KEYS = {"tool", "npm", "installer", "debian", "files", "scripts", "setup", "local", "exposed", "port", "udp",
        "http", "choose", "says", "edit", "then", "env", "after", "more"}
FENCES = range(64000, 65000)
USER = 1000
HOME = "/home/dev"  # in the root; without one it is in the scratch folder
ENVIRONMENT = {
    "PATH": "/opt/node/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/usr/games",
    "HOME": HOME, "USER": "dev", "LOGNAME": "dev", "SHELL": "/bin/bash", "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8", "TERM": "dumb", "BROWSER": "none", "NO_UPDATE_NOTIFIER": "1",
    "npm_config_update_notifier": "false", "npm_config_offline": "true",
    "NEXT_TELEMETRY_DISABLED": "1", "NUXT_TELEMETRY_DISABLED": "1", "ASTRO_TELEMETRY_DISABLED": "1",
    "NG_CLI_ANALYTICS": "false", "STORYBOOK_DISABLE_TELEMETRY": "1", "GATSBY_TELEMETRY_DISABLED": "1",
    "WRANGLER_SEND_METRICS": "false", "EXPO_NO_TELEMETRY": "1", "EXPO_OFFLINE": "1",
    "DO_NOT_TRACK": "1", "PM2_HOME": HOME + "/.pm2", "GOCACHE": HOME + "/.cache/go", "GOFLAGS": "-mod=mod",
}
PR_SET_CHILD_SUBREAPER = 36


# --- tables ---------------------------------------------------------------------------------------

def load(paths):
    tools = {}
    for path in paths:
        with open(path, "rb") as file:
            table = tomllib.load(file)
        for name, tool in table.items():
            unknown = set(tool) - KEYS
            assert not unknown and name not in tools, (path, name, unknown)
            tools[name] = dict(tool, name=name)
    return tools


def ports(tool):
    return [tool["port"]] if isinstance(tool["port"], int) else tool["port"]


# --- npm ------------------------------------------------------------------------------------------

def modules(tool, cache):
    """The installed node_modules of this tool; tools with the same packages share them."""
    installer = tool.get("installer", "npm")
    key = hashlib.sha256(json.dumps([installer, tool["npm"]]).encode()).hexdigest()[:16]
    return f"{cache}/npm/{key}"


def dependencies(tool):
    return dict(package.rsplit("@", 1) for package in tool.get("npm", []))


def install(tool, cache):
    folder = modules(tool, cache)
    if os.path.exists(folder + "/installed"):
        return
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    harness.write(folder + "/package.json",
                  json.dumps({"name": "field", "private": True, "dependencies": dependencies(tool)}))
    if tool.get("installer") == "pnpm":
        command = ["npx", "--yes", "pnpm@9", "install", "--store-dir", cache + "/pnpm"]
    else:
        command = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "--legacy-peer-deps"]
        if tool.get("installer") == "npm --ignore-scripts":  # one downloads a program that the tool can do without
            command.append("--ignore-scripts")
    with open(folder + "/log", "wb") as log:
        subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True,
                       timeout=1200, env={**os.environ, "PUPPETEER_SKIP_DOWNLOAD": "1"})
    subprocess.run(["chown", "-R", f"{USER}:{USER}", folder], check=True)
    harness.write(folder + "/installed", "")


# --- the machine ----------------------------------------------------------------------------------

def run(*words):
    subprocess.run(words, check=True)


def make_laptop():
    """This process's network namespace gets lo, wlan0 and a neighbour; returns the neighbour."""
    run("ip", "link", "set", "lo", "up")
    neighbour = subprocess.Popen(["unshare", "-n", "sleep", "infinity"], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
    own = os.readlink("/proc/self/ns/net")
    until("the neighbour", lambda: os.readlink(f"/proc/{neighbour.pid}/ns/net") != own)
    run("ip", "link", "add", "wlan0", "type", "veth", "peer", "name", "nb0", "netns", str(neighbour.pid))
    run("ip", "link", "set", "wlan0", "addrgenmode", "none")
    run("ip", "addr", "add", "192.168.1.20/24", "dev", "wlan0")
    run("ip", "-6", "addr", "add", "2001:db8::20/64", "dev", "wlan0", "nodad")
    run("ip", "-6", "addr", "add", "fe80::20/64", "dev", "wlan0", "nodad")
    run("ip", "link", "set", "wlan0", "up")
    there = ["nsenter", "-t", str(neighbour.pid), "-n"]
    run(*there, "ip", "link", "set", "lo", "up")
    run(*there, "ip", "addr", "add", "192.168.1.77/24", "dev", "nb0")
    run(*there, "ip", "link", "set", "nb0", "up")
    run("ip", "route", "add", "default", "via", "192.168.1.1")
    return neighbour


def descendants():
    """The processes below this one, by their parents. This one is their subreaper."""
    parents = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError, IndexError, ValueError):
            parents[int(pid)] = int(read(f"/proc/{pid}/stat").rpartition(")")[2].split()[1])
    below, last = {os.getpid()}, 0
    while len(below) != last:
        last = len(below)
        below |= {pid for pid, parent in parents.items() if parent in below}
    return below - {os.getpid()}


def listening(udp=False):
    """[(address, port)] of this network namespace."""
    out = subprocess.run(["ss", "-Hna", "--udp" if udp else "--tcp"], check=True, capture_output=True,
                         text=True).stdout
    found = []
    for line in out.splitlines():
        state, _, _, local = line.split()[:4]
        if state in ("LISTEN", "UNCONN"):
            address, _, port = local.rpartition(":")
            found.append((address.strip("[]").partition("%")[0], int(port)))
    return found


def is_local(address):
    return address.startswith("127.") or address in ("::1", "::ffff:127.0.0.1") or \
        address.startswith("::ffff:127.")


class Machine:
    """Where one tool runs: namespaces, a project folder, a daemon."""

    def __init__(self, tool, arguments, scratch):
        self.tool, self.root, self.scratch = tool, arguments.root or "", scratch
        self.cache = arguments.cache
        self.home = HOME if self.root else scratch + "/home"
        self.folder = f"{self.home}/{tool['name']}"
        self.keep = {make_laptop().pid}
        self.make_home()
        shutil.copytree(arguments.data, scratch + "/root")
        self.daemon = harness.Foreground(scratch, root=True)
        self.keep.add(self.daemon.pid)
        self.process, self.log, self.fence = None, scratch + "/log", FENCES.stop

    def make_home(self):
        if self.root:
            for name in ("proc", "sys", "dev"):
                run("mount", "--rbind", "/" + name, f"{self.root}/{name}")
            run("mount", "-t", "tmpfs", "tmp", self.root + "/tmp")
            run("mount", "-t", "tmpfs", "run", self.root + "/run")
            run("chmod", "1777", self.root + "/tmp")
        os.makedirs(self.root + self.home, exist_ok=True)
        run("mount", "-t", "tmpfs", "home", self.root + self.home)
        here = self.root + self.folder
        os.makedirs(here)
        manifest = {"name": "field", "version": "1.0.0", "private": True,
                    "scripts": self.tool.get("scripts", {}), "dependencies": dependencies(self.tool)}
        files = dict(self.tool.get("files", {}))
        if "npm" in self.tool or "scripts" in self.tool:
            manifest |= json.loads(files.pop("package.json", "{}"))
            files["package.json"] = json.dumps(manifest, indent=1)
        for name, text in files.items():
            os.makedirs(os.path.dirname(f"{here}/{name}"), exist_ok=True)
            harness.write(f"{here}/{name}", text)
            if text.startswith("#!"):
                os.chmod(f"{here}/{name}", 0o755)
        run("chown", "-R", f"{USER}:{USER}", self.root + self.home)
        if "npm" in self.tool:
            os.makedirs(here + "/node_modules")
            run("mount", "--bind", modules(self.tool, self.cache) + "/node_modules", here + "/node_modules")

    def words(self, command):
        enter = ["chroot", f"--userspec={USER}:{USER}", self.root] if self.root else \
            ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
        env = {**ENVIRONMENT, **self.tool.get("env", {})}
        if not self.root:
            env |= {"HOME": self.home, "PATH": f"{self.folder}/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
        return [*enter, "env", "-i", *(f"{key}={value}" for key, value in env.items()),
                "bash", "-c", f"cd {self.folder} || exit; {command}"]

    def prepare(self):
        if "setup" in self.tool:
            self.run_to_end(self.tool["setup"])

    def run_to_end(self, command):
        with open(self.log, "ab") as log:
            subprocess.run(self.words(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                           check=True, timeout=600)

    def start(self, command):
        with open(self.log, "ab") as log:
            log.write(f"$ {command}\n".encode())
            log.flush()
            self.process = subprocess.Popen(self.words(command), stdin=subprocess.PIPE, stdout=log, stderr=log,
                                            start_new_session=True)

    def listeners(self):
        """Of everything that runs here but the fence, those on the expected ports, others."""
        found = [one for one in listening() if one[1] not in FENCES]
        return found, [one for one in listening(udp=True) if one[1] in ports(self.tool)]

    def ready(self, expected=None):
        """Waits until each expected port listens, and answers where it speaks HTTP."""
        udp = self.tool.get("udp", False)
        expected = expected or ports(self.tool)

        def up():
            assert self.process.poll() in (None, 0), "the tool ended: " + read(self.log)[-1500:]
            return set(expected) <= {port for _, port in self.listeners()[udp]}
        until(lambda: f"not listening: {self.listeners()} " + read(self.log)[-1500:], up, patience=240)
        return all(self.answers(port) for port in expected)

    def answers(self, port):
        """Whether the tool speaks HTTP (or accepts a connection) on loopback."""
        if self.tool.get("udp") or self.tool.get("http") == "unasked":
            return True
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            for host in ("127.0.0.1", "::1"):
                with contextlib.suppress(OSError, http.client.HTTPException):
                    if self.asked(host, port):
                        return True
            time.sleep(0.1)
        return False

    def asked(self, host, port):
        silent = self.tool.get("http", True)
        if silent is False or (isinstance(silent, list) and port not in silent):
            socket.create_connection((host, port), 5).close()
            return True
        connection = http.client.HTTPConnection(host, port, timeout=60)
        try:
            connection.request("GET", "/", headers={"Host": f"localhost:{port}"})
            return connection.getresponse().status < 600
        finally:
            connection.close()

    def stop(self):
        """As ^C in the terminal would, and then whatever is left, also what became a daemon."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1)
        self.process.stdin.close()
        until("the tool's end", self.reap, patience=60)

    def reap(self):
        for pid in descendants() - self.keep:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, _ = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                if pid == self.process.pid:
                    self.process.returncode = 0
        return not descendants() - self.keep

    def told(self):
        """What the daemon reported until it reports a listener that the test opens now."""
        self.fence -= 1  # one that closed is held back for a while, and then not reported again
        with harness.listen("0.0.0.0", self.fence):
            self.daemon.expect(event="flagged", port=self.fence)
            return list(self.daemon.passed)


def end_all():
    """Ends whatever runs below this process, and what any of it left behind."""
    while pids := descendants():
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


# --- advice ---------------------------------------------------------------------------------------

def alternatives(advice):
    """The commands of an advice, which are separated by `, or ` and followed by remarks in parentheses
    or after a semicolon."""
    found = []
    for part in re.split(r", or |; | — ", advice):
        part = re.sub(r" \([^()]*\)$", "", part.strip())
        found.append(part)
    return found


def chosen(tool, advice):
    """What a user types: the first alternative, or the first that begins with `choose`."""
    want = tool.get("choose", "")
    for one in alternatives(advice):
        if one.startswith(want):
            return one
    return None


def apply(machine, tool, advice, everything):
    """Does what the advice says (`everything`: of all alerts). Returns the command that starts the tool
    again, or None: it does not say what it should."""
    if "says" in tool and tool["says"] not in everything:
        return None
    if "edit" in tool:
        change = tool["edit"]
        path = f"{machine.root}{machine.folder}/{change['file']}"
        text = read(path)
        assert change["from"] in text or change["from"] == "", (path, change)
        harness.write(path, text.replace(change["from"], change["to"]) if change["from"]
                      else text + change["to"])
    if "then" in tool and tool["then"] != "advice":
        return tool["then"]
    if "edit" in tool and "then" not in tool:
        return tool["exposed"]
    command = chosen(tool, advice)
    if command is None or "…" in command or "{" in command:
        return None
    return command


# --- one tool -------------------------------------------------------------------------------------

def of_tool(told):
    return [one for one in told if one["event"] in ("flagged", "still-exposed") and one["port"] not in FENCES]


def short(one):
    return {key: one.get(key) for key in ("event", "priority", "proto", "address", "port", "tool", "message",
                                          "exe", "cmdline", "advice", "rule") if one.get(key) is not None}


def try_local(machine, tool, result):
    machine.start(tool["local"])
    answers = machine.ready(tool.get("after"))
    exposed = [one for one in machine.listeners()[0] if not is_local(one[0])]
    assert answers and not exposed, f"not a loopback start: answers {answers}, {exposed}"
    result["false_alerts"] = [short(one) for one in of_tool(machine.told())]
    machine.stop()
    result["false_alerts"] += [short(one) for one in of_tool(machine.told())]
    result["local"] = not result["false_alerts"]


def try_exposed(machine, tool, result):
    machine.start(tool["exposed"])
    machine.ready()
    alerts = []
    if tool.get("udp"):  # a datagram socket must stand for longer, and the test's own is none
        alerts = [machine.daemon.expect(event="flagged", port=ports(tool)[0])]
    alerts += of_tool(machine.told())
    result["alert"] = [short(one) for one in alerts]
    result["expected"] = len(ports(tool))
    counted = [one for one in alerts if not tool.get("more") or one["port"] in ports(tool)]
    result["alerts"] = sorted(one["port"] for one in counted) == sorted(ports(tool))
    named = tool["tool"]
    result["tool"] = bool(alerts) and all(
        (one.get("tool") or "") in (named if isinstance(named, list) else [named]) and one.get("exe") and
        one.get("cmdline") == one.get("cmdline", "").rstrip("\0 ") for one in alerts)
    machine.stop()
    result["alerts"] = result["alerts"] and not of_tool(machine.told())
    return alerts


def try_advice(machine, tool, result, alerts):
    """The advice of the first alert; where there is more than one port it must help with all."""
    advice = next((one.get("advice") for one in alerts if one["port"] == ports(tool)[0]), None)
    if not result["tool"]:
        result["why"] = "not recognised: what is generic is not typed"
        result["given"] = advice
        return
    everything = " / ".join(dict.fromkeys(one.get("advice", "") for one in alerts))
    result["given"] = everything
    command = apply(machine, tool, advice, everything) if advice else None
    result["typed"] = command
    if command is None:
        result["why"] = "no command in it"
        return
    machine.start(command)
    try:
        result["works"] = machine.ready(tool.get("after"))
    except AssertionError as why:
        result["why"] = str(why)[-1000:]
        machine.stop()
        return
    udp = tool.get("udp", False)
    result["exposed_after"] = [one for one in machine.listeners()[0] + (machine.listeners()[1] if udp else [])
                               if not is_local(one[0])]
    result["again"] = [short(one) for one in of_tool(machine.told())]
    local = result["works"] and not result["exposed_after"] and not result["again"]
    if local:
        result["resolved"] = all(resolved(machine, one) for one in alerts)
    result["advice"] = local and result["resolved"]
    machine.stop()


def resolved(machine, alert):
    """Waits until the daemon resolves the alert; it does after its hold-down at the latest."""
    def seen():
        return any(one["event"] == "resolved" and one["port"] == alert["port"] for one in machine.daemon.so_far())
    try:
        return until("resolved", seen, patience=60)
    except AssertionError:
        return False


def run_one(tool, arguments):
    """In namespaces of its own; prints the result as a line of JSON."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    began = time.monotonic()
    result = {"name": tool["name"], "local": False, "alerts": False, "tool": False, "advice": False}
    with tempfile.TemporaryDirectory(prefix="sockaudit-field-") as scratch:
        os.chmod(scratch, 0o755)
        try:
            machine = Machine(tool, arguments, scratch)
            machine.prepare()
            try_local(machine, tool, result)
            alerts = try_exposed(machine, tool, result)
            try_advice(machine, tool, result, alerts)
        except Exception as why:  # pylint: disable=broad-exception-caught
            result["error"] = (str(why)[-2000:] or repr(why)) + "\n" + read(scratch + "/log")[-3000:]
        finally:
            end_all()
            if not arguments.root:
                harness.run_quietly("umount", "-l", scratch + "/home")
    result["seconds"] = round(time.monotonic() - began)
    print(json.dumps(result), flush=True)


# --- all of them ----------------------------------------------------------------------------------

def in_namespaces(name, arguments):
    words = [sys.executable, os.path.abspath(__file__), "--one", name, "--cache", arguments.cache,
             "--data", arguments.data,
             *(["--root", arguments.root] if arguments.root else []), *arguments.tables]
    inside = ("mount -t sysfs sysfs /sys; mount -t cgroup2 cgroup2 /sys/fs/cgroup; "
              "mount -t tmpfs -o mode=0755 run /run && exec \"$@\"")
    with tempfile.TemporaryFile("w+") as out:
        subprocess.run(["unshare", "-n", "-m", "--propagation", "private", "sh", "-c", inside, "sh", *words],
                       stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False)
        out.seek(0)
        text = out.read()
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            return json.loads(line)
    return {"name": name, "error": text[-2000:]}


def verdict(result):
    return "".join(f"{key if result.get(key) else 'NO ' + key:<11}" for key in
                   ("local", "alerts", "tool", "advice"))


def say(result):
    print(f"{result['name']:<24}{verdict(result)} {result.get('seconds', 0):>4} s", flush=True)
    if "error" in result:
        print("    " + result["error"].strip().replace("\n", "\n    "))
    elif not all(result.get(key) for key in ("local", "alerts", "tool", "advice")):
        for key in ("false_alerts", "alert", "given", "typed", "why", "works", "exposed_after", "again", "resolved"):
            if result.get(key) not in (None, []):
                print(f"    {key}: {result[key]}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root")
    parser.add_argument("--cache", default="/var/cache/sockaudit-field")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json")
    parser.add_argument("--one", help="run this tool alone, in the namespaces of the caller")
    parser.add_argument("--data", help="the shipped files, as make install puts them below a root")
    parser.add_argument("--debian", action="store_true", help="print the packages of the tables and end")
    parser.add_argument("--only", default="", help="names, separated by commas")
    parser.add_argument("tables", nargs="+")
    arguments = parser.parse_args()
    if subprocess.run(["unshare", "-n", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        print("cannot make a network namespace: run it as root")
        return 1 if os.environ.get("CI") else 77
    tools = load(arguments.tables)
    if arguments.debian:
        print(*sorted({package for tool in tools.values() for package in tool.get("debian", [])}), sep="\n")
        return 0
    if arguments.one:
        run_one(tools[arguments.one], arguments)
        return 0
    only = [name for name in arguments.only.split(",") if name]
    if unknown := set(only) - set(tools):
        parser.error(f"unknown tool: {', '.join(sorted(unknown))}; known: {', '.join(sorted(tools))}")
    with tempfile.TemporaryDirectory(prefix="sockaudit-field-") as arguments.data:
        harness.support.install_data(arguments.data)
        return run_all(tools, only or list(tools), arguments)


def run_all(tools, names, arguments):
    results = []

    def whole(name):
        try:
            if "npm" in tools[name]:
                install(tools[name], arguments.cache)
            return in_namespaces(name, arguments)
        except (OSError, subprocess.SubprocessError) as why:
            return {"name": name, "error": f"cannot be installed: {why}"}
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for result in pool.map(whole, names):
            results.append(result)
            say(result)
    return summary(results, arguments)


def summary(results, arguments):
    if arguments.json:
        harness.write(arguments.json, json.dumps(results, indent=1))
    ran = [one for one in results if "error" not in one]
    print(f"tools run: {len(ran)} of {len(results)}")
    print(f"false alerts in loopback starts: {sum(len(one['false_alerts']) for one in ran)}")
    print(f"alerts in exposed starts: {sum(len(one['alert']) for one in ran)} "
          f"for {sum(one['expected'] for one in ran)} exposed ports")
    good = sum(1 for one in results if all(one.get(key) for key in ("local", "alerts", "tool", "advice")))
    print(f"tool named: {sum(bool(one['tool']) for one in ran)}")
    print(f"advice right and resolved: {sum(bool(one['advice']) for one in ran)}")
    print(f"{good} passed, {len(results) - good} failed")
    return int(good != len(results))


if __name__ == "__main__":
    sys.exit(main())
