#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The server on its socket: what it bears of its clients, and who may see and do what."""

import json
import os
import resource
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/../cli")
import clients  # noqa: E402
import support  # noqa: E402
import wire  # noqa: E402

ALICE, BOB, ADM = 1000, 1001, 4
PEERS, PEERS_OF_USER, ROOTS = 64, 16, 8  # src/bus/server.h


class Server(support.Case):
    count = 3
    options = ()

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            support.skip("only root can be several users")
        self.server = self.serve(self.count, *self.options)

    def serve(self, count, *more):
        self.directory = self.folder + "/run"
        self.path = self.directory + "/bus"
        # What a sanitizer keeps of what was freed is not the server's.
        options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
        return self.start([support.BUILD + "/tests/bus/serve", self.directory, str(count), *more],
                          b"ready", env=dict(os.environ, ASAN_OPTIONS=options))

    def tell(self, line):
        self.server.stdin.write(line.encode() + b"\n")
        self.server.stdin.flush()

    def stats(self):
        self.tell("stats")
        words = self.server.stdout.readline().decode().split()
        return {name: int(value) for name, _, value in (word.partition("=") for word in words)}

    def peer(self, **how):
        peer = wire.Peer(self.path, **how)
        self.addCleanup(peer.close)
        return peer

    def wait_for(self, name, value):
        support.until(lambda: (name, value, self.stats()), lambda: self.stats()[name] == value)

    def verb(self, *words, **how):
        return self.ctl(*words, "--runtime-dir", self.directory, **{"status": 0, **how})

    def crowd(self, count, uid):
        return self.start(clients.crowd(self.folder, self.path, count, uid))


class Bounds(Server):
    def test_connections_of_a_user(self):
        holder = self.crowd(PEERS_OF_USER + 5, 700001)  # a subordinate uid of Alice's
        self.wait_for("refused", 5)
        self.assertEqual(self.stats()["peers"], PEERS_OF_USER)
        self.end(holder)
        self.wait_for("peers", 0)
        holder = self.crowd(PEERS_OF_USER + 5, ALICE)
        self.wait_for("refused", 10)
        self.assertEqual(self.stats()["peers"], PEERS_OF_USER)
        # Another has places yet; and so has the first when it goes.
        self.assertEqual(self.peer().call("Status")[0], 2)
        self.end(holder)
        self.wait_for("peers", 1)

    def test_connections_in_all_leave_root_some(self):
        holders = [self.crowd(PEERS_OF_USER, ALICE + i) for i in range(5)]
        self.assertEqual(len(holders), 5)
        self.assertEqual(self.stats()["peers"], PEERS - ROOTS)
        roots = [self.peer() for _ in range(ROOTS)]
        for root in roots:
            self.assertEqual(root.call("Status")[0], 2)
        self.assertEqual(self.stats()["peers"], PEERS)

    def test_a_thousand_clients_do_not_stall_it(self):
        self.crowd(1000, ALICE)
        for _ in range(100):
            self.assertEqual(self.peer_once(), 2)
        self.assertLessEqual(self.stats()["peers"], PEERS)

    def peer_once(self):
        peer = wire.Peer(self.path)
        kind = peer.call("Status")[0]
        peer.close()
        return kind

    def test_who_never_reads_signals_is_dropped(self):
        slow, good = self.peer(), self.peer()
        self.assertEqual(slow.call("Subscribe")[0], 2)
        self.assertEqual(good.call("Subscribe")[0], 2)
        for _ in range(30):
            self.tell("signal 100")
            for _ in range(100):
                self.assertEqual(good.receive()[0], 4)
        # Its queue is full; after a while without reading, it goes. (On a slow machine it has.)
        self.assertIn(self.stats()["peers"], (1, 2))
        time.sleep(2.1)
        self.tell("signal 1")
        self.wait_for("peers", 1)
        self.assertEqual((good.receive()[0], self.stats()["dropped"]), (4, 1))
        self.assertTrue(slow.is_closed())
        self.assertEqual(good.call("Status")[0], 2)
        self.assertEqual(self.stats()["queued"], 0)

    def test_a_burst_is_told_as_lost(self):
        peer = self.peer()
        peer.call("Subscribe")
        self.tell("signal 20000")
        self.stats()  # who reads while they are made may lose none
        told = 0
        while True:
            whole = peer.receive()[1]
            if b"SignalsLost" in whole:
                break
            told += 1
        lost = struct.unpack("<Q", whole[-8:])[0]
        self.assertEqual(told + lost, 20000)
        self.assertEqual(peer.call("Status")[0], 2)
        self.assertEqual(self.stats()["dropped"], 0)

    def test_calls_are_not_read_from_who_does_not_take_replies(self):
        peer = self.peer(timeout=2)
        calls = 0
        try:
            while calls < 1_000_000:
                peer.send("Machine")
                calls += 1
        except TimeoutError:
            pass
        # It stopped reading us: nothing piled up there.
        self.assertLess(calls, 100_000)
        self.assertLess(self.stats()["queued"], 1 << 16)
        self.assertEqual(self.peer_once(), 2)

    def test_memory_is_bounded(self):
        def resident():
            with open(f"/proc/{self.server.pid}/statm", encoding="ascii") as file:
                return int(file.read().split()[1]) * resource.getpagesize()
        before = resident()
        peers = [self.peer() for _ in range(PEERS)]
        for peer in peers:
            peer.call("Subscribe")
        for _ in range(100):
            self.tell("signal 100")
        self.stats()
        time.sleep(0.3)
        # Unbounded, these were 640,000 messages, some 2.5 GB.
        grown = resident() - before
        print("\n# 64 who do not read cost", grown >> 20, "MiB", file=sys.stderr)
        self.assertLess(grown, 128 << 20)


