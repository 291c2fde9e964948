# SPDX-License-Identifier: GPL-3.0-or-later
"""A running `yodel ping`, and peers for it that answer as a test wants: right, late, wrongly, or not at all."""

import json
import re
import select
import signal
import socket
import struct
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager, suppress

import pytest

from service import PATIENCE, REPORTS, YODEL, Late

SUMMARY = re.compile(
    r"(?P<sent>\d+) sent, (?P<received>\d+) received, (?P<late>\d+) late, (?P<corrupted>\d+) corrupted, "
    r"(?P<loss>[\d.]+)% loss(, (?P<unsent>\d+) could not be sent)?(, (?P<stray>\d+) bytes? nobody asked for)?, "
    r"(?P<seconds>\d+\.\d{3}) s")


class Peer:
    """A TCP server on a free port of loopback. handler(sock) talks to each client in a thread of its own; the
    socket is closed after it."""

    def __init__(self, handler, host="127.0.0.1", port=0, receive_buffer=None, send_buffer=None):
        self.handler = handler
        self.listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        for option, value in ((socket.SO_RCVBUF, receive_buffer), (socket.SO_SNDBUF, send_buffer)):
            if value:
                self.listener.setsockopt(socket.SOL_SOCKET, option, value)
        self.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.listener.bind((host, port))
        self.listener.listen()
        self.port = self.listener.getsockname()[1]
        self.where = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.over = threading.Event()
        self.clients, self.threads = [], [threading.Thread(target=self._accept)]
        self.threads[0].start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            if self.over.is_set():
                sock.close()
                return
            self.clients.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock,))
            self.threads.append(thread)
            thread.start()

    def _serve(self, sock):
        with sock, suppress(OSError):
            self.handler(sock)

    def wait(self, seconds):
        """Let time pass, but not longer than the test lasts."""
        self.over.wait(seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.threads[0].join(10)
        self.listener.close()
        for sock in self.clients:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive()


def echo(sock, chunk=65536):
    while data := sock.recv(chunk):
        sock.sendall(data)


def messages(sock, size):
    """The messages that come in, one after the other."""
    while data := sock.recv(size, socket.MSG_WAITALL):
        yield data


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@contextmanager
def hanging(host="127.0.0.1"):
    """A port at which connecting hangs: the backlog is full. Yields its listener."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener, socket.socket(family) as filler:
        listener.bind((host, 0))
        listener.listen(0)
        filler.connect(listener.getsockname())
        assert select.select([listener], [], [], 10)[0], "the filler is not in the backlog"
        yield listener


@contextmanager
def hanging_beside(make):
    """A port at which connecting to ::1 hangs, and what make(port) opens at the same port of 127.0.0.1, which may be
    somebody else's. Yields the port."""
    for _ in range(20):
        with ExitStack() as stack:
            port = stack.enter_context(hanging("::1")).getsockname()[1]
            try:
                stack.enter_context(make(port))
            except OSError:
                continue
            yield port
            return
    raise OSError("no port is free in both families")


@contextmanager
def taken(port, backlog=None):
    """A port of 127.0.0.1 that is not listened on, or with a backlog of 0 one at which connecting hangs."""
    with socket.socket() as sock, socket.socket() as filler:
        sock.bind(("127.0.0.1", port))
        if backlog is not None:
            sock.listen(backlog)
            filler.connect(sock.getsockname())
        yield


@contextmanager
def refusing(host="127.0.0.1"):
    """A port that is taken and not listened on. Yields its number."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.bind((host, 0))
        yield sock.getsockname()[1]


class Result:
    """What a run that is over has said."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err
        self.lines = out.splitlines()
        assert not REPORTS.search(err), err

    def events(self, name=None):
        found = [json.loads(line) for line in self.lines]
        return [event for event in found if name in (None, event["event"])]

    def summary(self):
        """The numbers of the statistics, of either format."""
        if self.lines[-1].startswith("{"):
            return self.events("summary")[0]
        [match] = [match for line in self.lines if (match := SUMMARY.fullmatch(line))]
        found = {key: int(value or 0) for key, value in match.groupdict().items() if key not in ("loss", "seconds")}
        return found | {"loss": float(match["loss"]), "seconds": float(match["seconds"])}


class Ping:
    """One that runs; finish() waits for its end. Whoever runs the tests may ignore SIGINT, as a shell's background
    jobs do; this does not inherit that."""

    def __init__(self, *args, wrap=(), seconds=20, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                 interrupt="--default-signal=INT"):
        self.seconds = seconds * PATIENCE
        self.process = subprocess.Popen(["env", interrupt, *wrap, YODEL, "ping", *map(str, args)], text=True,
                                        stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
        self.read = ""

    def wait_line(self, part):
        """Read standard output up to a line that contains part, and return that line."""
        timer = threading.Timer(self.seconds, self.process.kill)
        timer.start()
        try:
            for line in self.process.stdout:
                self.read += line
                if part in line:
                    return line
        finally:
            timer.cancel()
        raise Late(f"no line with {part!r}, but:\n{self.read}")

    def signal(self, number=signal.SIGINT):
        self.process.send_signal(number)

    def finish(self):
        try:
            out, err = self.process.communicate(timeout=self.seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            raise Late(f"ping runs on; it said:\n{self.read}{out}\n{err}") from None
        return Result(self.process.returncode, self.read + (out or ""), err or "")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()


def ping(*args, **how):
    """Run to the end."""
    with Ping(*args, **how) as running:
        return running.finish()


def timed(*args, **how):
    """The same, and how many seconds it took."""
    begin = time.monotonic()
    result = ping(*args, **how)
    return result, time.monotonic() - begin


def closing(sock):
    """Echo two messages and go."""
    for seq, data in enumerate(messages(sock, 64), 1):
        sock.sendall(data)
        if seq == 2:
            return


def one_line(text):
    assert text.startswith("yodel: ping: ") and text.endswith("\n") and text.count("\n") == 1, text
    return text[len("yodel: ping: "):-1]


@pytest.fixture
def peer():
    """peer(handler, ...): a Peer that is closed when the test is over."""
    peers = []

    def make(*args, **how):
        peers.append(Peer(*args, **how))
        return peers[-1]

    yield make
    for each in peers:
        each.__exit__()
