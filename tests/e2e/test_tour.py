# SPDX-License-Identifier: GPL-3.0-or-later
"""The classic programs in examples/classic/: they work, as far as they go."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

import procfs
from service import PATIENCE, YODEL, Output, until

CLASSIC = Path(YODEL).resolve().parent / "examples" / "classic"


def group(pid):
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


class Classic:
    """One of the programs in a process group of its own, with a pipe as its keyboard and one as its screen."""

    def __init__(self, *words):
        self.process = subprocess.Popen([CLASSIC / words[0], *map(str, words[1:])], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0,
                                        start_new_session=True)
        self.screen = Output(self.process.stdout)

    @property
    def port(self):
        line = self.screen.wait(lambda lines: lines and lines[0].decode(), 5, "the first line")
        return int(re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)", line)[1])

    def type(self, line):
        self.process.stdin.write(line + b"\n")

    def shows(self, *lines):
        """Wait until these are its last lines."""
        self.screen.wait(lambda raw: raw[-len(lines):] == list(lines), 5, f"{lines}")

    def ends(self):
        """Wait until it and all of its processes are gone. Returns its status."""
        status = self.process.wait(5 * PATIENCE)
        until(lambda: not self.processes(), what=f"all processes of {self.process.args[0].name} end")
        return status

    def processes(self):
        """All of its group that are alive; a zombie waits for whoever adopted it."""
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if group(pid) == self.process.pid
                and procfs.alive(pid)]

    def destroy(self):
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()
        self.screen.thread.join()
        self.process.stdout.close()


@pytest.fixture
def classic():
    """classic(name, ...): one of the programs, whose processes are gone when the test is over."""
    if not CLASSIC.is_dir():
        pytest.skip(f"{CLASSIC} was not built (-Dtests=enabled)")
    started = []

    def start(*words):
        started.append(Classic(*words))
        return started[-1]

    yield start
    for each in started:
        each.destroy()


LINES = [b"hello", b"", b"with spaces and \xc3\xa9", b"x" * 1022, b"bye"]


@pytest.mark.parametrize("first_to_leave", ["server", "client"])
def test_chat(classic, first_to_leave):
    """A full session: both speak in turn and at once, one presses Ctrl-D, and both end."""
    server = classic("chat_server", 0)
    client = classic("chat_client", server.port)
    for line in LINES:
        server.type(b"server: " + line[:1014])
        client.shows(b"server: " + line[:1014])
        client.type(b"client: " + line[:1014])
        server.shows(b"client: " + line[:1014])
    many = [b"%d" % i for i in range(200)]
    for line in many:
        server.type(line)
        client.type(line)
    server.shows(*many)
    client.shows(*many)
    leaves, stays = (server, client) if first_to_leave == "server" else (client, server)
    leaves.process.stdin.close()
    assert (leaves.ends(), stays.ends()) == (0, 0)
    stays.shows(b"199", b"peer left")
    leaves.shows(b"199")


def test_echo(classic):
    """Three clients at once. The server and its children stay until they are told to go."""
    server = classic("echo_server", 0)
    clients = [classic("echo_client", server.port) for _ in range(3)]
    for line in LINES:
        for client in clients:
            client.type(line)
            client.shows(b"answer: " + line)
    for client in clients:
        client.process.stdin.close()
        assert client.ends() == 0
    server.screen.wait(lambda raw: raw.count(b"client left") == 3, 5, "the server notices that they leave")
    assert sum(line.startswith(b"received 6 bytes: hello") for line in server.screen.raw) == 3
    server.process.terminate()
    assert server.ends() == -signal.SIGTERM
