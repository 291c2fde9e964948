# SPDX-License-Identifier: GPL-3.0-or-later
"""A program on a terminal: a PTY of a given size in a session of its own, what it shows, and a hand at the keyboard."""

import fcntl
import os
import re
import select
import shlex
import signal
import struct
import subprocess
import termios
import time
from contextlib import suppress

import pyte
from wcwidth import wcwidth

import procfs
from screen import APPLICATION_KEYS, BRACKETED_PASTE, Screen
from service import PATIENCE, REPORTS, Late, until
from tape import Tape, write_all

# What xterm sends for them. The letters of cursor keys follow CSI, or SS3 when the program has asked for that.
CURSOR_KEYS = {"up": b"A", "down": b"B", "right": b"C", "left": b"D", "end": b"F", "home": b"H"}
KEYS = {"enter": b"\r", "tab": b"\t", "backspace": b"\x7f", "escape": b"\x1b", "delete": b"\x1b[3~",
        "pageup": b"\x1b[5~", "pagedown": b"\x1b[6~"}

# Of the environment of whoever runs the tests: what would change how a program looks or behaves.
STRIPPED = re.compile(
    r"LC_|LANG|XDG_|TMUX|TERM|COLORTERM|COLUMNS|LINES|NO_COLOR|PROMPT_COMMAND|PS\d|LS_COLORS|BASH_ENV|ENV$")


def environment(home, changes=None):
    """A whole environment: that of the tests without its terminal and its language, on xterm in UTF-8. `home` is a
    folder, empty at first; `changes` come last, and what is None there is not set at all."""
    env = {key: value for key, value in os.environ.items() if not STRIPPED.match(key)}
    env |= {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(home),
            "INPUTRC": str(home / "inputrc")}
    env |= changes or {}
    return {key: value for key, value in env.items() if value is not None}


def matches(what, lines):
    """Does this stand in the lines: a text, a compiled pattern (in all of them, joined by newlines), or what a function
    makes of the list of lines."""
    if callable(what):
        return what(lines)
    text = "\n".join(lines)
    return what.search(text) if isinstance(what, re.Pattern) else what in text


def columns(text, count):
    """The part of a row that stands in its first columns, filled up with blanks."""
    used = 0
    for at, char in enumerate(text):
        used += wcwidth(char)
        if used > count:
            return text[:at]
    return text + " " * (count - used)


