# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs under measurement: how yodel and ncat are started, in terminals and with pipes, found to listen, and ended."""
import contextlib
import fcntl
import os
import pty
import re
import signal
import socket
import struct
import termios
import time
from pathlib import Path

# An address that nobody else listens on, nor dials from: a client in the range of the free ports could meet itself.
HOST = "127.%d.%d.%d" % (64 + os.getpid() // 64516 % 128, os.getpid() // 254 % 254 + 1, os.getpid() % 254 + 1)

DEADLINE_S = 60
ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
LISTEN_STATE = "0A"  # include/net/tcp_states.h
ENVIRONMENT = {**{name: value for name, value in os.environ.items() if name != "NO_COLOR"},
               "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}


class Failed(Exception):
    """Something could not be measured."""


def now_ms():
    return time.perf_counter_ns() / 1e6


started = set()


def spawn(command, actions, session=False):
    """Start it as a shell does: default signals, no descriptor but those that the actions open. Returns its pid."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # what runs is in the list
    try:
        pid = os.posix_spawn(command[0], command, ENVIRONMENT, file_actions=actions, setsid=session,
                             setsigmask=[], setsigdef=[signal.SIGPIPE, signal.SIGXFSZ])
        started.add(pid)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def reap(pid):
    """Wait for its end. Returns its exit status and what it used."""
    _, status, usage = os.wait4(pid, 0)
    started.discard(pid)
    return os.waitstatus_to_exitcode(status), usage


def end(pid):
    os.kill(pid, signal.SIGKILL)
    reap(pid)


def end_all():
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    for pid in list(started):
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            end(pid)


def ended(pid):
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


class Terminal:
    """A program in a terminal of its own."""

    def __init__(self, command):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
        self.command, self.text = command, b""
        self.began = now_ms()
        # Opened by the leader of a session it becomes the session's terminal.
        self.pid = spawn(command, [(os.POSIX_SPAWN_OPEN, 0, os.ttyname(slave), os.O_RDWR, 0),
                                   (os.POSIX_SPAWN_DUP2, 0, 1), (os.POSIX_SPAWN_DUP2, 0, 2)], session=True)
        os.close(slave)
        os.set_blocking(self.master, False)

    def read(self):
        try:
            chunk = os.read(self.master, 1 << 16)
        except OSError as error:
            raise Failed(f"{' '.join(self.command)} has ended: {self.text[-300:]!r}") from error
        self.text = self.text[-(1 << 12):] + chunk

    def close(self):
        end(self.pid)
        os.close(self.master)


class Piped:
    """A program with pipes that nobody uses."""

    def __init__(self, command):
        self.ends = [*os.pipe(), *os.pipe()]
        self.began = now_ms()
        self.pid = spawn(command, [(os.POSIX_SPAWN_DUP2, self.ends[0], 0), (os.POSIX_SPAWN_DUP2, self.ends[3], 1),
                                   (os.POSIX_SPAWN_DUP2, self.ends[3], 2)])

    def close(self):
        end(self.pid)
        for descriptor in self.ends:
            os.close(descriptor)


class Yodel:
    name, enter, greetings = "yodel", b"\r", (b" is here", b"connected to ")

    def __init__(self, path):
        self.path = path

    def listen(self, port):
        return [self.path, "listen", "--plain", f"{HOST}:{port}"]

    def call(self, port):
        return [self.path, "call", "--plain", f"{HOST}:{port}"]

    def receive(self, port):
        return self.listen(port)


class Ncat:
    name, enter, greetings = "ncat", b"\n", (b"", b"")

    def __init__(self, path):
        self.path = path

    def listen(self, port):
        return [self.path, "-l", HOST, str(port)]

    def call(self, port):
        return [self.path, HOST, str(port)]

    def receive(self, port):
        return [self.path, "-l", "--recv-only", HOST, str(port)]


# --- the network

def free_port():
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return sock.getsockname()[1]


def connect_until_it_works(port, pid):
    deadline = now_ms() + DEADLINE_S * 1e3
    while True:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if sock.connect_ex((HOST, port)) == 0:
                return now_ms()
        if ended(pid) or now_ms() > deadline:
            raise Failed(f"nobody listens on {HOST}:{port}")
        os.sched_yield()  # whoever we wait for may need this CPU


def wait_listening(port, pid):
    """The same without taking the seat."""
    host = struct.unpack("=I", socket.inet_aton(HOST))[0]
    row = re.compile(rf"^ *\d+: {host:08X}:{port:04X} \S+ {LISTEN_STATE} ", re.M)
    deadline = now_ms() + DEADLINE_S * 1e3
    while not row.search(Path("/proc/net/tcp").read_text(encoding="ascii")):
        if ended(pid) or now_ms() > deadline:
            raise Failed(f"nobody listens on {HOST}:{port}")
        time.sleep(0.001)
