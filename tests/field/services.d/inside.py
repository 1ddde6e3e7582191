#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the services of table.py on the booted system, one after the other. Each is exposed as documented,
must give one alert for each of its ports, gets the advice that was printed, and must then be local by ss,
resolved by the daemon, and still answer. Writes TAP, and /out/results.json."""

import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
SEVERITIES = {"2": "critical", "3": "error", "4": "warning", "5": "notice"}
PATIENCE = float(os.environ.get("PATIENCE", "120"))
MARKERS = iter(range(20000, 30000))


def run(command, **options):
    """A shell command, as root types it."""
    return subprocess.run(command, shell=True, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=240, check=False, executable="/bin/bash", **options)


def wait(condition, seconds=None):
    """The last value of the condition: as soon as it is true, or when the time is over."""
    end = time.monotonic() + (seconds or PATIENCE)
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.1)


def now():
    """A point in time of the journal, in microseconds."""
    return time.time_ns() // 1000


def entries(since):
    """What the daemon has reported since then. (--after-cursor= skips an entry too many with -t.)"""
    text = run(f"journalctl -o json --all --no-pager -q -t sockauditd --since=@{since // 1000000}").stdout
    found = [json.loads(line) for line in text.splitlines()]
    return [e for e in found if int(e["__REALTIME_TIMESTAMP"]) >= since]


def endpoint(entry):
    return entry.get("SOCKAUDIT_PROTO"), int(entry.get("SOCKAUDIT_PORT") or 0)


def sockets():
    """What is bound, as (tcp or udp, address, port)."""
    found = []
    for proto in ("tcp", "udp"):
        for line in run(f"ss -H -l -n --{proto}").stdout.splitlines():
            local = line.split()[3]
            address, port = local.rsplit(":", 1)
            if port.isdigit():
                found.append((proto, address.strip("[]").split("%")[0], int(port)))
    return found


def is_local(address):
    return address.startswith("127.") or address in ("::1", "::ffff:127.0.0.1")


def exposed(ports):
    return [s for s in sockets() if (s[0], s[2]) in ports and not is_local(s[1])]


def reached(port, address="192.168.1.20"):
    """Whether the neighbour on the wireless network gets a connection."""
    return run(f"ip netns exec neighbour python3 -c 'import socket; "
               f"socket.create_connection((\"{address}\", {port}), 3)'").returncode == 0


def marker():
    """Back when the daemon has reported something that began after all else."""
    port = next(MARKERS)
    since = now()
    holder = socket.create_server(("0.0.0.0", port))
    told = wait(lambda: [e for e in entries(since) if endpoint(e) == ("tcp", port)])
    holder.close()
    return bool(told)


def connects(port, say=b"", family=None):
    """What a client of this machine gets: the first bytes of the answer, or None."""
    for address in ("127.0.0.1", "::1"):
        if family and (":" in address) != (family == 6):
            continue
        try:
            with socket.create_connection((address, port), 5) as client:
                if not say:
                    return b"connected"
                client.sendall(say)
                client.settimeout(10)
                return client.recv(200)
        except OSError:
            continue
    return None


class Wrong(Exception):
    """A step of a service that did not go as it must."""


class Step:
    """One step of an advice, done literally: `words` must stand in what was printed."""

    def __init__(self, words, act):
        self.words, self.act = words, act


def line(path, text, instead=None, says=None):
    """Puts a line into a configuration file, in the place of those that `instead` matches. `says`: what of
    it the advice has, where that is not all; a folder there stands for the file."""
    def act():
        file = pathlib.Path(path)
        content = file.read_text() if file.exists() else ""
        if instead and re.search(instead, content, re.M):
            first = iter([text])
            content = re.sub(instead, lambda _: next(first, ""), content, flags=re.M)
        else:
            content = content.rstrip("\n") + "\n" + text + "\n"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    if says is None:
        says = [part.strip() for part in text.splitlines()]
    return Step(says if says and says[0].startswith("/") else [path, *says], act)


def without(path, pattern, says):
    """Removes what the pattern matches."""
    def act():
        file = pathlib.Path(path)
        content, count = re.subn(pattern, "", file.read_text(), flags=re.M)
        if not count:
            raise Wrong(f"{path} has nothing to remove")
        file.write_text(content)
    return Step(says if says and says[0].startswith("/") else [path, *says], act)


def typed(command, says=None):
    def act():
        done = run(command.replace("sudo ", ""))
        if done.returncode:
            raise Wrong(f"{command}: {done.stderr.strip()[-300:]}")
    return Step([says or command], act)


def edited(unit, text, says):
    """systemctl edit of a unit."""
    def act():
        directory = pathlib.Path(f"/etc/systemd/system/{unit if '.' in unit else unit + '.service'}.d")
        directory.mkdir(exist_ok=True)
        (directory / "override.conf").write_text(text)
        run("systemctl daemon-reload")
    return Step([f"systemctl edit {unit}", *says], act)


class Service:
    """One service. `ports`: {"tcp 80": severity}; `keeps`: other ports of it that must stay as they are;
    `tool`: what the alert calls it; `loopback`: it goes on, on this machine alone; `moves_login`: another unit
    has port 22 meanwhile; `also`: it has other ports, too."""

    def __init__(self, name, start, ports, fix, expose="", tool=None, answers=None, keeps=(), stop=None,
                 needs="", loopback=True, moves_login=False, also=False):
        self.name, self.start, self.expose, self.fix = name, start, expose, fix
        self.ports = {(k.split()[0], int(k.split()[1])): v for k, v in ports.items()}
        self.tool, self.answers, self.stop, self.needs = tool, answers, stop, needs
        self.keeps = {(k.split()[0], int(k.split()[1])) for k in keeps}
        self.loopback, self.moves_login, self.also = loopback, moves_login, also


def flagged(since, service, event="flagged"):
    return [e for e in entries(since) if e.get("SOCKAUDIT_EVENT") == event and endpoint(e) in service.ports]


def bystanders():
    """What no advice may touch."""
    found = {f"{p} {a} {n}" for p, a, n in sockets() if n == 22}
    for unit in ("user@1000.service", "ssh.service", "systemd-resolved.service", "dbus.service",
                 "systemd-logind.service"):
        state = run(f"systemctl show {unit} -p ActiveState,MainPID").stdout.split()
        if "ActiveState=active" in state:
            found.add(f"{unit} {' '.join(state)}")
    return found


def check_alerts(service, result, since):
    ports = service.ports

    def told():
        return {endpoint(e) for e in flagged(since, service)} >= set(ports)
    wait(told)
    marker()
    alerts = flagged(since, service)
    result["alerts"] = {f"{p} {n}": sum(endpoint(e) == (p, n) for e in alerts) for p, n in ports}
    result["flagged"] = all(result["alerts"].values())
    others = [e for e in entries(since) if e.get("SOCKAUDIT_EVENT") == "flagged" and e not in alerts
              and not 20000 <= endpoint(e)[1] < 30000]
    result["others"] = [e["MESSAGE"] for e in others]
    result["wrong"] += [f"no alert for {p}" for p, count in result["alerts"].items() if count == 0]
    result["wrong"] += [f"{count} alerts for {p}" for p, count in result["alerts"].items() if count > 1]
    result["wrong"] += [f"another alert: {text}" for text in result["others"] if not service.also]
    advice = {}
    for entry in alerts:
        name = "{} {}".format(*endpoint(entry))
        severity = SEVERITIES.get(entry["PRIORITY"], entry["PRIORITY"])
        if severity != ports[endpoint(entry)]:
            result["wrong"].append(f"{name} is {severity}, not {ports[endpoint(entry)]}: {entry['MESSAGE']}")
        said = entry.get("SOCKAUDIT_TOOL")
        if service.tool and said not in service.tool.split(" or "):
            result["wrong"].append(f"{name} is called {said}, not {service.tool}")
        advice[name] = entry.get("SOCKAUDIT_ADVICE", "")
        result["messages"].append(entry["MESSAGE"])
    result["advice"] = advice
    return alerts


def apply_advice(service, result):
    """Types what was printed; every word that is used must stand in it."""
    text = "\n".join(result["advice"].values())
    missing = sorted({w for step in service.fix for w in step.words if w not in text})
    if missing:
        result["wrong"].append(f"the advice does not say {missing}: {text}")
    result["said"] = not missing
    for step in service.fix:
        step.act()


def check_fixed(service, result, since, before):
    ports = set(service.ports)
    def gone():
        return not exposed(ports) and (not service.loopback or {(s[0], s[2]) for s in sockets()} >= ports)
    if not wait(gone, PATIENCE):
        raise Wrong(f"still exposed, or not there: {exposed(ports)}")
    result["local"] = True

    def resolved():
        return {endpoint(e) for e in flagged(since, service, "resolved")} >= ports
    result["resolved"] = bool(wait(resolved))
    if not result["resolved"]:
        result["wrong"].append(f"not resolved: {sorted(ports)}")
    if service.answers and not wait(service.answers):
        result["wrong"].append("it does not answer on loopback any more")
    else:
        result["answers"] = True
    there = {(s[0], s[2]) for s in sockets() if not is_local(s[1])}
    if not service.keeps <= there:
        result["wrong"].append(f"no longer there: {service.keeps - there}")
    if not service.moves_login and bystanders() != before:
        result["wrong"].append(f"others were changed: {bystanders() ^ before}")
    for proto, port in ports:
        if proto == "tcp" and reached(port):
            result["wrong"].append(f"the neighbour still reaches port {port}")


def check_quiet(service, result):
    """The service starts again with what was advised: no alert."""
    since = now()
    if run(service.start).returncode == 0:
        marker()
        result["false alerts"] = len(flagged(since, service))
        if result["false alerts"]:
            result["wrong"].append(f"{result['false alerts']} alerts while it is local")


def run_service(service):
    result = {"name": service.name, "alerts": {}, "flagged": False, "said": False, "local": False, "resolved": False,
              "answers": False, "advice": {}, "messages": [], "wrong": []}
    since = now()
    began = time.monotonic()
    try:
        for command in (service.needs, service.expose, service.start):
            done = run(command) if command else None
            if done and done.returncode:
                raise Wrong(f"{command}: {(done.stderr or done.stdout).strip()[-600:]}")
        if not wait(lambda: {(s[0], s[2]) for s in exposed(set(service.ports))} == set(service.ports), 120):
            raise Wrong(f"not exposed: {exposed(set(service.ports))} of {set(service.ports)}")
        if "allow" in service.ports.values():
            check_allowed(service, result, since)
            return finish(service, result, began)
        check_alerts(service, result, since)
        since_fix, before = now(), bystanders()
        apply_advice(service, result)
        check_fixed(service, result, since, before)
        marker()
        again = [e["MESSAGE"] for e in flagged(since_fix, service)]
        ends = [endpoint(e) for e in flagged(since_fix, service, "resolved")]
        result["wrong"] += [f"resolved {ends.count(one)} times: {one}" for one in service.ports if ends.count(one) > 1]
        result["wrong"] += [f"flagged again: {text}" for text in again]
        if service.loopback:
            check_quiet(service, result)
    except Wrong as error:
        result["wrong"].append(str(error))
    except Exception:  # pylint: disable=broad-except
        result["wrong"].append(traceback.format_exc()[-800:])
    return finish(service, result, began)


def check_allowed(service, result, since):
    marker()
    result["allowed"] = True
    result["wrong"] += [f"an alert: {e['MESSAGE']}" for e in flagged(since, service)]


def finish(service, result, began):
    stop(service)
    if not wait(lambda: not exposed(set(service.ports)), 30):
        result["wrong"].append(f"cannot be stopped: {exposed(set(service.ports))}")
    marker()
    result["seconds"] = round(time.monotonic() - began, 1)
    return result


def stop(service):
    if service.stop:
        run(service.stop)
        return
    for command in service.start.split(";"):
        found = re.match(r"\s*systemctl (?:re)?start (.*)", command)
        if found:
            run(f"systemctl stop {found[1]}")


def network():
    """A wireless network with a neighbour, as a laptop has it."""
    for command in ("ip netns add neighbour", "ip link add wlan0 type veth peer name wlan0 netns neighbour",
                    "ip addr add 192.168.1.20/24 brd + dev wlan0", "ip link set wlan0 up",
                    "ip -n neighbour addr add 192.168.1.9/24 brd + dev wlan0", "ip -n neighbour link set wlan0 up",
                    "ip -n neighbour link set lo up", "ip route add default via 192.168.1.9"):
        run(command)
    wait(lambda: "tentative" not in run("ip -6 addr").stdout, 10)
    hosts = pathlib.Path("/etc/hosts")
    hosts.write_text("127.0.0.1 localhost\n::1 localhost ip6-localhost\n127.0.1.1 sockaudit-test\n")
    names = pathlib.Path("/etc/nsswitch.conf")
    kept = [x for x in names.read_text().splitlines() if not x.startswith("hosts:")]
    names.write_text("\n".join([*kept, "hosts: files", ""]))


def install():
    """sockaudit, as a user installs it, and what must stay as it is: sshd, a user's manager."""
    # Several systems have the downloaded packages in common, and none of them writes there.
    pathlib.Path("/etc/apt/apt.conf.d/99field").write_text('Debug::NoLocking "true";\n')
    done = run("DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends install /test/sockaudit.deb")
    if done.returncode:
        raise Wrong(done.stdout[-2000:] + done.stderr[-2000:])
    # The resolver leaves port 53 to those that are tested.
    pathlib.Path("/etc/systemd/resolved.conf.d").mkdir(exist_ok=True)
    pathlib.Path("/etc/systemd/resolved.conf.d/field.conf").write_text("[Resolve]\nDNSStubListener=no\n")
    run("mkdir -p /run/sshd; ssh-keygen -A; loginctl enable-linger alice; systemctl start ssh user@1000.service; "
        "systemctl start systemd-resolved")
    wait(lambda: run("systemctl is-active sockaudit").stdout.strip() == "active")