class Hostile(Server):
    def check_dropped(self, raw, hello=True):
        peer = self.peer(hello=hello)
        try:
            peer.socket.sendall(raw)
        except OSError:
            pass
        self.assertTrue(peer.is_closed(), raw[:40])
        self.assertEqual(self.peer().call("Status")[0], 2)

    def test_messages_that_are_too_large(self):
        for body, fields in ((1 << 14, 0), (100 << 20, 16), (0, 1 << 26), (0xffffffff, 0),
                             (0, 0xffffffff)):
            self.check_dropped(struct.pack("<cBBBIII", b"l", 1, 0, 1, body, 1, fields))
            self.check_dropped(struct.pack(">cBBBIII", b"B", 1, 0, 1, body, 1, fields))

    def test_what_is_no_message(self):
        for raw in (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 64, b"l\x01\0\x02" + b"\0" * 60,
                    b"\xff" * 5000):
            self.check_dropped(raw)

    def test_authentication_that_is_none(self):
        for raw in (b"A" * 300, b"\0BEGIN\r\n", b"\0AUTH NO\r\nBEGIN\r\n", b"\r\n" * 10 + b"BEGIN\r\n",
                    # A line that sd-bus refuses must not lead us to take what follows as messages.
                    b"\0AUTH EXTERNAL zz\r\nBEGIN\r\n"
                    + struct.pack("<cBBBIII", b"l", 1, 0, 1, 100, 1, 0)
                    + b"AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n"
                    + struct.pack("<cBBBIII", b"l", 1, 0, 1, 100 << 20, 1, 0) + b"x" * 9000):
            self.check_dropped(raw, hello=False)

    def test_a_claim_to_be_another_is_not_believed(self):
        done = subprocess.run(clients.client(self.folder, BOB, f"""
peer = wire.Peer({self.path!r}, hello=False)
peer.socket.sendall(b"\\0AUTH EXTERNAL 30\\r\\nBEGIN\\r\\n" + wire.message("List", "st", ("all", 0)))
while b"\\r\\n" not in peer.buffer:
    more = peer.socket.recv(1000)
    if not more:
        break
    peer.buffer += more
line, _, peer.buffer = peer.buffer.partition(b"\\r\\n")
data = b""
if line.startswith(b"OK "):
    kind, data = peer.receive()
print(line.split(b" ")[0], data.count(b"secret-exe"))
"""), capture_output=True, check=True)
        self.assertEqual(done.stdout.strip(), b"b'OK' 1")  # its own alone

    def test_wrong_arguments(self):
        peer = self.peer()
        for what in (("List",), ("List", "s", ("all",)), ("List", "st", ("nonsense", 0)),
                     ("Find", "st", ("x" * 4000, 0)), ("Find", "s", ("3000",)),
                     ("Find", "st", ("70000", 0)), ("Show", "s", ("3000",)),
                     ("Snooze", "ss", ("1", "2")), ("Allow", "sts", ("3000", 1, "n" * 2000)),
                     ("Nothing",)):
            self.assertEqual(peer.call(*what)[0], 3, what)
        self.assertEqual(peer.call("List", "st", ("all", 1 << 63))[0], 2)
        self.assertEqual(peer.call("Status")[0], 2)

    def test_one_byte_at_a_time(self):
        peer = self.peer(hello=False)
        for byte in b"\0AUTH EXTERNAL 30\r\nBEGIN\r\n" + wire.message("Status"):
            peer.socket.sendall(bytes([byte]))
            time.sleep(0.001)
        while b"\r\n" not in peer.buffer:
            peer.buffer += peer.socket.recv(1000)
        line, _, peer.buffer = peer.buffer.partition(b"\r\n")
        self.assertTrue(line.startswith(b"OK "))
        self.assertEqual(peer.receive()[0], 2)

    def test_many_calls_at_once_are_answered_in_order(self):
        peer = self.peer()
        peer.socket.sendall(b"".join(wire.message("Status", serial=i) for i in range(1, 101)))
        for i in range(1, 101):
            kind, whole = peer.receive()
            self.assertEqual(kind, 2)
            self.assertIn(struct.pack("<I", i), whole)


