# SPDX-License-Identifier: GPL-3.0-or-later
"""A ticket lets one key in, once, and nobody else; who has a wrong one is told so, and the listener goes on. The other end
is the tests' own implementation."""

import re
import time
from contextlib import suppress

import pytest

import procfs
from chatlib import chat  # noqa: F401
from private import (BUSY, BY_KEY, BY_TICKET, DATA, DECLINED, PROOF, STREAM, TICKET_EXPIRED, TICKET_USED, TICKET_WRONG,
                     Alert, Cut, Key, Refused, Ticket, base32, from_base32, pack_ticket)
from privatelib import exit_of, private, text_of, wait_out, wait_text  # noqa: F401
from service import YODEL, until


def refusal(caller, secret):
    """With which code a caller is refused who proves that secret."""
    with pytest.raises(Refused) as refused:
        caller.greet(secret)
    return refused.value.code


def test_who_has_the_ticket_is_let_in(private):
    program = private.listen()
    peer = private.call_in(program, name="paula")
    assert peer.how == BY_TICKET
    assert peer.link.peer_id == program.ticket.listener
    assert peer.hello.name and peer.hello.mode == STREAM
    wait_text(program, "paula is here")


def test_the_ticket_leads_to_where_the_program_listens(private):
    program = private.listen()
    assert program.ticket.places == ((program.host, program.port),)


def test_advertised_places_stand_in_the_ticket(private):
    program = private.listen("--advertise", "home.example", "--advertise", "[2001:db8::7]:7000")
    assert program.ticket.places == (("home.example", program.port), ("2001:db8::7", 7000))


def test_a_caller_proves_the_secret_to_the_right_key_only(private):
    away = private.away()
    private.call(away, on="pipes")
    there = away.accept().handshake()
    there.say_hello()
    kind, payload = there.asked()
    assert kind == PROOF and there.proves(away.secret, payload)


def test_a_caller_says_nothing_of_itself_to_another_key(private):
    """It is not let in either way: its certificate and its proof never leave it."""
    away = private.away()
    program = private.call(away, ticket=away.ticket(listener=Key().id))
    there = away.accept()
    with pytest.raises((Alert, Cut)):
        there.handshake()
        there.receive()
    assert there.link.tls.get_peer_certificate() is None
    assert exit_of(program) == 4


def test_of_several_places_the_one_with_the_right_key_is_taken(private):
    impostor, away = private.away(), private.away()
    places = (("127.0.0.1", impostor.port), ("127.0.0.1", away.port))
    program = private.call(away, ticket=away.ticket(places=places))
    with pytest.raises((Alert, Cut)):
        impostor.accept().greet(away.secret)
    away.accept().greet(away.secret)
    wait_text(program, "is here")


def test_a_used_ticket_is_refused_to_another_key_and_both_are_told(private):
    program = private.listen("--keep")
    first = private.call_in(program, name="paula")
    wait_text(program, "paula is here")
    first.close()
    wait_text(program, "lost")
    code = until(lambda: (code := refusal(private.dial(program, name="mallory"), program.ticket.secret)) != BUSY and code)
    assert code == TICKET_USED
    wait_text(program, re.compile(r"mallory.*turned away"))


def test_the_same_key_may_come_again_with_its_ticket(private):
    """The answer may have been lost: it is cut off at every moment from its proof on."""
    program, key = private.listen("--keep"), Key()
    for stage in ("proof", "welcome", "ready"):
        caller = private.dial(program, key=key).handshake()
        caller.say_hello()
        caller.prove(program.ticket.secret)
        if stage != "proof":
            caller.hear_hello()
            assert caller.welcomed() in (BY_TICKET, BY_KEY)
        if stage == "ready":
            caller.ready()
        caller.cut()
    peer = until(lambda: again(private, program, key), 10, "the same key is let in again")
    peer.send(DATA, b"here I am")
    wait_out(program, b"here I am")


def again(private, program, key):
    """It comes once more; while its old connection is being looked after it may be told that the seat is taken."""
    with suppress(Refused):
        return private.dial(program, key=key).greet(program.ticket.secret)
    return None


@pytest.mark.parametrize("wrong", ["secret", "proof", "another connection's"])
def test_a_wrong_proof_is_refused_and_burns_nothing(private, wrong):
    program = private.listen()
    caller = private.dial(program).handshake()
    caller.say_hello()
    if wrong == "secret":
        caller.prove(bytes(16))
    elif wrong == "proof":
        caller.prove(program.ticket.secret, wrong=bytes(32))
    else:
        other = private.dial(program, key=caller.key).handshake()
        seen = []
        other.send = lambda kind, payload: seen.append(payload)
        other.prove(program.ticket.secret)
        caller.prove(program.ticket.secret, wrong=seen[0])
    caller.hear_hello()
    assert caller.expect_refusal() == TICKET_WRONG
    private.goes_on(program)


