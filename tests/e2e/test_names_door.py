# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is let in by key, who is not, and what becomes of the one seat."""

import re

import pytest

from people import in_chat, leave, people, said, status_of, talking, wait_said  # noqa: F401

@pytest.fixture
def pair(people):
    """anna, and bob, who know each other."""
    anna, bob = people("anna"), people("bob")
    anna.port = people.acquaint(anna, bob)
    return anna, bob


def listen(person, *options, **how):
    return person.listen(*options, address=f"127.0.0.1:{person.port}", **how)


# --- by key

def test_a_contact_is_known_by_its_key_whatever_it_calls_itself(pair):
    anna, bob = pair
    listener = listen(anna, on="pipes")
    caller = bob.call("anna", on="pipes", name="mallory")
    wait_said(listener, re.compile(r"^bob is here \(", re.M))
    for program in (caller, listener):
        program.half_close()
    assert (status_of(caller), status_of(listener)) == (0, 0)
    assert "mallory" not in said(listener)
    assert list(anna.contacts()) == ["bob"]


def test_a_stranger_with_a_contacts_name_is_not_that_contact(pair, people):
    anna, _ = pair
    eve = people("eve")
    listener = listen(anna, on="pipes")
    caller = eve.call(listener, "--accept-new", on="pipes", name="bob")
    assert status_of(caller) == 5
    wait_said(listener, "is nobody that you know")
    assert "is here" not in said(listener)


def test_only_the_one_may_come_in(pair, people):
    anna, bob = pair
    carl, eve = people("carl"), people("eve")
    people.acquaint(anna, carl)
    listener = listen(anna, "--only", "bob")
    assert "yodel://" not in said(listener)
    for who in (carl, eve):
        caller = who.call(listener)
        assert status_of(caller) == 5, said(caller)
    own = anna.call(listener)
    assert status_of(own) == 5, said(own)
    wait_said(listener, re.compile(r"carl \(127.0.0.1:\d+\) is not bob: turned away"))
    assert "let " not in said(listener)
    caller = bob.call("anna")
    talking(listener, "bob")
    in_chat(caller, listener)
    leave(caller, listener)


def test_only_is_for_contacts(pair):
    anna, _ = pair
    listener = listen(anna, "--only", "eve", on="pipes", ready=False)
    assert status_of(listener) == 2
    assert said(listener) == "yodel: listen: --only eve: no such contact (yodel peers lists them)\n"


# --- blocked

def test_who_is_blocked_is_not_let_in(pair):
    anna, bob = pair
    anna.peers("block", "bob")
    listener = listen(anna, "--accept-new", on="pipes")
    for whom in ("anna", listener):
        caller = bob.call(whom, on="pipes")
        assert status_of(caller) == 5, said(caller)
    wait_said(listener, re.compile(r"bob \(127.0.0.1:\d+\) is blocked: turned away"))
    assert "is here" not in said(listener)
    anna.peers("unblock", "bob")
    caller = bob.call("anna", on="pipes")
    for program in (caller, listener):
        program.half_close()
    assert (status_of(caller), status_of(listener)) == (0, 0)


def test_who_is_blocked_is_not_let_in_with_a_ticket(pair, people):
    anna, bob = pair
    anna.peers("block", "bob")
    listener = listen(anna, on="pipes")
    ticket = wait_said(listener, re.compile(r"yodel://\w+"))[0]
    caller = bob.call(None, on="pipes")
    caller.line(ticket)
    assert status_of(caller) == 5
    carl = people("carl")
    caller = carl.call(None, on="pipes")  # and the ticket is still good
    caller.line(ticket)
    for program in (caller, listener):
        program.half_close()
    assert (status_of(caller), status_of(listener)) == (0, 0)