class Rights(Server):
    def listeners(self, **who):
        document = support.strict_json(self.verb("list", "--json", **who).stdout)
        return {listener["uid"]: listener for listener in document["listeners"]}

    def check_sees(self, listener, sees):
        holder = listener["owners"][0]
        self.assertEqual(holder["comm"], "node")
        if sees:
            self.assertEqual(holder["exe"], "/usr/bin/secret-exe")
            self.assertEqual(holder["cmdline"], ["node", "secret-\\xfe\\n-argument"])
            self.assertEqual(holder["cwd"], "/home/secret-cwd")
            self.assertEqual(listener["attribution"], "full")
        else:
            self.assertNotIn("secret", json.dumps(listener))
            self.assertIsNone(holder["exe"])
            self.assertEqual(listener["attribution"], "partial")
            self.assertIn("adm", listener["attribution_note"])

    def test_processes_of_others(self):
        for who, sees in (({}, {0, ALICE, BOB}), ({"user": ALICE}, {ALICE}),
                          ({"user": support.NOBODY}, set()),
                          ({"user": support.NOBODY, "groups": ADM}, {0, ALICE, BOB})):
            for uid, listener in self.listeners(**who).items():
                self.check_sees(listener, uid in sees)

    def test_signals_hide_what_lists_hide(self):
        script = f"""
peer = wire.Peer({self.path!r})
peer.call("Subscribe")
print("ready", flush=True)
print(b"secret" in peer.receive()[1], flush=True)
"""
        for user, sees in ((ALICE, b"False\n"), (0, b"True\n")):
            process = self.start(clients.client(self.folder, user, script), b"ready")
            self.tell("signal 1")
            self.assertEqual(process.stdout.readline(), sees)

    def test_snooze(self):
        self.assertIn(b"1 listener", self.verb("snooze", "3001", "2h", user=ALICE).stdout)
        for port in ("3000", "3002"):
            self.assertIn(b"another user's",
                          self.verb("snooze", port, "2h", user=ALICE, status=5).stderr)
        self.verb("snooze", "3002", "2h")
        snoozed = {uid: listener["snoozed_usec"] for uid, listener in self.listeners().items()}
        self.assertEqual(snoozed, {0: None, ALICE: 7200 * 10**6, BOB: 7200 * 10**6})
        self.verb("snooze", "3001", "off", user=ALICE)
        self.assertIsNone(self.listeners()[ALICE]["snoozed_usec"])
        self.verb("snooze", "99", "2h", status=4)
        self.verb("snooze", "3001", "2", status=2)
        self.verb("snooze", "3001", "4w", status=1)

    def test_reload_and_allow_are_roots(self):
        self.verb("reload", user=ALICE, status=5)
        self.verb("allow", "3001", user=ALICE, status=5)
        self.assertIn(b"a warning", self.verb("reload").stderr)
        broken = self.verb("reload", status=1).stderr
        self.assertIn(b"x.rules:1:1: error: no\n  bad line\n  ^~~\n", broken)
        done = self.verb("allow", "3001", "until", "2036-12-31", "note", "of \"mine\"")
        self.assertIn(b'50-local.rules:7: allow 1 from key ', done.stdout)
        self.assertIn(b'note "of "mine""', done.stdout)
        document = support.strict_json(self.verb("allow", "3001", "--json").stdout)
        self.assertEqual(document["line"], 7)
        self.verb("allow", "3001", "until", "2001-01-01", status=2)
        self.verb("allow", "3001", "until", status=2)
        self.verb("allow", "3001", "utnil", "2036-12-31", status=2)


