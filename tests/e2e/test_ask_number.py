# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever is called by address and does not know who calls is asked, and both see a number to compare."""

import re
import time

import pytest

from people import NUMBER, TICKET, in_chat, leave, people, said, status_of, talking, wait_said  # noqa: F401
from private import NO_ANSWER, TALK, Caller, Refused

QUESTION = "let {} in? (y or n) "


def asked(program, name):
    program.wait_prompt(QUESTION.format(name))


def dial(people, program, **how):
    """Somebody whom the test plays calls: a Caller that has said nothing."""
    return Caller(people.network.connect(program), mode=TALK, **how)


def ring(caller):
    """Say all that there is to say before the listener's turn."""
    caller.handshake()
    caller.say_hello()
    caller.commit()
    caller.hear_hello()
    return caller


# --- yes and no

def test_a_stranger_is_let_in_after_yes_and_both_see_one_number(people):
    anna, bob = people("anna"), people("bob")
    listener = anna.listen()
    caller = bob.call(listener)
    announced = wait_said(listener, re.compile(r"bob \(127\.0\.0\.1:\d+\) calls, whom you do not know; id ([a-z2-7-]+)"))
    assert announced[1] == bob.id
    asked(listener, "bob")
    assert wait_said(listener, NUMBER)[1] == wait_said(caller, NUMBER)[1]
    assert "is here" not in said(listener) + said(caller)
    listener.line("y")
    talking(listener, "bob")
    talking(caller, "anna")
    in_chat(caller, listener)
    leave(caller, listener)
    assert anna.knows("bob")[0] is False and bob.knows("anna")[0] is False


@pytest.mark.parametrize("answer", ["n", "No"])
def test_a_stranger_is_turned_away_after_no(people, answer):
    anna, bob = people("anna"), people("bob")
    listener = anna.listen()
    caller = bob.call(listener)
    asked(listener, "bob")
    listener.line(answer)
    assert status_of(caller) == 5
    wait_said(listener, re.compile(r"bob \(127\.0\.0\.1:\d+\) was not wanted: turned away"))
    listener.wait_prompt()
    assert "is here" not in said(listener) + said(caller)
    assert anna.contacts() == {} and bob.contacts() == {}


@pytest.mark.parametrize("answer", ["", "yy", "yes please", "hello"])
def test_anything_else_is_no_answer(people, answer):
    anna, bob = people("anna"), people("bob")
    listener = anna.listen()
    caller = bob.call(listener)
    asked(listener, "bob")
    listener.line(answer)
    wait_said(listener, "y lets them in, n does not")
    asked(listener, "bob")
    assert "is here" not in said(listener)
    listener.line("y")
    talking(caller, "anna")
    leave(caller, listener)


def test_what_was_typed_before_the_question_is_no_answer(people):
    anna, bob = people("anna"), people("bob")
    listener = anna.listen()
    listener.wait_prompt()
    listener.type("y")
    listener.wait_prompt("> y")
    caller = bob.call(listener)
    asked(listener, "bob")
    listener.key("enter")
    wait_said(listener, "y lets them in, n does not")
    assert "is here" not in said(listener)
    listener.line("n")
    assert status_of(caller) == 5


def test_a_caller_who_hangs_up_takes_the_question_along(people):
    anna, bob = people("anna"), people("bob")
    listener = anna.listen()
    caller = bob.call(listener)
    asked(listener, "bob")
    caller.ctrl("c")
    caller.wait_exit()
    wait_said(listener, re.compile(r"bob \(127\.0\.0\.1:\d+\) broke off after the numbers were exchanged"))
    listener.wait_prompt()
    listener.line("y")
    wait_said(listener, "not sent: nobody is here yet")


def test_a_listener_who_leaves_is_told_of_to_who_waits(people):
    anna, bob = people("anna"), people("bob")
    listener = anna.listen()
    caller = bob.call(listener)
    asked(listener, "bob")
    listener.line("/quit")
    assert status_of(listener) == 0
    assert status_of(caller) in (3, 5)
    assert "broke off after the numbers were exchanged" in said(caller)


@pytest.mark.soak
def test_a_question_expires_after_a_minute(people):
    anna = people("anna")
    listener = anna.listen()
    caller = ring(dial(people, listener, name="bob"))
    caller.exchange()
    begin = time.monotonic()
    with pytest.raises(Refused) as refused:
        caller.welcomed(70)
    assert refused.value.code == NO_ANSWER and 59 < time.monotonic() - begin < 62
    wait_said(listener, "got no answer in time: turned away")
    listener.wait_prompt()


# --- several

