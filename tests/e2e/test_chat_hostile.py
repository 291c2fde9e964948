# SPDX-License-Identifier: GPL-3.0-or-later
"""The chat against peers that mean harm and terminals that do not work: nothing is lost, and the keyboard stays the user's."""

import fcntl
import select
import struct
import termios

import pytest

import procfs
from chatlib import chat, peers  # noqa: F401
from service import SANITIZED, until


def stop_terminal(program):
    program.wait_prompt()
    program.tape.pause()


def fill(peer):
    """Say lines until nobody takes them any more."""
    rest = b""
    peer.sock.setblocking(False)
    while select.select([], [peer.sock], [], 0.5)[1]:
        rest = rest or (b"x" * 60 + b"\n") * 1000
        rest = rest[peer.sock.send(rest):]


def type_unshown(program, keys):
    """Type on a terminal that shows nothing, and wait until it has been read."""
    def waiting():
        return struct.unpack("i", fcntl.ioctl(program.slave, termios.FIONREAD, b"\0\0\0\0"))[0]

    program.type(keys)
    until(lambda: waiting() == 0, what="the keys have been read")


def stopped_by_flood(chat, peers):
    program = chat("listen")
    peer = peers.call(program, send_buffer=4096)
    program.wait_screen("is here")
    stop_terminal(program)
    fill(peer)
    return program


def test_goodbye_typed_while_the_terminal_shows_nothing_is_said(chat, peers):
    program = stopped_by_flood(chat, peers)
    type_unshown(program, b"\x04")
    program.tape.collect()
    assert program.wait_exit() == 0


def test_what_goodbye_waits_for_can_be_given_up(chat, peers):
    listener = peers.listen(receive_buffer=4096)
    program = chat("call", to=listener)
    listener.accept()
    program.wait_screen("connected to")
    program.paste("y" * 300_000)
    program.key("enter")
    program.wait_prompt()
    program.type(b"\x04")
    program.wait_screen("Ctrl-C gives up")
    program.type(b"\x03")
    assert program.wait_exit(2) == 3


def test_a_window_that_changes_while_it_shows_nothing_is_used_afterwards(chat, peers):
    program = chat("listen")
    peer = peers.call(program)
    program.wait_screen("is here")
    program.paste("y" * 900_000)
    program.wait_screen(lambda _: program.cursor[0] > 2 and program.rows()[-1].startswith("y"), 20)
    program.tape.pause()
    for number in range(80):
        program.resize(80 - number % 2, 24)
        until(lambda: int(procfs.status(program.pid)["ShdPnd"], 16) == 0, what="the change has been seen")
    assert SANITIZED or procfs.peak_kib(program.pid) < 32 << 10
    program.tape.collect()
    peer.line("still there?")
    program.wait_screen("still there?", 20)


def test_a_bell_does_not_wait_for_a_stopped_terminal(chat, peers):
    program = chat("listen")
    peers.call(program)
    program.wait_screen("is here")
    program.wait_prompt()
    type_unshown(program, b"\x13\x7f")  # Ctrl-S, and nothing to erase
    assert "busy" in peers.call(program).read_line()
    program.type(b"\x11")
    program.tape.wait_bytes(b"\a")


def test_a_command_that_wants_another_key_is_no_goodbye(chat, peers):
    program = chat("listen")
    peer = peers.call(program)
    program.wait_screen("is here")
    type_unshown(program, b"\x18(\x1b5\x18)\x18e")  # a macro that is a number
    type_unshown(program, b"\a\a\x15")
    program.line("still here")
    assert "still here" in peer.read_line()


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (2, 24), (80, 1)])
def test_a_window_too_small_for_anything_is_survived(chat, peers, size):
    program = chat("listen", size=size, ready=False)
    program.tape.wait_bytes(b"\x1b[?2004h")
    program.paste("hello\nthere, " * 10)
    program.type(b"\x01\x05\x01\x0b")
    program.resize(80, 24)
    until(lambda: int(procfs.status(program.pid)["ShdPnd"], 16) == 0, what="the change has been seen")
    program.resize(*size)
    until(lambda: int(procfs.status(program.pid)["ShdPnd"], 16) == 0, what="the change has been seen")
    program.paste("hello\nthere, " * 10)
    type_unshown(program, b"\x01\x05\x01\x0b\x03\x03")
    assert program.wait_exit() == 0


def test_undo_brings_back_what_ctrl_c_took(chat, peers):
    program = chat("listen")
    peer = peers.call(program)
    program.wait_screen("is here")
    program.type(b"hello\x12l\x03")  # in the middle of a search
    program.wait_prompt()
    program.type(b"\x1f\r")
    assert peer.read_line() == "hello"
