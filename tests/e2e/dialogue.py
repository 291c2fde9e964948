# SPDX-License-Identifier: GPL-3.0-or-later
"""Terminals of which README.md shows what stands on them in the end: what was typed there is typed again.

Each block is a terminal in which bash runs; lines that begin with "$ " are typed once the command before is over. A
block that begins with `yodel listen` or `yodel echo` goes on beside those that follow, and with it a new dialogue
begins. Where `yodel listen` and `yodel call` are a chat, what stands behind a name is typed on the terminal of that
name, in the order of the longest block, and whoever "left" presses Ctrl-D. A block whose last line is the prompt, "> "
and what is half typed, shows the moment when the line above it came in.

Each name has a home of its own, which lasts as long as the scene. A ticket goes from the terminal of who listens to that
of who is asked for it, or into the file `ticket`; and where the listener's block shows that a stranger called, "y" is typed there."""

import os
import re
import subprocess
from contextlib import ExitStack

from terminal import Terminal, environment

# What the prompt is, and how it is told from what looks like it.
MARK = b"\033[m$ "

# Calls to the machine `box` come from another address. The loopback interface is a network of its own.
SETUP = r"""
ip link set lo up &&
ip address add 192.0.2.7/32 dev lo && ip address add 192.0.2.20/32 dev lo &&
ip route replace table local local 192.0.2.7 dev lo src 192.0.2.20 &&
printf '127.0.0.1 localhost\n192.0.2.7 box\n' >../hosts && mount --bind ../hosts /etc/hosts && echo ready && exec cat
"""

SAYING = re.compile(r"\d\d:\d\d (\S+) +(.*)")


class Machine:
    """A network and an /etc/hosts of their own, and commands that run there in a folder; those in the folder `path`
    come before all others."""

    def __init__(self, folder, path):
        self.folder = folder
        user = [] if os.getuid() == 0 else ["-r"]
        self.holder = subprocess.Popen(["unshare", "--net", "--mount", *user, "sh", "-c", SETUP], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder)
        self.usable = self.holder.stdout.readline() == b"ready\n"
        user = [] if os.getuid() == 0 else ["-U", "--preserve-credentials"]
        self.wrap = ["nsenter", "-n", "-m", "-w", *user, "-t", str(self.holder.pid), "--"]
        self.env = environment(folder, {"PATH": f"{path}:{os.environ['PATH']}", "PS1": r"\e[m$ ", "HISTFILE": ""})

    def close(self):
        """Returns what went wrong with it."""
        _, said = self.holder.communicate()
        return said.decode().strip()


def sayings(lines):
    """What was said in a chat: [(name, text), ...]."""
    found = []
    for line in lines:
        match = SAYING.match(line)
        if match:
            found.append(match.groups())
        elif found and line.startswith("  "):
            found[-1] = found[-1][0], f"{found[-1][1]} {line.strip()}"
    return found


