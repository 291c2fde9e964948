# SPDX-License-Identifier: GPL-3.0-or-later
"""A shell with job control on a terminal, and a program as its job: for Ctrl-Z and fg."""

import os
import re
import shlex

import procfs
from service import until
from terminal import Terminal


class Shell(Terminal):
    """A Terminal on which bash runs; `pid` is the shell's."""

    PROMPT = "shell$ "

    def __init__(self, env=None, **how):
        super().__init__(["bash", "--norc", "--noprofile", "--noediting", "-i"],
                         env={**(env or os.environ), "PS1": self.PROMPT, "HISTFILE": ""}, **how)
        self.asked = 0
        self.prompts = 0  # how many there were before the last command
        try:
            self.wait_shell()
        except BaseException:
            self.end()
            raise

    def _prompts(self):
        return self.tape.bytes.count(self.PROMPT.encode())

    def _enter(self, text):
        self.prompts = self._prompts()
        self.line(text)

    def wait_shell(self, seconds=5):
        """Wait until the shell has the terminal and asks for another command."""
        self.tape.wait(lambda: self._prompts() > self.prompts and self.foreground() == self.pid
                       and self.before_cursor() == self.PROMPT, seconds, "the shell's prompt", self.text)

    def run(self, *command):
        """Begin a job in the foreground."""
        self._command(shlex.join(map(str, command)))

    def _command(self, text):
        """Enter a command, and wait until its job has the terminal and has become a program of its own, or until it is
        over."""
        self._enter(text)

        def begun():
            group = self.foreground()
            return (group != self.pid and procfs.command(group) != procfs.command(self.pid)
                    or self._prompts() > self.prompts)

        until(begun, what=f"{text} begins")

    def job(self):
        """The pid of the job's first process."""
        [pid] = [pid for pid in procfs.children(self.pid) if procfs.alive(pid)]
        return pid

    def suspend(self, seconds=5):
        """Ctrl-Z."""
        pid = self.job()
        self.ctrl("z")
        until(lambda: procfs.state(pid) == "T", seconds, "the job stops")
        self.wait_shell(seconds)

    def resume(self, command="fg"):
        self._command(command)

    def status(self, seconds=5):
        """Wait for the job's end. Returns its exit status, as the shell tells it."""
        self.wait_shell(seconds)
        self.asked += 1
        self._enter(f"echo status-{self.asked}=$?")
        self.wait_shell(seconds)
        return int(re.search(rf"^status-{self.asked}=(\d+)$", "\n".join(self.lines()), re.M)[1])

    def leave(self):
        """End the shell."""
        self.line("exit")
        return self.wait_exit()
