# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs under measurement: how yodel and ncat are started, in terminals and with pipes, in the open and in private,
found to listen, and ended."""
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


class Command(list):
    """Words, and what is in the environment besides."""

    def __init__(self, *words, **more):
        super().__init__(words)
        self.environment = {**ENVIRONMENT, **more}


def spawn(command, actions, session=False):
    """Start it as a shell does: default signals, no descriptor but those that the actions open. Returns its pid."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # what runs is in the list
    try:
        pid = os.posix_spawn(command[0], command, command.environment, file_actions=actions, setsid=session,
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


def wait_ended(pid, what):
    deadline = now_ms() + DEADLINE_S * 1e3
    while not ended(pid):
        if now_ms() > deadline:
            raise Failed(f"{what}: not within {DEADLINE_S} s")
        time.sleep(0.0005)


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
    """A program with pipes, what is to be said in the first one, which stays open."""

    def __init__(self, command, said=b"", output_only=False):
        self.ends = [*os.pipe(), *os.pipe()]
        self.command, self.output = command, self.ends[2]
        os.write(self.ends[1], said)
        errors = (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0) if output_only else (
            os.POSIX_SPAWN_DUP2, self.ends[3], 2)
        self.began = now_ms()
        self.pid = spawn(command, [(os.POSIX_SPAWN_DUP2, self.ends[0], 0), (os.POSIX_SPAWN_DUP2, self.ends[3], 1),
                                   errors])
        os.close(self.ends.pop())

    def close(self):
        end(self.pid)
        for descriptor in self.ends:
            os.close(descriptor)


class Yodel:
    """In the open."""
    enter, greetings, echoes = b"\r", (b" is here", b"connected to "), True

    def __init__(self, path, name="yodel"):
        self.path, self.name = path, name

    def listen(self, port):
        return Command(self.path, "listen", "--plain", f"{HOST}:{port}")

    def call(self, port):
        return Command(self.path, "call", "--plain", f"{HOST}:{port}")

    def receive(self, port):
        return self.listen(port)

    def echo(self, port, engine="auto"):
        return Command(self.path, "echo", "-q", "--engine", engine, f"{HOST}:{port}")


class Private(Yodel):
    """The same with keys of both sides, who know each other by a ticket since acquaint()."""
    greetings, echoes = (b" is here", b" is here"), False

    def __init__(self, path, folder):
        super().__init__(path, "private")
        self.folder = folder

    def home(self, side):
        return {f"XDG_{kind}_HOME": f"{self.folder}/{side}/{kind}" for kind in ("CONFIG", "DATA")}

    def listen(self, port):
        return Command(self.path, "listen", f"{HOST}:{port}", **self.home("listen"))

    def call(self, port, *operands):
        return Command(self.path, "call", *(operands or [f"{HOST}:{port}"]), **self.home("call"))

    def acquaint(self):
        for side in ("listen", "call"):
            for path in self.home(side).values():
                os.makedirs(path, 0o700)
        said = Path(self.folder) / "said"
        actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                   (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                   (os.POSIX_SPAWN_OPEN, 2, str(said), os.O_WRONLY | os.O_CREAT, 0o600)]
        port = free_port()
        listener = spawn(self.listen(port), actions)
        wait_listening(port, listener)
        ticket = self.wait_ticket(said, listener)
        for pid in (spawn(self.call(port, ticket), actions[:2] + [(os.POSIX_SPAWN_DUP2, 1, 2)]), listener):
            wait_ended(pid, self.name)
            if reap(pid)[0] != 0:
                raise Failed(f"{self.name}: the two do not come together: {said.read_text(encoding='utf-8')!r}")

    @staticmethod
    def wait_ticket(said, listener):
        deadline = now_ms() + DEADLINE_S * 1e3
        while not (found := re.search(r"^(yodel://\S+)\n", said.read_text(encoding="utf-8"), re.M)):
            if ended(listener) or now_ms() > deadline:
                raise Failed(f"no ticket: {said.read_text(encoding='utf-8')!r}")
            time.sleep(0.001)
        return found[1]


class Ncat:
    name, enter, greetings, echoes = "ncat", b"\n", (b"", b""), True

    def __init__(self, path):
        self.path = path

    def listen(self, port):
        return Command(self.path, "-l", HOST, str(port))

    def call(self, port):
        return Command(self.path, HOST, str(port))

    def receive(self, port):
        return Command(self.path, "-l", "--recv-only", HOST, str(port))


class NcatSsl(Ncat):
    """It has no option for the cipher of TLS 1.3, but its library reads a file."""
    name, echoes = "ncat_ssl", False
    CIPHER = "TLS_AES_128_GCM_SHA256"  # what two yodels choose on a processor with AES

    def __init__(self, path, folder):
        super().__init__(path)
        configuration = Path(folder) / "openssl.cnf"
        configuration.write_text("openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = default\n"
                                 f"[default]\nMinProtocol = TLSv1.3\nCiphersuites = {self.CIPHER}\n"
                                 "NumTickets = 0\n",  # its caller does not read them: a reset at the end
                                 encoding="ascii")
        self.environment = {"OPENSSL_CONF": str(configuration)}

    def call(self, port):
        return Command(self.path, "--ssl", "--send-only", HOST, str(port), **self.environment)

    def receive(self, port):
        return Command(self.path, "-l", "--ssl", "--recv-only", HOST, str(port), **self.environment)


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
