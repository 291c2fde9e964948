# SPDX-License-Identifier: GPL-3.0-or-later
"""A program in tmux: the terminal that is the judge of wide characters and of reflow. The same interface as a Terminal
(terminal.py), with a server of its own that ends with the test."""

import ast
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from service import PATIENCE, REPORTS, Late, until
from terminal import columns, end_session, matches

CONFIGURATION = """\
set -g status off
set -g history-limit 100000
set -g default-terminal {term}
set -s escape-time 0
set -s exit-empty off
"""

KEYS = {"up": "Up", "down": "Down", "right": "Right", "left": "Left", "end": "End", "home": "Home", "enter": "Enter",
        "tab": "Tab", "backspace": "BSpace", "escape": "Escape", "delete": "DC", "pageup": "PPage", "pagedown": "NPage"}

STEP = 0.02

# What runs in tmux, for tmux 3.3a forgets what a program says just before it ends: the program's parent, which stays.
# It tells what became of the program and of the terminal once tmux has answered a question, and so has shown
# everything before it.
PARENT = """
import os, select, signal, sys, termios, tty

def tell(name, what):
    with open(os.path.join(folder, name + "~"), "w") as file:
        file.write(repr(what))
    os.rename(file.name, os.path.join(folder, name))

def foreground(pid):
    os.setpgid(pid, pid)
    os.tcsetpgrp(0, pid)

folder, *command = sys.argv[1:]
before = termios.tcgetattr(0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
pid = os.fork()
if pid == 0:
    foreground(os.getpid())
    for number in (signal.SIGTTOU, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.execvp(command[0], command)
tell("pid", pid)
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
after = termios.tcgetattr(0)
os.tcsetpgrp(0, os.getpid())
tty.setraw(0)
os.write(1, b"\\033[6n")
answer = b""
while not answer.endswith(b"R") and select.select([0], [], [], 2)[0]:
    answer += os.read(0, 1000)
tell("end", (status, before == after))
signal.pause()
"""


