# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody in the middle who ends TLS on both sides with a key of their own is found out, whichever way the two know each
other: by ticket, by contact, by the number, by the address that was called before."""

import re

import pytest

from chatlib import chat  # noqa: F401
from middle import DOWN, UP, Interceptor, between  # noqa: F401
from people import NUMBER, people, said, wait_said  # noqa: F401
from private import DECLINED, TICKET_WRONG, Ticket, pack_ticket, unpack_ticket
from privatelib import exit_of, private, text_of  # noqa: F401
from service import until


def with_places(text, *places):
    """The ticket as somebody would change it who passes it on."""
    return pack_ticket(unpack_ticket(text)._replace(places=places))


def test_a_ticket_whose_caller_is_led_astray(private, between):
    """By ticket: the caller knows the key that it must meet, and goes no further."""
    listener = private.listen()
    interceptor = between(Interceptor, listener.port)
    caller = private.chat("call", plain=False, on="pipes", env={"XDG_CONFIG_HOME": str(private.chat.home / "caller")})
    caller.line(with_places(listener.ticket_text, ("127.0.0.1", interceptor.port)))
    assert exit_of(caller) == 4
    interceptor.wait_over()
    assert interceptor.seen == {UP: [], DOWN: []}
    assert "is here" not in text_of(listener)
    private.goes_on(listener)


def test_a_ticket_with_the_key_of_who_is_in_the_middle(private, between):
    """The caller was handed a forged ticket, and cannot know; its proof is of no use to whoever forged it."""
    listener = private.listen()
    interceptor = between(Interceptor, listener.port)
    forged = Ticket((("127.0.0.1", interceptor.port),), interceptor.key.id, listener.ticket.secret)
    caller = private.chat("call", plain=False, on="pipes", env={"XDG_CONFIG_HOME": str(private.chat.home / "caller")})
    caller.line(pack_ticket(forged))
    assert exit_of(caller) == 5
    interceptor.wait_over()
    assert interceptor.refusals == {DOWN: TICKET_WRONG}
    assert "is here" not in text_of(listener)
    private.goes_on(listener)


@pytest.mark.parametrize("retry", [False, True])
def test_a_contact_whose_address_leads_to_somebody_else(people, between, retry):
    """By name: the key must match, wherever it is."""
    anna, bob = people("anna"), people("bob")
    people.acquaint(anna, bob)
    listener = anna.listen("--keep", on="pipes")
    interceptor = between(Interceptor, listener.port, network=people.network)
    bob.set_places("anna", ("127.0.0.1", interceptor.port), *([("127.0.0.1", listener.port)] if retry else []))
    caller = bob.call("anna", "--timeout", "3s", on="pipes")
    if retry:
        wait_said(caller, "is here")
        wait_said(caller, "skipped")
        wait_said(listener, "bob is here")
    else:
        assert exit_of(caller, 10) == 4
        assert "bob is here" not in said(listener)
    interceptor.wait_over()
    assert interceptor.texts() == []


def test_who_is_in_the_middle_is_no_contact_of_the_listeners(people, between):
    """The other way round: a caller that accepts any key is refused, because the key that reaches the listener is not its."""
    anna, bob = people("anna"), people("bob")
    people.acquaint(anna, bob)
    listener = anna.listen("--keep", on="pipes")
    interceptor = between(Interceptor, listener.port, network=people.network)
    caller = bob.call(f"127.0.0.1:{interceptor.port}", "--accept-new", on="pipes")
    assert exit_of(caller) == 5
    interceptor.wait_over()
    assert interceptor.refusals == {DOWN: DECLINED}
    assert "bob is here" not in said(listener)


def test_the_numbers_of_the_two_differ(people, between):
    """By address: each is shown the number of its own connection."""
    anna, bob = people("anna"), people("bob")
    listener = anna.listen("--keep")
    seen = []
    for _ in range(3):
        interceptor = between(Interceptor, listener.port, network=people.network, compares=True)
        caller = bob.call(f"127.0.0.1:{interceptor.port}")
        callers = wait_said(caller, NUMBER, 10)[1]
        wait_said(listener, re.compile(rf"(?:number: \d(?s:.*)){{{len(seen) + 1}}}"), 10)
        listeners = NUMBER.findall(said(listener))[len(seen)]
        until(lambda known=interceptor.numbers: len(known) == 2)
        assert interceptor.numbers == {UP: callers, DOWN: listeners}
        assert callers != listeners
        seen.append(listeners)
        listener.wait_screen("(y or n)", 5)
        listener.line("n")
        assert caller.wait_exit(10) == 5
        interceptor.wait_over()
        listener.wait_screen(lambda lines: "(y or n)" not in "\n".join(lines[-2:]))
    assert len(set(seen)) == 3


def test_who_passes_the_exchange_on_as_it_is_breaks_it(people, between):
    """A commitment holds for one connection; that it does not fit is shown on both sides."""
    anna, bob = people("anna"), people("bob")
    listener = anna.listen()
    interceptor = between(Interceptor, listener.port, network=people.network)
    caller = bob.call(f"127.0.0.1:{interceptor.port}")
    wait_said(caller, "broke off after the numbers were exchanged", 10)
    wait_said(listener, "broke off after the numbers were exchanged", 10)
    assert caller.wait_exit(10) == 3
    assert "number: " not in said(listener)
    interceptor.wait_over()


def test_the_numbers_of_two_who_meet_are_the_same(people):
    anna, bob = people("anna"), people("bob")
    listener = anna.listen()
    caller = bob.call(listener)
    assert wait_said(caller, NUMBER, 10)[1] == wait_said(listener, NUMBER, 10)[1]
    listener.wait_screen("(y or n)")
    listener.line("y")
    wait_said(caller, "is here")
    wait_said(listener, "is here")


@pytest.mark.parametrize("on", ["terminal", "pipes"])
def test_another_key_at_an_address_that_was_called_before_is_a_hard_stop(people, between, on):
    anna, bob = people("anna"), people("bob")
    listener = anna.listen("--keep", "--accept-new", on=on)
    relayed = between(Interceptor, listener.port, network=people.network, compares=True)
    caller = bob.call(f"127.0.0.1:{relayed.port}", "--accept-new", on=on)
    wait_said(caller, "number: ", 10)
    wait_said(caller, "is here", 10)
    relayed.close()
    assert caller.wait_exit(10) == 3
    other = between(Interceptor, listener.port, network=people.network, port=relayed.port)
    caller = bob.call(f"127.0.0.1:{relayed.port}", "--accept-new", on=on)
    assert caller.wait_exit(10) == 4
    text = wait_said(caller, re.compile("ANOTHER KEY")) and said(caller)
    assert re.sub(r"\s", "", other.key.text) in re.sub(r"\s", "", text)
    assert re.sub(r"\s", "", relayed.key.text) in re.sub(r"\s", "", text)
    assert "(y or n)" not in text
    assert other.seen == {UP: [], DOWN: []}