def test_one_question_at_a_time(people):
    anna, bob, carl = people("anna"), people("bob"), people("carl")
    listener = anna.listen()
    first = bob.call(listener)
    asked(listener, "bob")
    second = carl.call(listener)
    with pytest.raises(AssertionError):
        wait_said(second, NUMBER, 2.5)  # longer than exchanges are apart
    listener.line("")  # whatever wakes it up
    wait_said(listener, "y lets them in, n does not")
    with pytest.raises(AssertionError):
        wait_said(second, NUMBER, 0.5)
    assert "carl" not in said(listener)
    listener.line("n")
    assert status_of(first) == 5
    asked(listener, "carl")
    assert len(set(NUMBER.findall(said(listener)))) == 2
    assert NUMBER.findall(said(listener))[1] == wait_said(second, NUMBER)[1]
    listener.line("y")
    talking(second, "anna")
    leave(second, listener)
    assert list(anna.contacts()) == ["carl"]


def test_exchanges_are_two_seconds_apart(people):
    """Each is a guess for somebody in the middle."""
    anna = people("anna")
    listener = anna.listen()
    begun = []
    for number in range(3):
        caller = ring(dial(people, listener, name=f"bob{number}"))
        caller.exchange()
        begun.append(time.monotonic())
        caller.cut()
        caller.sock.close()
    assert begun[1] - begun[0] > 1.9 and begun[2] - begun[1] > 1.9, begun


def test_a_contact_goes_ahead_of_a_question(people):
    anna, bob, eve = people("anna"), people("bob"), people("eve")
    port = people.acquaint(anna, bob)
    listener = anna.listen(address=f"127.0.0.1:{port}")
    stranger = eve.call(listener)
    asked(listener, "eve")
    caller = bob.call("anna")
    talking(listener, "bob")
    talking(caller, "anna")
    assert status_of(stranger) == 5
    assert "talks with somebody else" in said(stranger) or "busy" in said(stranger)
    listener.wait_prompt()
    in_chat(caller, listener)
    listener.line("y")  # is said now, and answers nothing
    caller.wait_screen(lambda lines: any(line.endswith(" y") for line in lines))
    leave(caller, listener)


def test_a_ticket_goes_ahead_of_a_question(people):
    anna, bob, eve = people("anna"), people("bob"), people("eve")
    listener = anna.listen()
    ticket = wait_said(listener, TICKET)[0]
    stranger = eve.call(listener)
    asked(listener, "eve")
    caller = bob.call(ticket)
    talking(listener, "bob")
    assert status_of(stranger) == 5
    leave(caller, listener)
    assert anna.knows("bob")[0] and set(anna.contacts()) == {"bob"}


# --- verified or not

def said_by(program, name, text):
    """The rows of what somebody has said, with how they are called."""
    return [line for line in program.lines() if re.search(rf"{name}.*{text}", line)]


def test_every_line_is_unverified_until_verify(people):
    anna, bob = people("anna"), people("bob")
    listener = anna.listen()
    caller = bob.call(listener)
    asked(listener, "bob")
    listener.line("y")
    talking(caller, "anna")
    in_chat(caller, listener, "one")
    in_chat(caller, listener, "two")
    for text in ("one 0", "two 0"):
        assert [("bob" in line and "unverified" in line) for line in listener.lines() if text in line] == [True]
    for text in ("one 1", "two 1"):
        assert [("anna" in line and "unverified" in line) for line in caller.lines() if text in line] == [True]
    listener.line("/verify")
    wait_said(listener, "bob is verified from now on")
    in_chat(caller, listener, "three")
    [line] = [line for line in listener.lines() if "three 0" in line]
    assert "unverified" not in line
    [line] = [line for line in caller.lines() if "three 1" in line]
    assert "unverified" in line
    assert anna.knows("bob")[0] and not bob.knows("anna")[0]
    leave(caller, listener)


def test_who_was_verified_needs_no_number_the_next_time(people):
    anna, bob = people("anna"), people("bob")
    listener = anna.listen()
    caller = bob.call(listener)
    asked(listener, "bob")
    listener.line("y")
    talking(caller, "anna")
    for program, name in ((listener, "bob"), (caller, "anna")):
        program.line("/verify")
        wait_said(program, f"{name} is verified from now on")
    leave(caller, listener)
    listener = anna.listen(address=f"127.0.0.1:{listener.port}")
    caller = bob.call(listener)
    talking(listener, "bob")
    talking(caller, "anna")
    in_chat(caller, listener)
    assert "unverified" not in said(listener) + said(caller)
    assert not NUMBER.search(said(listener) + said(caller))
    leave(caller, listener)


# --- a caller that cheats

def test_a_caller_that_reveals_another_nonce_is_told_of(people):
    anna = people("anna")
    listener = anna.listen()
    caller = ring(dial(people, listener, name="eve"))
    with pytest.raises(AssertionError):
        caller.exchange(wrong=bytes(32))
        caller.welcomed()
    wait_said(listener, re.compile(r"eve \(127\.0\.0\.1:\d+\) broke off after the numbers were exchanged"))
    assert "let eve in" not in said(listener)
    listener.wait_prompt()
