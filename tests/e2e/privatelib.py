# SPDX-License-Identifier: GPL-3.0-or-later
"""`yodel listen` and `yodel call` in private, and the one at the other end, which is the tests' own (private.py)."""

import re
import secrets
import socket
from contextlib import suppress

import pytest

import terminal
from pipelib import listener
from private import STREAM, TALK, Caller, Key, Listener, Ticket, pack_ticket, unpack_ticket
from service import PATIENCE, Late

TICKET = re.compile(r"yodel://[a-z2-7]+")
ROLES = ("listen", "call")


def text_of(program):
    """All that it has said so far, without regard to a screen."""
    if isinstance(program, terminal.Terminal):
        return program.tape.bytes.decode("utf-8", "replace").replace("\r", "")
    return "\n".join([*program.lines(), ""])


def wait_text(program, what, seconds=5, count=1):
    """Wait until it has said this, a text or a pattern, so many times. Returns the last of those, or its match."""
    pattern = what if isinstance(what, re.Pattern) else re.compile(re.escape(what))

    def found(_):
        matches = list(pattern.finditer(text_of(program)))
        return len(matches) >= count and matches[count - 1]

    return program.wait_screen(found, seconds)


def exit_of(program, seconds=5):
    """Its exit status, once all that it has said is there."""
    status = program.wait_exit(seconds)
    if not isinstance(program, terminal.Terminal):
        program.err.thread.join(5)
    return status


def mode_of(program):
    return TALK if isinstance(program, terminal.Terminal) else STREAM


class Away:
    """Where somebody may call whom the test plays: .port, and accept()."""

    def __init__(self, clients, key=None, program=None):
        self.clients, self.program = clients, program
        self.key = key or Key()
        self.server = listener()
        clients.append(self.server)
        self.port = self.server.getsockname()[1]
        self.secret = secrets.token_bytes(16)

    def ticket(self, **wrong):
        return pack_ticket(Ticket(**{"places": (("127.0.0.1", self.port),), "listener": self.key.id,
                                     "secret": self.secret} | wrong))

    def accept(self, seconds=5, **how):
        """A Listener for who calls; nothing is said yet."""
        self.server.settimeout(seconds * PATIENCE)
        try:
            sock, _ = self.server.accept()
        except TimeoutError:
            raise Late(f"nobody called within {seconds * PATIENCE:.1f} s") from None
        self.clients.append(sock)
        sock.settimeout(10 * PATIENCE)
        if self.program:
            how.setdefault("mode", mode_of(self.program))
        return Listener(sock, **{"key": self.key} | how)


class Meeting:
    """What the fixture `private` is."""

    def __init__(self, chat, clients):
        self.chat, self.clients = chat, clients

    def listen(self, *options, on="pipes", **how):
        """A program that listens; .ticket is what it gives out, None if it is nothing, .ticket_text how it is written."""
        program = self.chat("listen", *options, plain=False, on=on, **how)
        program.ticket = program.ticket_text = None
        if "--only" not in options and "-q" not in options:
            program.ticket_text = wait_text(program, re.compile(TICKET.pattern + r"(?=\n)"))[0]
            program.ticket = unpack_ticket(program.ticket_text)
        return program

    def dial(self, program, port=None, source=None, **how):
        """Somebody calls a program, perhaps from another address: a Caller that has said nothing yet."""
        sock = socket.create_connection(("127.0.0.1", port or program.port), 10 * PATIENCE,
                                        (source, 0) if source else None)
        self.clients.append(sock)
        return Caller(sock, **{"mode": mode_of(program)} | how)

    def call_in(self, program, seconds=5, **how):
        """The same with the program's ticket, and it is let in."""
        return self.dial(program, **how).greet(program.ticket.secret, seconds)

    def away(self, **how):
        return Away(self.clients, **how)

    def call(self, away, *options, on="pipes", ticket=None, **how):
        """A program that calls with a ticket: on its standard input in pipes, else in its arguments."""
        text = ticket or away.ticket()
        if on == "pipes":
            program = self.chat("call", *options, plain=False, on=on, **how)
            program.line(text)
        else:
            program = self.chat("call", *options, to=text, plain=False, on=on, **how)
        away.program = program
        return program

    def pair(self, role, *options, on="pipes", relay=None, **how):
        """A program in that role and a peer that are let in with a ticket. relay(port) makes who stands between."""
        if role == "listen":
            program = self.listen(*options, on=on)
            peer = self.dial(program, port=relay(program.port).port if relay else None, **how)
            peer.greet(program.ticket.secret)
        else:
            away = self.away()
            places = (("127.0.0.1", relay(away.port).port),) if relay else (("127.0.0.1", away.port),)
            program = self.call(away, *options, on=on, ticket=away.ticket(places=places))
            peer = away.accept(**how).greet(away.secret)
        wait_text(program, "is here")
        return program, peer

    def goes_on(self, program, seconds=5):
        """A listener lets the right one in, whatever was before."""
        with suppress(AttributeError):
            assert program.process.poll() is None
        peer = self.call_in(program, seconds)
        wait_text(program, "is here")
        return peer


@pytest.fixture
def private(chat, clients):
    """private.listen(), private.call(), private.pair(): see Meeting."""
    return Meeting(chat, clients)


@pytest.fixture(params=ROLES)
def role(request):
    return request.param


def wait_out(program, data, seconds=10):
    """Wait until standard output has this, and has had nothing else."""
    tape = program.out
    tape.wait(lambda: len(tape.bytes) >= len(data), seconds, f"{len(data)} bytes on standard output")
    assert bytes(tape.bytes) == data
