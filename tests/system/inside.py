#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is tested inside the booted system: run by its systemd as a service. Writes TAP."""

import json
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import sys
import termios
import time

FLAGGED = "b8e7fafcc8834602b68855046356d8a4"
DEB = "/test/sockaudit.deb"
MODE = pathlib.Path("/test/mode").read_text().strip()
RULES = pathlib.Path("/etc/sockaudit/rules.d/50-test.rules")
EXPOSURE = 12  # tenths: docs/SERVICE.md explains it
NFT_EXPOSURE = 11
PROC_EXPOSURE = 17  # with the drop-in of sockauditd(8)
PROC_DROPIN = pathlib.Path("/run/systemd/system/sockaudit.service.d/proc.conf")
count = 0
stock_listeners = 0


def ok(condition, name, *details):
    global count
    count += 1
    print(f"{'ok' if condition else 'not ok'} {count} - {name}")
    if not condition:
        for detail in details:
            for line in str(detail).splitlines()[-25:]:
                print(f"# {line}")
    sys.stdout.flush()
    return condition


def note(text):
    print(f"# {MODE}: {text}", flush=True)


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=300, check=False, **options)


def out(*command, **options):
    return run(*command, **options).stdout


def entries(*matches):
    """The daemon's entries, oldest first, as dictionaries."""
    text = out("journalctl", "-o", "json", "--all", "--no-pager", "-t", "sockauditd", *matches)
    return [json.loads(line) for line in text.splitlines()]


def events(event, port=None):
    return [e for e in entries(f"SOCKAUDIT_EVENT={event}")
            if port is None or e.get("SOCKAUDIT_PORT") == str(port)]


def wait(condition, seconds=60):
    """Returns what the condition at last gave, as soon as it is true. Machines may be busy: it is
    the event that counts, and the limit is for what never comes."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.05)


def show(unit, *names):
    values = out("systemctl", "show", unit, *[f"-p{name}" for name in names])
    return dict(line.split("=", 1) for line in values.splitlines())


def serve(port, address="0.0.0.0", user="alice"):
    """A developer's server, in a unit of its own; back when it listens."""
    unit = f"dev-{port}"
    done = run("systemd-run", "-q", f"--uid={user}", f"--unit={unit}", "--working-directory=/tmp",
               "/usr/bin/python3", "-m", "http.server", str(port), "--bind", address)
    if done.returncode:
        note(done.stderr)
    wait(lambda: f":{port} " in out("ss", "-Hltn"))
    return unit


markers = iter(range(9000, 9100))


def settle():
    """Back when the daemon has told all that it had to tell of what was there before: when it has
    told of something that came after it."""
    port = next(markers)
    unit = serve(port)
    ok(wait(lambda: events("flagged", port)), "something new is told", *[e["MESSAGE"] for e in entries()][-5:])
    run("systemctl", "stop", unit)


def main_pid():
    return int(show("sockaudit", "MainPID")["MainPID"])


def active():
    return show("sockaudit", "ActiveState")["ActiveState"] == "active"


# --- the steps, in their order ---------------------------------------------------------------


def network():
    """A LAN: an interface with an address and the way to everywhere."""
    for line in ("link add lan0 type veth peer name lan1", "addr add 192.168.7.2/24 dev lan0",
                 "link set lan0 up", "link set lan1 up", "route add default via 192.168.7.1"):
        run("ip", *line.split())
    # Python's server asks for the name of its address before it listens, and nobody answers here.
    names = pathlib.Path("/etc/nsswitch.conf")
    lines = names.read_text().splitlines() if names.exists() else []
    names.write_text("\n".join([x for x in lines if not x.startswith("hosts:")] + ["hosts: files", ""]))


def files():
    """What is on the disk, but for logs, caches and what the kernel makes."""
    return set(out("find", "/", "-xdev", "(", "-path", "/proc", "-o", "-path", "/sys", "-o", "-path",
                   "/out", "-o", "-path", "/var/log", "-o", "-path", "/var/cache", "-o", "-path",
                   "/var/lib/dpkg", "-o", "-path", "/var/lib/apt", "-o", "-path", "/tmp", "-o",
                   "-path", "/var/tmp", "-o", "-path", "/root", ")", "-prune", "-o", "-print").splitlines()
               ) | {p for p in out("find", "/run", "-name", "*sockaudit*").splitlines()
                    if "sockaudit-test" not in p}


def install():
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = run("apt-get", "-y", "--no-install-recommends", "install", DEB, env=env)
    ok(done.returncode == 0, "the package is installed with its dependencies", done.stdout, done.stderr)
    ok(active(), "the service is active after the installation", out("systemctl", "status", "sockaudit", "-l"))
    units = ("sockaudit.service", "sockaudit-nft.socket")
    ok(out("systemctl", "is-enabled", *units).split() == ["enabled"] * 2 and
       out("systemctl", "is-active", *units).split() == ["active"] * 2, "the service and its socket are enabled and active",
       out("systemctl", "status", *units))
    status = wait(lambda: show("sockaudit", "StatusText")["StatusText"])
    note(status)
    # Debian's has none, Ubuntu's the resolver's.
    global stock_listeners
    stock_listeners = int(status.split()[0])
    ok(not [e for e in entries() if e.get("SOCKAUDIT_EVENT") == "policy-rejected"],
       "the shipped rules are in force", *[e["MESSAGE"] for e in entries()])


