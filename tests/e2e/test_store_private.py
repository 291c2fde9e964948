# SPDX-License-Identifier: GPL-3.0-or-later
"""Talking in private with a store that cannot be used: both are told what is wrong, can talk nevertheless, and the store
is left as it is. And with one that can: what a ticket makes, and what is left of it."""

import base64
import os
import re
import sqlite3

import pytest

from service import PATIENCE, YODEL, until
from storelib import Home, anyones, home, ordinary

ALONE = "; going on without contacts: nobody is known, and nothing is remembered"


@pytest.fixture
def other():
    """Where the other side lives, on the same machine."""
    home = Home()
    yield home
    home.close()


class Listener:
    """`yodel listen` in a pipe, from its ticket to its end."""

    def __init__(self, home, *options, env=None):
        self.err_path = home.root / "err"
        with open(self.err_path, "w") as err:
            self.process = home.start(YODEL, "listen", *options, "127.0.0.1:0", stderr=err, env=env or home.env)
        try:
            self.ticket = until(lambda: re.search(r"^yodel://\S+$", self.err, re.M), 10, "the ticket")[0]
        except BaseException:
            self.end()
            raise

    @property
    def err(self):
        return self.err_path.read_text()

    def end(self):
        self.process.kill()
        return self.process.communicate()

    def finish(self):
        """Wait for its end. Returns what it got."""
        try:
            out, _ = self.process.communicate(timeout=20 * PATIENCE)
            assert self.process.returncode == 0, self.err
            return out
        finally:
            self.end()


def talk(listening, calling, **options):
    """Say a line to the one from the other. Returns what both told on standard error."""
    listener = Listener(listening, **options)
    try:
        with open(calling.root / "said", "w+") as said:
            said.write("can you hear me?\n")
            said.seek(0)
            done = calling.run(YODEL, "call", listener.ticket, stdin=said)
        assert (done.status, done.out) == (0, ""), done
        assert listener.finish() == "can you hear me?\n"
        return listener.err, done.err
    finally:
        listener.end()


def lines(text, path):
    return [line for line in text.splitlines() if str(path) in line]


def damage(home):
    home.db.write_bytes(home.db.read_bytes()[:2000])
    return "damaged, or no store of yodel's ("


def make_newer(home):
    home.sql("PRAGMA user_version = 2")
    return "made by a newer version of yodel: its version is 2, and this one knows 1 ("


def replace_by_folder(home):
    home.db.unlink()
    home.db.mkdir()
    return "is a directory ("


@pytest.mark.parametrize("side", ["listen", "call"])
@pytest.mark.parametrize("spoil", [damage, make_newer, replace_by_folder])
def test_talking_without_a_store(anyones, other, spoil, side):
    anyones.add("anna")
    sentence = spoil(anyones)
    before = {path: content for path, content in anyones.files().items() if path.suffix != ".pem"}
    roles = (anyones, other) if side == "listen" else (other, anyones)
    told = talk(*roles)[roles.index(anyones)]
    (line,) = lines(told, anyones.db)
    assert line.startswith(f"yodel: {side}: {anyones.db}: {sentence}") and line.endswith(ALONE)
    assert {path: content for path, content in anyones.files().items() if path.suffix != ".pem"} == before
    (contact,) = other.names().values()
    assert contact["verified"]


def test_talking_with_a_store_that_may_not_be_written(ordinary, other):
    ordinary.add("anna")
    ordinary.db.chmod(0o400)
    (line,) = lines(talk(ordinary, other)[0], ordinary.db)
    assert line.startswith(f"yodel: listen: {ordinary.db}: permission denied (") and line.endswith(ALONE)
    ordinary.db.chmod(0o600)
    assert list(ordinary.names()) == ["anna"]


def test_talking_with_a_store_that_is_locked(home, other):
    """Whoever holds it for long is waited for, and then done without."""
    home.add("anna")
    connection = sqlite3.connect(home.db, isolation_level=None)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("BEGIN EXCLUSIVE")
    connection.execute("UPDATE contact SET met = 5")
    (line,) = lines(talk(home, other)[0], home.db)
    assert line.startswith(f"yodel: listen: {home.db}: in use by another process (") and line.endswith(ALONE)
    connection.execute("ROLLBACK")
    connection.close()
    assert list(home.names()) == ["anna"]


def test_talking_without_a_home(home, other):
    """The key is elsewhere; contacts are nowhere."""
    env = {**home.env, "HOME": "/not/here", "XDG_CONFIG_HOME": str(home.path)}
    told, _ = talk(home, other, env=env)
    assert (f"yodel: listen: /not/here: there is no such home (set HOME to the folder where yodel may keep its files){ALONE}"
            in told.splitlines())
    assert [str(path) for path in home.files()] == ["yodel/identity.pem"]


def test_ticket_makes_contacts_on_both_sides(anyones, other):
    """Both are verified, each has the other's id, and the ticket itself is in no file of either side."""
    listener = Listener(anyones)
    ticket = listener.ticket
    try:
        done = other.run(YODEL, "call", ticket)
        assert done.status == 0, done
        listener.finish()
    finally:
        listener.end()
    (caller,), (called,) = anyones.names().values(), other.names().values()
    assert caller["verified"] and called["verified"] and caller["met"] and called["met"]
    assert caller["id"] == other.peers("me").out.strip() and called["id"] == anyones.peers("me").out.strip()
    assert anyones.sql("SELECT count(*), count(contact) FROM ticket") == [(1, 1)]
    text = ticket.removeprefix("yodel://").upper()
    secret = base64.b32decode(text + "=" * (-len(text) % 8))[-20:-4]
    for home in (anyones, other):
        for path, content in home.files().items():
            assert secret not in content and ticket.encode() not in content, path
    assert os.listdir(anyones.folder) and (anyones.folder.stat().st_mode & 0o777) == 0o700


def test_store_that_is_locked_when_somebody_comes(home, other):
    """The listener has opened it; when the contact is to be made, somebody else writes for too long. They talk, and are told."""
    home.add("anna")
    listener = Listener(home)
    connection = sqlite3.connect(home.db, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        with open(other.root / "said", "w+") as said:
            said.write("can you hear me?\n")
            said.seek(0)
            done = other.run(YODEL, "call", listener.ticket, stdin=said)
        assert (done.status, done.out) == (0, ""), done
        assert listener.finish() == "can you hear me?\n"
    finally:
        listener.end()
        connection.execute("ROLLBACK")
        connection.close()
    (line,) = lines(listener.err, home.db)
    assert "not remembered" in line and "in use by another process" in line
    assert list(home.names()) == ["anna"]