def session_of(pid):
    """The processes whose session is led, or was, by this one."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            if os.getsid(int(name)) == pid and procfs.alive(int(name)):
                found.append(int(name))
    return found


def end_session(pid):
    """Give those that are left of a session a second to end by themselves, then end them. Returns what they were."""
    with suppress(Late):
        until(lambda: not session_of(pid), 1.0)
    left = {each: procfs.command(each) for each in session_of(pid)}
    for each in left:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
    until(lambda: not any(map(procfs.alive, left)), what="a process ends when it is killed")
    return left


def wait_pid(process, seconds):
    """The exit status of a Popen, as soon as it is there."""
    if process.returncode is None:
        fd = os.pidfd_open(process.pid)
        try:
            if not select.select([fd], [], [], seconds * PATIENCE)[0]:
                return None
        finally:
            os.close(fd)
    return process.wait()


class Terminal:
    """A program on a terminal. All its output is in tape.bytes; what that looks like is shown when it is asked for.
    tape.pause() makes the terminal one that takes nothing, tape.collect() one that goes on.

    `env` is the whole environment (see environment()). stdin, stdout, stderr may go elsewhere than to the terminal,
    as with Popen; what is given there stays the caller's. With tidy=False end() accepts a terminal that was not
    restored."""

    def __init__(self, command, size=(80, 24), env=None, cwd=None, tidy=True, **popen):
        self.command = [str(word) for word in command]
        self.tidy = tidy
        self.ended = False
        self.fed = 0
        self.answers = b""  # what the terminal was made to say; it has been typed, too
        self.screen_ = Screen(*size, self._answer)
        self.stream = pyte.ByteStream(self.screen_)
        self.master, slave = os.openpty()
        os.set_blocking(self.master, False)
        # A description of our own: the terminal stays when the program is gone, and its flags are not shared.
        self.slave = os.open(os.ttyname(slave), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._set_size(*size)
        self.before = self.attributes()
        self.tape = Tape(self.master)
        try:
            self.process = subprocess.Popen(
                self.command, env=env, cwd=cwd, start_new_session=True, preexec_fn=lambda: _take_terminal(slave),
                **{"stdin": slave, "stdout": slave, "stderr": slave, **popen})
        except BaseException:
            self._close()
            raise
        finally:
            os.close(slave)
        self.pid = self.process.pid

    # --- what it shows

    def _answer(self, answer):
        self.answers += answer
        if self.master is not None and self.process.poll() is None:
            write_all(self.master, answer)

    @property
    def screen(self):
        """The Screen (screen.py) as of now."""
        with self.tape.changed:
            data = bytes(self.tape.bytes[self.fed:])
            self.fed += len(data)
        self.stream.feed(data)
        return self.screen_

    @property
    def size(self):
        return self.screen_.columns, self.screen_.lines

    @property
    def cursor(self):
        """(column, row), from 0."""
        cursor = self.screen.cursor
        return cursor.x, cursor.y

    def lines(self):
        """All that was ever shown and not erased, row by row, without blanks at the ends."""
        return self.screen.all_rows()

    def rows(self):
        """What is visible."""
        return self.screen.rows()

    def cells(self, text):
        """The characters with their attributes of the first visible row that contains this text."""
        screen = self.screen
        return screen.cells(next(y for y, row in enumerate(screen.rows()) if text in row))

    def text(self):
        """All lines, for whoever reads a failure."""
        return "\n".join([f"{self.size[0]}x{self.size[1]}, cursor {self.cursor}:", *self.lines()[-60:]])

    def wait_screen(self, what, seconds=5):
        """Wait until lines() matches: a text, a compiled pattern, or a function of the list of lines. Returns what
        that came to."""
        return self.tape.wait(lambda: matches(what, self.lines()), seconds, f"{what!r} on the screen", self.text)

    def before_cursor(self):
        """What stands in the cursor's row up to the cursor, blanks at the end included."""
        x, y = self.cursor
        return columns(self.rows()[y], x)

    def wait_prompt(self, text="> ", seconds=5):
        """Wait until this, and nothing else, stands before the cursor in its row."""
        self.tape.wait(lambda: self.before_cursor() == text, seconds, f"{text!r} before the cursor", self.text)

    # --- the keyboard

    def type(self, text):
        """Text as UTF-8, or bytes."""
        write_all(self.master, text.encode() if isinstance(text, str) else text)

    def line(self, text):
        """Type it, and Enter."""
        self.type(text + ("\r" if isinstance(text, str) else b"\r"))

    def key(self, *names):
        """Keys by their names: see KEYS."""
        for name in names:
            lead = b"\x1bO" if APPLICATION_KEYS in self.screen.mode else b"\x1b["
            self.type(lead + CURSOR_KEYS[name] if name in CURSOR_KEYS else KEYS[name])

    def ctrl(self, letter):
        self.type(bytes([ord(letter.upper()) ^ 0x40]))

    def paste(self, text):
        """As a terminal pastes: line ends become those of the Enter key, and the whole is bracketed if the program has
        asked for that."""
        data = text.encode().replace(b"\n", b"\r")
        self.type(b"\x1b[200~" + data + b"\x1b[201~" if BRACKETED_PASTE in self.screen.mode else data)

    # --- the terminal itself

    def _set_size(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns, rows):
        """Another size of the window; the kernel sends SIGWINCH."""
        self.screen.resize(rows, columns)
        self._set_size(columns, rows)

    def attributes(self):
        """Those of termios, in a form that can be compared."""
        return termios.tcgetattr(self.slave)

    def is_restored(self):
        """Are its attributes what they were before the program began, and nothing set that a shell would mind?"""
        return self.attributes() == self.before and self.screen.is_tidy()

    def foreground(self):
        """The process group that has the terminal."""
        return os.tcgetpgrp(self.master)

    def hang_up(self):
        """The window is closed: SIGHUP. Nothing can be seen of the program any more."""
        self.tidy = False
        self.tape.stop()
        os.close(self.slave)
        os.close(self.master)
        self.master = self.slave = None

    # --- the end

    def signal(self, number):
        os.kill(self.pid, number)

    def wait_exit(self, seconds=5):
        """Its exit status, negative if a signal ended it. All of its output is there then."""
        status = wait_pid(self.process, seconds)
        if status is None:
            raise Late(f"still running after {seconds * PATIENCE:.1f} s; {self.text()}")
        self._drain()
        return status

    def _drain(self):
        """What a program writes to a terminal comes out of the master a little later, in order."""
        if self.master is None or self.ended:
            return
        self.tape.collect()
        mark = b"\xff%d\xff" % time.monotonic_ns()
        write_all(self.slave, mark)

        def marked():
            at = self.tape.bytes.find(mark)
            if at >= 0:
                del self.tape.bytes[at:at + len(mark)]
            return at >= 0

        self.tape.wait(marked, 5, "the end of the output")

    def _close(self):
        self.tape.stop()
        for fd in filter(None, (self.master, self.slave)):
            os.close(fd)
        self.master = self.slave = None

    def end(self):
        """End it in any case, then judge what it left behind. Safe to call twice."""
        if self.ended:
            return
        by_itself = self.process.poll() is not None
        if not by_itself:
            self.process.kill()
        wait_pid(self.process, 10)
        left = end_session(self.pid)
        restored = self.master is None
        try:
            self._drain()
            restored = restored or self.is_restored()
        finally:
            self.ended = True
            self._close()
        print(f"{shlex.join(self.command)}\nstatus {self.process.returncode}, {self.text()}")
        assert not left, f"processes outlived the program by more than a second: {left}"
        said = self.tape.bytes.decode("utf-8", "replace")
        assert not REPORTS.search(said), said[-6000:]
        if self.tidy and by_itself and self.process.returncode != -signal.SIGKILL:
            assert restored, f"the terminal was not restored: {self.before}, {said[-300:]!r}"


def default_signals():
    """In a child. Whoever runs the tests may ignore signals, as background jobs do."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
        signal.signal(number, signal.SIG_DFL)


def _take_terminal(slave):
    """In a child, a session's leader by now."""
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    default_signals()
