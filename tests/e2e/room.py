# SPDX-License-Identifier: GPL-3.0-or-later
"""An interactive bash on a terminal, in a network, a process table and an empty folder of its own, into which commands
are typed the way a patient reader does: each once everything that the one before has set in motion is at rest."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pexpect
import pytest

import procfs
from classic import built
from service import PATIENCE, YODEL, Late
from test_documents import APART

START = "ip link set lo up && exec bash --norc --noprofile --noediting -i"
PROMPT = "$ "

# What bash says when a job begins, ends, or is stopped: that comes at one prompt or at the next.
JOB = re.compile(r"^\n?\[\d+\](?: \d+|[ +-] .*)\n", re.M)

# At rest is what stays as it is for so many looks; whoever is waited for sleeps meanwhile, and nobody runs.
LOOKS, LOOK_SECONDS = 10, 0.01
ASLEEP = "STtZ"


def family(pid):
    """The process and all of its descendants."""
    return [pid] + [each for child in procfs.children(pid) for each in family(child)]


class Room:
    """path: the folders of commands that come before all others, with colons between them."""

    def __init__(self, folder, path):
        self.folder = folder
        env = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}", "PS1": PROMPT, "TERM": "dumb", "LC_ALL": "C"}
        for name in ("PROMPT_COMMAND", "BASH_ENV"):
            env.pop(name, None)
        self.seen = ""
        self.shell = pexpect.spawn(APART[0], [*APART[1:], "sh", "-c", START], env=env, cwd=str(folder), encoding="utf-8",
                                   codec_errors="replace", dimensions=(50, 120),
                                   preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_DFL))
        self._rest("the first prompt")

    def type(self, command):
        self.shell.sendline(command)
        self._rest(command)

    def printed(self):
        """All that stands on the terminal, but not the last prompt and what bash says of jobs."""
        return JOB.sub("", self.seen.replace("\r\n", "\n")).removesuffix(PROMPT)

    def _rest(self, command):
        """Wait for a prompt behind which nothing happens any more."""
        deadline, before, looks = time.monotonic() + 20 * PATIENCE, None, 0
        while looks < LOOKS:
            if time.monotonic() > deadline:
                raise Late(f"{command}: no prompt, or no rest; {before[1]}; so far:\n{self.seen}")
            self._read()
            states = {pid: procfs.state(pid) for pid in family(self.shell.pid)}
            at_rest = self.seen.endswith(PROMPT) and all(state and state in ASLEEP for state in states.values())
            looks = looks + 1 if at_rest and (self.seen, states) == before else 0
            before = self.seen, states

    def _read(self):
        try:
            while True:
                self.seen += self.shell.read_nonblocking(1 << 16, LOOK_SECONDS)
        except pexpect.TIMEOUT:
            pass

    def close(self):
        """End all that was started here."""
        os.kill(self.shell.pid, signal.SIGKILL)
        self.shell.wait()
        self.shell.close()


@pytest.fixture
def room(built, tmp_path):
    """A room where the classic programs and the yodel under test are commands."""
    able = subprocess.run([*APART, "true"], capture_output=True, text=True, timeout=10 * PATIENCE)
    if able.returncode:
        pytest.skip(f"no namespaces here: {able.stderr.strip()}")
    room = Room(tmp_path, f"{built}:{Path(YODEL).resolve().parent}")
    yield room
    room.close()
