# SPDX-License-Identifier: GPL-3.0-or-later
"""A running `yodel listen` or `yodel call` whose standard streams are pipes, files or sockets, and the one at the other
end of its connection, which is a socket of the test's."""

import os
import select
import socket
import subprocess
import threading
from contextlib import suppress

import pytest

from service import PATIENCE, REPORTS, YODEL, Late, Output

PIPE = subprocess.PIPE
CHUNK = 1 << 16
ROLES = ("listen", "call")


def send_all(end, data):
    """Into a socket or a pipe, all of it."""
    if isinstance(end, socket.socket):
        end.sendall(data)
        return
    view = memoryview(data)
    while view:
        view = view[os.write(end.fileno(), view):]


def receive(end, most=CHUNK, seconds=10):
    """What has come from a socket or a pipe, b"" at its end; waits for it."""
    poll = select.poll()
    poll.register(end, select.POLLIN)
    if not poll.poll(seconds * PATIENCE * 1000):
        raise Late(f"nothing came for {seconds * PATIENCE:.1f} s")
    return end.recv(most) if isinstance(end, socket.socket) else os.read(end.fileno(), most)


def receive_rest(end, seconds=10):
    """Everything up to the end."""
    parts = []
    while part := receive(end, seconds=seconds):
        parts.append(part)
    return b"".join(parts)


def receive_until(end, what, seconds=10):
    """Everything up to and with what, which ends it."""
    got = b""
    while not got.endswith(what):
        part = receive(end, seconds=seconds)
        assert part, f"ended after {got[-200:]!r}, without {what!r}"
        got += part
    return got


def send_pattern(end, pattern, total, chunk=CHUNK):
    """Send so many bytes of the pattern, and return how many."""
    sent = 0
    while sent < total:
        piece = pattern.piece(sent, min(chunk, total - sent))
        send_all(end, piece)
        sent += len(piece)
    return sent


def receive_pattern(end, pattern, total=None, offset=0, seconds=10):
    """Compare with the pattern from offset on, up to the end, or so many bytes. Returns how many came."""
    got = 0
    while total is None or got < total:
        part = receive(end, CHUNK if total is None else min(CHUNK, total - got), seconds)
        if not part:
            assert total is None, f"ended after {got} of {total} bytes"
            break
        pattern.check(offset + got, part)
        got += len(part)
    return got


def stuff(end, pattern, quiet=0.4, most=1 << 27):
    """Send the pattern until nothing has moved for `quiet` seconds. Returns how many bytes went; the end blocks again."""
    sent, poll = 0, select.poll()
    poll.register(end, select.POLLOUT)
    os.set_blocking(end.fileno(), False)
    while poll.poll(quiet * PATIENCE * 1000):
        with suppress(BlockingIOError):
            sent += os.write(end.fileno(), pattern.piece(sent, CHUNK))
        assert sent < most, f"{sent} bytes went in and none was read: somebody buffers without a bound"
    if isinstance(end, socket.socket):
        end.settimeout(10 * PATIENCE)
    else:
        os.set_blocking(end.fileno(), True)
    return sent


class Background:
    """A call in a thread of its own; result() is what it returns or raises."""

    def __init__(self, call, *args, **how):
        self.outcome = None
        self.thread = threading.Thread(target=self._run, args=(call, args, how), daemon=True)
        self.thread.start()

    def _run(self, call, args, how):
        try:
            self.outcome = (call(*args, **how), None)
        except BaseException as error:  # pylint: disable=broad-except
            self.outcome = (None, error)

    @property
    def over(self):
        return self.outcome is not None

    def result(self, seconds=30):
        self.thread.join(seconds * PATIENCE)
        if not self.outcome:
            raise Late(f"not over within {seconds * PATIENCE:.1f} s")
        value, error = self.outcome
        if error:
            raise error
        return value


