#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What no library sends to the server: odd messages, and file descriptors that nobody asked for."""

import os
import select
import socket
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, HERE + "/../cli"]
import support  # noqa: E402
import server  # noqa: E402
import wire  # noqa: E402


FDS_OF_PEER = 5  # the connection, what its reader needs, and the pidfd that libsystemd 256 and later keeps


class Odd(server.Server):
    def served(self):
        peer = self.peer()
        kind = peer.call("Status")[0]
        peer.close()
        return kind == 2

    def fds(self):
        return len(os.listdir(f"/proc/{self.server.pid}/fd"))

    def test_passed_fds_do_not_stay(self):
        before = self.fds()
        read, write = os.pipe()
        for negotiate in (b"", b"NEGOTIATE_UNIX_FD\r\n"):
            peer = self.peer(hello=False)
            peer.socket.sendall(b"\0AUTH EXTERNAL 30\r\n" + negotiate)
            self.assertTrue(peer.socket.recv(200).startswith(b"OK "))
            peer.socket.sendall(b"BEGIN\r\n")
            for i in range(20):
                raw = wire.message("Status", serial=i + 1)
                try:
                    socket.send_fds(peer.socket, [raw[:1]], [write] * 200)
                    peer.socket.sendall(raw[1:])
                except OSError:
                    break
        self.assertEqual(self.peer().call("Status")[0], 2)
        os.close(write)
        # Every copy is closed: the pipe has ended, while those who passed them are still there.
        self.assertEqual(select.select([read], [], [], 30)[0], [read])
        self.assertEqual(os.read(read, 1), b"")
        os.close(read)
        self.assertLessEqual(self.fds(), before + 3 * FDS_OF_PEER)

    def odd_message(self, fields=(), kind=1, body=b"", types=None, order="<"):
        """A call of Status with more header fields: (code, signature, value in bytes)."""
        def text(value):
            return struct.pack(order + "I", len(value)) + value + b"\0"
        head = b""
        for code, sign, value in ((1, b"o", text(wire.PATH.encode())),
                                  (2, b"s", text(wire.INTERFACE.encode())),
                                  (3, b"s", text(b"Status")), *fields):
            head = wire.align(head, 8) + bytes([code, len(sign)]) + sign + b"\0" + value
        if types is not None:
            head = wire.align(head, 8) + b"\x08\x01g\0" + bytes([len(types)]) + types + b"\0"
        start = struct.pack(order + "cBBBIII", b"l" if order == "<" else b"B", kind, 0, 1,
                            len(body), 1, len(head))
        return wire.align(start + head, 8) + body

    def test_big_endian(self):
        peer = self.peer()
        peer.socket.sendall(self.odd_message(order=">"))
        # The answer is in the server's own order.
        self.assertEqual(peer.receive()[0], 2)

    def test_odd_messages(self):
        def text(value):
            return struct.pack("<I", len(value)) + value + b"\0"
        deep = b"\x01v\0" + b"".join(b"\x01v\0" for _ in range(100)) + b"\x01y\0\0"
        odd = {
            "a member twice": self.odd_message([(3, b"s", text(b"Reload"))]),
            "a path twice": self.odd_message([(1, b"o", text(b"/"))]),
            "a member that is no text": self.odd_message([(3, b"s", text(b"\xff\xfe"))]),
            "a member of a wrong type": self.odd_message([(3, b"u", b"\1\0\0\0")]),
            "an unknown field": self.odd_message([(200, b"s", text(b"x"))]),
            "a field 0": self.odd_message([(0, b"s", text(b"x"))]),
            "fds that are not there": self.odd_message([(9, b"u", b"\7\0\0\0")]),
            "a reply to nothing": self.odd_message([(5, b"u", b"\7\0\0\0")], kind=2),
            "an error to nothing": self.odd_message(
                [(5, b"u", b"\7\0\0\0"), (4, b"s", text(b"a.b"))], kind=3),
            "a signal": self.odd_message(kind=4),
            "no kind": self.odd_message(kind=0),
            "a kind of the future": self.odd_message(kind=99),
            "no text": self.odd_message(types=b"s", body=text(b"\xc3\x28")),
            "a text longer than all": self.odd_message(types=b"s", body=b"\xff\xff\xff\x7fx\0"),
            "an array longer than all": self.odd_message(types=b"as", body=b"\xff\xff\xff\x03"),
            "no signature": self.odd_message(types=b"(((", body=b"\0" * 8),
            "a deep signature": self.odd_message(types=b"a" * 200 + b"y", body=b"\0" * 8),
            "deep variants": self.odd_message(types=b"v", body=deep),
            "a body without one": self.odd_message(body=b"\0" * 64),
            "a signature without a body": self.odd_message(types=b"st"),
            "a dictionary of 2000": self.odd_message(
                types=b"a{ss}", body=struct.pack("<II", 16 * 2000, 0) + (text(b"k") + b"\0\0" +
                                                                       text(b"v") + b"\0\0") * 2000),
        }
        for what, raw in odd.items():
            with self.subTest(what):
                peer = self.peer()
                peer.socket.sendall(raw)
                # It is refused, passed over, or the connection ends; who comes next is served.
                try:
                    peer.send("Status")
                    kinds = [peer.receive()[0]]
                    while kinds[-1] == 3:
                        kinds.append(peer.receive()[0])
                    self.assertEqual(kinds[-1], 2)
                except OSError:
                    pass
                peer.close()
                self.assertTrue(self.served())


if __name__ == "__main__":
    support.main(__file__)