def test_who_is_blocked_is_not_called(pair):
    anna, bob = pair
    bob.peers("block", "anna")
    listener = listen(anna, on="pipes")
    caller = bob.call("anna", on="pipes")
    assert status_of(caller) == 5
    assert said(caller) == "yodel: call: anna is blocked (yodel peers unblock anna)\n"
    caller = bob.call(listener, "--accept-new", on="pipes")
    assert status_of(caller) == 5
    assert "you have blocked whoever is there" in said(caller)
    assert "is here" not in said(listener)


# --- the seat

def test_the_old_link_of_a_peer_that_comes_back_is_dropped(pair, people):
    """bob's second yodel has the same key and other contacts: nothing of it tells that the first is still there."""
    anna, bob = pair
    listener = listen(anna)
    first = bob.call("anna")
    talking(listener, "bob")
    in_chat(first, listener, "over the first")
    elsewhere = people("bob", folder="elsewhere")
    second = elsewhere.call(listener, "--identity", str(bob.config / "yodel" / "identity.pem"))
    wait_said(listener, "bob has come back; the old connection is dropped")
    talking(second, "anna")
    wait_said(first, "connection lost")
    assert status_of(first) == 3
    in_chat(second, listener, "over the second")
    leave(second, listener)
    assert list(anna.contacts()) == ["bob"]


def test_somebody_else_finds_the_seat_taken(pair, people):
    anna, bob = pair
    carl = people("carl")
    people.acquaint(anna, carl)
    listener = listen(anna)
    first = bob.call("anna")
    talking(listener, "bob")
    second = carl.call(listener)
    assert status_of(second) == 5
    wait_said(listener, re.compile(r"carl \(127.0.0.1:\d+\) called while the seat is taken: turned away"))
    in_chat(first, listener)
    leave(first, listener)


def test_a_contact_that_another_process_holds_is_exit_5_and_tells_which(pair):
    anna, bob = pair
    listener = listen(anna)
    first = bob.call("anna")
    talking(first, "anna")
    second = bob.call("anna", on="pipes")
    assert status_of(second) == 5
    assert said(second) == f"yodel: call: another yodel (process {first.pid}) talks with anna\n"
    third = bob.call(listener)  # by address it is the same
    assert status_of(third) == 5
    assert f"another yodel (process {first.pid}) talks with anna" in said(third)
    in_chat(first, listener)
    leave(first, listener)


def test_a_listener_refuses_whom_another_process_talks_with(pair):
    anna, bob = pair
    waiting = anna.call("bob", on="pipes")  # holds bob
    wait_said(waiting, "bob is a contact")
    listener = listen(anna, on="pipes")
    caller = bob.call(listener, on="pipes")
    assert status_of(caller) == 5
    wait_said(listener, f"another yodel (process {waiting.pid}) talks with bob")
    assert listener.process.poll() is None


# --- names

def test_a_name_that_is_taken_gets_a_suffix_and_a_warning(pair, people):
    anna, _ = pair
    other = people("bob", folder="other")
    listener = anna.listen(on="pipes")
    ticket = wait_said(listener, re.compile(r"yodel://\w+"))[0]
    caller = other.call(None, on="pipes")
    caller.line(ticket)
    for program in (caller, listener):
        program.half_close()
    assert (status_of(caller), status_of(listener)) == (0, 0)
    assert "you know somebody else as bob: this one is bob-2 here (yodel peers rename changes that)" in said(listener)
    assert anna.contacts()["bob-2"]["id"] == other.id
    assert set(anna.contacts()) == {"bob", "bob-2"}


def test_a_renamed_contact_is_called_by_its_new_name(pair):
    anna, bob = pair
    bob.peers("rename", "anna", "mum")
    listener = listen(anna, on="pipes")
    caller = bob.call("mum", on="pipes")
    wait_said(caller, re.compile(r"^mum is here \(", re.M))
    for program in (caller, listener):
        program.half_close()
    assert (status_of(caller), status_of(listener)) == (0, 0)
    assert list(bob.contacts()) == ["mum"]