COUNT = iter(range(1, 10000))


def report(good, name, details=()):
    """A line of TAP."""
    print(f"{'ok' if good else 'not ok'} {next(COUNT)} - {name}")
    for text in () if good else details:
        print("# " + text.replace("\n", "\n# "))
    sys.stdout.flush()


def say(result):
    alerts = ",".join(str(n) for n in result["alerts"].values()) or "-"
    answers = [f"{k} {'yes' if result[k] else 'no'}" for k in ("said", "local", "resolved", "answers")]
    report(not result["wrong"], f"{result['name']}: alerts {alerts}, {', '.join(answers)}, {result['seconds']:.0f} s",
           result["wrong"])


def restarts(times=50):
    """What is allowed or snoozed is restarted and restarted: no alert. sshd is allowed as shipped."""
    rules = pathlib.Path("/etc/sockaudit/rules.d/50-restarts.rules")
    rules.parent.mkdir(exist_ok=True)
    rules.write_text('allow port 80 unit nginx.service\nallow port 6379 unit redis-server.service\n')
    run("systemctl reload sockaudit")
    run("sed -i 's/^bind .*/bind * -::*/; s/^protected-mode .*/protected-mode no/' /etc/redis/redis.conf; "
        "sed -i 's/^listen_addresses.*//' /etc/postgresql/*/main/postgresql.conf; "
        "for f in /etc/postgresql/*/main/postgresql.conf; do echo \"listen_addresses = '*'\" >>$f; done; "
        "sed -i 's/listen 127.0.0.1:80/listen 80/; s/listen \\[::1\\]:80/listen [::]:80/' /etc/nginx/sites-available/default")
    since = now()
    database = f"postgresql@{os.listdir('/etc/postgresql')[0]}-main"
    units = {"nginx": 80, "redis-server": 6379, database: 5432, "ssh": 22}
    for unit in units:
        run(f"systemctl restart {unit}")
    wait(lambda: [e for e in entries(since) if endpoint(e) == ("tcp", 5432)])
    marker()
    snoozed = run("sockauditctl snooze 5432 1h")
    for unit, port in units.items():
        since = now()
        there = exposed({("tcp", port)})
        for _ in range(times):
            run(f"systemctl reset-failed {unit}; systemctl restart {unit}")
        marker()
        alerts = [e["MESSAGE"] for e in entries(since) if e.get("SOCKAUDIT_EVENT") == "flagged" and endpoint(e)[1] == port]
        report(there and not alerts, f"{unit} restarted {times} times: {len(alerts)} alerts", alerts[:5] +
               [f"exposed: {there}", snoozed.stderr])
    run(f"systemctl stop nginx redis-server {database}")
    rules.unlink()
    run("systemctl reload sockaudit")


def main(table):
    given = HERE / "only"
    text = os.environ.get("ONLY") or (given.read_text() if given.exists() else "")
    wanted = re.split(r"[,\s]+", text.strip()) if text.strip() else []
    results = []
    pathlib.Path("/out/results.json").write_text("[]")
    if not pathlib.Path("/run/sockaudit-field").exists():
        network()
        install()
        pathlib.Path("/run/sockaudit-field").touch()
    for service in table.SERVICES:
        if wanted and service.name not in wanted:
            continue
        result = run_service(service)
        results.append(result)
        say(result)
        pathlib.Path("/out/results.json").write_text(json.dumps(results, indent=1))
    if not wanted or "restarts" in wanted:
        restarts()
    print("# done", flush=True)


if __name__ == "__main__":
    # The table's module imports this one: there must not be two of it.
    sys.modules["inside"] = sys.modules["__main__"]
    try:
        import table
        if sys.argv[1:] == ["--list"]:
            print("\n".join(["restarts", *(service.name for service in table.SERVICES)]))
            sys.exit(0)
        main(table)
    except Exception:  # pylint: disable=broad-except
        report(False, "the run itself", [traceback.format_exc()])