class Talk:
    """`yodel COMMAND --plain ...`. stdin and stdout are pipes unless told otherwise; standard error is collected, unless
    collect is false."""

    def __init__(self, command, *args, stdin=PIPE, stdout=PIPE, wrap=(), preexec=None, collect=True, plain=True,
                 env=None):
        self.command = [*wrap, YODEL, command, *(["--plain"] if plain else []), *map(str, args)]
        self.process = subprocess.Popen(self.command, stdin=stdin, stdout=stdout, stderr=PIPE, preexec_fn=preexec,
                                        env={**os.environ, **(env or {})}, bufsize=0)
        self.pid = self.process.pid
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self.err = Output(self.process.stderr, collect)

    @property
    def said(self):
        """The lines of standard error so far."""
        return [line.decode() for line in self.err.raw]

    def wait_line(self, part, count=1, seconds=5):
        """Wait for that many lines on standard error that contain part, and return the last of those."""
        found = self.err.wait(lambda raw: len(lines := [line for line in raw if part.encode() in line]) >= count and
                              lines, seconds, part)
        return found[count - 1].decode()

    def where(self, count=1):
        """The (host, port) that it listens on, or the last of that many."""
        host, _, port = self.wait_line("listening on ", count).removeprefix("listening on ").rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def host(self):
        return self.where()[0]

    @property
    def port(self):
        return self.where()[1]

    def end_input(self):
        self.stdin.close()

    def wait(self, seconds=10):
        """Its exit status, negative if a signal ended it."""
        try:
            status = self.process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            raise Late(f"{self.command} runs on; it said {self.said}") from None
        if self.err.thread:
            self.err.thread.join(5)
        return status

    def finish(self, seconds=10):
        """Wait for the end. Returns the exit status and what standard output still held."""
        rest = b""
        if self.stdout and not self.stdout.closed:
            rest = receive_rest(self.stdout, seconds)
        return self.wait(seconds), rest

    def destroy(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.err.collect()
        self.err.thread.join(5)
        for pipe in (self.stdin, self.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()
        print(f"{' '.join(self.command)}: {self.process.returncode}")
        print(*self.said[-30:], sep="\n")
        report = REPORTS.search("\n".join(self.said))
        if not self.err.thread.is_alive():
            self.process.stderr.close()
        assert not report, f"{report.group()} on standard error"


@pytest.fixture
def talk():
    """talk(command, ...): a Talk that is ended and judged when the test is over."""
    made = []

    def run(*args, **how):
        made.append(Talk(*args, **how))
        return made[-1]

    yield run
    failures = []
    for each in made:
        try:
            each.destroy()
        except AssertionError as failure:
            failures.append(str(failure))
    assert not failures, "\n".join(failures)


@pytest.fixture
def sockets():
    """A list of sockets that are closed when the test is over."""
    socks = []
    yield socks
    for sock in socks:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()


def dial(port, host="127.0.0.1", receive_buffer=None, send_buffer=None):
    """A connected socket with a deadline."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    for option, value in ((socket.SO_RCVBUF, receive_buffer), (socket.SO_SNDBUF, send_buffer)):
        if value:
            sock.setsockopt(socket.SOL_SOCKET, option, value)
    sock.settimeout(10 * PATIENCE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        sock.connect((host, port))
    except BaseException:
        sock.close()
        raise
    return sock


def listener(host="127.0.0.1", receive_buffer=None, port=0):
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    sock.listen()
    sock.settimeout(10 * PATIENCE)
    return sock


@pytest.fixture
def apart(talk, sockets):
    """apart(role, *options): a Talk in that role, and what connects the two: meet() returns the socket at the other
    end. network is one that both are in."""
    def make(role, *options, receive_buffer=0, network=None, **how):
        if network:
            how["wrap"] = network.wrap
        if role == "listen":
            one = talk("listen", *options, "127.0.0.1:0", **how)
        else:
            server = (network.listen if network else listener)(receive_buffer=receive_buffer)
            server.settimeout(10 * PATIENCE)
            sockets.append(server)
            one = talk("call", *options, f"127.0.0.1:{server.getsockname()[1]}", **how)

        def meet():
            if role == "call":
                sock, _ = server.accept()
            elif network:
                sock = network.connect(one, receive_buffer)
            else:
                sock = dial(one.port, receive_buffer=receive_buffer)
            sockets.append(sock)
            sock.settimeout(10 * PATIENCE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock

        return one, meet

    return make


@pytest.fixture
def pair(apart):
    """pair(role, *options): a Talk in that role, and the socket at the other end of its connection."""
    def make(*args, **how):
        one, meet = apart(*args, **how)
        return one, meet()

    return make


@pytest.fixture(params=ROLES)
def role(request):
    return request.param
