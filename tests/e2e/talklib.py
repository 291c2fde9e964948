# SPDX-License-Identifier: GPL-3.0-or-later
"""A chat on a terminal with a peer that the test holds, and what its screen says."""

import fcntl
import re
import termios
import unicodedata
from getpass import getuser
from typing import NamedTuple

import pytest
from wcwidth import wcswidth

import procfs
from peer import Peer
from service import until
from terminal import columns

NAME, HOST = "anna", "127.0.0.1"

# How wide terminals are on which the chat must hold.
SIZES = {"80": (80, 24), "40": (40, 24)}

# How the rows of an entry begin; and what can be seen of that while it is being drawn.
HEAD = re.compile(r"(?:-- )?\d\d:\d\d ")
BEGUN = re.compile(r"-?-?|(?:-- )?\d?\d?:?\d?\d?")
TIME = len("14:03 ")


class Entry(NamedTuple):
    """What stands together on the screen: who ("--" for the program's own, ">" for what is being typed, "" for what
    stood there before the chat) and the rows of text, without what is left of it."""

    who: str
    rows: list

    @property
    def text(self):
        """The rows as one line of words."""
        return " ".join(self.rows)


def composed(text):
    """As a screen has it: pyte composes marks and letters, tmux leaves them as they came."""
    return unicodedata.normalize("NFC", text)


def unread(terminal):
    """How many bytes were typed that nobody has read."""
    return int.from_bytes(fcntl.ioctl(terminal, termios.FIONREAD, bytes(4)), "little")


def read_entries(lines, name_columns=len(HOST)):
    """What the rows of a screen say, from top to bottom. Names take so many columns; a row that stands nowhere is an
    error, unless it is the last and may be on its way."""
    found, indent = [], None
    for at, row in enumerate(map(composed, lines)):
        if row.startswith("-- ") and HEAD.match(row):
            indent = TIME + 3
            found.append(Entry("--", [row[indent:]]))
        elif HEAD.match(row):
            name = columns(row[TIME:], name_columns)
            indent = TIME + name_columns + 2
            assert row[TIME + len(name):TIME + len(name) + 2].strip() == "", f"no gap after the name: {row!r}"
            found.append(Entry(name.strip(), [row[TIME + len(name) + 2:]]))
        elif row == ">" or row.startswith("> "):
            indent = 0
            found.append(Entry(">", [row[2:]]))
        elif not found:
            indent = 0
            found.append(Entry("", [row]))
        elif at < len(lines) - 1 or indent == 0 or not BEGUN.fullmatch(row):
            assert row[:indent].strip() == "", f"a row that is not under the text: {row!r}"
            found[-1].rows.append(row[indent:])
    return found


class Talk:
    """`program` is yodel on a terminal of some kind, `peer` the Peer it talks with."""

    def __init__(self, program, peer: Peer, name=NAME, host=HOST):
        self.program, self.peer = program, peer
        self.name, self.host = name, host
        self.capture = ()  # options of lines()

    def entries(self):
        return read_entries(self.program.lines(*self.capture), max(wcswidth(self.name), len(self.host)))

    def said(self):
        """(who, rows) of all that the two have said, as far as it is shown."""
        return [(each.who, each.rows) for each in self.entries() if each.who in (self.name, self.host)]

    def texts(self):
        """The same with the rows as one line of words."""
        return [(who, " ".join(rows)) for who, rows in self.said()]

    def statuses(self):
        """The texts of the program's own lines."""
        return [each.text for each in self.entries() if each.who == "--"]

    def typed(self):
        """What stands in the prompt, all of which is on the screen; None if there is none at the bottom."""
        last = self.entries()[-1]
        return "".join(last.rows) if last.who == ">" else None

    def wait_typed(self, text, seconds=5):
        """Wait until this stands in the prompt."""
        self.program.wait_screen(lambda _: self.typed() == composed(text), seconds)

    def wait_said(self, *texts, seconds=5):
        """Wait until these, and nothing else, were said by the peer."""
        self.program.wait_screen(
            lambda _: [text for who, text in self.texts() if who == self.host] == [composed(text) for text in texts],
            seconds)

    def wait_status(self, text, seconds=5):
        """Wait for a line of the program's own with this text in it. Returns the whole text."""
        return self.program.wait_screen(
            lambda _: next((status for status in self.statuses() if text in status), None), seconds)

    def settle(self):
        """Wait until all that was typed has been read, and the program waits for something; not in tmux."""
        until(lambda: unread(self.program.slave) == 0 and procfs.state(self.program.pid) == "S", what="all is read")

    def paste(self, text):
        """As the terminal's paste(), without looking whether the program has asked for it: the screen is not drawn."""
        self.program.type(b"\x1b[200~" + text.encode().replace(b"\n", b"\r") + b"\x1b[201~")

    def skip(self):
        """Do not draw what has come so far: megabytes take seconds. What is on the screen then is not what was
        there."""
        with self.program.tape.changed:
            self.program.fed = len(self.program.tape.bytes)

    def heard(self, text):
        """How often the peer is seen to have said this, however it is wrapped."""
        def solid(words):
            return re.sub(r"\s", "", composed(words))
        return sum(who == self.host and solid("".join(rows)) == solid(text) for who, rows in self.said())

    def hear(self, text, seconds=5):
        """The peer says a line, and it is shown, and the prompt again below it."""
        before = self.heard(text)
        self.peer.line(text)
        self.program.wait_screen(lambda _: self.heard(text) > before and self.typed() is not None, seconds)


@pytest.fixture(params=SIZES.values(), ids=SIZES)
def size(request):
    return request.param


@pytest.fixture
def talk(chat, peers):
    """talk(*options, role="listen" or "call", ...): a Talk, connected, with an empty prompt. The rest is Chats'."""

    def begin(*options, role="listen", name=NAME, peer=None, prompt="> ", **how):
        options = [*options, *(["--name", name] if name else [])]
        if role == "listen":
            program = chat("listen", *options, **how)
            other = peers.call(program, **peer or {})
        else:
            listener = peers.listen(**peer or {})
            program = chat("call", *options, to=listener, **how)
            other = listener.accept()
        program.wait_screen("is here" if role == "listen" else "connected to")
        program.wait_prompt(prompt)
        return Talk(program, other, name or getuser())

    return begin
