# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes through a private connection is known to be lost if it is, and only yodel's own TLS gets that far: with the
tests' own implementation at the other end, in both roles."""

import time
from contextlib import suppress

import pytest

import middle
from chatlib import chat  # noqa: F401
from middle import DOWN, UP, Relay, between  # noqa: F401
from private import (BY_TICKET, BYE, BYE_ACK, COMMIT, DATA, EOF, HELLO, NONCE, NOTHING, OTHER_MODE, OTHER_VERSION,
                     PROOF, READY, REFUSE, REVEAL, TALK, TEXT, TLS_1_2, WELCOME, Alert, Broken, Cut, Key, Refused,
                     pack_frame, pack_hello)
from privatelib import exit_of, private, role, text_of, wait_out, wait_text  # noqa: F401

# Ways for a connection to end that are no goodbye.
LOST = "connection lost"


def through(between, role):
    """A relay between a program and a peer, as pair() wants it; .up and .down are seen from who is the program."""
    made = []

    def make(port):
        made.append(between(Relay, port))
        return made[-1]

    return make, made


# --- what is cut

@pytest.mark.parametrize("on", ["pipes", "terminal"])
@pytest.mark.parametrize("politely", [False, True], ids=["cut", "close_notify"])
def test_an_end_without_a_goodbye_is_a_lost_link(private, role, on, politely):
    program, peer = private.pair(role, on=on)
    if on == "pipes":
        peer.send(DATA, b"half of it")
        wait_out(program, b"half of it")
    else:
        peer.say("half of it")
        program.wait_screen("half of it")
    if politely:
        peer.close()
    else:
        peer.cut()
    assert exit_of(program) == 3
    assert "left" not in text_of(program).split("is here")[1]


def test_half_a_message_is_never_shown(private, role):
    program, peer = private.pair(role, on="terminal")
    peer.say("whole")
    program.wait_screen("whole")
    peer.send(TEXT, b"\1not whole")
    peer.cut()
    assert exit_of(program) == 3
    assert "not whole" not in text_of(program)


def test_a_stream_that_ends_without_its_end_is_cut(private, role):
    program, peer = private.pair(role)
    program.half_close()
    assert peer.read_stream() == b""
    peer.send(DATA, b"most of it")
    peer.send(BYE)
    assert exit_of(program) == 3
    assert program.read_all() == b"most of it"


CHANGES = {"the type": middle.flip(0), "the length": middle.flip(8 * 4), "the first byte": middle.flip(8 * 5),
           "the tag": middle.flip(-1), "dropped": middle.drop, "twice": middle.twice, "shorter": middle.shorten,
           "cut in the header": middle.truncate(3), "cut in the middle": middle.truncate(20)}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_record_that_is_not_as_it_was_is_a_lost_link(private, role, between, change):
    relay, made = through(between, role)
    program, peer = private.pair(role, relay=relay)
    relay = made[0]
    peer.send(DATA, b"good.")
    wait_out(program, b"good.")
    relay.on_next(UP if role == "listen" else DOWN, change)
    peer.send(DATA, b"first.")
    with suppress(OSError, Alert):
        peer.send(DATA, b"second.")
        peer.send(EOF)
        peer.send(BYE)
    assert exit_of(program) == 3
    assert program.read_all() == (b"good.first." if change is middle.twice else b"good.")


def test_records_in_another_order_are_a_lost_link(private, role, between):
    relay, made = through(between, role)
    program, peer = private.pair(role, relay=relay)
    made[0].changes[UP if role == "listen" else DOWN] = middle.Swap()
    peer.send(DATA, b"first.")
    peer.send(DATA, b"second.")
    assert exit_of(program) == 3
    assert program.read_all() == b""


def test_a_record_that_comes_back_is_a_lost_link(private, role, between):
    relay, made = through(between, role)
    program, peer = private.pair(role, relay=relay)
    program.type(b"come back")
    assert peer.expect(DATA) == b"come back"
    away, back = (DOWN, UP) if role == "listen" else (UP, DOWN)
    made[0].send(back, made[0].passed[away][-1])
    assert exit_of(program) == 3
    assert program.read_all() == b""


@pytest.mark.parametrize("change", [middle.flip(-1), middle.drop], ids=["the tag", "dropped"])
def test_what_the_peer_cannot_open_was_not_delivered(private, role, between, change):
    relay, made = through(between, role)
    program, peer = private.pair(role, relay=relay)
    made[0].on_next(DOWN if role == "listen" else UP, change)
    program.type(b"first.")
    assert made[0].over.wait(5)
    program.type(b"second.")
    with pytest.raises((Alert, Cut)):
        peer.receive()
    peer.cut()
    assert exit_of(program) == 3


