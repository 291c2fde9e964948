# SPDX-License-Identifier: GPL-3.0-or-later
"""The other end of a chat, held by the test itself: a plain TCP connection that does exactly what it is told, or
nothing at all. It never reads unless it is asked to."""

import socket

from clients import reset
from service import PATIENCE, Late


def _prepare(sock, receive_buffer, send_buffer):
    for option, value in ((socket.SO_RCVBUF, receive_buffer), (socket.SO_SNDBUF, send_buffer)):
        if value:
            sock.setsockopt(socket.SOL_SOCKET, option, value)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _socket(host):
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)


class Peer:
    """One connection. What is read by these methods and not asked for yet waits in .received."""

    def __init__(self, sock):
        self.sock = sock
        self.received = bytearray()
        self.sock.settimeout(10 * PATIENCE)
        self.name = sock.getsockname()[:2]
        self.where = "%s:%d" % self.name if ":" not in self.name[0] else "[%s]:%d" % self.name

    # --- saying

    def send(self, text):
        """Text as UTF-8, or bytes, all of it."""
        self.sock.sendall(text.encode() if isinstance(text, str) else text)

    def line(self, text):
        self.send(text + ("\n" if isinstance(text, str) else b"\n"))

    # --- hearing

    def _more(self, seconds, what):
        self.sock.settimeout(seconds * PATIENCE)
        try:
            part = self.sock.recv(1 << 18)
        except TimeoutError:
            raise Late(f"{what}: not within {seconds * PATIENCE:.1f} s, but {bytes(self.received[-200:])!r}") from None
        assert part, f"{what}: the connection ended after {bytes(self.received[-200:])!r}"
        self.received += part

    def _take(self, count):
        taken = bytes(self.received[:count])
        del self.received[:count]
        return taken

    def read_until(self, end, seconds=5):
        """All bytes up to these, and these."""
        looked = 0
        while (at := self.received.find(end, looked)) < 0:
            looked = max(0, len(self.received) - len(end))
            self._more(seconds, repr(end))
        return self._take(at + len(end))

    def read_line(self, seconds=5):
        """One line as text, without its end."""
        return self.read_until(b"\n", seconds)[:-1].decode()

    def read_exactly(self, count, seconds=5):
        while len(self.received) < count:
            self._more(seconds, f"{count} bytes")
        return self._take(count)

    def read_all(self, seconds=5):
        """All bytes up to the end, which must be one in good order."""
        self.sock.settimeout(seconds * PATIENCE)
        try:
            while part := self.sock.recv(1 << 18):
                self.received += part
        except TimeoutError:
            raise Late(f"no end within {seconds * PATIENCE:.1f} s after {len(self.received)} bytes") from None
        return self._take(len(self.received))

    def expect_end(self, seconds=5):
        """The other side ends the connection in good order, and has said nothing that was not asked for."""
        rest = self.read_all(seconds)
        assert rest == b"", f"{len(rest)} bytes nobody expected: {rest[:200]!r}"

    def expect_reset(self, seconds=5):
        """The connection breaks. Returns what came before that."""
        try:
            self.read_all(seconds)
        except ConnectionResetError:
            return self._take(len(self.received))
        raise AssertionError("the connection ended in good order")

    # --- going

    def half_close(self):
        """Our end of file; the other direction stays."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """Break the connection: RST."""
        reset(self.sock)

    def close(self):
        self.sock.close()


class Listener:
    """A port at which a peer is called; it answers when accept() says so."""

    def __init__(self, host="127.0.0.1", port=0, receive_buffer=None, send_buffer=None, backlog=16):
        self.accepted = []
        self.sock = _socket(host)
        try:
            _prepare(self.sock, receive_buffer, send_buffer)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.sock.bind((host, port))
            self.sock.listen(backlog)
        except BaseException:
            self.sock.close()
            raise
        self.port = self.sock.getsockname()[1]
        self.where = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def accept(self, seconds=5):
        self.sock.settimeout(seconds * PATIENCE)
        try:
            sock, _ = self.sock.accept()
        except TimeoutError:
            raise Late(f"nobody called within {seconds * PATIENCE:.1f} s") from None
        self.accepted.append(Peer(sock))
        return self.accepted[-1]

    def close(self):
        self.sock.close()


class Peers:
    """What a test opens, closed when it is over."""

    def __init__(self):
        self.all = []

    def call(self, port, host="127.0.0.1", source=None, receive_buffer=None, send_buffer=None, seconds=10):
        """A connection to a port, or to something that has one."""
        sock = _socket(host)
        try:
            sock.settimeout(seconds * PATIENCE)
            _prepare(sock, receive_buffer, send_buffer)
            if source:
                sock.bind((source, 0))
            sock.connect((host, getattr(port, "port", port)))
        except BaseException:
            sock.close()
            raise
        self.all.append(Peer(sock))
        return self.all[-1]

    def listen(self, *args, **how):
        """A Listener."""
        self.all.append(Listener(*args, **how))
        return self.all[-1]

    def close(self):
        for each in self.all:
            for peer in getattr(each, "accepted", []):
                peer.close()
            each.close()
