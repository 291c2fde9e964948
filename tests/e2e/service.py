# SPDX-License-Identifier: GPL-3.0-or-later
"""A running `yodel echo`: started, watched, stopped, and proven to have left nothing behind."""

import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import procfs

ROOT = Path(__file__).resolve().parents[2]
YODEL = os.environ.get("YODEL", str(ROOT / "build" / "yodel"))
SANITIZED = os.environ.get("YODEL_SANITIZE") == "1"

# How much longer everything may take than on an idle machine with an optimised build.
PATIENCE = float(os.environ.get("YODEL_PATIENCE", 3 if SANITIZED else 1))

# Room for what the service writes while the collecting thread has to wait for its turn: what does not fit
# is dropped, as it must be. An unprivileged process may ask for that much (pipe-max-size).
F_SETPIPE_SZ, PIPE_SIZE = 1031, 1 << 20

# Nothing of this may ever stand on standard error.
REPORTS = re.compile(r"Sanitizer|runtime error:|ERROR:|SUMMARY:|Traceback|Assertion|stack smashing")

FIELD = re.compile(r' ?([a-z_0-9]+)=("(?:[^"\\]|\\.)*"|[^" ]*)')


class Late(AssertionError):
    """Something did not happen before its deadline."""


def until(condition, seconds=5.0, what="condition", step=0.005):
    """Ask condition() until it returns something true, and return that."""
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Late(f"{what}: not within {seconds * PATIENCE:.1f} s")
        time.sleep(step)


def parse_logfmt(line):
    """The fields of a line in the order in which they stand. Anything odd is an error."""
    fields, at = {}, 0
    while at < len(line):
        match = FIELD.match(line, at)
        assert match and (at == 0) == (line[at] != " "), f"not logfmt at column {at}: {line!r}"
        key, value = match.groups()
        assert key not in fields, f"{key} twice: {line!r}"
        if value.startswith('"'):
            value = json.loads(value)
        elif re.fullmatch(r"-?\d+", value):
            value = int(value)
        fields[key] = value
        at = match.end()
    return fields


def parse_line(line):
    """One line of the log, in either format. A plain line becomes {"plain": line}."""
    if line.startswith("{"):
        return json.loads(line)
    if line.startswith("event="):
        return parse_logfmt(line)
    return {"plain": line}


class Output:
    """Lines that a pipe delivers, collected by a thread as soon as anybody wants them."""

    def __init__(self, pipe, collect=True):
        self.pipe = pipe
        self.raw = []
        self.changed = threading.Condition()
        self.ended = False
        self.thread = None
        if collect:
            self.collect()

    def collect(self):
        """Begin to read. Before that, the pipe fills up and stays full."""
        if not self.thread:
            with contextlib.suppress(PermissionError):  # an ordinary user has only so many pages of pipes
                fcntl.fcntl(self.pipe.fileno(), F_SETPIPE_SZ, PIPE_SIZE)
            self.thread = threading.Thread(target=self._run, daemon=True)
            self.thread.start()

    def _run(self):
        rest = b""
        while True:
            chunk = os.read(self.pipe.fileno(), 1 << 16)
            lines = (rest + chunk).split(b"\n")
            rest = lines.pop()
            if not chunk and rest:
                lines.append(rest + b"<end of output within a line>")
            with self.changed:
                self.raw.extend(lines)
                self.ended = not chunk
                self.changed.notify_all()
            if not chunk:
                return

    def wait(self, found, seconds, what):
        """Call found(raw lines) at each change until it returns something true, and return that."""
        deadline = time.monotonic() + seconds * PATIENCE
        with self.changed:
            while True:
                result = found(self.raw)
                if result:
                    return result
                left = deadline - time.monotonic()
                if left <= 0 or self.ended:
                    tail = b"\n".join(self.raw[-15:]).decode("utf-8", "replace")
                    why = "output ended" if self.ended else f"not within {seconds * PATIENCE:.1f} s"
                    raise Late(f"{what}: {why}; last lines:\n{tail}")
                self.changed.wait(left)


