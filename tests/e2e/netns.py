# SPDX-License-Identifier: GPL-3.0-or-later
"""A network of its own, with a packet filter that cuts lines. Works for root, and for others where users may
make user namespaces."""

import array
import os
import socket
import subprocess
import sys

import pytest

from service import PATIENCE

MAKE = """
import array, socket, sys
channel = socket.socket(fileno=int(sys.argv[1]))
sock = socket.socket()
if int(sys.argv[5]):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, int(sys.argv[5]))
sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
if sys.argv[2] == "connect":
    sock.connect((sys.argv[3], int(sys.argv[4])))
else:
    sock.bind((sys.argv[3], int(sys.argv[4])))
    sock.listen()
channel.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [sock.fileno()]))])
"""


class Network:
    """A network namespace with a loopback interface. `wrap` runs a command in it, with the same pid."""

    def __init__(self):
        user = [] if os.getuid() == 0 else ["-r"]
        self.holder = subprocess.Popen(["unshare", "-n", *user, "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.usable = self.holder.stdout.readline() == b"\n"
        user = [] if os.getuid() == 0 else ["-U", "--preserve-credentials"]
        self.wrap = ["nsenter", "-n", *user, "-t", str(self.holder.pid), "--"]
        if self.usable:
            self.run("ip", "link", "set", "lo", "up")
            self.nft("add table inet test", "add chain inet test in { type filter hook input priority 0; }")

    def run(self, *command):
        return subprocess.run([*self.wrap, *command], check=True, capture_output=True, text=True).stdout

    def nft(self, *commands):
        self.run("nft", "; ".join(commands))

    def connect(self, service, receive_buffer=0):
        """A socket that is connected to the service, made in there and handed out here."""
        return self._make("connect", service.host, service.port, receive_buffer)

    def listen(self, host="127.0.0.1", port=0, receive_buffer=0):
        """The same, one that listens."""
        return self._make("listen", host, port, receive_buffer)

    def _make(self, *arguments):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            subprocess.run([*self.wrap, sys.executable, "-c", MAKE, str(theirs.fileno()), *map(str, arguments)],
                           check=True, pass_fds=[theirs.fileno()])
            _, control, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(4))
        numbers = array.array("i")
        numbers.frombytes(control[0][2])
        sock = socket.socket(fileno=numbers[0])
        sock.settimeout(10 * PATIENCE)
        return sock

    def cut(self, sock):
        """From now on no packet to or from this client arrives."""
        port = sock.getsockname()[1]
        self.nft(f"add rule inet test in tcp sport {port} drop", f"add rule inet test in tcp dport {port} drop")

    def mend(self):
        """From now on everything arrives again."""
        self.nft("flush chain inet test in")

    def close(self):
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stdout.close()
        self.holder.stderr.close()


@pytest.fixture
def network():
    made = Network()
    if not made.usable:
        made.close()
        pytest.skip("no network namespaces here")
    yield made
    made.close()


@pytest.fixture
def twofold(tmp_path):
    """A command that runs another where the name `twofold` has an address of each family."""
    hosts = tmp_path / "hosts"
    hosts.write_text("::1 twofold\n127.0.0.1 twofold\n")
    user = [] if os.getuid() == 0 else ["-r"]
    wrap = ["unshare", "-m", *user, "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh"]
    looked_up = subprocess.run([*wrap, "getent", "ahosts", "twofold"], capture_output=True, text=True,
                               check=False).stdout
    if not looked_up.startswith("::1") or "127.0.0.1" not in looked_up:
        pytest.skip("no mount namespaces, or no IPv6 here")
    return wrap