class Verbs(Server):
    def test_status(self):
        text = self.verb("status").stdout.decode()
        for part in ("sockauditd", "socket events: alerts come", "1 rule,", "3 flagged", "0.0.0.0:3002"):
            self.assertIn(part, text)
        document = support.strict_json(self.verb("--json").stdout)
        self.assertEqual(document["counts"]["flagged"], 3)
        self.assertRegex(text, r"closed UDP sockets: polled every second\n +made\\x1bup\n")
        self.assertEqual(document["sources"], [
            {"name": "socket events", "works": True, "words": "alerts come within milliseconds",
             "why": None},
            {"name": "closed UDP sockets", "works": False, "words": "polled every second",
             "why": "made\\x1bup"}])
        self.assertEqual(len(document["listeners"]), 3)

    def test_show(self):
        text = self.verb("show", "3001").stdout.decode()
        for part in ("s2", "192.168.1.20", "secret-exe", "first seen", "made up"):
            self.assertIn(part, text)
        document = support.strict_json(self.verb("show", "s3", "--json").stdout)
        self.assertEqual([one["port"] for one in document["listeners"]], [3002])
        for what in ("99", "s99", "f1", "x", "s2@1"):
            self.verb("show", what, status=4)
        self.verb("show", status=2)

    def test_filters(self):
        document = support.strict_json(self.verb("list", "--json", "port", "3001-3002", "not",
                                                 "user", str(BOB)).stdout)
        self.assertEqual([one["port"] for one in document["listeners"]], [3001])
        self.verb("list", "prot", "3001", status=2)

    def test_rules(self):
        document = support.strict_json(self.verb("rules", "--json").stdout)
        self.assertEqual([rule["hits"] for rule in document["rules"]], [17])
        self.assertEqual(document["default"]["hits"], 3)

    def test_suggest(self):
        def rules(user=None, status=0):
            done = self.verb("suggest", "--json", user=user, status=status)
            return [(one["id"], one["rule"]) for one in support.strict_json(done.stdout)["suggestions"]]

        # The same of all is told once; of the first there is none.
        self.assertEqual(rules(), [("s2", "allow tcp port 1 user 0")])
        # One's own, and that there is more.
        self.assertEqual(rules(ALICE, 5), [("s2", f"allow tcp port 1 user {ALICE}")])
        self.assertEqual(rules(support.NOBODY, 5), [])

    def test_watch(self):
        process = subprocess.Popen([support.CTL, "watch", "--json", "--runtime-dir",
                                    self.directory], stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.wait_for("subscribed", 1)
        self.tell("signal 2")
        for _ in range(2):
            event = support.strict_json(process.stdout.readline())
            self.assertEqual((event["event"], event["port"]), ("flagged", 3000))
        self.end(self.server)
        self.assertEqual(process.wait(support.PATIENCE), 3)

    def test_no_daemon(self):
        self.end(self.server)
        for verb in ("status", "list", "watch", "reload", "suggest"):
            self.assertIn(b"systemctl start", self.verb(verb, status=3).stderr)
        self.assertFalse(os.path.exists(self.path))

    def test_a_second_server_is_refused_and_a_dead_ones_socket_is_taken(self):
        again = subprocess.run([support.BUILD + "/tests/bus/serve", self.directory],
                               stdin=subprocess.DEVNULL, capture_output=True, check=False)
        self.assertEqual(again.returncode, 1)
        self.assertEqual(self.peer().call("Status")[0], 2)
        self.server.kill()
        self.server.wait()
        self.server = self.serve(1)
        self.verb("status")


class Pages(Server):
    count = 5000

    def test_a_long_list_comes_whole(self):
        document = support.strict_json(self.verb("list", "--json").stdout)
        ports = sorted(one["port"] for one in document["listeners"])
        self.assertEqual(ports, list(range(3000, 8000)))
        peer = self.peer()
        self.assertLess(len(peer.call("List", "st", ("all", 0))[1]), 200_000)


class Crowd(Server):
    """Who opens many listeners on a port hides none of the others there."""
    count, options = 300, ("--crowd",)

    def refused(self, *words):
        refused = self.verb(*words, status=1)
        self.assertIn(b"-o id,endpoint", refused.stderr)
        self.assertEqual(refused.stdout, b"")

    def test_all_are_shown_and_the_worst_first(self):
        document = support.strict_json(self.verb("show", "3000", "--json").stdout)
        addresses = [one["address"] for one in document["listeners"]]
        self.assertEqual((addresses[0], len(set(addresses))), ("0.0.0.0", self.count))
        text = self.verb("show", "3000").stdout.decode()
        self.assertTrue(text.startswith("tcp 0.0.0.0:3000\n"), text[:200])
        self.assertEqual(text.count("\n      process  "), self.count)

    def test_a_reply_has_at_most_one_page(self):
        peer = self.peer()
        kind, whole = peer.call("Find", "st", ("3000", 0))
        self.assertEqual(kind, 2)
        self.assertLess(len(whole), 200_000)
        self.assertGreater(struct.unpack("<Q", whole[-8:])[0], 0)
        self.assertEqual(peer.call("Find", "st", ("99", 0))[0], 2)

    def test_too_many_are_left_alone_but_one_is_not(self):
        worst = f"s{self.count:x}"
        self.refused("snooze", "3000", "2h")
        self.refused("allow", "3000", "until", "2036-12-31")
        self.assertEqual(
            support.strict_json(self.verb("show", worst, "--json").stdout)["listeners"][0]["address"],
            "0.0.0.0")
        self.assertIn(b"1 listener", self.verb("snooze", worst, "2h").stdout)
        listeners = support.strict_json(self.verb("list", "--json").stdout)["listeners"]
        self.assertEqual([one["address"] for one in listeners if one["snoozed_usec"]], ["0.0.0.0"])
        self.assertIn(f"key {self.count} ".encode(),
                      self.verb("allow", worst, "until", "2036-12-31").stdout)


if __name__ == "__main__":
    support.main(__file__)
