# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests' own implementation of the private protocol: that it does what PROTOCOL.md says, with itself at the other
end, and that who stands in the middle of it is found out."""

import os
from contextlib import suppress

import pytest
from OpenSSL import SSL

import middle
from middle import DOWN, UP, Interceptor, Relay, between  # noqa: F401
from pipelib import Background, dial, listener
from private import (BY_NUMBER, BY_TICKET, EXPORTER, STREAM, TICKET_WRONG, Alert, Broken, Caller, Cut, Key, Listener,
                     Refused, Ticket, connected, id_text, number, pack_ticket, tls, unpack_ticket)

SECRET = bytes(range(16))


@pytest.fixture
def pair(clients):
    """pair(**how): a Caller and a Listener, connected, with nothing said yet."""
    def make(caller=None, listener=None):
        ends = connected()
        clients.extend(ends)
        return Caller(ends[0], **caller or {}), Listener(ends[1], **listener or {})
    return make


def greet(caller, listener, secret=None):
    there = Background(listener.greet, secret)
    caller.greet(secret)
    there.result()


def numbers(caller, listener):
    """What both show."""
    def answer():
        listener.handshake()
        listener.say_hello()
        _, committed = listener.asked()
        return listener.compare(committed)

    there = Background(answer)
    caller.handshake()
    caller.say_hello()
    caller.commit()
    caller.hear_hello()
    return caller.exchange(), there.result()


def test_two_of_them_talk_and_say_goodbye(pair):
    caller, listener = pair()
    greet(caller, listener, SECRET)
    assert caller.how == listener.how == BY_TICKET
    assert caller.link.peer_id == listener.key.id and listener.link.peer_id == caller.key.id
    caller.say("hello")
    saying = Background(lambda: (listener.say("x" * 1000000), listener.say("")))
    assert caller.hear() == "x" * 1000000
    assert caller.hear() == ""
    saying.result()
    assert listener.hear() == "hello"
    there = Background(listener.hear_goodbye)
    assert caller.leave() == []
    there.result()


def test_both_say_goodbye_at_once(pair):
    caller, listener = pair()
    greet(caller, listener)
    there = Background(listener.leave)
    caller.leave()
    there.result()


def test_a_stream_arrives(pair):
    caller, listener = pair({"mode": STREAM}, {"mode": STREAM})
    greet(caller, listener)
    data = os.urandom(200000)
    there = Background(listener.read_stream)
    caller.stream(data)
    caller.send(0x12)
    assert there.result() == data


def test_the_number_is_the_same_on_both_sides_and_new_each_time(pair):
    first, again = (numbers(*pair()) for _ in range(2))
    assert first[0] == first[1] and again[0] == again[1] and first != again
    assert len(first[0]) == 14 and first[0].replace(" ", "").isdigit()


def test_a_nonce_that_was_not_committed_to_is_found_out(pair):
    caller, listener = pair()

    def answer():
        listener.handshake()
        listener.say_hello()
        return listener.compare(listener.asked()[1])

    there = Background(answer)
    caller.handshake()
    caller.say_hello()
    caller.commit()
    caller.hear_hello()
    caller.exchange(wrong=os.urandom(32))
    with pytest.raises(Broken, match="not the one that was committed to"):
        there.result()


def test_a_refusal_is_one(pair):
    caller, listener = pair()

    def answer():
        listener.handshake()
        listener.say_hello()
        assert not listener.proves(SECRET, listener.asked()[1])
        listener.refuse(TICKET_WRONG)

    there = Background(answer)
    with pytest.raises(Refused) as refused:
        caller.greet(b"another secret! ")
    assert refused.value.code == TICKET_WRONG
    there.result()


def test_an_end_without_close_notify_is_a_cut(pair):
    caller, listener = pair()
    greet(caller, listener)
    caller.cut()
    with pytest.raises(Cut):
        listener.hear()


@pytest.mark.parametrize("how", [{"versions": (0x303, 0x303)}, {"alpn": (b"http/1.1",)}, {"groups": "P-256"}])
def test_another_tls_comes_to_nothing(pair, how):
    caller, listener = pair(how)
    there = Background(listener.handshake)
    with pytest.raises((Alert, Cut)):
        caller.handshake()
        caller.receive()
    with pytest.raises((Alert, Cut)):
        caller.cut()
        there.result()


def test_a_ticket_is_read_as_it_was_made_however_it_is_wrapped():
    ticket = Ticket((("2001:db8::1", 5188), ("192.0.2.7", 1), ("home.example", 65535)), bytes(range(32)), SECRET)
    text = pack_ticket(ticket)
    assert unpack_ticket(text) == ticket
    assert unpack_ticket(" " + text.upper()[:30] + "\r\n\t" + text[30:].replace("a", "-A") + "\n") == ticket
    for at in range(8, len(text)):
        with pytest.raises((Broken, ValueError, IndexError)):
            unpack_ticket(text[:at] + ("a" if text[at] != "a" else "b") + text[at + 1:])
    assert len(id_text(ticket.listener)) == 64


# --- in the middle

def through(kind, between, clients, *args, **how):
    """A caller and a listener with somebody between them: (caller, a way to the listener, who stands there)."""
    server = listener()
    clients.append(server)
    there = between(kind, server.getsockname()[1], *args, **how)
    sock = dial(there.port)
    clients.append(sock)

    def accept(**options):
        other, _ = server.accept()
        clients.append(other)
        return Listener(other, **options)

    return Caller(sock), accept, there


def test_a_relay_passes_everything(between, clients):
    caller, accept, relay = through(Relay, between, clients)
    there = Background(lambda: accept().greet(SECRET))
    caller.greet(SECRET)
    other = there.result()
    other.say("y" * 50000)
    assert caller.hear() == "y" * 50000
    goodbye = Background(other.hear_goodbye)
    caller.leave()
    goodbye.result()
    assert relay.passed[UP] and relay.passed[DOWN]


@pytest.mark.parametrize("change", [middle.flip(0), middle.flip(50), middle.flip(-1), middle.drop, middle.twice,
                                    middle.shorten, middle.truncate(3), middle.truncate(20), middle.Swap()])
def test_a_record_that_is_not_as_it_was_never_arrives(between, clients, change):
    caller, accept, relay = through(Relay, between, clients)
    there = Background(lambda: accept().greet(SECRET))
    caller.greet(SECRET)
    other = there.result()
    caller.say("before")
    assert other.hear() == "before"
    swaps = isinstance(change, middle.Swap)
    if swaps:
        relay.changes[UP] = change
    else:
        relay.on_next(UP, change)
    caller.say("first")
    caller.say("second")
    if change is middle.twice:
        assert other.hear() == "first"
    with pytest.raises((Alert, Cut)):
        other.hear()


def test_a_record_that_comes_back_is_not_taken_for_the_others(between, clients):
    caller, accept, relay = through(Relay, between, clients)
    there = Background(lambda: accept().greet(SECRET))
    caller.greet(SECRET)
    there.result()
    caller.say("echo")
    relay.send(DOWN, relay.passed[UP][-1])
    with pytest.raises(Alert):
        caller.hear()


def test_who_stands_in_the_middle_cannot_prove_a_secret_that_it_passes_on(between, clients):
    caller, accept, interceptor = through(Interceptor, between, clients)

    def answer():
        other = accept().handshake()
        other.say_hello()
        _, proof = other.asked()
        right = other.proves(SECRET, proof)
        other.refuse(TICKET_WRONG)
        return right

    there = Background(answer)
    with pytest.raises(Refused):
        caller.greet(SECRET)
    assert there.result() is False
    assert caller.link.peer_id == interceptor.key.id


def shown(caller, listener):
    """The number of an exchange between two keys: a handshake in memory, and a nonce of each."""
    ends = tls("caller", caller), tls("listener", listener)
    for _ in range(3):  # a flight each, and the caller's last one
        for one, other in (ends, ends[::-1]):
            with suppress(SSL.WantReadError):
                one.do_handshake()
            with suppress(SSL.WantReadError):
                other.bio_write(one.bio_read(1 << 16))
    exporter, same = (end.export_keying_material(EXPORTER, 32) for end in ends)
    assert exporter == same
    return number(exporter, listener.id, caller.id, os.urandom(32), os.urandom(32))


@pytest.mark.lengthy
def test_the_numbers_differ_every_time_of_a_thousand():
    middle_key, callers_key, listeners_key = Key(), Key(), Key()
    pairs = [(shown(callers_key, middle_key), shown(middle_key, listeners_key)) for _ in range(1000)]
    assert all(callers != listeners for callers, listeners in pairs)
    assert len({each for pair in pairs for each in pair}) == 2000


def test_with_an_exchange_on_each_side_the_two_are_shown_different_numbers(between, clients):
    caller, accept, interceptor = through(Interceptor, between, clients, compares=True)

    def answer():
        other = accept().handshake()
        other.say_hello()
        shown = other.compare(other.asked()[1])
        other.welcome(BY_NUMBER)
        return shown, other.begun()

    there = Background(answer)
    caller.handshake()
    caller.say_hello()
    caller.commit()
    caller.hear_hello()
    callers = caller.exchange()
    caller.welcomed()
    caller.ready()
    listeners, other = there.result()
    assert callers == interceptor.numbers[UP] and listeners == interceptor.numbers[DOWN]
    assert callers != listeners
    caller.say("read by who stands there")  # had they not compared
    assert other.hear() == "read by who stands there"
    assert interceptor.texts() == [b"read by who stands there"]