class Tmux:
    """`env` is the whole environment of the program (see terminal.environment()); a TERM of xterm in it becomes what a
    program finds in tmux. With tidy=False end() accepts a terminal whose attributes were not restored."""

    def __init__(self, command, size=(80, 24), env=None, cwd=None, tidy=True):
        self.command = [str(word) for word in command]
        self.tidy = tidy
        self.ended = False
        env = dict(os.environ if env is None else env)
        if env.get("TERM", "").startswith("xterm"):
            env["TERM"] = "tmux-256color"
        self.folder = Path(tempfile.mkdtemp(prefix="yodel-tmux-"))
        try:
            configuration = self.folder / "conf"
            configuration.write_text(CONFIGURATION.format(term=shlex.quote(env.get("TERM", "dumb"))))
            # In the foreground, so that it is our child and cannot be lost.
            self.server = subprocess.Popen(
                ["env", "--default-signal", "tmux", "-u", "-S", self.folder / "socket", "-f", configuration, "-D"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env={**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}, cwd=cwd)
        except BaseException:
            shutil.rmtree(self.folder)
            raise
        try:
            until(self._answers, 10, "tmux answers", STEP)
            setting = [f"{key}={value}" for key, value in env.items()]
            self._tmux("new-session", "-d", "-x", size[0], "-y", size[1], "/usr/bin/python3", "-I", "-S", "-c", PARENT,
                       self.folder, "env", "-i", *setting, *self.command)
            self.parent = int(self._ask("pane_pid"))
            self.pid = until(lambda: self._told("pid"), 10, "the program begins")
        except BaseException:
            self._end_server()
            raise

    def _tmux(self, *words, data=None):
        """Run one command of tmux, and return what it prints."""
        done = subprocess.run(["tmux", "-u", "-S", self.folder / "socket", *map(str, words)], input=data,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20 * PATIENCE,
                              env={**os.environ, "LC_ALL": "C.UTF-8"})
        assert done.returncode == 0, f"tmux {words[0]}: {done.stderr.decode()}; server: {self.server.poll()}"
        return done.stdout.decode("utf-8", "replace")

    def _answers(self):
        assert self.server.poll() is None, f"the server of tmux ended with {self.server.returncode}"
        with suppress(AssertionError):
            return self._tmux("show-options", "-s", "exit-empty")

    def _ask(self, *names):
        return self._tmux("display-message", "-p", " ".join(f"#{{{name}}}" for name in names)).rstrip("\n")

    def _until(self, condition, seconds, what):
        try:
            return until(condition, seconds, what, STEP)
        except Late as late:
            raise Late(f"{late}\n{self.text()}") from None

    # --- what it shows

    @property
    def size(self):
        return tuple(map(int, self._ask("pane_width", "pane_height").split()))

    @property
    def cursor(self):
        """(column, row), from 0."""
        return tuple(map(int, self._ask("cursor_x", "cursor_y").split()))

    def capture(self, *options):
        """What `tmux capture-pane -p` prints: -e for attributes, -J for wrapped rows joined, -S - for all that has
        scrolled out, too."""
        return self._tmux("capture-pane", "-p", *options)

    def lines(self, *options):
        """All that was ever shown and not erased, row by row, without blanks at the ends."""
        rows = [row.rstrip() for row in self.capture("-S", "-", *options).split("\n")]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def rows(self):
        """What is visible."""
        return [row.rstrip() for row in self.capture().split("\n")[:-1]]

    def text(self):
        return "\n".join([f"{self._ask('pane_width', 'pane_height', 'cursor_x', 'cursor_y')}:", *self.lines()[-60:]])

    def wait_screen(self, what, seconds=5):
        """Wait until lines() matches: a text, a compiled pattern, or a function of the list of lines. Returns what that
        came to."""
        return self._until(lambda: matches(what, self.lines()), seconds, f"{what!r} on the screen")

    def before_cursor(self):
        """What stands in the cursor's row up to the cursor, blanks at the end included."""
        x, y = self.cursor
        return columns(self.rows()[y], x)

    def wait_prompt(self, text="> ", seconds=5):
        """Wait until this, and nothing else, stands before the cursor in its row."""
        self._until(lambda: self.before_cursor() == text, seconds, f"{text!r} before the cursor")

    # --- the keyboard

    def type(self, text):
        """Text as UTF-8, or bytes, as they are."""
        self._tmux("load-buffer", "-b", "typed", "-", data=text.encode() if isinstance(text, str) else text)
        self._tmux("paste-buffer", "-d", "-r", "-b", "typed")

    def line(self, text):
        """Type it, and Enter."""
        self.type(text + ("\r" if isinstance(text, str) else b"\r"))

    def key(self, *names):
        self._tmux("send-keys", *(KEYS[name] for name in names))

    def ctrl(self, letter):
        self._tmux("send-keys", f"C-{letter.lower()}")

    def paste(self, text):
        """As a terminal pastes: bracketed, if the program has asked for that."""
        self._tmux("load-buffer", "-b", "pasted", "-", data=text.encode())
        self._tmux("paste-buffer", "-d", "-p", "-b", "pasted")

    def resize(self, columns, rows):
        self._tmux("resize-window", "-x", columns, "-y", rows)

    # --- the end

    def signal(self, number):
        os.kill(self.pid, number)

    def _told(self, name):
        path = self.folder / name
        return ast.literal_eval(path.read_text()) if path.exists() else None

    def wait_exit(self, seconds=5):
        """Its exit status, negative if a signal ended it. All that it has said is shown then."""
        return self._until(lambda: self._told("end"), seconds, "it ends")[0]

    def _end_server(self):
        if self.server.poll() is None:
            with suppress(AssertionError, subprocess.TimeoutExpired):
                self._tmux("kill-server")
        try:
            self.server.wait(10)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()
        shutil.rmtree(self.folder)

    def end(self):
        """End it in any case, then judge what it left behind. Safe to call twice."""
        if self.ended:
            return
        self.ended = True
        told = self._told("end")
        try:
            text, said = self.text(), "\n".join(self.lines("-J"))
        finally:
            if not told:
                with suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
            self._end_server()
            left = end_session(self.parent)
        print(f"tmux: {shlex.join(self.command)}\n{told}, {text}")
        assert not left, f"processes outlived the program by more than a second: {left}"
        assert not REPORTS.search(said), said[-6000:]
        if self.tidy and told and told[0] != -signal.SIGKILL:
            assert told[1], "the terminal was not restored"
