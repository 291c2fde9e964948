# SPDX-License-Identifier: GPL-3.0-or-later
"""Peers that speak the private protocol well and mean harm: they neither keep yodel busy, nor out of reach of others, nor
guess at a number more often than they may."""

import ctypes
import socket
import time
from contextlib import suppress

import pytest
from OpenSSL import SSL

import procfs
from chatlib import chat  # noqa: F401
from pipelib import Background
from private import BYE, DATA, DECLINED, DUPLICATE, EOF, HELLO, LIBSSL, OTHER_VERSION, Key, Refused, pack_frame
from privatelib import exit_of, private, role, text_of, wait_text  # noqa: F401
from service import PATIENCE, SANITIZED, Late, until

# What a program that waits may use of a processor.
LAZY = 0.2
LOOK_SECONDS = 1.0

# More than is taken in while somebody else gets a turn.
FLOOD_BYTES = 1 << 26


def is_lazy(program):
    """It uses next to no time of the processor while nothing happens."""
    before = procfs.cpu_seconds(program.pid)
    time.sleep(LOOK_SECONDS)  # there is no event that says that nothing has happened
    return procfs.cpu_seconds(program.pid) - before < LAZY * LOOK_SECONDS


def update_keys(peer):
    """Ask for new keys both ways: RFC 8446, 4.6.3."""
    raw = int(SSL._ffi.cast("uintptr_t", peer.link.tls._ssl))  # pylint: disable=protected-access
    assert LIBSSL.SSL_key_update(ctypes.c_void_p(raw), 1) == 1
    assert LIBSSL.SSL_do_handshake(ctypes.c_void_p(raw)) == 1


# --- goodbyes that are none

def test_a_peer_that_leaves_before_our_end_is_a_loss(private, role):
    program, peer = private.pair(role)
    peer.send(EOF)
    peer.send(BYE)
    program.type(b"x" * 100000)
    assert exit_of(program) == 3
    assert "left before" in text_of(program)


def test_a_goodbye_that_is_never_answered_is_a_loss(private, role):
    program, peer = private.pair(role)
    peer.send(EOF)
    program.half_close()
    assert peer.read_stream() == b""
    peer.expect(BYE)
    peer.send(BYE)
    peer.link.close_notify()
    assert exit_of(program) == 3


# --- frames that nobody needs

def sealed(peer, plain):
    """The records of it, which are not sent yet."""
    records = []
    for at in range(0, len(plain), 16384):
        peer.link.tls.send(plain[at:at + 16384])
        records.append(peer.link.tls.bio_read(1 << 16))
    return b"".join(records)


