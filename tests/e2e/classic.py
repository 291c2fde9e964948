# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs in examples/classic/, each with pipes for its keyboard and its screen."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

import procfs
from service import PATIENCE, YODEL, Output, until

CLASSIC = Path(YODEL).resolve().parent / "examples" / "classic"

# What is said in a session, without the ends of the lines. No piece of it is longer than what they read at once.
LINES = [b"hello", b"", b"with spaces and \xc3\xa9", b"x" * 1022, b"bye"]


@pytest.fixture
def built():
    """The folder of the programs."""
    if not CLASSIC.is_dir():
        pytest.skip(f"{CLASSIC} was not built (-Dtests=enabled)")
    return CLASSIC


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
def classic(built):
    """classic(name, ...): one of the programs, whose processes are gone when the test is over."""
    started = []

    def start(*words):
        started.append(Classic(*words))
        return started[-1]

    yield start
    for each in started:
        each.destroy()
