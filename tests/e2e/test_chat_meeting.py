# SPDX-License-Identifier: GPL-3.0-or-later
"""How the two come together, seen from the terminal: nobody else disturbs the screen, the next one after each, and the
screen is alive while a name is looked up and a peer is called."""

import contextlib
import re
import signal
import time

import pytest

import procfs
from chatlib import chat, peers  # noqa: F401
from netns import network  # noqa: F401
from service import PATIENCE, until
from talklib import HOST, NAME, Talk, size, talk  # noqa: F401
from test_ping_lookup import looks_up, names, no_answer  # noqa: F401


# --- one peer

def test_a_second_caller_does_not_disturb_the_chat(talk, peers, size):
    one = talk(size=size)
    one.hear("first")
    one.program.type("half typed")
    one.program.key("left", "left")
    one.program.wait_prompt("> half typ")
    second = peers.call(one.program)
    assert second.read_line() == "yodel: busy: somebody else is talking here (try again later)"
    second.expect_end()
    assert one.wait_status("turned away") == f"{second.where} was turned away"
    one.program.wait_prompt("> half typ")
    assert one.typed() == "half typed"
    one.hear("still here")
    one.program.key("enter")
    assert one.peer.read_line() == "half typed"
    one.peer.close()
    assert one.program.wait_exit() == 0
    assert one.texts() == [(HOST, "first"), (HOST, "still here"), (NAME, "half typed")]
    assert len(one.statuses()) == 4  # waiting, is here, was turned away, left


def test_many_callers_are_told_in_few_lines(talk, peers, size):
    one = talk(size=size)
    for _ in range(30):
        second = peers.call(one.program)
        second.read_line()
        second.close()
    one.hear("undisturbed")
    assert sum("turned away" in text for text in one.statuses()) <= 2
    one.wait_status("callers were turned away", 10)
    assert sum("turned away" in text for text in one.statuses()) <= 3


def test_who_may_not_come_is_no_peer(chat, peers, size):
    program = chat("listen", "--name", NAME, "--accept-from", "127.0.0.2", size=size)
    one = Talk(program, None, host="127.0.0.2")
    with contextlib.suppress(ConnectionResetError):  # as soon as that
        assert peers.call(program).expect_reset() == b""
    assert re.fullmatch(r"127\.0\.0\.1:\d+ was turned away", one.wait_status("turned away"))
    program.wait_prompt()
    one.peer = peers.call(program, source="127.0.0.2")
    one.wait_status("is here (")
    one.hear("it is me")
    one.peer.close()
    assert program.wait_exit() == 0


def test_the_next_one_after_each(talk, peers, size):
    one = talk("--keep", size=size)
    one.program.type("for whoever comes")
    one.program.wait_prompt("> for whoever comes")
    one.hear("from the first")
    one.peer.close()
    one.wait_status("waiting for the next caller")
    one.program.wait_prompt("> for whoever comes")
    one.program.key("enter")
    one.wait_status("not sent: nobody is here yet")
    one.program.wait_prompt("> for whoever comes")
    one.peer = peers.call(one.program)
    one.program.wait_screen(lambda _: sum("is here (" in text for text in one.statuses()) == 2)
    one.program.key("enter")
    assert one.peer.read_line() == "for whoever comes"
    one.hear("from the second")
    one.peer.reset()
    one.wait_status("connection lost: connection reset by peer")
    one.program.wait_screen(lambda _: one.statuses().count("waiting for the next caller") == 2)
    one.peer = peers.call(one.program)
    one.program.wait_screen(lambda _: sum("is here (" in text for text in one.statuses()) == 3)
    one.hear("from the third")
    one.program.line("/quit")
    one.peer.expect_end()
    one.peer.close()
    assert one.program.wait_exit() == 0
    assert [text for who, text in one.texts() if who == HOST] == ["from the first", "from the second", "from the third"]


def test_nothing_of_one_peer_goes_to_the_next(talk, peers):
    one = talk("--keep", peer={"receive_buffer": 4096})
    one.paste("secret " * 20_000)
    one.program.type("\r")
    one.program.tape.wait_bytes(b"anna")
    one.settle()
    one.peer.send("unfinished")
    one.program.tape.wait_bytes(b"unfinished")
    one.peer.reset()
    one.program.tape.wait_bytes(b"waiting for the next")
    one.skip()
    one.peer = peers.call(one.program)
    one.program.tape.wait(lambda: one.program.tape.bytes.count(b"is here") == 2, 5, "the next is here")
    one.peer.line("finished")
    one.program.tape.wait_bytes(b"  finished")
    one.program.line("hello")
    assert one.peer.read_line() == "hello"


@pytest.mark.parametrize("keys", ["\x03", "\x04", "/quit\r"])
def test_waiting_may_be_given_up(chat, size, keys):
    program = chat("listen", size=size)
    program.wait_prompt()
    program.type(keys)
    assert program.wait_exit() == 0


def test_what_is_typed_before_the_peer_is_there_is_kept(chat, peers, size):
    program = chat("listen", "--name", NAME, size=size)
    one = Talk(program, None)
    program.line("anybody?")
    one.wait_status("not sent: nobody is here yet")
    program.wait_prompt("> anybody?")
    one.peer = peers.call(program)
    one.wait_status("is here (")
    program.wait_prompt("> anybody?")
    program.key("enter")
    assert one.peer.read_line() == "anybody?"