def test_frames_that_are_skipped_do_not_keep_it_from_anything_else(private, role):
    program, peer = private.pair(role)
    flooding = Background(peer.sock.sendall, sealed(peer, pack_frame(0x80) * (FLOOD_BYTES // 5)))
    program.type(b"here I am")
    assert peer.expect(DATA) == b"here I am"
    assert not flooding.over, "it was heard only after the flood"
    peer.cut()
    with suppress(OSError):
        flooding.result()


# --- at the door

def strangers(private, program, count):
    """So many are in line, or asked about."""
    came = []
    for _ in range(count):
        peer = private.dial(program)
        peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # who comes first is asked about first
        peer.handshake()
        peer.say_hello()
        peer.commit()
        peer.hear_hello()
        came.append(peer)
    return came


def test_strangers_in_line_keep_nobody_out_who_has_a_ticket(private):
    program = private.listen(on="terminal")
    strangers(private, program, 4)[0].exchange()
    wait_text(program, "let peer in?")
    private.goes_on(program)


def test_a_number_that_comes_to_nothing_is_told(private):
    program = private.listen(on="terminal")
    peer, = strangers(private, program, 1)
    peer.exchange()
    wait_text(program, "let peer in?")
    peer.refuse(DECLINED)
    wait_text(program, "after the numbers were exchanged")


def test_the_next_question_does_not_stand_where_the_last_one_stood(private):
    """Else the answer to the one is the answer to the other, if both have the same name."""
    program = private.listen(on="terminal")
    first, second = strangers(private, program, 2)
    first.exchange()
    wait_text(program, "let peer in?")
    time.sleep(2)  # longer than between two exchanges
    program.type("y")
    program.wait_screen("let peer in? (y or n) y")
    first.cut()
    program.wait_screen("after the numbers were exchanged")
    program.type("\r")  # the user was not fast enough
    with pytest.raises(Late):
        second.exchange(seconds=1 / PATIENCE)
    second.exchange()
    wait_text(program, "let peer in?", count=2)
    assert "peer is here" not in text_of(program)


def test_another_version_is_named(private):
    program = private.listen()
    peer = private.dial(program).handshake()
    peer.send(HELLO, b"\x02whatever comes then")
    peer.hear_hello()
    assert peer.expect_refusal() == OTHER_VERSION
    wait_text(program, "another version of the protocol")


# --- numbers, on the caller's side

@pytest.mark.parametrize("how", ["cut", "duplicate", "declined"])
@pytest.mark.parametrize("options", [(), ("--retry",)], ids=["once", "retry"])
def test_a_caller_begins_one_exchange_and_tells_if_it_comes_to_nothing(private, chat, how, options):
    away = private.away()
    program = chat("call", *options, to=away.port, plain=False)
    away.program = program
    peer = away.accept().handshake()
    peer.say_hello()
    peer.compare(peer.asked()[1])
    if how == "cut":
        peer.cut()
    else:
        peer.refuse({"duplicate": DUPLICATE, "declined": DECLINED}[how])
    with pytest.raises(Late):
        away.accept(seconds=4 / PATIENCE)
    assert exit_of(program) in (3, 5)
    wait_text(program, "after the numbers were exchanged")


def test_a_listener_does_not_make_its_caller_try_for_ever(private):
    away = private.away()
    program = private.call(away)
    peer = away.accept().handshake()
    peer.say_hello()
    peer.asked()
    peer.refuse(DUPLICATE)
    assert exit_of(program) == 5


# --- contacts that are not there after all

def test_a_contact_that_never_gets_ready_is_not_held(private, chat):
    program = private.listen("--keep", on="pipes")
    key = Key()
    peer = private.dial(program, key=key).greet(program.ticket.secret)
    wait_text(program, "is here")
    peer.cut()
    wait_text(program, "lost")
    again = private.dial(program, key=key)
    again.handshake()
    again.say_hello()
    again.commit()
    again.hear_hello()
    again.welcomed()
    again.cut()
    wait_text(program, "was turned away")
    other = chat("listen", plain=False, on="pipes")
    peer = private.dial(other, key=key).greet()
    wait_text(other, "is here")


# --- nothing to do

def test_a_question_costs_nothing_while_nobody_answers(private):
    program = private.listen(on="terminal")
    first, *_ = strangers(private, program, 3)
    first.exchange()
    wait_text(program, "let peer in?")
    assert is_lazy(program)


def test_callers_who_say_nothing_cost_nothing(private):
    program = private.listen()
    for _ in range(20):
        private.dial(program)
    assert is_lazy(program)


@pytest.mark.parametrize("on", ["pipes", "terminal"])
def test_callers_at_the_door_cost_nothing_while_somebody_is_in(private, on):
    program, peer = private.pair("listen", on=on)
    for _ in range(20):
        private.dial(program)
    assert is_lazy(program)


def test_one_who_is_welcome_and_does_not_come_costs_nothing(private):
    program = private.listen()
    peer = private.dial(program).handshake()
    peer.say_hello()
    peer.prove(program.ticket.secret)
    peer.hear_hello()
    peer.welcomed()
    assert is_lazy(program)


def test_one_who_was_refused_and_stays_costs_nothing(private):
    program = private.listen()
    peer = private.dial(program).handshake()
    peer.say_hello()
    peer.prove(b"another secret! ")
    peer.hear_hello()
    with pytest.raises(Refused):
        peer.welcomed()
    assert is_lazy(program)


def test_a_caller_who_waits_for_an_answer_costs_nothing(private):
    away = private.away()
    program = private.call(away)
    peer = away.accept().handshake()
    peer.say_hello()
    peer.asked()
    assert is_lazy(program)


@pytest.mark.parametrize("end", ["ours", "theirs", "none"])
def test_a_stream_that_does_not_move_costs_nothing(private, role, end):
    program, peer = private.pair(role)
    if end == "theirs":
        peer.send(EOF)
        wait_text(program, "sends no more")
    elif end == "ours":
        program.half_close()
        assert peer.read_stream() == b""
    assert is_lazy(program)


def test_a_peer_that_takes_nothing_costs_nothing(private, role):
    program, peer = private.pair(role)
    with pytest.raises(Late):
        program.type(bytes(1 << 24), seconds=1 / PATIENCE)
    assert is_lazy(program)


def test_an_output_that_takes_nothing_costs_nothing(private, role):
    program, peer = private.pair(role)
    program.out.pause()
    peer.sock.settimeout(1)
    with pytest.raises(TimeoutError):
        peer.sock.sendall(sealed(peer, pack_frame(DATA, bytes(16379)) * 2000))
    assert is_lazy(program)


def test_key_updates_that_nobody_reads_cost_nothing(private, role):
    program, peer = private.pair(role)
    flood = []
    for _ in range(20000):
        update_keys(peer)
        flood.append(peer.link.tls.bio_read(1 << 16))
    peer.sock.settimeout(2)
    with suppress(TimeoutError, OSError):
        peer.sock.sendall(b"".join(flood))
    until(lambda: is_lazy(program), 10, "all of them are seen to")
    assert SANITIZED or procfs.peak_kib(program.pid) < 40 << 10


def test_a_contact_that_is_nowhere_costs_nothing(private, chat):
    away = private.away()
    program = private.call(away)
    peer = away.accept(places=[("127.0.0.1", 9), ("::1", 9), ("192.0.2.1", 9)]).greet(away.secret)
    wait_text(program, "peer is here")
    peer.cut()
    exit_of(program)
    away.server.close()
    program = chat("call", to="peer", plain=False)
    wait_text(program, "trying again")
    until(lambda: is_lazy(program), 5, "it pauses between its tries")
