# SPDX-License-Identifier: GPL-3.0-or-later
"""A chat in which nothing happens does nothing."""

import threading
import time

import pytest

import procfs
from chatlib import chat, peers  # noqa: F401
from service import PATIENCE, until
from talklib import talk  # noqa: F401

SECONDS = 1.5


def wakes(pid):
    """How often it has waited for something, and begun to run again."""
    return int(procfs.status(pid)["voluntary_ctxt_switches"])


def quiet(pid, seconds=0.3):
    """Whether it sleeps all that time."""
    before = wakes(pid)
    time.sleep(seconds)
    return wakes(pid) == before


def expect_sleep(pid):
    """It comes to rest, and stays asleep."""
    until(lambda: quiet(pid), 10, "it sleeps")
    before, cpu = wakes(pid), procfs.cpu_seconds(pid)
    time.sleep(SECONDS)
    assert wakes(pid) - before == 0
    assert procfs.cpu_seconds(pid) - cpu <= 0.01


@pytest.mark.parametrize("options", [[], ["--keep"], ["--accept-from", "127.0.0.0/8"]])
def test_nobody_is_there_yet(chat, options):
    program = chat("listen", *options)
    program.wait_prompt()
    expect_sleep(program.pid)


@pytest.mark.parametrize("role", ["listen", "call"])
def test_nobody_says_anything(talk, role):
    one = talk(role=role)
    expect_sleep(one.program.pid)
    one.program.line("hello")  # and after something was said
    assert one.peer.read_line() == "hello"
    one.hear("hi")
    expect_sleep(one.program.pid)


@pytest.mark.parametrize("typed", [b"half", b"\x1b", b"\x1b[", b"\x12sea", b"\x1b[200~paste", b"\xe6"])
def test_something_is_half_typed(talk, typed):
    one = talk()
    one.program.type(typed)
    one.settle()
    expect_sleep(one.program.pid)


def test_something_is_half_said(talk):
    one = talk()
    one.peer.send("half\r")
    one.wait_said("half")
    expect_sleep(one.program.pid)


def test_somebody_was_turned_away(talk, peers):
    one = talk()
    second = peers.call(one.program)
    second.read_line()
    second.close()
    one.wait_status("turned away")
    expect_sleep(one.program.pid)


def test_the_second_peer_is_there(talk, peers):
    one = talk("--keep")
    one.peer.close()
    one.wait_status("waiting for the next caller")
    peers.call(one.program)
    one.program.wait_screen(lambda _: sum("is here (" in text for text in one.statuses()) == 2)
    expect_sleep(one.program.pid)


def test_a_terminal_that_takes_nothing_costs_nothing(talk):
    """Though the peer has more to say."""
    one = talk(peer={"send_buffer": 65536})
    one.program.tape.pause()
    data = b"x" * 20_000_000

    def send():
        try:
            one.peer.sock.sendall(data)
        except OSError:
            pass

    thread = threading.Thread(target=send)
    thread.start()
    try:
        expect_sleep(one.program.pid)
    finally:
        one.program.process.kill()
        thread.join(10 * PATIENCE)
        one.program.tape.collect()
        one.program.wait_exit()
        one.skip()
    assert not thread.is_alive()


def test_a_peer_that_takes_nothing_costs_next_to_nothing(talk):
    """Whether it is still alive is looked after now and then."""
    one = talk(peer={"receive_buffer": 4096})
    for _ in range(2):
        one.paste("x" * 1_000_000)
        one.program.type("\r")
        one.settle()
    one.program.tape.wait_bytes(b"anna")
    one.settle()
    until(lambda: quiet(one.program.pid), 10, "it sleeps")
    before, cpu = wakes(one.program.pid), procfs.cpu_seconds(one.program.pid)
    time.sleep(SECONDS)
    assert wakes(one.program.pid) - before <= 3
    assert procfs.cpu_seconds(one.program.pid) - cpu <= 0.01
    one.skip()


def test_trying_again_is_no_busy_loop(chat, peers):
    listener = peers.listen()
    listener.close()
    program = chat("call", "--retry", to=listener.port)
    program.wait_screen("trying again")
    cpu = procfs.cpu_seconds(program.pid)
    before = wakes(program.pid)
    time.sleep(2)
    assert wakes(program.pid) - before <= 20 * PATIENCE
    assert procfs.cpu_seconds(program.pid) - cpu <= 0.02 * PATIENCE