# --- calling

def free_port(peers):
    listener = peers.listen()
    listener.close()
    return listener.port


def is_alive(one):
    """What is typed is seen, commands are obeyed, and nothing that is said is lost."""
    one.program.type("half typed")
    one.program.wait_prompt("> half typed")
    one.program.key("enter")
    one.wait_status("not sent: nobody is here yet")
    one.program.wait_prompt("> half typed")
    one.program.ctrl("u")
    one.program.line("/help")
    one.wait_status("bring back")
    one.program.wait_prompt()


def test_the_screen_is_alive_while_a_name_is_looked_up(chat, no_answer, size):
    program = chat("call", "--name", NAME, to="box.example:7", size=size, wrap=no_answer.wrap)
    one = Talk(program, None)
    assert one.wait_status("calling") == "calling box.example:7; /help lists what can be done"
    until(lambda: looks_up(program.pid), what="the name is looked up")
    is_alive(one)
    assert looks_up(program.pid)
    program.ctrl("c")
    assert program.wait_exit() == 3


def test_the_screen_is_alive_while_a_peer_is_called(chat, network, size):
    network.nft("add rule inet test in tcp dport 7 drop")
    program = chat("call", "--name", NAME, to="127.0.0.1:7", size=size, wrap=network.wrap)
    one = Talk(program, None)
    one.wait_status("calling")
    is_alive(one)
    program.type("half typed")
    program.wait_prompt("> half typed")
    begin = time.monotonic()
    program.type("\x03\x03")
    assert program.wait_exit() == 3
    assert time.monotonic() - begin < PATIENCE


def test_the_time_is_limited(chat, network, size):
    network.nft("add rule inet test in tcp dport 7 drop")
    begin = time.monotonic()
    program = chat("call", "--timeout", "0.5s", to="127.0.0.1:7", size=size, wrap=network.wrap)
    assert program.wait_exit() == 3
    assert 0.5 <= time.monotonic() - begin < 2.5 * PATIENCE
    assert "timed out (--timeout says how long to wait)" in " ".join(program.lines())
    assert program.is_restored()


def test_a_refusal_is_told_in_clear_words(chat, peers, size):
    program = chat("call", to=free_port(peers), size=size)
    assert program.wait_exit() == 3
    assert "connection refused (nothing listens there)" in "".join(program.lines())
    assert program.is_restored()


def test_trying_again_is_told_once_and_succeeds(chat, peers, size):
    port = free_port(peers)
    program = chat("call", "--retry", "--name", NAME, to=port, size=size)
    one = Talk(program, None)
    told = one.wait_status("trying again")
    assert told == f"127.0.0.1:{port}: connection refused; trying again until somebody is there"
    tries = int(procfs.status(program.pid)["voluntary_ctxt_switches"])
    is_alive(one)
    program.type("half typed")
    until(lambda: int(procfs.status(program.pid)["voluntary_ctxt_switches"]) > tries + 4, 10, "it has tried again")
    program.wait_prompt("> half typed")
    assert sum("trying again" in text for text in one.statuses()) == 1
    one.peer = peers.listen(port=port).accept(10)
    one.wait_status("connected to")
    program.wait_prompt("> half typed")
    program.key("enter")
    assert one.peer.read_line() == "half typed"
    one.hear("there you are")
    one.peer.close()
    assert program.wait_exit() == 0
    assert sum("trying again" in text for text in one.statuses()) == 1


@pytest.mark.parametrize("end", ["Ctrl-C", "Ctrl-D", "/quit", "SIGTERM"])
def test_trying_again_may_be_given_up(chat, peers, size, end):
    program = chat("call", "--retry", to=free_port(peers), size=size)
    program.wait_screen("trying again")
    program.wait_prompt()
    if end == "SIGTERM":
        program.signal(signal.SIGTERM)
    else:
        program.type({"Ctrl-C": "\x03", "Ctrl-D": "\x04", "/quit": "/quit\r"}[end])
    assert program.wait_exit() == 3


def test_a_peer_that_was_there_and_left_is_not_called_again(chat, peers, size):
    listener = peers.listen()
    program = chat("call", "--retry", "--name", NAME, to=listener, size=size)
    one = Talk(program, listener.accept())
    one.wait_status("connected to")
    one.hear("bye")
    one.peer.close()
    assert program.wait_exit() == 0


def test_a_call_to_oneself_is_none(chat, network, size):
    """On a free port of loopback the kernel may connect a socket to itself."""
    network.run("sysctl", "-w", "net.ipv4.ip_local_port_range=40000 40001")
    program = chat("call", "--name", NAME, "--retry", to="127.0.0.1:40000", size=size, wrap=network.wrap)
    one = Talk(program, None)
    assert one.wait_status("trying again").startswith("127.0.0.1:40000: connected to itself")
    tries = int(procfs.status(program.pid)["voluntary_ctxt_switches"])
    until(lambda: int(procfs.status(program.pid)["voluntary_ctxt_switches"]) > tries + 4, 10, "it has tried again")
    assert not any(text.startswith("connected to") for text in one.statuses())
    program.ctrl("c")
    assert program.wait_exit() == 3
