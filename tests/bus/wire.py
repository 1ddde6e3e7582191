# SPDX-License-Identifier: GPL-2.0-or-later
"""D-Bus by hand: a client that says what it wants, also what no library would."""

import os
import socket
import struct

PATH, INTERFACE = "/org/sockaudit1", "org.sockaudit1.Manager"


def align(data, n):
    return data + b"\0" * (-len(data) % n)


def string(text):
    raw = text.encode()
    return struct.pack("<I", len(raw)) + raw + b"\0"


def signature(text):
    return bytes([len(text)]) + text.encode() + b"\0"


def arguments(types, values):
    body = b""
    for kind, value in zip(types, values):
        if kind == "s":
            body = align(body, 4) + string(value)
        elif kind == "t":
            body = align(body, 8) + struct.pack("<Q", value)
        elif kind == "u":
            body = align(body, 4) + struct.pack("<I", value)
    return body


def message(member, types="", values=(), serial=1, interface=INTERFACE, path=PATH):
    body = arguments(types, values)
    fields = b""
    for code, kind, text in ((1, "o", path), (2, "s", interface), (3, "s", member)):
        fields = align(fields, 8) + bytes([code]) + signature(kind) + string(text)
    if types:
        fields = align(fields, 8) + bytes([8]) + signature("g") + signature(types)
    head = struct.pack("<cBBBIII", b"l", 1, 0, 1, len(body), serial, len(fields))
    return align(head + fields, 8) + body


class Peer:
    """A connection, authenticated unless told otherwise."""

    def __init__(self, path, hello=True, timeout=60):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.buffer = b""
        self.serial = 0
        if hello:
            uid = str(os.getuid()).encode().hex()
            self.socket.sendall(b"\0AUTH EXTERNAL " + uid.encode() + b"\r\n")
            line = self.socket.recv(100)
            if not line.startswith(b"OK "):
                raise ConnectionError(line)
            self.socket.sendall(b"BEGIN\r\n")

    def send(self, *what, **how):
        self.serial += 1
        self.socket.sendall(message(*what, serial=self.serial, **how))

    def receive(self):
        """One message: its type (2: return, 3: error, 4: signal) and its bytes."""
        while True:
            if len(self.buffer) >= 16:
                body, _, fields = struct.unpack("<III", self.buffer[4:16])
                length = 16 + fields + -fields % 8 + body
                if len(self.buffer) >= length:
                    whole, self.buffer = self.buffer[:length], self.buffer[length:]
                    return whole[1], whole
            more = self.socket.recv(1 << 16)
            if not more:
                raise ConnectionResetError("the server hung up")
            self.buffer += more

    def call(self, *what, **how):
        self.send(*what, **how)
        return self.receive()

    def is_closed(self):
        """Whether the server hung up; what it sent before is thrown away."""
        try:
            while True:
                if not self.socket.recv(1 << 16):
                    return True
        except (BrokenPipeError, ConnectionResetError):
            return True
        except TimeoutError:
            return False

    def close(self):
        self.socket.close()