@pytest.mark.parametrize("record", range(4))
def test_a_handshake_that_is_changed_comes_to_nothing(private, between, role, record):
    """The records of the handshake itself, one after the other, in the direction to the program."""
    seen = []

    def change(data):
        seen.append(data)
        return middle.flip(-1)(data) if len(seen) == record + 1 else [data]

    relay, _ = through(between, role)

    def changing(port):
        made = relay(port)
        made.changes[UP if role == "listen" else DOWN] = change
        return made

    with pytest.raises((Alert, Cut, Broken, AssertionError, OSError)):
        private.pair(role, relay=changing)
    assert "is here" not in text_of(private.chat.programs[0])


# --- who gets no further than TLS

def other_tls():
    """What is not yodel's TLS: how tls() makes it."""
    rsa, ec, key = Key(kind="rsa"), Key(kind="ec"), Key()
    return {"TLS 1.2": {"versions": (TLS_1_2, TLS_1_2)},
            "another ALPN": {"alpn": (b"http/1.1", b"yodel/2")},
            "no ALPN": {"alpn": ()},
            "RSA": {"key": rsa},
            "P-256 key": {"key": ec},
            "P-256 group": {"groups": "P-256"},
            "a long certificate": {"key": key, "certificate": key.certificate(padding=2100)},
            "a very long certificate": {"key": key, "certificate": key.certificate(padding=30000)},
            "a chain": {"key": key, "chain": (Key().certificate(),)},
            "no certificate": {"certificate": NOTHING}}


@pytest.mark.parametrize("how", other_tls())
def test_a_listener_turns_away_another_tls_and_goes_on(private, how):
    program = private.listen()
    caller = private.dial(program, **other_tls()[how])
    with pytest.raises((Alert, Cut, Refused, OSError)):
        caller.greet(program.ticket.secret)
    wait_text(program, "turned away")
    private.goes_on(program)


@pytest.mark.parametrize("how", [each for each in other_tls() if each != "no certificate"])
def test_a_caller_does_not_talk_through_another_tls(private, how):
    away = private.away()
    options = dict(other_tls()[how])
    program = private.call(away, ticket=away.ticket(listener=options.get("key", away.key).id))
    with pytest.raises((Alert, Cut, OSError)):
        away.accept(**options).greet(away.secret)
    assert exit_of(program) == 3
    assert "no talking in private" in text_of(program)


STRANGE = {"HTTP": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "SSH": b"SSH-2.0-OpenSSH_9.2\r\n", "text": b"hello?\n",
           "zeros": bytes(100), "noise": bytes(range(200, 256)) * 100, "nothing": b"",
           "half a ClientHello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
           "a huge record": b"\x16\x03\x01\xff\xff" + bytes(70000), "an alert": b"\x15\x03\x01\x00\x02\x02\x28"}


@pytest.mark.parametrize("said", STRANGE.values(), ids=STRANGE)
def test_whatever_a_scanner_says_the_listener_goes_on(private, said, clients):
    program = private.listen()
    sock = private.dial(program).sock
    with suppress(OSError):
        sock.sendall(said)
        sock.close()
    wait_text(program, "turned away")
    private.goes_on(program)
    assert len([line for line in text_of(program).splitlines() if "turned away" in line]) == 1


@pytest.mark.parametrize("said", ["HTTP", "SSH", "text"])
def test_a_scanner_is_answered_nothing_but_the_end_and_plain_is_suggested(private, said):
    program = private.listen()
    sock = private.dial(program).sock
    sock.sendall(STRANGE[said])
    with suppress(ConnectionResetError):
        answer = sock.recv(100)
        assert answer == b"" or answer[0] == 0x15, answer
    line = wait_text(program, "turned away") and next(
        line for line in text_of(program).splitlines() if "turned away" in line)
    assert "--plain" in line


def test_many_scanners_do_not_keep_the_right_one_out(private):
    program = private.listen()
    for last in (2, 3, 4):
        for say in (b"", b"GET / HTTP/1.0\r\n\r\n") * 20:
            private.dial(program, source=f"127.0.0.{last}").sock.sendall(say)
    peer = private.goes_on(program)
    peer.send(DATA, b"through")
    wait_out(program, b"through")


