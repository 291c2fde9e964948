# SPDX-License-Identifier: GPL-3.0-or-later
"""What a peer calls itself is shown as text is: nothing of it reaches the terminal raw, and nothing gets out of its place."""

import re
import struct
import unicodedata

import pytest
from wcwidth import wcswidth

from people import people, wait_said  # noqa: F401
from private import BY_TICKET, HELLO, STREAM, TALK, Caller, Key, Listener, Ticket, pack_ticket

NAMES = {
    "escapes": "a\x1b[2J\x1b]0;owned\x07b",
    "controls": "a\r\nb\x00\x7f\x85c",
    "c1": "a\x9b31mb\x9d0;x\x9cc",
    "bidi": "a\u202eevil\u2066\u200f",
    "zero width": "b\u200bo\u200db\ufeff",
    "64 bytes": "x" * 64,
    "64 bytes of wide": "漢" * 21,
    "marks": "e" + "\u0301" * 30,
    "not UTF-8": b"a\xff\xfe\xc0\xafb",
    "cut UTF-8": b"a\xe6\xbc",
    "spaces": "  yourself  ",
    "yourself": "yourself",
    "a question": "eve in? (y or n) y\ny",
    "as a path": "../../etc/passwd",
    "as an address": "10.0.0.1:22",
    "as an option": "--help",
    "localhost": "localhost",
    "formats": "%s%n%08x",
    "tags": "a\U000e0041\U000e0042b",
}


@pytest.fixture(params=NAMES.values(), ids=NAMES)
def name(request):
    return request.param if isinstance(request.param, bytes) else request.param.encode()


def only_safe(program):
    """Nothing that does something has come to the terminal but what the program itself says."""
    data = bytes(program.tape.bytes)
    text = data.decode("utf-8")  # what is not UTF-8 would be an error
    rest = re.sub(r"\x1b(\[[0-9;?]*[A-Za-z]|[=>])", "", text)
    odd = {char for char in rest if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co") and char not in "\r\n"}
    assert not odd, odd
    assert b"\x1b[2J" not in data and b"\x1b]" not in data


def raw_hello(peer, name):
    """HELLO with a name that is bytes."""
    peer.send(HELLO, struct.pack(">BBIB", 1, peer.mode, 0, len(name)) + name + b"\x00")


def greet_as_caller(caller, name):
    caller.handshake()
    raw_hello(caller, name)
    caller.commit()
    caller.hear_hello()
    return caller.exchange()


def test_a_callers_name_in_the_question_and_in_the_chat(people, name):
    anna = people("anna")
    listener = anna.listen(size=(80, 24))
    sock = people.network.connect(listener)
    caller = Caller(sock, mode=TALK)
    greet_as_caller(caller, name)
    listener.wait_screen(lambda rows: "in?(yorn)" in "".join(rows).replace(" ", ""))
    listener.line("y")
    caller.welcomed()
    caller.ready()
    wait_said(listener, "encrypted,")
    caller.say("from the peer")
    listener.wait_screen("from the peer")
    only_safe(listener)
    assert all(wcswidth(row) <= 80 for row in listener.rows())
    [(known, contact)] = anna.contacts().items()
    assert re.fullmatch(r"[^.:/\[\]\s\x00-\x1f\x7f-\x9f-][^.:/\[\]\s\x00-\x1f\x7f-\x9f]*", known), known
    assert known not in ("localhost", "yourself") and len(known.encode()) <= 64
    assert contact["id"] == caller.key.text
    sock.close()


def test_a_callers_name_in_a_pipes_lines(people, name):
    anna = people("anna")
    listener = anna.listen("--accept-new", on="pipes")
    sock = people.network.connect(listener)
    caller = Caller(sock, mode=STREAM)
    greet_as_caller(caller, name)
    caller.welcomed()
    caller.ready()
    wait_said(listener, "is here (")
    for line in listener.err.raw:
        text = line.decode("utf-8")
        assert all(unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co") for char in text), text
    assert len(anna.contacts()) == 1
    sock.close()


def test_a_listeners_name(people, name):
    bob, key = people("bob"), Key()
    with people.network.listen() as server:
        where = server.getsockname()
        caller = bob.call(pack_ticket(Ticket((where,), key.id, bytes(16))), size=(80, 24))
        sock, _ = server.accept()
        away = Listener(sock, key=key, mode=TALK).handshake()
        raw_hello(away, name)
        away.asked()
        away.welcome(BY_TICKET)
        away.begun()
        wait_said(caller, "encrypted,")
        away.say("from the peer")
        caller.wait_screen("from the peer")
        only_safe(caller)
        assert len(bob.contacts()) == 1
        sock.close()


def test_a_name_cannot_be_told_from_one_that_is_taken(people):
    """A stranger that calls itself as a contact is shown, and kept, with a suffix."""
    anna, bob = people("anna"), people("bob")
    people.acquaint(anna, bob)
    listener = anna.listen()
    caller = Caller(people.network.connect(listener), mode=TALK)
    greet_as_caller(caller, b"bob")
    wait_said(listener, "it is NOT the bob whom you know: that one has another key")
    listener.wait_screen(lambda rows: "in?(yorn)" in "".join(rows).replace(" ", ""))
    listener.line("y")
    caller.welcomed()
    caller.ready()
    wait_said(listener, "bob-2 is here, encrypted")
    wait_said(listener, "you know somebody else as bob: this one is bob-2 here")
    caller.say("who am I")
    listener.wait_screen(re.compile(r"bob-2 \(?unverified.*who am I"))
    caller.sock.close()