class Service:
    """`yodel echo` on a port of its own choice, with its log as a list of dicts.

    `collect` names the outputs that are read from the start ("out", "err"); the others stay full until
    their collect() is called. `wrap` is a command that execs the service, so that the pid stays the same."""

    def __init__(self, engine, *options, addresses=("127.0.0.1:0",), wrap=(), preexec=None, collect="out err",
                 env=None, stdout=subprocess.PIPE, listening=True):
        self.engine = engine
        self.command = [*wrap, YODEL, "echo", "--engine", engine, *map(str, options), *addresses]
        self.parsed = []
        self.stopped = False
        self.destroyed = False
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
            start_new_session=True, preexec_fn=preexec, env={**os.environ, **(env or {})})
        self.pid = self.process.pid
        self.err = Output(self.process.stderr, "err" in collect)
        self.out = Output(self.process.stdout, "out" in collect) if stdout == subprocess.PIPE else None
        self.deaths_expected = False
        if not listening:
            return
        try:
            self.where = [self._parse_where(text) for text in self.wait_listening(len(addresses))]
        except BaseException:
            self.destroy()
            raise
        self.host, self.port = self.where[0]

    # --- the log

    def wait_listening(self, count=1, seconds=5):
        """What the `listening on` lines name, e.g. "127.0.0.1:40000"."""
        if not self.err.thread:
            return [self._read_listening()]

        def found(_):
            lines = [event.get("message", event.get("plain", "")) for event in self.events()]
            lines = [line for line in lines if line.startswith("listening on ")]
            return len(lines) >= count and [line.removeprefix("listening on ") for line in lines]

        return self.err.wait(found, seconds, "listening on")

    def _read_listening(self):
        """Read up to that line byte by byte, so that whatever follows stays in the pipe."""
        line = b""
        while b"listening on " not in line:
            line = b""
            while not line.endswith(b"\n"):
                byte = os.read(self.process.stderr.fileno(), 1)
                assert byte, f"no 'listening on' line, but {line!r}"
                line += byte
            self.err.raw.append(line[:-1])
        event = parse_line(line[:-1].decode())
        return event.get("message", event.get("plain")).removeprefix("listening on ")

    @staticmethod
    def _parse_where(text):
        host, _, port = text.rpartition(":")
        return host.strip("[]"), int(port)

    def events(self, name=None, /, **fields):
        """The events of the log so far, in order, those of one name and with these fields."""
        raw = self.err.raw
        while len(self.parsed) < len(raw):
            self.parsed.append(parse_line(raw[len(self.parsed)].decode("utf-8")))
        return [event for event in self.parsed
                if (name is None or event.get("event") == name)
                and all(event.get(key) == value for key, value in fields.items())]

    def wait_for(self, name, /, count=1, seconds=5, **fields):
        """Wait until the log has count such events. Returns the one that came last of those."""
        what = f"event={name} {fields} x{count}"
        found = self.err.wait(lambda _: len(events := self.events(name, **fields)) >= count and events,
                              seconds, what)
        return found[count - 1]

    def stats(self, seconds=5):
        """Ask for the counters with USR1."""
        before = len(self.events("stats"))
        os.kill(self.pid, signal.SIGUSR1)
        return self.wait_for("stats", count=before + 1, seconds=seconds)

    def stats_when(self, condition, seconds=5, what="stats"):
        """Ask for the counters until condition(stats) holds."""
        deadline = time.monotonic() + seconds * PATIENCE
        while True:
            stats = self.stats()
            if condition(stats):
                return stats
            if time.monotonic() > deadline:
                raise Late(f"{what}: not within {seconds * PATIENCE:.1f} s: {stats}")
            time.sleep(0.02)

    def text(self):
        return b"\n".join(self.err.raw).decode("utf-8", "replace")

    # --- clients

    def connect(self, source=None, receive_buffer=None, send_buffer=None, at=0, seconds=10):
        """A connected socket with a deadline for every blocking call."""
        host, port = self.where[at]
        host = {"*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        try:
            sock.settimeout(seconds * PATIENCE)
            if receive_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            if send_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if source:
                sock.bind((source, 0))
            sock.connect((host, port))
        except BaseException:
            sock.close()
            raise
        return sock

    def opened_by(self, sock, seconds=5):
        """The event=open of this client's connection."""
        ip, port = sock.getsockname()[:2]
        return self.wait_for("open", ip=ip, port=port, seconds=seconds)

    def closed_by(self, name, seconds=5):
        """The event=close of the client whose (ip, port) is name, or of a socket."""
        ip, port = (name if isinstance(name, tuple) else name.getsockname())[:2]
        return self.wait_for("close", ip=ip, port=port, seconds=seconds)

    # --- processes

    def children(self):
        return procfs.children(self.pid)

    def zombies(self):
        return [pid for pid in self.children() if procfs.state(pid) == "Z"]

    def everybody(self):
        return [self.pid, *self.children()]

    def cpu_seconds(self):
        return sum(procfs.cpu_seconds(pid) for pid in self.everybody())

    def pss_kib(self):
        return sum(procfs.pss_kib(pid) for pid in self.everybody())

    def worker_of(self, sock):
        """The pid of the child that serves this client."""
        opened = self.opened_by(sock)
        if "pid" in opened:
            return opened["pid"]
        return self.worker_pids()[opened["worker"]]

    def worker_pids(self):
        """{worker: pid} of the workers that run now."""
        stats = self.stats()
        return {int(key[6:-4]): value for key, value in stats.items() if re.fullmatch(r"worker\d+_pid", key)}

    def signal(self, number):
        os.kill(self.pid, number)

    # --- the end

    def wait_exit(self, seconds=5):
        """Its exit status, negative if a signal ended it."""
        try:
            return self.process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            raise Late(f"still running after {seconds * PATIENCE:.1f} s; log:\n{self.text()[-2000:]}") from None

    def stop(self, seconds=8):
        """End it the orderly way: TERM, exit status 0. Returns the event=stop."""
        self.signal(signal.SIGTERM)
        status = self.wait_exit(seconds)
        assert status == 0, f"exit status {status} after TERM; log:\n{self.text()[-2000:]}"
        self.err.collect()
        self.err.thread.join(5)
        self.stopped = True
        return self.events("stop")[-1] if self.events("stop") else None

    def destroy(self):
        """End it in any case, then judge what it left behind. Safe to call twice."""
        if not self.destroyed:
            self.destroyed = True
            children = self.children()
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
            left = self._survivors(children)
            for output in filter(None, (self.err, self.out)):
                if output.pipe.closed:  # by the test
                    continue
                output.collect()
                output.thread.join(5)
                if not output.thread.is_alive():
                    output.pipe.close()
            print(f"{' '.join(self.command)}\n{self.text()[-3000:]}")
            assert not left, f"children outlived their parent by more than a second: {left}"
            report = REPORTS.search(self.text())
            assert not report, f"{report.group()} on standard error:\n{self.text()[-6000:]}"
            died = [] if self.deaths_expected else self.events("died")
            assert not died, f"children died: {died}"

    def _survivors(self, children):
        try:
            until(lambda: not any(map(procfs.alive, children)), 1.0)
            return []
        except Late:
            left = [pid for pid in children if procfs.alive(pid)]
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            return left