@pytest.mark.parametrize("banner", [b"SSH-2.0-OpenSSH_9.2\r\n", b"220 mail.example ESMTP\r\n", b"HTTP/1.1 400 Bad\r\n\r\n",
                                    b"hello, who is there?\n"])
def test_a_caller_that_meets_something_else_says_so(private, banner):
    away = private.away()
    program = private.call(away)
    away.accept().sock.sendall(banner)
    assert exit_of(program) == 3
    assert "--plain" in text_of(program)


def test_a_caller_that_meets_an_echo_service_says_so(private):
    away = private.away()
    program = private.call(away)
    sock = away.accept().sock
    sock.sendall(sock.recv(1 << 16))
    assert exit_of(program) == 3
    said = text_of(program)
    assert "echo" in said and "--plain" in said


# --- who breaks the protocol

GREETINGS = {
    "a frame that is too long": [pack_frame(HELLO, bytes(4097))],
    "no HELLO": [pack_frame(PROOF, bytes(32))],
    "HELLO twice": [pack_frame(HELLO, pack_hello())] * 2,
    "an empty HELLO": [pack_frame(HELLO)],
    "a name without an end": [pack_frame(HELLO, pack_hello(name_length=64))],
    "no name": [pack_frame(HELLO, pack_hello(name=""))],
    "a long name": [pack_frame(HELLO, pack_hello(name="x" * 65))],
    "too many places": [pack_frame(HELLO, pack_hello(places=[("127.0.0.1", 1)] * 17))],
    "places that are not there": [pack_frame(HELLO, pack_hello(count=3))],
    "a place with port 0": [pack_frame(HELLO, pack_hello(places=[("127.0.0.1", 0)]))],
    "a short proof": [pack_frame(HELLO, pack_hello()), pack_frame(PROOF, bytes(31))],
    "READY at once": [pack_frame(HELLO, pack_hello()), pack_frame(READY)],
    "text at once": [pack_frame(HELLO, pack_hello()), pack_frame(TEXT, b"\3hi")],
    "NONCE from a caller": [pack_frame(HELLO, pack_hello()), pack_frame(NONCE, bytes(32))],
    "WELCOME from a caller": [pack_frame(HELLO, pack_hello()), pack_frame(WELCOME, b"\2")],
    "REVEAL without a question": [pack_frame(HELLO, pack_hello()), pack_frame(REVEAL, bytes(32))],
    "an unknown frame": [pack_frame(0x7f)],
    "nothing": [],
}


@pytest.mark.parametrize("frames", GREETINGS.values(), ids=GREETINGS)
def test_a_caller_that_breaks_the_greeting_is_turned_away(private, frames):
    program = private.listen()
    caller = private.dial(program).handshake()
    with suppress(OSError, Alert):
        caller.link.send(b"".join(frames))
        if not frames:
            caller.close()
    with suppress(Alert, Cut, OSError):
        caller.hear_hello()
        kind, _ = caller.receive() or (REFUSE, b"")
        assert kind == REFUSE
    wait_text(program, "turned away")
    private.goes_on(program)


def test_a_name_is_shown_as_text_and_not_as_what_it_does(private):
    program = private.listen(on="terminal")
    private.call_in(program, name="\x1b[31mred\x07\u202e\n")
    program.wait_screen("is here")
    raw = bytes(program.tape.bytes)
    assert b"\x1b[31mred" not in raw and b"\x07" not in raw and "\u202e".encode() not in raw


def test_another_version_is_told_so(private):
    program = private.listen()
    caller = private.dial(program).handshake()
    caller.say_hello(version=2)
    caller.prove(program.ticket.secret)
    with suppress(Broken):
        caller.hear_hello()
    assert caller.expect_refusal() == OTHER_VERSION
    private.goes_on(program)


def test_what_follows_in_a_hello_is_ignored(private):
    program = private.listen()
    caller = private.dial(program).handshake()
    caller.say_hello(rest=b"of a later version", features=0xffffffff)
    caller.prove(program.ticket.secret)
    caller.hear_hello()
    assert caller.welcomed() == BY_TICKET
    caller.ready()
    wait_text(program, "is here")


def test_a_chat_and_a_pipe_do_not_fit(private):
    program = private.listen()
    caller = private.dial(program, mode=TALK).handshake()
    caller.say_hello()
    caller.prove(program.ticket.secret)
    caller.hear_hello()
    assert caller.expect_refusal() == OTHER_MODE
    private.goes_on(program)