def sandbox():
    status = pathlib.Path(f"/proc/{main_pid()}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    ok(fields["Uid"].split()[0] != "0", "the daemon is not root", status)
    wanted = 1 << 7  # SETUID
    if MODE == "degraded":
        wanted |= 1 << 19 | 1 << 2  # SYS_PTRACE, DAC_READ_SEARCH
    ok(int(fields["CapEff"], 16) == wanted and int(fields["CapBnd"], 16) == wanted,
       "it has the capabilities that its unit names, and no other", status)
    ok(fields["Seccomp"] == "2" and fields["NoNewPrivs"] == "1", "its system calls are filtered",
       status)
    ok(os.stat(f"/proc/{main_pid()}/ns/net").st_ino != os.stat("/proc/1/ns/net").st_ino,
       "it lives in an empty network")
    allowed = set(show("sockaudit", "SystemCallFilter")["SystemCallFilter"].split())
    denied = {"add_key", "io_setup", "io_uring_setup", "kcmp", "keyctl", "process_vm_readv",
              "process_vm_writev", "ptrace", "pidfd_getfd", "request_key", "setuid", "userfaultfd"}
    ok({"bpf", "memfd_create"} <= allowed and not allowed & denied, "the filter denies what the daemon does not use",
       allowed & denied)
    exposure = PROC_EXPOSURE if MODE == "degraded" else EXPOSURE
    for unit, limit in (("sockaudit.service", exposure), ("sockaudit-nft@test.service", NFT_EXPOSURE)):
        # systemd of Ubuntu 22.04 lacks --threshold=.
        exposed = run("systemd-analyze", "security", "--no-pager", unit)
        overall = re.search(r"Overall exposure level for .*: ([0-9.]+)", exposed.stdout)
        ok(overall and float(overall[1]) * 10 <= limit, f"the exposure of {unit} is {limit / 10} or better",
           exposed.stdout, exposed.stderr)
        note(overall[0] if overall else "no answer of systemd-analyze")


def stock():
    settle()
    told = [e for e in events("flagged") if e["SOCKAUDIT_PORT"] != "9000"]
    ok(not told, "it does not cry wolf about a stock system", *[e["MESSAGE"] for e in told])


def source(name):
    """What the daemon says of that source of events."""
    status = json.loads(out("auditctl", "status", "--json"))
    return next(one for one in status["sources"] if one["name"] == name)


def sources():
    sockets, degraded = source("socket events"), events("source-degraded")
    if MODE == "full":
        ok(sockets["works"] and not sockets["why"], "the kernel reports listeners", sockets)
        ok(not degraded, "and nothing is missing", degraded)
    else:
        ok(not sockets["works"] and len(degraded) == 1 and sockets["why"] in degraded[0]["MESSAGE"],
           "where bpf(2) is refused, the journal says so once", sockets, degraded)
        ok("poll" in show("sockaudit", "StatusText")["StatusText"], "and the service's status says so",
           show("sockaudit", "StatusText"))


def one_thread():
    """The threads that read what may hang end when they are not used."""
    ok(wait(lambda: len(os.listdir(f"/proc/{main_pid()}/task")) == 1), "the daemon has one thread",
       os.listdir(f"/proc/{main_pid()}/task"))


def nothing_lost_between():
    """A listener that comes and goes while no daemon runs is told by the next one, with its process."""
    dropin = pathlib.Path("/run/systemd/system/sockaudit.service.d/test.conf")
    dropin.parent.mkdir()
    dropin.write_text("[Service]\nRestartSec=3s\n")
    run("systemctl", "daemon-reload")
    before = main_pid()
    os.kill(before, signal.SIGKILL)
    wait(lambda: main_pid() == 0)
    run("runuser", "-u", "alice", "--", "/usr/bin/python3", "-c",
        "import socket; socket.create_server(('0.0.0.0', 8650)).close()")
    ok(main_pid() == 0, "no daemon runs meanwhile")
    wait(lambda: active() and main_pid() not in (0, before))
    told = wait(lambda: events("transient", 8650))
    ok(told and told[0]["SOCKAUDIT_USER"] == "alice" and "python3" in told[0].get("SOCKAUDIT_EXE", ""),
       "what came and went while no daemon ran is told by the next one", told)
    kept = int(show("sockaudit", "NFileDescriptorStore")["NFileDescriptorStore"])
    run("systemctl", "restart", "sockaudit")
    again = int(show("sockaudit", "NFileDescriptorStore")["NFileDescriptorStore"])
    ok(kept == again > 0, "and nothing of an earlier program stays", kept, again)
    shutil.rmtree(dropin.parent)
    run("systemctl", "daemon-reload")
    run("systemctl", "reset-failed", "sockaudit")


def addresses():
    """A new address is a new way to what listens: heard of by what was passed to the daemon."""
    run("ip", "address", "add", "192.168.9.2/24", "dev", "lan0")
    ok(wait(lambda: "192.168.9.2" in out("auditctl", "show", "8000")), "a new address is noticed",
       out("auditctl", "show", "8000"))
    run("ip", "address", "del", "192.168.9.2/24", "dev", "lan0")


def udp():
    run("systemd-run", "-q", "--uid=alice", "--unit=dev-udp", "/usr/bin/python3", "-c",
        "import socket, time; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('0.0.0.0', 8700)); "
        "time.sleep(1e6)")
    told = wait(lambda: events("flagged", 8700))
    ok(told and told[0]["SOCKAUDIT_PROTO"] == "udp" and told[0]["SOCKAUDIT_USER"] == "alice",
       "a server of UDP is told, too", told)
    run("systemctl", "stop", "dev-udp")
    ok(wait(lambda: events("resolved", 8700)), "and that it went")


intended = []


def died():
    """How the daemon ended, but for SIGKILL."""
    return [line for line in out("journalctl", "--no-pager", "-o", "cat", "-u", "sockaudit").splitlines()
            if "status=" in line and "9/KILL" not in line and "reload" not in line.lower()
            and "control process" not in line.lower()]


def by_itself():
    """Where the service manager keeps nothing, a drop-in lets the daemon open all itself."""
    dropin = pathlib.Path("/run/systemd/system/sockaudit.service.d/test.conf")
    dropin.parent.mkdir()
    dropin.write_text("[Service]\nFileDescriptorStoreMax=0\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "sockaudit")
    ok(not active(), "with nothing passed to it the service does not start, and see nothing",
       out("systemctl", "status", "sockaudit"))
    run("systemctl", "stop", "sockaudit")
    intended.extend(died())
    dropin.write_text("[Service]\nFileDescriptorStoreMax=0\nExecStartPre=\nPrivateNetwork=no\n"
                      "RestrictAddressFamilies=AF_NETLINK\n"
                      "AmbientCapabilities=CAP_BPF CAP_PERFMON CAP_NET_ADMIN\n"
                      "CapabilityBoundingSet=CAP_BPF CAP_PERFMON CAP_NET_ADMIN\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "reset-failed", "sockaudit")
    before = len(events("source-degraded"))
    run("systemctl", "start", "sockaudit")
    ok(active(), "allowed to, it opens what it needs", out("systemctl", "status", "sockaudit"))
    settle()
    told = [e["MESSAGE"] for e in events("source-degraded")[before:]]
    ok(not told, "and lacks nothing", *told)
    shutil.rmtree(dropin.parent)
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "sockaudit")


def reads_journal():
    """What was told when the daemon was killed it asks the journal: may it, in its sandbox?"""
    unit = pathlib.Path("/run/systemd/system/sandboxed.service")
    left_out = ("Type=", "Exec", "Restart", "SuccessExit", "WatchdogSec=", "NotifyAccess=", "FileDescriptor",
                "RuntimeDirectory", "StateDirectory")
    path = show("sockaudit", "FragmentPath")["FragmentPath"]
    lines = [x for x in pathlib.Path(path).read_text().splitlines() if not x.startswith(left_out)]
    lines.insert(lines.index("[Service]") + 1, "Type=oneshot\nStandardOutput=file:/run/sandboxed\n"
                 "ExecStart=/usr/bin/journalctl --no-pager -o cat -t sockauditd SOCKAUDIT_PORT=8000")
    unit.write_text("\n".join(lines))
    run("systemctl", "daemon-reload")
    run("systemctl", "start", "sandboxed")
    read = pathlib.Path("/run/sandboxed").read_text() if os.path.exists("/run/sandboxed") else ""
    ok("listens on 0.0.0.0:8000" in read, "its sandbox lets it read the journal", read,
       out("systemctl", "status", "sandboxed"))
    unit.unlink()
    run("systemctl", "daemon-reload")


def killed_again():
    """At any moment around an alert: what began before or after it is told once."""
    ports = range(8600, 8612)
    for port in ports:
        before = main_pid()
        starting = subprocess.Popen(
            ["systemd-run", "-q", "--uid=alice", f"--unit=dev-{port}", "/usr/bin/python3", "-c",
             "import socket, time; s = socket.create_server(('0.0.0.0', %d)); time.sleep(1e6)" % port])
        # What varies is when the server begins, as the machine has it; the rest is added.
        time.sleep(0.02 * (port - ports[0]))
        if before:
            os.kill(before, signal.SIGKILL)
        starting.wait()
        wait(lambda before=before: active() and main_pid() not in (0, before))
        run("systemctl", "reset-failed", "sockaudit")
    counts = {}

    def all_told():
        counts.update({port: len(events("flagged", port)) for port in ports})
        return all(counts.values())

    wait(all_told)
    settle()
    all_told()
    ok(set(counts.values()) == {1}, "killed at any moment, it tells all and nothing twice", counts)
    for port in ports:
        run("systemctl", "stop", f"dev-{port}")


def alert():
    unit = serve(8000)
    entry = (wait(lambda: events("flagged", 8000)) or [{}])[0]
    if not ok(entry, "a server on 0.0.0.0 is told in the journal", *[e["MESSAGE"] for e in entries()],
              out("auditctl", "list", "--no-pager")):
        return
    started = int(out("systemctl", "show", unit, "-P", "ExecMainStartTimestampMonotonic"))
    note(f"told {(int(entry['__MONOTONIC_TIMESTAMP']) - started) / 1000:.0f} ms after the server was started")
    wanted = {
        "MESSAGE_ID": FLAGGED, "PRIORITY": "4", "SYSLOG_IDENTIFIER": "sockauditd",
        "SOCKAUDIT_EVENT": "flagged", "SOCKAUDIT_PROTO": "tcp", "SOCKAUDIT_ADDRESS": "0.0.0.0",
        "SOCKAUDIT_PORT": "8000", "SOCKAUDIT_SCOPE": "wildcard", "SOCKAUDIT_UID": "1000",
        "SOCKAUDIT_USER": "alice", "SOCKAUDIT_UNIT": f"{unit}.service", "SOCKAUDIT_CWD": "/tmp",
        "SOCKAUDIT_CMDLINE": "/usr/bin/python3 -m http.server 8000 --bind 0.0.0.0",
        "SOCKAUDIT_RULE_FILE": "/etc/sockaudit/sockaudit.rules", "_SYSTEMD_UNIT": "sockaudit.service",
        "SOCKAUDIT_ADVICE": "python3 -m http.server 8000 --bind 127.0.0.1",
        "OBJECT_SYSTEMD_UNIT": f"{unit}.service", "OBJECT_UID": "1000", "_UID": "0",
    }
    wrong = [f"{k}={entry.get(k)}, not {v}" for k, v in wanted.items() if entry.get(k) != v]
    ok(not wrong, "with the values that are to be expected", *wrong)
    pid = show(unit, "MainPID")["MainPID"]
    ok(entry.get("SOCKAUDIT_PID") == pid and entry.get("OBJECT_PID") == pid, "and the process", entry)
    missing = [f for f in ("ID", "INTERFACE", "EXE", "RULE", "RULE_LINE") if f"SOCKAUDIT_{f}" not in entry]
    ok(not missing and entry["SOCKAUDIT_EXE"].startswith("/usr/bin/python3"), "and all other fields",
       missing, entry)
    there = f"{stock_listeners + 1} listener{'s' if stock_listeners else ''}, 1 flagged"
    ok(wait(lambda: there in show("sockaudit", "StatusText")["StatusText"]),
       "the status of the service is a live one", show("sockaudit", "StatusText"))
    ok("lan0 192.168.7.2" in entry["MESSAGE"], "its sentence says where it can be reached",
       entry["MESSAGE"])
    ok(entry["MESSAGE"] in out("journalctl", "-u", unit, "--no-pager"),
       "journalctl -u of the service that bound it shows it", out("journalctl", "-u", unit, "--no-pager"))
    ok(entry["MESSAGE"] in out("journalctl", "-u", "sockaudit", "--no-pager"),
       "journalctl -u sockaudit shows it")
    catalog = out("journalctl", "-x", "--no-pager", "-u", unit)
    ok("sudo sockauditctl allow 8000" in catalog and "SOCKAUDIT_" not in catalog,
       "journalctl -x explains it", catalog)


def names():
    """Who is who is asked for by a child of the daemon's, in the same sandbox."""
    run("systemd-run", "-q", "--unit=dev-8123", "--working-directory=/tmp", "setpriv", "--reuid=4711",
        "--clear-groups", "/usr/bin/python3", "-m", "http.server", "8123", "--bind", "0.0.0.0")
    found = wait(lambda: events("flagged", 8123))
    ok(found and found[0].get("SOCKAUDIT_UID") == "4711" and "SOCKAUDIT_USER" not in found[0],
       "a user without a name is told by number", found)
    daemon = pathlib.Path(f"/proc/{main_pid()}")
    helpers = out("pgrep", "-P", str(main_pid())).split()
    status = pathlib.Path(f"/proc/{helpers[0]}/status").read_text() if helpers else ""
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    ok(len(helpers) == 1 and int(fields["CapPrm"], 16) == 0 and fields["Seccomp"] == "2",
       "it was asked for by a helper without capabilities", helpers, status)
    ok("libnss_" not in (daemon / "maps").read_text(), "the daemon has none of the name services in it")
    run("systemctl", "stop", "dev-8123")
    note("resident: " + re.search(r"VmRSS:\s*(.*)", (daemon / "status").read_text())[1])


def listed(port):
    """What the client has of it."""
    answer = json.loads(out("auditctl", "list", "--all", "--json", "--no-pager") or "{}")
    return next((one for one in answer.get("listeners", []) if one["port"] == port), None)


def programs():
    """Verified in the sandbox, also where that shows the daemon another directory."""
    shutil.copy("/usr/bin/python3", "/home/alice/mine")
    run("systemd-run", "-q", "--uid=alice", "--unit=dev-8055", "/home/alice/mine", "-m", "http.server",
        "8055", "--bind", "0.0.0.0")
    wait(lambda: listed(8055))
    for port in (8000, 8055):
        owners = (listed(port) or {}).get("owners")
        ok(owners and owners[0]["exe_verified"], "the program of a listener is verified", owners)
    run("systemctl", "stop", "dev-8055")
    os.unlink("/home/alice/mine")


def activated():
    """Sockets that systemd binds: it alone holds them, and a service of a user's holds one later."""
    pathlib.Path("/run/server.py").write_text(
        "import socket\npassed = socket.socket(fileno=3)\nwhile True:\n    passed.accept()\n")
    for name, text in {
            "late.socket": "[Socket]\nListenStream=0.0.0.0:8060\n",
            "late.service": "[Service]\nUser=alice\nExecStart=/usr/bin/python3 /run/server.py\n",
            "each.socket": "[Socket]\nListenStream=0.0.0.0:8061\nAccept=yes\n",
            "each@.service": "[Service]\nUser=alice\nStandardInput=socket\nExecStart=/bin/cat\n"}.items():
        pathlib.Path("/run/systemd/system", name).write_text(text)
    run("systemctl", "daemon-reload")
    run("systemctl", "start", "late.socket", "each.socket")
    for port, unit in ((8060, "late.socket"), (8061, "each.socket")):
        entry = (wait(lambda at=port: events("flagged", at)) or [{}])[0]
        ok(entry.get("SOCKAUDIT_UNIT") == unit and entry.get("SOCKAUDIT_USER") == "root" and
           unit in entry.get("SOCKAUDIT_ADVICE", ""), "the socket unit is named", entry)
        run("bash", "-c", f"echo x >/dev/tcp/127.0.0.1/{port}")

    # As holders come and go no event tells: now and then all of them are searched for.
    def held(port):
        one = listed(port) or {"owners": []}
        return sorted((o["comm"], o["uid"]) for o in one["owners"]), one.get("advice") or ""
    wanted = [("python3", 1000), ("systemd", 0)]
    ok(wait(lambda: held(8060)[0] == wanted, 200), "a service that got the socket holds it, too", held(8060))
    ok("late.socket" in held(8060)[1], "it is still the unit's to change", held(8060))
    shown = out("auditctl", "suggest", "--no-pager")
    ok(re.search(r"\(pid \d+, socket of root\).* 0\.0\.0\.0:8060", shown),
       "and its user is not taken for the socket's", shown)
    ok(wait(lambda: held(8061)[0] == [("systemd", 0)], 200), "with Accept=yes systemd keeps it", held(8061))
    run("systemctl", "stop", "late.service", "late.socket", "each.socket")
    for port in (8060, 8061):
        ok(wait(lambda at=port: events("resolved", at)), "it is resolved when its unit is stopped")


def user_unit():
    """What a user's own service binds shows in that user's journalctl, too."""
    if not run("systemctl", "start", "user@1000.service").returncode == 0:
        ok(False, "the user's manager runs", out("systemctl", "status", "user@1000"))
        return
    env = {"XDG_RUNTIME_DIR": "/run/user/1000", "PATH": os.environ["PATH"]}
    run("runuser", "-u", "alice", "--", "systemd-run", "--user", "-q", "--unit=mine", "/usr/bin/python3",
        "-m", "http.server", "8050", "--bind", "0.0.0.0", env=env)
    entry = (wait(lambda: events("flagged", 8050)) or [{}])[0]
    ok(entry.get("SOCKAUDIT_USER_UNIT") == "mine.service", "a user's unit is named", entry)
    ok(entry and entry["MESSAGE"] in out("journalctl", "--user-unit=mine", "--no-pager"),
       "journalctl --user-unit shows it", out("journalctl", "--user-unit=mine", "--no-pager"))
    user_socket(env)
    run("systemctl", "stop", "user@1000.service")


def user_socket(env):
    """A user's socket unit: the manager of the user has the socket, and the service later. The advice helps."""
    def systemctl(*words):
        return run("runuser", "-u", "alice", "--", "systemctl", "--user", *words, env=env)
    units = pathlib.Path("/run/user/1000/systemd/user")
    (units / "own.socket.d").mkdir(parents=True)
    (units / "own.socket").write_text("[Socket]\nListenStream=0.0.0.0:8062\n")
    (units / "own.service").write_text("[Service]\nExecStart=/usr/bin/python3 /run/server.py\n")
    run("chown", "-R", "alice:", str(units))
    systemctl("daemon-reload")
    systemctl("start", "own.socket")
    entry = (wait(lambda: events("flagged", 8062)) or [{}])[0]
    steps = entry.get("SOCKAUDIT_ADVICE", "").split("; ")
    lines = re.findall(r'"(Listen[^"]*)"', entry.get("SOCKAUDIT_ADVICE", ""))
    ok(lines == ["ListenStream=", "ListenStream=127.0.0.1:8062"] and "list-sockets" in steps[0],
       "a user's socket unit is recognised", entry)
    run("bash", "-c", "echo x >/dev/tcp/127.0.0.1/8062")
    wait(lambda: systemctl("is-active", "own.service").returncode == 0)
    ok("own.socket" in systemctl("list-sockets", "--no-pager").stdout, "its unit can be found")

    (units / "own.socket.d/override.conf").write_text("\n".join(["[Socket]", *lines, ""]))
    systemctl("daemon-reload")
    for step in steps:
        words = step.replace("UNIT", "own").split()
        if words[2] in ("stop", "restart"):
            done = systemctl(*words[2:])
            ok(done.returncode == 0, f"the advice {words[2]}s what it should", done)
    ok(wait(lambda: events("resolved", 8062)) and listed(8062)["scope"] == "loopback",
       "the advice for a user's socket unit helps", listed(8062))


def silence():
    serve(8100, "127.0.0.1")
    settle()
    told = [e["MESSAGE"] for e in entries("SOCKAUDIT_PORT=8100")]
    ok(not told, "a server on 127.0.0.1 is not told of", *told)


def client():
    status = run("auditctl", "status", "--no-pager")
    ok(status.returncode == 0 and "8000" in status.stdout + out("auditctl", "list", "--no-pager"),
       "auditctl status answers", status.stdout, status.stderr)
    listed = run("auditctl", "list", "--json", "--no-pager")
    document = json.loads(listed.stdout or "{}")
    ok(any(x["port"] == 8000 and x["verdict"] == "flag" for x in document.get("listeners", [])),
       "auditctl list --json has the listener", listed.stdout, listed.stderr)
    shown = run("auditctl", "show", "8000")
    ok(shown.returncode == 0 and "alice" in shown.stdout, "auditctl show, too", shown.stdout, shown.stderr)
    bob = run("runuser", "-u", "bob", "--", "auditctl", "list", "--json", "--no-pager")
    document = json.loads(bob.stdout or "{}")
    there = [x for x in document.get("listeners", []) if x["port"] == 8000]
    ok(there and not any(o.get("cmdline") for x in there for o in x["owners"]),
       "another user sees the listener, and not the process", bob.stdout, bob.stderr)
    past = run("auditctl", "history", "--no-pager")
    ok(past.returncode == 0 and "8000" in past.stdout, "auditctl history reads it back", past.stdout,
       past.stderr)
    forged = subprocess.run(
        ["runuser", "-u", "bob", "--", "logger", "--journald"], check=False, text=True,
        input=f"MESSAGE_ID={FLAGGED}\nMESSAGE=forged by bob\nPRIORITY=2\nSYSLOG_IDENTIFIER=sockauditd\n"
              "SOCKAUDIT_EVENT=flagged\nSOCKAUDIT_PROTO=tcp\nSOCKAUDIT_ADDRESS=0.0.0.0\nSOCKAUDIT_PORT=6666\n")
    ok(forged.returncode == 0 and wait(lambda: out("journalctl", "-q", "-o", "cat", "SOCKAUDIT_PORT=6666")),
       "another user can write an entry that looks like an alert", forged)
    past = run("auditctl", "history", "--no-pager")
    ok("forged" not in past.stdout and "6666" not in past.stdout, "auditctl history ignores this entry", past.stdout)
    denied = run("runuser", "-u", "bob", "--", "auditctl", "history", "--no-pager")
    ok(denied.returncode == 5 and not denied.stdout, "who may not read the journal is told so, and not that it is empty",
       denied)
    day = time.strftime("%Y-%m-%d %H:%M", time.localtime(time.time() - 86400))
    for arguments, there in (
            (("--since", "yesterday"), True), (("--since", "-1h"), True), (("--since", day), True),
            (("--since", "today", "--until", "now"), True), (("--until", "-1h"), False),
            (("--since", day, "--until", "1 hour ago"), False), (("--since", "+1h"), False)):
        past = run("auditctl", "history", "--no-pager", *arguments)
        ok(past.returncode == 0 and ("8000" in past.stdout) == there,
           f"auditctl history {' '.join(arguments)} {'has it' if there else 'has none'}", past)
        told = out("journalctl", "-q", "--no-pager", "-t", "sockauditd", "SOCKAUDIT_PORT=8000", *arguments)
        ok(("8000" in told) == there, "as journalctl", told)
    for verb in ("reload", "snooze"):
        refused = run("runuser", "-u", "bob", "--", "auditctl", verb, *(["8000", "1h"] if verb == "snooze" else []))
        ok(refused.returncode == 5, f"auditctl {verb} is not for everybody", refused)


def bus():
    wait(lambda: "org.sockaudit1 " in out("busctl", "list", "--acquired", "--no-pager"))
    introspected = run("busctl", "--no-pager", "introspect", "org.sockaudit1", "/org/sockaudit1",
                       "org.sockaudit1.Manager")
    ok("Flagged" in introspected.stdout, "busctl introspects it", introspected.stdout,
       introspected.stderr)


def reload():
    RULES.write_text('allow tcp port 8000 user alice note "test"\n')
    done = run("systemctl", "reload", "sockaudit")
    ok(done.returncode == 0, "systemctl reload", done.stderr, out("systemctl", "status", "sockaudit"))
    told = wait(lambda: events("resolved", 8000))
    ok(told, "what a new rule allows is told as resolved", *[e["MESSAGE"] for e in entries()])


def broken():
    RULES.write_text('allow tcp port 8000 user alice note "test"\nallow tcp port 70000\n')
    done = run("systemctl", "reload", "sockaudit")
    ok(done.returncode != 0, "systemctl reload fails for rules with an error", done)
    rejected = wait(lambda: events("policy-rejected"))
    where = f"{RULES}:2:16: error: port 70000"
    ok(rejected and where in rejected[-1]["MESSAGE"] and rejected[-1]["PRIORITY"] == "3",
       "the journal has the diagnostics", *[e["MESSAGE"] for e in rejected])
    ok(active(), "the service goes on")
    settle()
    ok(len(events("flagged", 8000)) == 1, "the old rules are in force")
    listed = json.loads(out("auditctl", "list", "--json", "--no-pager") or "{}")
    ok(any(x["port"] == 8000 and x["verdict"] == "allow" for x in listed.get("listeners", [])),
       "as auditctl list says", listed)
    status = json.loads(out("auditctl", "status", "--json", "--no-pager") or "{}")
    ok(status["policy"]["differs"] and not status["policy"]["last_valid"],
       "auditctl status tells that the rules on disk are others", status["policy"])
    run("systemctl", "restart", "sockaudit")
    ok(active(), "restarted, it runs")
    policy = json.loads(out("auditctl", "status", "--json", "--no-pager") or "{}").get("policy", {})
    ok(policy.get("last_valid") and not policy.get("builtin"), "by the last valid rules", policy)
    settle()
    ok(len(events("flagged", 8000)) == 1, "which allow what they did", *[e["MESSAGE"] for e in events("flagged")])
    RULES.write_text('allow tcp port 8000 user alice note "test"\n')
    ok(run("systemctl", "reload", "sockaudit").returncode == 0, "mended, they are loaded")


def killed():
    serve(8200)
    wait(lambda: events("flagged", 8200))
    before = main_pid()
    begin = time.monotonic()
    os.kill(before, signal.SIGKILL)
    wait(lambda: active() and main_pid() not in (0, before))
    note(f"back {(time.monotonic() - begin) * 1000:.0f} ms after SIGKILL")
    ok(active() and main_pid() != before, "killed, it is started again",
       out("systemctl", "status", "sockaudit"))
    serve(8201)
    ok(wait(lambda: events("flagged", 8201)), "and tells of what is new")
    settle()
    ok(len(events("flagged", 8200)) == 1 and len(events("flagged", 8000)) == 1,
       "what was told is not told again", *[e["MESSAGE"] for e in events("flagged")])
    ok(not events("resolved", 8200), "and nothing is said to be gone",
       *[e["MESSAGE"] for e in events("resolved")])


def killed_meanwhile():
    """What changes while there is no daemon is told by the next one."""
    run("systemctl", "stop", "sockaudit")
    serve(8202)
    run("systemctl", "stop", "dev-8201")
    run("systemctl", "start", "sockaudit")
    ok(wait(lambda: events("flagged", 8202)), "what began while it was stopped is told")
    # What stops may be about to come back: that takes 10 s.
    ok(wait(lambda: events("resolved", 8201)), "and what ended",
       *[e["MESSAGE"] for e in entries("SOCKAUDIT_PORT=8201")])


def journald():
    run("systemctl", "restart", "systemd-journald")
    serve(8300)
    ok(wait(lambda: events("flagged", 8300)), "after a restart of journald, alerts arrive")
    units = ("systemd-journald.socket", "systemd-journald-dev-log.socket",
             "systemd-journald-audit.socket", "systemd-journald.service")
    run("systemctl", "stop", *units)
    serve(8301)
    ok(wait(lambda: "8301" in out("auditctl", "list", "--flagged", "--no-pager")),
       "without journald it goes on", out("auditctl", "list", "--no-pager"))
    run("systemctl", "start", *units)
    ok(wait(lambda: events("flagged", 8301)), "what was told while it was away arrives",
       *[e["MESSAGE"] for e in entries()][-5:])


def dbus():
    run("systemctl", "restart", "dbus")
    owned = wait(lambda: run("busctl", "get-property", "org.sockaudit1", "/org/sockaudit1",
                             "org.sockaudit1.Manager", "Version").returncode == 0)
    ok(owned, "after a restart of D-Bus its name is back", out("busctl", "list", "--no-pager"))
    ok(active() and run("auditctl", "status").returncode == 0, "and the socket was never away")
    serve(8400)
    ok(wait(lambda: events("flagged", 8400)), "alerts arrive")


def forwards_coverage():
    return json.loads(out("auditctl", "list", "--json", "--no-pager"))["coverage"]["forwards"]


def forwards():
    done = run("nft", "table ip nat { chain pre { type nat hook prerouting priority -100; }; }")
    if done.returncode:
        note(f"nft: {done.stderr.splitlines()[0] if done.stderr else done.returncode}; no forwards here")
        return
    begun = time.monotonic()
    for port in range(8088, 8094):
        run("nft", f"add rule ip nat pre tcp dport {port} dnat to 10.0.0.2:80")
        ok(wait(lambda port=port: events("flagged", port)), f"the forward of port {port} is an alert",
           out("auditctl", "list", "--all", "--no-pager"))
    # The dumps of each half minute would take three.
    ok(time.monotonic() - begun < 75, "by the notification of each, and not by the dumps")

    def appears(port):
        """Returns the seconds until the forward is listed."""
        begun = time.monotonic()
        run("nft", f"add rule ip nat pre tcp dport {port} dnat to 10.0.0.2:80")
        ok(wait(lambda: verdict(port)), f"the forward of port {port} is listed", forwards_coverage())
        return time.monotonic() - begun

    fastest = min(appears(port) for port in range(8101, 8106))
    ok(fastest < 1, "forwards are listed within a second", fastest)
    note(f"a forward is listed {fastest * 1000:.0f} ms after its rule was added")

    run("systemctl", "stop", "sockaudit-nft.socket")
    run("nft", "add rule ip nat pre tcp dport 8110 dnat to 10.0.0.2:80")
    ok(wait(lambda: forwards_coverage().startswith("unavailable")), "the daemon reports that the socket of the NAT rules is stopped",
       forwards_coverage())
    ok(verdict(8101) and not verdict(8110), "known forwards stay listed", verdict(8101), verdict(8110))
    run("systemctl", "start", "sockaudit-nft.socket")
    ok(wait(lambda: verdict(8110)) and forwards_coverage() == "full", "rules are read again after a restart of the socket", forwards_coverage())
    refused = run("runuser", "-u", "bob", "--", "python3", "-c",
                  "import socket; socket.socket(socket.AF_UNIX).connect('/run/sockaudit-nft.sock')")
    ok(refused.returncode and "PermissionError" in refused.stderr, "other users cannot connect to it", refused)
    run("nft", "flush", "ruleset")
    ok(wait(lambda: not verdict(8110)), "removed forwards are not listed", verdict(8110))
    logged = out("journalctl", "-q", "--no-pager", "-o", "cat", "-u", "sockaudit-nft@*")
    ok(not logged, "the dumps write nothing to the journal", logged)


def allow():
    """The daemon writes the rule, into a file that is root's and has a remark."""
    local = RULES.with_name("50-local.rules")
    local.write_text("# mine\n")
    serve(8500)
    wait(lambda: events("flagged", 8500))
    refused = run("runuser", "-u", "bob", "--", "auditctl", "allow", "8500")
    ok(refused.returncode == 5 and local.read_text() == "# mine\n", "auditctl allow is not for everybody",
       refused)
    done = run("auditctl", "allow", "8500", "note", "for the test")
    text = local.read_text()
    ok(done.returncode == 0 and text.startswith("# mine\n") and "8500" in text,
       "auditctl allow writes a rule", done.stdout, done.stderr, text)
    ok(wait(lambda: events("resolved", 8500)), "and it is in force", text)
    checked = run("runuser", "-u", "bob", "--", "auditctl", "check")
    ok(checked.returncode == 0, "and auditctl check takes it", checked.stdout, checked.stderr)


def verdict(port):
    """(verdict, unit) of that port."""
    document = json.loads(out("auditctl", "list", "--all", "--json", "--no-pager") or "{}")
    return next(((x["verdict"], x["unit"]) for x in document.get("listeners", []) if x["port"] == port), None)


def lasting():
    """What is allowed in one login session is in the next; a user's service by its name."""
    local = RULES.with_name("50-local.rules")
    sessions = []
    for i in range(2):
        # Create the cgroup of a session: whether runuser -l does so depends on the version of systemd.
        login = subprocess.Popen(["systemd-run", "-q", "--scope", "--uid=alice", "--slice=user-1000.slice",
                                  f"--unit=session-{91 + i}", "/usr/bin/python3", "-m", "http.server", "8510",
                                  "--bind", "0.0.0.0"],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found = wait(lambda: verdict(8510))
        sessions.append(found and found[1])
        if i == 0:
            wait(lambda: events("flagged", 8510))
            suggested = [out("runuser", "-u", user, "--", "auditctl", "suggest", "--no-pager")
                         for user in ("alice", "root")]
            rules = [[x for x in text.splitlines() if x.startswith("allow tcp port 8510 ")] for text in suggested]
            ok(len(rules[0]) == 1 and rules[0] == rules[1], "root and the user are suggested the same rule", *suggested)
            done = run("auditctl", "allow", "8510")
            ok(done.returncode == 0 and rules[0] and rules[0][0] in local.read_text() and
               f"{local}:" in done.stdout, "and auditctl allow writes it", done, local.read_text())
            ok(re.search(r"^allow tcp port 8510 user alice exe /usr/bin/python3\S*$", local.read_text(), re.M),
               "it names the user and the program, and no session", local.read_text())
            told = len(wait(lambda: events("resolved", 8510)))
            ok(told, "the alert is closed")
        else:
            ok(found and found[0] == "allow", "the next session's is allowed", found, local.read_text())
            settle()
            ok(len(events("flagged", 8510)) == 1, "and not told of", *[e["MESSAGE"] for e in events("flagged", 8510)])
        run("pkill", "-u", "alice", "-f", "http.server 8510")
        login.wait()
        wait(lambda: not verdict(8510))
    ok(len(set(sessions)) == 2 and all(unit and unit.endswith(".scope") for unit in sessions),
       "they were two sessions", sessions)

    run("systemctl", "start", "user@1000.service")
    env = {"XDG_RUNTIME_DIR": "/run/user/1000", "PATH": os.environ["PATH"]}
    unit = pathlib.Path("/etc/systemd/user/shop.service")
    unit.parent.mkdir(parents=True, exist_ok=True)
    unit.write_text("[Service]\nExecStart=/usr/bin/python3 -m http.server 8511 --bind 0.0.0.0\n")
    run("runuser", "-u", "alice", "--", "systemctl", "--user", "daemon-reload", env=env)
    run("runuser", "-u", "alice", "--", "systemctl", "--user", "start", "shop", env=env)
    wait(lambda: verdict(8511))
    done = run("auditctl", "allow", "8511")
    ok("allow tcp port 8511 user-unit shop.service user alice\n" in local.read_text(), "a user's service by its name",
       done, local.read_text())
    ok(wait(lambda: verdict(8511)[0] == "allow"), "and allowed", verdict(8511))
    run("systemctl", "stop", "user@1000.service")
    unit.unlink()


def on_terminal(user, password, command):
    """(status, output) of a command on a terminal of its own, in a login session (polkit asks nobody who has
    none), where the password is typed when it is asked for."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp("runuser", ["runuser", "-l", user, "--session-command", command])
    text, typed, end = "", False, time.monotonic() + 60
    while time.monotonic() < end:
        try:
            text += os.read(terminal, 4096).decode(errors="replace")
        except OSError:
            break
        if "assword:" in text and not typed:
            typed = True
            # The prompt appears before the echo is off, and polkit discards input that was typed earlier.
            wait(lambda: not termios.tcgetattr(terminal)[3] & termios.ECHO)
            os.write(terminal, password.encode() + b"\n")
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text


def polkit():
    """The daemon is not root, and polkit answers it all the same."""
    rule = pathlib.Path("/etc/polkit-1/rules.d/49-test.rules")
    as_bob = ("runuser", "-u", "bob", "--", "auditctl", "reload")
    loaded = len(events("policy-loaded"))
    refused = run(*as_bob)
    ok(refused.returncode == 5, "without a rule and a terminal a user may not reload", refused)
    rule.parent.mkdir(parents=True, exist_ok=True)
    rule.write_text('polkit.addRule(function(action, subject) {\n'
                    '    if (action.id == "org.sockaudit1.manage" && subject.user == "bob")\n'
                    '        return polkit.Result.YES;\n});\n')
    rule.chmod(0o644)
    # polkitd reads its rules anew when it is told of the change.
    done = wait(lambda: (lambda x: x if x.returncode == 0 else None)(run(*as_bob))) or run(*as_bob)
    ok(done.returncode == 0, "with a rule that says yes the user may", done,
       out("journalctl", "--no-pager", "-u", "polkit", "-n", "20"))
    ok(wait(lambda: len(events("policy-loaded")) > loaded), "and the rules are loaded")
    other = run("runuser", "-u", "alice", "--", "auditctl", "reload")
    ok(other.returncode == 5, "but nobody else", other)
    rule.unlink()
    ok(wait(lambda: run(*as_bob).returncode == 5), "without it that is over")

    # Whose password it asks for: that of an administrator, which is who is in that group.
    run("usermod", "-aG", "sudo", "alice")
    subprocess.run(["chpasswd"], input="alice:secret-of-alice\n", text=True, check=True)
    loaded = len(events("policy-loaded"))
    status, text = on_terminal("bob", "wrong", "auditctl reload")
    ok(status == 5 and "assword:" in text, "on a terminal a password is asked for", status, text)
    ok(len(events("policy-loaded")) == loaded, "and a wrong one loads nothing")
    status, text = on_terminal("bob", "secret-of-alice", "auditctl reload")
    ok(status == 0 and "assword:" in text, "an administrator's lets the user reload", status, text)
    ok(run("pgrep", "pkttyagent").returncode == 1, "the agent is gone then", out("ps", "ax"))
    run("loginctl", "terminate-user", "bob")
    run("gpasswd", "-d", "alice", "sudo")
    run("passwd", "-l", "alice")


def stop():
    begin = time.monotonic()
    run("systemctl", "stop", "sockaudit")
    seconds = time.monotonic() - begin
    state = show("sockaudit", "Result", "ActiveState")
    # TimeoutStopSec= has not ended it; how long it took is told, as a busy machine is no failure.
    ok(state == {"Result": "success", "ActiveState": "inactive"}, "it stops clean", state)
    note(f"stopped in {seconds * 1000:.0f} ms")
    status = run("auditctl", "status")
    ok(status.returncode == 3 and "systemctl" in status.stderr, "auditctl status says what to type",
       status.returncode, status.stdout, status.stderr)
    begin = time.monotonic()
    run("systemctl", "start", "sockaudit")
    note(f"started in {(time.monotonic() - begin) * 1000:.0f} ms")


def upgrade():
    conffile = pathlib.Path("/etc/sockaudit/sockaudit.rules")
    mine = conffile.read_text() + "# mine\n"
    conffile.write_text(mine)
    before = main_pid()
    done = run("apt-get", "-y", "install", "--reinstall", DEB,
               env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})
    ok(done.returncode == 0 and conffile.read_text() == mine and RULES.exists(),
       "an upgrade keeps the rules", done.stdout, done.stderr)
    ok(active() and main_pid() != before, "and restarts the service")
    ok(len(events("flagged", 8200)) == 1, "and tells nothing twice")


def package_again():
    """From the version before, removed and installed again, with rules changed and unchanged."""
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    conffile = pathlib.Path("/etc/sockaudit/sockaudit.rules")

    def apt(*command):
        return run("apt-get", "-y", "-o", "Dpkg::Options::=--force-confdef", "-o",
                   "Dpkg::Options::=--force-confold", "--allow-downgrades", *command, env=env)

    def version():
        return out("dpkg-query", "-W", "-f", "${Version}", "sockaudit")

    apt("purge", "sockaudit")
    done = apt("install", "/test/older.deb")
    RULES.write_text("allow tcp port 8000\n")
    ok(done.returncode == 0 and version() == "0.0.1" and active(), "the version before is installed",
       done.stdout, done.stderr)
    ok("version before" in conffile.read_text(), "with its rules")
    before = main_pid()
    done = apt("install", DEB)
    ok(done.returncode == 0 and version() != "0.0.1" and active() and main_pid() != before,
       "it is upgraded, and runs", done.stdout, done.stderr)
    ok("version before" not in conffile.read_text(), "rules that nobody changed are the new ones")
    conffile.write_text(conffile.read_text() + "# mine\n")
    done = apt("install", "/test/older.deb")
    ok(done.returncode == 0 and "# mine" in conffile.read_text() and RULES.exists() and active(),
       "rules that were changed stay", done.stdout, done.stderr)
    done = apt("remove", "sockaudit")
    ok(done.returncode == 0 and not active() and "# mine" in conffile.read_text() and RULES.exists(),
       "removed, it leaves the rules", done.stdout, done.stderr)
    done = apt("install", DEB)
    ok(done.returncode == 0 and active() and "# mine" in conffile.read_text() and RULES.exists() and
       out("systemctl", "is-enabled", "sockaudit").strip() == "enabled", "installed again, it runs by them",
       done.stdout, done.stderr)
    settle()


def autopkgtest():
    done = run("/test/autopkgtest")
    ok(done.returncode == 0, "debian/tests/alert", done.stdout, done.stderr)


def volatile():
    """As Debian has it without rsyslog's or the administrator's /var/log/journal."""
    shutil.rmtree("/var/log/journal")
    run("systemctl", "restart", "systemd-journald")
    ok(wait(lambda: list(pathlib.Path("/run/log/journal").glob("*/system.journal"))),
       "the journal is volatile")


def purge(before):
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = run("apt-get", "-y", "purge", "sockaudit", env=env)
    ok(done.returncode == 0, "the package is purged", done.stdout, done.stderr)
    # What systemd 249 itself leaves there of every service.
    left = sorted(p for p in files() - before if "sockaudit" in p and "sockaudit-test" not in p
                  and not p.startswith("/run/systemd/propagate/"))
    ok(not left, "and leaves no file", "\n".join(left))
    processes = out("pgrep", "-x", "sockauditd|sockaudit-names")

    def units():
        return out("systemctl", "list-units", "--all", "--plain", "--no-legend", "sockaudit.service", "sockaudit-nft*")

    # The service manager forgets a unit when nothing asks for it any more, not at once.
    ok(wait(lambda: not units().strip()) and not processes, "and no process or unit", processes, units())


def failures():
    failed = out("systemctl", "list-units", "--failed", "--plain", "--no-legend")
    ok("sockaudit" not in failed, "no unit of ours failed", failed)
    # What is said before the service where nspawn refuses bpf(2).
    denied = [e for e in entries() if "Operation not permitted" in e.get("MESSAGE", "")
              and (MODE == "full" or "load a program" not in e["MESSAGE"])]
    ok(not denied, "nothing was denied", *[e["MESSAGE"] for e in denied])
    dumped = out("journalctl", "--no-pager", "-o", "cat", "COREDUMP_EXE=/usr/sbin/sockauditd")
    ok(not dumped and died() == intended, "and it never died by itself", dumped, *died())


def run_steps():
    network()
    if MODE != "full":
        volatile()
    before = files()
    if MODE == "degraded":
        # Without BPF, the daemon must read /proc.
        PROC_DROPIN.parent.mkdir()
        PROC_DROPIN.write_text("[Service]\nAmbientCapabilities=CAP_SYS_PTRACE CAP_DAC_READ_SEARCH\n"
                               "CapabilityBoundingSet=CAP_SYS_PTRACE CAP_DAC_READ_SEARCH\n")
    install()
    sandbox()
    sources()
    stock()
    one_thread()
    alert()
    if MODE == "full":
        for step in (names, programs, activated, user_unit, silence, client, autopkgtest, addresses, udp,
                     bus, reload, broken, killed, killed_meanwhile, reads_journal, killed_again, nothing_lost_between, journald, dbus, forwards, allow,
                     lasting, polkit,
                     by_itself, upgrade, package_again):
            step()
    else:
        silence()
        client()
        reload()
    stop()
    if MODE == "degraded":
        shutil.rmtree(PROC_DROPIN.parent)
        run("systemctl", "daemon-reload")
    failures()
    purge(before)


if __name__ == "__main__":
    try:
        run_steps()
    except Exception as error:  # pylint: disable=broad-except
        import traceback
        ok(False, "the test itself", traceback.format_exc(), repr(error))
    shutil.copyfile("/proc/uptime", "/out/uptime")
    pathlib.Path("/out/journal").write_text(out("journalctl", "--no-pager", "-o", "short-monotonic"))
    print("# done", flush=True)
