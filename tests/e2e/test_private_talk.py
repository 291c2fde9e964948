# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said in private arrives, and both know when it is over: with the tests' own implementation at the other end, in
both roles."""

import os
import re

import pytest

from chatlib import chat  # noqa: F401
from pipelib import Background
from private import BYE, BYE_ACK, DATA, EOF
from privatelib import exit_of, private, role, text_of, wait_out, wait_text  # noqa: F401

LOST = "connection lost"


def test_a_stream_goes_both_ways_whole_and_both_know_it(private, role):
    program, peer = private.pair(role)
    data, answer = os.urandom(300000), os.urandom(200000)
    reading = Background(peer.read_stream)
    typing = Background(lambda: (program.type(data), program.half_close()))
    assert reading.result() == data
    typing.result()
    peer.stream(answer)
    peer.send(EOF)
    wait_out(program, answer)
    assert peer.leave() == []
    assert exit_of(program) == 0
    assert program.read_all() == answer


@pytest.mark.parametrize("piece", [1, 3, 16379])
def test_a_stream_may_come_in_frames_of_any_size(private, role, piece):
    program, peer = private.pair(role)
    data = os.urandom(300 if piece < 10 else 100000)
    for at in range(0, len(data), piece):
        peer.send(DATA, data[at:at + piece])
        peer.send(0x80 + at % 128, os.urandom(at % 500))  # nobody knows these yet: they are skipped
    wait_out(program, data)
    peer.send(EOF)
    program.half_close()
    assert peer.read_stream() == b""
    peer.leave()
    assert exit_of(program) == 0


def test_a_peer_that_closes_as_soon_as_it_was_answered_has_missed_nothing(private, role):
    """What the program sends then is its close_notify, which nobody waits for."""
    for _ in range(10):
        program, peer = private.pair(role)
        program.half_close()
        assert peer.read_stream() == b""
        peer.send(EOF)
        peer.leave(wait=False)
        assert exit_of(program) == 0


def test_messages_go_both_ways(private, role):
    program, peer = private.pair(role, on="terminal", name="paula")
    peer.say("first light")
    peer.say("zweites \u4e16\u754c", piece=3)  # cut within characters
    program.wait_screen("first light")
    program.wait_screen("zweites \u4e16\u754c")
    program.line("an answer")
    assert peer.hear() == "an answer"
    program.line("/quit")
    peer.hear_goodbye()
    assert exit_of(program) == 0


def test_a_peer_that_says_goodbye_has_left(private, role):
    program, peer = private.pair(role, on="terminal", name="paula")
    peer.say("that was it")
    peer.leave()
    assert exit_of(program) == 0
    wait_text(program, re.compile(r"that was it(?s:.*)left"))
    assert LOST not in text_of(program)


def test_both_say_goodbye_at_once(private, role):
    program, peer = private.pair(role, on="terminal")
    program.line("/quit")
    assert peer.expect(BYE) == b""
    peer.send(BYE)  # as if it had crossed
    peer.send(BYE_ACK)
    assert peer.expect(BYE_ACK) == b""
    peer.expect_end()
    assert exit_of(program) == 0


def test_goodbyes_cross_and_are_answered_later(private, role):
    program, peer = private.pair(role, on="terminal")
    program.line("/quit")
    assert peer.expect(BYE) == b""
    peer.send(BYE)
    assert peer.expect(BYE_ACK) == b""
    peer.send(BYE_ACK)
    peer.expect_end()
    assert exit_of(program, 3) == 0


def test_what_the_peer_said_before_it_answers_the_goodbye_is_shown(private, role):
    program, peer = private.pair(role, on="terminal")
    program.line("/quit")
    assert peer.expect(BYE) == b""
    peer.say("one more thing")
    peer.send(BYE_ACK)
    peer.expect_end()
    assert exit_of(program) == 0
    wait_text(program, "one more thing")


def test_a_message_to_somebody_who_leaves_without_an_answer_is_told_to_be_lost(private, role):
    program, peer = private.pair(role, on="terminal")
    program.line("did you hear this?")
    program.line("/quit")
    assert peer.hear() == "did you hear this?"
    assert peer.expect(BYE) == b""
    peer.close()  # close_notify, but not BYE_ACK
    assert exit_of(program, 10) == 3
