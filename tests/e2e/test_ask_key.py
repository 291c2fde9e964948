# SPDX-License-Identifier: GPL-3.0-or-later
"""An address at which another key answers is a hard stop; strangers and pipes; and who calls themselves."""

import re
import shutil

import pytest

from people import NUMBER, TICKET, in_chat, leave, people, said, status_of, talking, wait_said  # noqa: F401


def flat(text):
    return re.sub(r"\s+", " ", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text))


def let_in(listener, name):
    listener.wait_prompt(f"let {name} in? (y or n) ")
    listener.line("y")


# --- another key at an address

@pytest.fixture
def called_once(people):
    """bob has called anna by address, and now eve listens there: (bob, anna, eve, where)."""
    anna, bob, eve = people("anna"), people("bob"), people("eve")
    listener = anna.listen()
    where = f"127.0.0.1:{listener.port}"
    caller = bob.call(where)
    let_in(listener, "bob")
    talking(caller, "anna")
    leave(caller, listener)
    eve.peers("me")
    return bob, anna, eve, where


@pytest.mark.parametrize("on", ["terminal", "pipes"])
@pytest.mark.parametrize("options", [[], ["--accept-new"]], ids=["asks", "accepts"])
def test_another_key_at_an_address_is_a_hard_stop(called_once, on, options):
    bob, anna, eve, where = called_once
    listener = eve.listen("--accept-new", address=where, on=on)
    caller = bob.call(where, *options, on=on)
    assert status_of(caller) == 4
    text = flat(said(caller))
    assert f"{where}: ANOTHER KEY ANSWERS THERE: it was {anna.id}, now it is {eve.id}." in text
    assert "Somebody may be in the middle" in text and "yodel peers forget anna" in text
    assert not re.search(r"y or n|\(y/n\)", text) and not NUMBER.search(text)
    assert "is here" not in said(listener) and bob.id not in said(listener)
    assert list(bob.contacts()) == ["anna"] and eve.contacts() == {}


def test_a_retry_stops_at_another_key_too(called_once):
    bob, _, eve, where = called_once
    caller = bob.call(where, "--retry", on="pipes")
    wait_said(caller, "trying again")
    eve.listen("--accept-new", address=where, on="pipes")
    assert status_of(caller) == 4
    assert "ANOTHER KEY" in said(caller)


def test_going_on_with_another_key_is_deliberate(called_once):
    bob, _, eve, where = called_once
    listener = eve.listen(address=where)
    assert status_of(bob.call(where)) == 4
    bob.peers("forget", "anna")
    caller = bob.call(where)
    let_in(listener, "bob")
    talking(caller, "eve")
    leave(caller, listener)
    assert bob.contacts()["eve"]["id"] == eve.id


def test_the_same_key_at_another_address_is_no_stranger(called_once):
    bob, anna, _, _ = called_once
    listener = anna.listen()
    caller = bob.call(listener)
    talking(listener, "bob")
    talking(caller, "anna")
    assert "y or n" not in said(listener)
    leave(caller, listener)


# --- without a terminal

def test_a_pipe_lets_no_stranger_in(people):
    anna, bob = people("anna"), people("bob")
    listener = anna.listen(on="pipes")
    caller = bob.call(listener, "--accept-new", on="pipes")
    assert status_of(caller) == 5
    wait_said(listener, re.compile(r"bob \(127\.0\.0\.1:\d+\) is nobody that you know \(--accept-new lets strangers in"))
    assert listener.process.poll() is None and anna.contacts() == {} and bob.contacts() == {}


def test_a_pipe_calls_no_stranger(people):
    anna, bob = people("anna"), people("bob")
    listener = anna.listen("--accept-new", on="pipes")
    caller = bob.call(listener, on="pipes")
    assert status_of(caller) == 4
    assert f"127.0.0.1:{listener.port}: nobody you know is there" in said(caller)
    assert "--accept-new" in said(caller)
    assert "bob" not in said(listener) and anna.contacts() == {} and bob.contacts() == {}


def test_pipes_that_accept_new_ones_know_each_other_unverified(people):
    anna, bob = people("anna"), people("bob")
    listener = anna.listen("--accept-new", on="pipes")
    caller = bob.call(listener, "--accept-new", on="pipes")
    caller.line("to anna")
    for program in (caller, listener):
        program.half_close()
    assert listener.read_all() == b"to anna\n"
    assert (status_of(caller), status_of(listener)) == (0, 0)
    assert NUMBER.search(said(listener))[1] == NUMBER.search(said(caller))[1]
    assert not anna.knows("bob")[0] and not bob.knows("anna")[0]
    listener = anna.listen(on="pipes", address=f"127.0.0.1:{listener.port}")  # by key from now on
    caller = bob.call(listener, on="pipes")
    for program in (caller, listener):
        program.half_close()
    assert (status_of(caller), status_of(listener)) == (0, 0)


def test_a_terminal_that_accepts_new_ones_does_not_ask(people):
    anna, bob = people("anna"), people("bob")
    listener = anna.listen("--accept-new")
    caller = bob.call(listener)
    talking(listener, "bob")
    talking(caller, "anna")
    assert "y or n" not in said(listener)
    in_chat(caller, listener)
    assert [("unverified" in line) for line in listener.lines() if "hello 0" in line] == [True]
    leave(caller, listener)


# --- yourself

@pytest.mark.parametrize("by", ["address", "ticket"])
def test_two_terminals_of_one_person_talk(people, by):
    anna = people("anna")
    listener = anna.listen()
    caller = anna.call(listener if by == "address" else wait_said(listener, TICKET)[0])
    for program in (caller, listener):
        wait_said(program, "it is yourself, with the same key (nothing is remembered)")
    in_chat(caller, listener)
    assert "unverified" not in said(caller) + said(listener) and "y or n" not in said(listener)
    assert len([line for line in listener.lines() if "yourself  hello" in line]) == 1
    for program in (caller, listener):
        program.line("/verify")
    leave(caller, listener)
    assert anna.contacts() == {}
    assert anna.sql("SELECT (SELECT count(*) FROM contact) + (SELECT count(*) FROM pin)") == [(0,)]


def test_a_person_pipes_to_themselves(people):
    anna = people("anna")
    listener = anna.listen(on="pipes")
    caller = anna.call(listener, on="pipes")
    caller.line("note to self")
    for program in (caller, listener):
        program.half_close()
    assert listener.read_all() == b"note to self\n"
    assert (status_of(caller), status_of(listener)) == (0, 0)
    assert anna.contacts() == {}


def test_without_a_store_a_ticket_works_and_nothing_is_remembered(people):
    anna, bob = people("anna"), people("bob")
    for person in (anna, bob):
        person.data.parent.mkdir()
        person.data.write_text("not a folder\n")
    listener = anna.listen()
    caller = bob.call(wait_said(listener, TICKET)[0])
    talking(listener, "bob")
    talking(caller, "anna")
    for program in (caller, listener):
        assert "going on without contacts" in said(program)
    in_chat(caller, listener)
    leave(caller, listener)
    assert anna.data.read_text() == "not a folder\n"


def test_a_copied_identity_is_yourself(people):
    """On a second machine it is the same person."""
    anna, copy = people("anna"), people("copy")
    anna.peers("me")
    (copy.config / "yodel").mkdir(parents=True)
    copy.config.chmod(0o700)
    shutil.copy(anna.config / "yodel" / "identity.pem", copy.config / "yodel" / "identity.pem")
    listener = anna.listen()
    caller = copy.call(listener)
    wait_said(listener, "it is yourself")
    leave(caller, listener)
    assert copy.contacts() == {} and anna.contacts() == {}