class Reader(Terminal):
    """The terminal of one block."""

    def __init__(self, machine, lines):
        self.picture = lines
        self.commands = [line[2:] for line in lines if line.startswith("$ ")]
        self.prompts = 0
        self.machine = machine
        first = self.commands[0]
        name = re.search(r"--name (\S+)", first)
        self.name = name and name[1]
        home = machine.folder.parent / f"home-{self.name or 'nobody'}"
        home.mkdir(exist_ok=True)
        super().__init__([*machine.wrap, "bash", "--norc", "--noprofile", "--noediting", "-i"],
                         env=machine.env | {"HOME": str(home), "INPUTRC": str(home / "inputrc")})
        self.is_service = re.match(r"yodel (listen|echo)\b", first) is not None
        self.is_chat = re.match(r"yodel (listen|call)\b(?!.*[<>|])", first) is not None
        self.half = lines[-1][2:] if lines[-1].startswith("> ") else ""

    # --- the shell

    def wait_shell(self):
        """Wait for another of its prompts."""
        self.tape.wait(lambda: self.tape.bytes.count(MARK) > self.prompts, 20, "the shell's prompt", self.text)
        self.prompts = self.tape.bytes.count(MARK)

    def begin(self, listener):
        """Type the first command. Unless it is a service or a chat, type all of them."""
        self.wait_shell()
        if listener and listener.gives_ticket() and any(re.search(r"\bticket\b", each) for each in self.commands):
            (self.machine.folder / "ticket").write_text(listener.ticket() + "\n", encoding="ascii")
        self.line(self.commands.pop(0))
        if self.is_service:
            self.wait_screen("yodel://" if self.gives_ticket() else "listening on ")
        elif self.is_chat:
            self.meet(listener)
        else:
            self.finish()

    def gives_ticket(self):
        return any(line.startswith("yodel://") for line in self.picture)

    def ticket(self):
        """The one that this terminal shows; there it may be wrapped."""
        return re.findall(rb"yodel://[a-z2-7]+(?=\r\n)", bytes(self.tape.bytes))[-1].decode()

    def meet(self, listener):
        """A chat has been begun that calls: until the two talk."""
        if any(line.startswith("ticket: ") for line in self.picture):
            self.wait_prompt("ticket: ")
            self.line(listener.ticket())
        if any(" calls, whom you do not know" in line for line in listener.picture):
            listener.wait_prompt(f"let {self.name} in? (y or n) ")
            listener.line("y")
        self.wait_screen(lambda lines: re.search(r"^-- .* (connected to|is here, encrypted)", "\n".join(lines), re.M))
        for each in filter(None, (self, listener)):
            each.wait_prompt()

    def finish(self):
        """Wait until the command is over, and type those that are left."""
        if "^C" in self.picture:
            self.ctrl("c")
        self.wait_shell()
        while self.commands:
            self.line(self.commands.pop(0))
            self.wait_shell()

    # --- the chat

    def count(self):
        return len(sayings(self.lines()))

    def say(self, text):
        """Enter it, apart from what is half typed already."""
        self.line(text.removeprefix(self.before_cursor().removeprefix("> ")))

    def is_left(self):
        return any(re.fullmatch(r"-- .* left", line) for line in self.picture)

    def not_sent(self):
        return next((line.partition(" not sent: ")[2] for line in self.picture if " not sent: " in line), "")

    # --- what stands there

    def printed(self):
        """All lines, without the last prompt of the shell."""
        lines = self.lines()
        lines[-1] = lines[-1].removesuffix("$")
        return lines if lines[-1] else lines[:-1]


def converse(one, other, compare):
    """Say what the two said, then part."""
    script = max(sayings(one.picture), sayings(other.picture), key=len)
    for number, (name, _) in enumerate(script):
        speaker, listener = (one, other) if name == one.name else (other, one)
        in_between = listener.half and len(sayings(listener.picture)) == number + 1
        if in_between:
            listener.type(listener.half)
            listener.wait_prompt(f"> {listener.half}")
        speaker.say(script[number][1])
        for each in (one, other):
            each.wait_screen(lambda lines: len(sayings(lines)) == number + 1)
        if in_between:
            listener.wait_prompt(f"> {listener.half}")
            compare(listener)
    stays, leaves = (one, other) if one.is_left() else (other, one)
    stays.type(stays.not_sent())
    stays.wait_prompt(f"> {stays.not_sent()}")
    leaves.ctrl("d")


def play(machine, blocks, compare):
    """Play a scene on the machine, and call compare(Reader) when a terminal should look like its block."""
    readers = []
    with ExitStack() as ends:  # all of them, also where one fails
        for number, lines in enumerate(blocks):
            readers.append(Reader(machine, lines))
            ends.callback(readers[-1].end)
            readers[-1].begin(next((each for each in reversed(readers[:-1]) if each.is_service and not each.ended), None))
            following = blocks[number + 1][0] if number + 1 < len(blocks) else "$ yodel listen"
            if re.match(r"\$ yodel (listen|echo)\b", following):
                end_dialogue(readers, compare)


def end_dialogue(readers, compare):
    """Let those who talk talk, and all come to their ends."""
    present = [reader for reader in readers if not reader.ended]
    chats = [reader for reader in present if reader.is_chat]
    if len(chats) == 2:
        converse(*chats, compare)
    for reader in present:
        if reader.is_service or reader.is_chat:
            reader.finish()
    for reader in present:
        if not reader.half:
            compare(reader)
        reader.end()
