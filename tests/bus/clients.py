# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients that are processes of other users: the commands that run them."""

import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + "/../cli")
import support  # noqa: E402


def client(folder, uid, script):
    """Runs the script, which may use wire.py: a copy in the folder, as the tree may lie in a home
    directory that is closed to others."""
    if not os.path.exists(folder + "/wire.py"):  # others may be reading it by now
        shutil.copy(HERE + "/wire.py", folder)
    begin = f"import sys\nsys.path.insert(0, {folder!r})\nimport wire\n"
    return support.as_user(uid, sys.executable, "-c", begin + script)


def crowd(folder, path, count, uid=0):
    """Connects so often, prints how many were answered, and keeps them until its stdin ends."""
    return client(folder, uid, f"""
peers, good = [], 0
for _ in range({count}):
    try:
        peer = wire.Peer({path!r})
        peers.append(peer)
        good += peer.call("Status")[0] == 2
    except OSError:
        pass
print(good, flush=True)
sys.stdin.read()
""")
