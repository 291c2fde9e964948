# SPDX-License-Identifier: GPL-3.0-or-later
"""People: each has a home, and in it a key and contacts of their own; they listen and call in private."""

import json
import re
import sqlite3
import subprocess

import pytest

import netns
from chatlib import Chats
from private import Key
from service import PATIENCE, REPORTS, YODEL
from terminal import Terminal, environment

TICKET = re.compile(r"yodel://[a-z2-7]+(?=[\r\n])")
NUMBER = re.compile(r"number: (\d{4} \d{4} \d{4})")

# No sentence of the program's is broken in two on it.
WIDE = (400, 60)


def said(program):
    """All that it has said, without regard to a screen; not what is written to a pipe."""
    if isinstance(program, Terminal):
        return program.tape.bytes.decode("utf-8", "replace")
    return "\n".join([*program.lines(), ""])


def wait_said(program, what, seconds=5):
    """Wait until that was said, a text or a pattern. Returns it, or the match."""
    def found(_):
        return what.search(said(program)) if isinstance(what, re.Pattern) else what in said(program) and what

    return program.wait_screen(found, seconds)


def status_of(program, seconds=5):
    """Wait for its end, and for all that it has said. Returns the exit status."""
    status = program.wait_exit(seconds)
    if not isinstance(program, Terminal):
        program.err.thread.join(5)
    return status


class Person:
    """`wrap` is what their commands run in."""

    def __init__(self, chats, folder, name, wrap=()):
        self.chats, self.name, self.wrap = chats, name, wrap
        self.config, self.data = folder / "config", folder / "data"
        self.env = {"XDG_CONFIG_HOME": str(self.config), "XDG_DATA_HOME": str(self.data)}

    def _run(self, command, options, how):
        how.setdefault("on", "terminal")
        if how["on"] == "terminal":
            how.setdefault("size", WIDE)
        name = how.pop("name", self.name)
        return self.chats(command, *options, "--name", name, plain=False, wrap=self.wrap,
                          env={**self.env, **how.pop("env", {})}, **how)

    def listen(self, *options, **how):
        """`yodel listen`; as Chats."""
        return self._run("listen", options, how)

    def call(self, whom=None, *options, **how):
        """`yodel call WHOM`: the text, a port of 127.0.0.1, what has one; None: as a ticket is asked for."""
        return self._run("call", options, {"to": whom, **how})

    # --- who they are, and whom they know

    def peers(self, *words, status=0):
        """`yodel peers`. Returns what it prints."""
        done = subprocess.run([*self.wrap, YODEL, "peers", *words], env=environment(self.chats.home, self.env),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30 * PATIENCE, check=False)
        assert not REPORTS.search(done.stderr), done.stderr
        assert done.returncode == status, done
        return done.stdout

    @property
    def id(self):
        return self.peers("me").strip()

    @property
    def key(self):
        """Their private key, for somebody whom the test plays."""
        return Key.load(self.config / "yodel" / "identity.pem")

    def contacts(self):
        return {contact["name"]: contact for contact in map(json.loads, self.peers("--json").splitlines())}

    def knows(self, name):
        """(verified, where) of the contact with that name, which has to be there."""
        contact = self.contacts()[name]
        return contact["verified"], contact["places"]

    def sql(self, statement, *values):
        """Change the store behind yodel's back. Returns the rows."""
        connection = sqlite3.connect(self.data / "yodel" / "yodel.db", timeout=30)
        with connection:
            rows = connection.execute(statement, values).fetchall()
        connection.close()
        return rows

    def set_places(self, name, *places):
        """A contact is at these (host, port), in this order."""
        [[row]] = self.sql("SELECT row FROM contact WHERE name = ?", name)
        self.sql("DELETE FROM place WHERE contact = ?", row)
        for position, (host, port) in enumerate(places):
            self.sql("INSERT INTO place VALUES (?, ?, ?, ?)", row, position, host, port)


class People:
    """people(name, ...): somebody new. people.acquaint(): two get to know each other."""

    def __init__(self, chats, folder, wrap=()):
        self.chats, self.folder, self.wrap = chats, folder, wrap

    def __call__(self, name, wrap=None, folder=None):
        return Person(self.chats, self.folder / (folder or name), name, self.wrap if wrap is None else wrap)

    def acquaint(self, one, other, address="127.0.0.1:0"):
        """By a ticket of the one's, who listens at the address; both in pipes that say nothing. Both are verified
        then, and the other knows the address. Returns the port."""
        listener = one.listen(on="pipes", address=address)
        ticket = wait_said(listener, TICKET)[0]
        caller = other.call(None, on="pipes")
        caller.line(ticket)
        for program in (caller, listener):
            program.half_close()
        for program in (caller, listener):
            assert status_of(program) == 0, said(program)
        assert one.knows(other.name)[0] and other.knows(one.name)[0]
        return listener.port


@pytest.fixture
def people(tmp_path_factory):
    """In a network with nothing but a loopback interface: whoever calls by name listens on the usual port."""
    network = netns.Network()
    if not network.usable:
        network.close()
        pytest.skip("no network namespaces here")
    chats = Chats(tmp_path_factory.mktemp("chat"))
    made = People(chats, tmp_path_factory.mktemp("people"), network.wrap)
    made.network = network
    yield made
    try:
        chats.end()
    finally:
        network.close()


# --- on a terminal

def talking(program, name, seconds=5):
    """Wait until somebody of that name is here."""
    return wait_said(program, re.compile(rf"-- \d\d:\d\d {re.escape(name)} is here, encrypted"), seconds)


def in_chat(one, other, text="hello"):
    """Something is said in both directions, and shown."""
    for number, (speaker, listener) in enumerate(((one, other), (other, one))):
        speaker.line(f"{text} {number}")
        listener.wait_screen(f"{text} {number}")


def leave(one, other):
    """The one says goodbye; both end well."""
    one.line("/quit")
    assert (one.wait_exit(), other.wait_exit()) == (0, 0)
