# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever knows somebody calls them by name, and it does not matter who starts first."""

import re

from people import in_chat, leave, people, said, status_of, talking, wait_said  # noqa: F401


def test_a_contact_is_called_by_name_in_a_pipe(people):
    anna, bob = people("anna"), people("bob")
    port = people.acquaint(anna, bob)
    listener = anna.listen(on="pipes", address=f"127.0.0.1:{port}")
    caller = bob.call("anna", on="pipes")
    caller.line("to anna")
    listener.line("to bob")
    caller.half_close()
    listener.half_close()
    assert (caller.read_all(), listener.read_all()) == (b"to bob\n", b"to anna\n")
    assert (status_of(caller), status_of(listener)) == (0, 0)
    assert caller.lines()[0] == "anna is a contact: calling 2 addresses, and listening meanwhile"
    assert re.search(r"^bob is here \(127", said(listener), re.M)


def test_a_contact_is_called_by_name_at_a_terminal_before_it_is_there(people):
    anna, bob = people("anna"), people("bob")
    port = people.acquaint(anna, bob)
    caller = bob.call("anna")
    wait_said(caller, "anna: connection refused; trying again until somebody is there")
    caller.wait_prompt()
    listener = anna.listen(address=f"127.0.0.1:{port}")
    talking(listener, "bob")
    talking(caller, "anna")
    assert "unverified" not in said(caller) + said(listener)
    in_chat(caller, listener)
    leave(caller, listener)
    assert bob.contacts().keys() == {"anna"} and anna.contacts().keys() == {"bob"}


def test_the_name_is_matched_whatever_its_case(people):
    anna, bob = people("anna"), people("bob")
    port = people.acquaint(anna, bob)
    listener = anna.listen(address=f"127.0.0.1:{port}")
    caller = bob.call("ANNA")
    talking(caller, "anna")
    leave(caller, listener)


def test_whoever_calls_listens_meanwhile(people):
    """anna knows no address of bob's: only that he calls her can bring them together."""
    anna, bob = people("anna"), people("bob")
    people.acquaint(anna, bob, "127.0.0.1:5188")
    anna.set_places("bob")
    first = anna.call("bob")
    wait_said(first, "bob is a contact: calling 0 addresses, and listening meanwhile")
    second = bob.call("anna")
    talking(first, "bob")
    talking(second, "anna")
    in_chat(first, second)
    leave(second, first)


def test_where_a_caller_listens_is_known_afterwards(people):
    anna, bob = people("anna"), people("bob")
    people.acquaint(anna, bob, "127.0.0.1:7000")
    listener = anna.listen(address="127.0.0.1:7000")
    caller = bob.call("anna")
    talking(listener, "bob")
    leave(caller, listener)
    assert "127.0.0.1:5188" in anna.knows("bob")[1]
    caller = bob.call("anna", "--retry", on="pipes")  # listens again
    wait_said(caller, "listening meanwhile")
    answer = anna.call("bob", on="pipes")
    for each in (caller, answer):
        each.half_close()
    assert (status_of(caller), status_of(answer)) == (0, 0)


def test_a_taken_port_is_no_reason_to_say_anything(people):
    anna, bob = people("anna"), people("bob")
    people.acquaint(anna, bob, "127.0.0.1:7000")
    with people.network.listen("127.0.0.2", 5188):
        caller = bob.call("anna", "--timeout", "300ms", on="pipes")
        assert status_of(caller) == 3
    assert caller.lines() == ["anna is a contact: calling 2 addresses",
                              "anna: connection refused; trying again until somebody is there",
                              "yodel: call: anna: not there in time (--retry waits for ever)"]


def test_without_an_address_and_with_the_port_taken_there_is_no_way(people):
    anna, bob = people("anna"), people("bob")
    people.acquaint(anna, bob, "127.0.0.1:7000")
    anna.set_places("bob")
    with people.network.listen("127.0.0.2", 5188):
        caller = anna.call("bob", on="pipes")
        assert status_of(caller) == 3
    assert re.fullmatch(r"yodel: call: bob: no address is known, .*5188 is taken.*", caller.lines()[-1])


# --- how long