def test_a_caller_is_told_that_the_modes_do_not_fit(private):
    away = private.away()
    program = private.call(away)
    there = away.accept(mode=TALK).handshake()
    there.say_hello()
    with suppress(Refused, Broken, Cut):
        there.asked()
        there.refuse(OTHER_MODE)
    assert exit_of(program) == 5


BREACHES = {
    "READY again": pack_frame(READY), "HELLO again": pack_frame(HELLO, pack_hello()), "an unknown frame": pack_frame(0x20),
    "a frame that is too long": pack_frame(0x80, bytes(65537)), "BYE with something in it": pack_frame(BYE, b"x"),
    "an answer to no goodbye": pack_frame(BYE_ACK), "empty data": pack_frame(DATA), "text": pack_frame(TEXT, b"\3hi"),
    "data longer than a record": pack_frame(DATA, bytes(16380)), "data behind the end": pack_frame(EOF) + pack_frame(DATA, b"x"),
    "two ends": pack_frame(EOF) * 2}


@pytest.mark.parametrize("breach", BREACHES.values(), ids=BREACHES)
def test_a_peer_that_breaks_the_session_is_hung_up_on(private, role, breach):
    program, peer = private.pair(role)
    peer.send(DATA, b"before")
    with suppress(OSError, Alert):
        peer.link.send(breach)
    assert exit_of(program) == 3
    assert program.read_all() == b"before"
    assert LOST in text_of(program) or "protocol" in text_of(program)


CHAT_BREACHES = {
    "a middle without a beginning": pack_frame(TEXT, b"\0x"), "an end without a beginning": pack_frame(TEXT, b"\2x"),
    "two beginnings": pack_frame(TEXT, b"\1x") * 2, "flags nobody knows": pack_frame(TEXT, b"\7x"),
    "no flags": pack_frame(TEXT), "data": pack_frame(DATA, b"x"), "an end": pack_frame(EOF),
    "a message without an end": pack_frame(TEXT, b"\1" + bytes(16000)) + pack_frame(TEXT, b"\0" + bytes(16000)) * 66}


@pytest.mark.parametrize("breach", CHAT_BREACHES.values(), ids=CHAT_BREACHES)
def test_a_peer_that_breaks_the_chat_is_hung_up_on(private, role, breach):
    program, peer = private.pair(role, on="terminal")
    peer.say("before")
    with suppress(OSError, Alert, Cut):
        peer.link.send(breach)
    assert exit_of(program) == 3
    wait_text(program, "before")


def test_a_listener_that_answers_a_proof_with_a_nonce_is_hung_up_on(private):
    away = private.away()
    program = private.call(away)
    there = away.accept().handshake()
    there.say_hello()
    kind, _ = there.asked()
    assert kind == PROOF
    there.send(NONCE, bytes(32))
    assert exit_of(program) == 3


@pytest.mark.parametrize("frame", [pack_frame(COMMIT, bytes(32)), pack_frame(READY), pack_frame(TEXT, b"\3early"),
                                   pack_frame(DATA, b"early"), pack_frame(WELCOME), pack_frame(WELCOME, b"\x09"),
                                   pack_frame(HELLO, bytes(5000))])
def test_a_listener_that_breaks_the_greeting_is_hung_up_on(private, frame):
    away = private.away()
    program = private.call(away)
    there = away.accept().handshake()
    there.say_hello()
    there.asked()
    there.link.send(frame)
    assert exit_of(program) == 3
    assert program.read_all() == b""


# --- patience

@pytest.mark.lengthy
@pytest.mark.parametrize("stage", ["connected", "TLS begun", "TLS", "HELLO"])
def test_who_says_no_more_has_ten_seconds(private, stage):
    program = private.listen()
    caller = private.dial(program)
    began = time.monotonic()
    if stage == "TLS begun":
        caller.sock.sendall(b"\x16\x03\x01\x02\x00\x01")
    if stage in ("TLS", "HELLO"):
        caller.handshake()
    if stage == "HELLO":
        caller.say_hello()
    wait_text(program, "turned away", 15)
    assert 9 < time.monotonic() - began < 15
    private.goes_on(program)


def test_a_peer_that_does_not_read_stops_the_program_and_not_more(private, role):
    """It reads no more from standard input than it can keep."""
    program, peer = private.pair(role)
    taken, piece = 0, bytes(1 << 16)
    with suppress(AssertionError):
        while True:
            program.type(piece, 0.5)
            taken += len(piece)
            assert taken < 64 << 20, "it reads for ever"
    assert 1 << 16 < taken < 64 << 20
    program.signal(15)
    exit_of(program, 10)
