# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the chat need: `yodel listen` and `yodel call`, or any other program, on a terminal, in tmux, as a
shell's job or between pipes; and peers that the test holds itself. All of it ends with the test and is judged then."""

import os
import re
import shlex
import subprocess

import pytest

from peer import Peers
from service import PATIENCE, REPORTS, YODEL, Late, Output
from shell import Shell
from tape import Tape, write_all
from terminal import Terminal, default_signals, end_session, environment, matches, wait_pid
from tmux import Tmux

# The port is complete once something else follows.
LISTENING = re.compile(r"listening on (\S+):(\d+)(?=\D)")


class Pipes:
    """A program between pipes: .out is the Tape of its standard output, .err the Output (service.py) of its standard
    error.

    `collect` names those that are read from the start ("out", "err"); the others stay full until their collect() is
    called. stdin and stdout may be files instead."""

    def __init__(self, command, env=None, cwd=None, stdin=subprocess.PIPE, stdout=subprocess.PIPE, collect="out err"):
        self.command = [str(word) for word in command]
        self.ended = False
        self.process = subprocess.Popen(
            self.command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, env=env, cwd=cwd, bufsize=0,
            start_new_session=True, preexec_fn=default_signals)
        self.pid = self.process.pid
        if self.process.stdin:
            os.set_blocking(self.process.stdin.fileno(), False)
        self.out = Tape(self.process.stdout.fileno(), "out" in collect) if self.process.stdout else None
        self.err = Output(self.process.stderr, "err" in collect)

    # --- what it says

    def lines(self):
        """The lines of standard error so far."""
        return [line.decode("utf-8", "replace") for line in self.err.raw]

    def text(self):
        return "\n".join(self.lines()[-60:])

    def wait_screen(self, what, seconds=5):
        """Wait until the lines of standard error match: a text, a compiled pattern, or a function of the list of
        lines."""
        return self.err.wait(lambda _: matches(what, self.lines()), seconds, f"{what!r} on standard error")

    def read_all(self, seconds=10):
        """Standard output up to its end."""
        return self.out.wait_end(seconds)

    # --- what it hears

    def type(self, text, seconds=10):
        """Write to standard input: text as UTF-8, or bytes. It has so many seconds to take each piece."""
        write_all(self.process.stdin.fileno(), text.encode() if isinstance(text, str) else text, seconds)

    def line(self, text):
        self.type(text + ("\n" if isinstance(text, str) else b"\n"))

    def half_close(self):
        """End standard input."""
        self.process.stdin.close()

    def signal(self, number):
        os.kill(self.pid, number)

    # --- the end

    def wait_exit(self, seconds=5):
        """Its exit status, negative if a signal ended it."""
        status = wait_pid(self.process, seconds)
        if status is None:
            raise Late(f"still running after {seconds * PATIENCE:.1f} s; standard error:\n{self.text()}")
        return status

    def end(self):
        """End it in any case, then judge what it left behind. Safe to call twice."""
        if self.ended:
            return
        self.ended = True
        if self.process.poll() is None:
            self.process.kill()
        wait_pid(self.process, 10)
        if self.process.stdin:
            self.process.stdin.close()
        left = end_session(self.pid)
        self.err.collect()
        self.err.thread.join(5)
        if not self.err.thread.is_alive():
            self.process.stderr.close()
        if self.out:
            self.out.stop()
            self.process.stdout.close()
        said = "\n".join(self.lines())
        print(f"{shlex.join(self.command)}\nstatus {self.process.returncode}\n{said[-3000:]}")
        assert not left, f"processes outlived the program by more than a second: {left}"
        assert not REPORTS.search(said), said[-6000:]


def _job(command, **how):
    shell = Shell(**how)
    try:
        shell.run(*command)
    except BaseException:
        shell.end()
        raise
    return shell


KINDS = {"terminal": Terminal, "tmux": Tmux, "shell": _job, "pipes": Pipes}


class Stage:
    """Programs that run for one test, with an empty home."""

    def __init__(self, folder):
        self.home = folder / "home"
        self.home.mkdir()
        self.programs = []

    def run(self, *command, on="terminal", env=None, **how):
        """Begin a program on a Terminal, in a Tmux, as the job of a Shell, or between Pipes. `env` changes what
        environment() sets."""
        self.programs.append(KINDS[on](command, env=environment(self.home, env), **how))
        return self.programs[-1]

    def end(self):
        failures = []
        for program in reversed(self.programs):
            try:
                program.end()
            except AssertionError as failure:
                failures.append(str(failure))
        assert not failures, "\n".join(failures)


def wait_listening(program, seconds=5):
    """Wait for the `listening on` line, wherever it is said. Returns host and port."""
    if isinstance(program, Terminal):  # not from its screen, on which a long line wraps

        def found(_):
            return LISTENING.search(program.tape.bytes.decode("utf-8", "replace"))
    else:

        def found(lines):
            return LISTENING.search("\n".join([*lines, ""]))

    match = program.wait_screen(found, seconds)
    return match[1].strip("[]"), int(match[2])


class Chats(Stage):
    """chat(command, *options): `yodel listen` or `yodel call`."""

    def __call__(self, command, *options, to=None, address="127.0.0.1:0", plain=True, wrap=(), ready=True, **how):
        """`to` is whom a call reaches: a port of 127.0.0.1, something that has one, or text. `address` is where to
        listen; None leaves it out. With ready=False it is not waited for the `listening on` line, and .port is not
        set. The rest is Stage.run()'s."""
        if command == "call":
            port = getattr(to, "port", to)
            address = f"127.0.0.1:{port}" if isinstance(port, int) else port
        words = [*wrap, YODEL, command, *["--plain"] * plain, *options, *[address] * (address is not None)]
        program = self.run(*words, **how)
        if command == "listen" and ready:
            program.host, program.port = wait_listening(program)
        return program

    def pair(self, *options, on="terminal", **how):
        """Both sides, connected: (who listens, who called)."""
        listener = self("listen", *options, on=on, **how)
        caller = self("call", *options, on=on, to=listener, **how)
        caller.wait_screen("connected to")
        listener.wait_screen("is here")
        return listener, caller


@pytest.fixture
def run(tmp_path_factory):
    """run(*command, on=...): any program on a terminal, in tmux, as a shell's job or between pipes."""
    stage = Stage(tmp_path_factory.mktemp("run"))
    yield stage.run
    stage.end()


@pytest.fixture
def chat(tmp_path_factory):
    """chat("listen" or "call", *options, ...): see Chats."""
    chats = Chats(tmp_path_factory.mktemp("chat"))
    yield chats
    chats.end()


@pytest.fixture
def peers():
    """peers.call(port) and peers.listen(): the other end, held by the test."""
    opened = Peers()
    yield opened
    opened.close()

