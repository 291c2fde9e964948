# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody could do who has got control of a program: the program itself tries it (see inside.c)."""

import os
import signal
import socket
import struct
import subprocess
from pathlib import Path

from service import PATIENCE

SOURCE = Path(__file__).with_name("inside.c")


class Inside:
    """Start one program with `env`; then it can be asked."""

    def __init__(self, folder):
        library, name = folder / "inside.so", folder / "inside"
        subprocess.run(["cc", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", library,
                        SOURCE], check=True)
        library.chmod(0o755)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(str(name))
        name.chmod(0o777)
        self.listener.listen()
        self.listener.settimeout(10 * PATIENCE)
        self.channel = None
        options = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))
        self.env = {"LD_PRELOAD": str(library), "YODEL_TEST_INSIDE": str(name), "ASAN_OPTIONS": options}

    def _connect(self):
        self.channel, _ = self.listener.accept()
        self.channel.settimeout(10 * PATIENCE)
        credentials = self.channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        self.pid, self.uid, _ = struct.unpack("3i", credentials)

    def ask(self, what, argument=""):
        """Let it do that. Returns the errno that it got, 0 for success, or the number that was asked for."""
        if not self.channel:
            self._connect()
        self.channel.send(f"{what} {argument}".encode())
        os.kill(self.pid, signal.SIGUSR2)
        answer = self.channel.recv(4)
        assert len(answer) == 4, f"{what} {argument}: the program has ended"
        return struct.unpack("i", answer)[0]

    def status(self, name):
        """A line of /proc/PID/status."""
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith(name + ":"):
                return line.split(None, 1)[1]
        raise KeyError(name)

    def close(self):
        if self.channel:
            self.channel.close()
        self.listener.close()