def test_a_proof_for_another_key_is_worth_nothing(private):
    """Whoever sees a proof cannot use it as somebody else, though it were the same connection."""
    program, thief = private.listen(), Key()
    caller = private.dial(program).handshake()
    caller.say_hello()
    real, caller.key = caller.key, thief
    caller.prove(program.ticket.secret)
    caller.key = real
    caller.hear_hello()
    assert caller.expect_refusal() == TICKET_WRONG


def test_an_expired_ticket_is_refused(private):
    program = private.listen("--ticket-ttl", "1s")
    given = time.monotonic()
    until(lambda: time.monotonic() - given > 1.1, what="it has expired")
    assert refusal(private.dial(program), program.ticket.secret) == TICKET_EXPIRED
    wait_text(program, "turned away")


def test_a_hundred_wrong_tickets_neither_get_in_nor_keep_the_right_one_out(private):
    program = private.listen()
    began = time.monotonic()
    refused = 0
    for each in range(100):
        with suppress(Alert, Cut, OSError):
            refused += refusal(private.dial(program, source=f"127.0.0.{2 + each % 25}"),
                               each.to_bytes(16, "big")) == TICKET_WRONG
    print(f"{refused} refused in {time.monotonic() - began:.1f} s")
    assert refused > 0
    peer = private.goes_on(program, 20)
    peer.send(DATA, b"in")
    wait_out(program, b"in")
    lines = [line for line in text_of(program).splitlines() if "turned away" in line]
    assert 1 <= len(lines) <= 20, "one line for many of them"


# --- how it is written

def test_one_wrong_character_is_found_before_anybody_is_called(private):
    away = private.away()
    text = away.ticket()
    for at in (8, 20, len(text) // 2, len(text) - 1):
        wrong = text[:at] + ("b" if text[at] != "b" else "c") + text[at + 1:]
        program = private.call(away, ticket=wrong)
        assert exit_of(program) == 5
        assert "ticket" in text_of(program)
    for cut in (9, 50, len(text) - 1):
        assert exit_of(private.call(away, ticket=text[:cut])) == 5
    away.server.settimeout(0.2)
    with pytest.raises(TimeoutError):
        away.server.accept()


@pytest.mark.parametrize("write", [str.upper, lambda text: f"  {text}  ", lambda text: text.replace("a", "a-"),
                                   lambda text: text[:30] + " " + text[30:60] + "\t" + text[60:]])
def test_a_ticket_may_be_written_in_other_ways(private, write):
    away = private.away()
    program = private.call(away, ticket=write(away.ticket()))
    away.accept().greet(away.secret)
    wait_text(program, "is here")


@pytest.mark.parametrize("change", ["version", "check", "no places", "port 0", "more behind it"])
def test_what_is_no_ticket_is_refused(private, change):
    away = private.away()
    ticket = Ticket((("127.0.0.1", away.port),), away.key.id, away.secret)
    text = {"version": lambda: pack_ticket(ticket, version=2),
            "check": lambda: pack_ticket(ticket, check=bytes(4)),
            "no places": lambda: pack_ticket(ticket._replace(places=())),
            "port 0": lambda: pack_ticket(ticket._replace(places=(("127.0.0.1", 0),))),
            "more behind it": lambda: "yodel://" + base32(from_base32(pack_ticket(ticket)[8:]) + b"x")}[change]()
    program = private.call(away, ticket=text)
    assert exit_of(program) == 5
    assert text[8:] not in text_of(program), "it is not repeated: it may be a secret with a slip"


def test_a_ticket_does_not_stay_in_the_list_of_processes(private):
    away = private.away()
    program = private.call(away, on="terminal")
    there = away.accept().greet(away.secret)
    wait_text(program, "is here")
    line = procfs.command(program.pid)
    assert YODEL.rsplit("/", 1)[1] in line and away.ticket()[8:] not in line and away.ticket()[-20:] not in line
    there.leave()


def test_a_stranger_is_refused_without_a_terminal(private):
    program = private.listen()
    caller = private.dial(program).handshake()
    caller.say_hello()
    caller.commit()
    caller.hear_hello()
    assert caller.expect_refusal() == DECLINED
    private.goes_on(program)


def test_once_let_in_by_ticket_the_key_is_enough(private):
    program, key = private.listen("--keep"), Key()
    private.call_in(program, key=key, name="paula").close()
    wait_text(program, "lost")

    def by_key():
        with suppress(Refused):
            return private.dial(program, key=key, name="somebody else").greet()
        return None

    assert until(by_key).how == BY_KEY
    wait_text(program, "paula is here", count=2)