def test_a_pipe_gives_up_in_time(people):
    anna, bob = people("anna"), people("bob")
    people.acquaint(anna, bob)
    caller = bob.call("anna", "--timeout", "400ms", on="pipes")
    assert status_of(caller, 3) == 3
    assert caller.lines()[-1] == "yodel: call: anna: not there in time (--retry waits for ever)"


def test_a_pipe_that_tries_again_does_not_give_up(people):
    anna, bob = people("anna"), people("bob")
    port = people.acquaint(anna, bob)
    caller = bob.call("anna", "--timeout", "100ms", "--retry", on="pipes")
    wait_said(caller, "trying again")
    people("carl").listen(on="pipes")  # takes longer than what the other was given
    assert caller.process.poll() is None
    listener = anna.listen(on="pipes", address=f"127.0.0.1:{port}")
    for program in (caller, listener):
        program.half_close()
    assert (status_of(caller, 10), status_of(listener)) == (0, 0)


def test_a_terminal_that_waits_ends_with_quit(people):
    anna, bob = people("anna"), people("bob")
    people.acquaint(anna, bob)
    caller = bob.call("anna", "--timeout", "100ms")
    wait_said(caller, "trying again")
    caller.line("/quit")
    assert status_of(caller) == 3


# --- somebody else at the address

def test_another_key_at_an_address_is_skipped_with_a_warning(people):
    anna, bob, eve = people("anna"), people("bob"), people("eve")
    people.acquaint(anna, bob)
    wrong = eve.listen("--accept-new", on="pipes")
    right = anna.listen(on="pipes")
    bob.set_places("anna", ("127.0.0.1", wrong.port), ("127.0.0.1", right.port))
    caller = bob.call("anna", on="pipes")
    wait_said(caller, "anna is here")
    for program in (caller, right):
        program.half_close()
    assert (status_of(caller), status_of(right)) == (0, 0)
    assert [line for line in caller.lines() if eve.id in line] == \
        [f"127.0.0.1:{wrong.port} is somebody else: id {eve.id}; skipped"]
    assert "is here" not in said(wrong)


def test_another_key_at_every_address_is_exit_4_in_a_pipe(people):
    anna, bob, eve = people("anna"), people("bob"), people("eve")
    people.acquaint(anna, bob)
    wrong = [eve.listen("--accept-new", on="pipes") for _ in range(2)]
    bob.set_places("anna", *(("127.0.0.1", program.port) for program in wrong))
    caller = bob.call("anna", "--timeout", "2s", on="pipes")
    assert status_of(caller) == 4
    skipped = [line for line in caller.lines() if "skipped" in line]
    assert sorted(skipped) == sorted(f"127.0.0.1:{each.port} is somebody else: id {eve.id}; skipped" for each in wrong)
    assert caller.lines()[-1] == \
        "yodel: call: anna: somebody else answers there (another key), and nowhere the right one"
    assert eve.contacts() == {} and list(bob.contacts()) == ["anna"]


def test_whoever_has_another_key_learns_nothing_of_the_caller(people):
    """The key is judged before our own goes out."""
    anna, bob, eve = people("anna"), people("bob"), people("eve")
    people.acquaint(anna, bob)
    wrong = eve.listen(size=(400, 60))
    bob.set_places("anna", ("127.0.0.1", wrong.port))
    caller = bob.call("anna", "--timeout", "500ms", on="pipes")
    assert status_of(caller) == 4
    wait_said(wrong, "was turned away")
    assert bob.id not in said(wrong) and "let " not in said(wrong) and "bob" not in said(wrong)


def test_whoever_tries_again_meets_the_right_one_after_somebody_else(people):
    """Somebody else is there at first: that is told once, and tried again."""
    anna, bob, eve = people("anna"), people("bob"), people("eve")
    port = people.acquaint(anna, bob)
    wrong = eve.listen("--accept-new", on="pipes", address=f"127.0.0.1:{port}")
    caller = bob.call("anna", "--retry", on="pipes")
    wait_said(caller, "is somebody else")
    wrong.signal(9)
    status_of(wrong)
    right = anna.listen(on="pipes", address=f"127.0.0.1:{port}")
    wait_said(caller, re.compile(r"^anna is here \(", re.M), 10)
    for program in (caller, right):
        program.half_close()
    assert (status_of(caller), status_of(right)) == (0, 0)
    assert said(caller).count("is somebody else") == 1
