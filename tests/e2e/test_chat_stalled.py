# SPDX-License-Identifier: GPL-3.0-or-later
"""A terminal that takes nothing for a while: what arrived meanwhile is shown, to the end and in order."""

import array
import fcntl
import re
import termios

import pytest

from chatlib import chat, peers, run  # noqa: F401
from service import until

LINES = 1500  # more than the program holds for the terminal, less than the kernel holds for the program


def unacked(sock):
    waiting = array.array("i", [0])
    fcntl.ioctl(sock, termios.TIOCOUTQ, waiting)
    return waiting[0]


def stall(chat, peers):
    """A chat whose terminal is stalled, and a peer that has said LINES lines."""
    listener = chat("listen")
    peer = peers.call(listener)
    listener.wait_screen("is here")
    listener.tape.pause()
    peer.send(b"".join(b"line %06d %s\n" % (number, b"x" * 60) for number in range(LINES)))
    until(lambda: unacked(peer.sock) == 0, what="all of it arrives")
    return listener, peer


def shown(listener):
    return [int(number) for number in re.findall(rb"line (\d{6})", listener.tape.bytes)]


@pytest.mark.parametrize("end", ["close", "reset"])
def test_all_of_it_is_shown_after_the_peer_has_gone(chat, peers, end):
    listener, peer = stall(chat, peers)
    getattr(peer, end)()
    listener.tape.collect()
    assert listener.wait_exit() == (0 if end == "close" else 3)
    assert shown(listener) == list(range(LINES))
    last = "left" if end == "close" else "connection lost: connection reset by peer"
    assert last in "\n".join(listener.lines()[-3:])


def test_ctrl_c_leaves_without_the_terminal(chat, peers):
    listener, peer = stall(chat, peers)
    for _ in range(2):
        listener.ctrl("c")
    assert peer.read_all() == b""
    listener.ctrl("c")
    assert listener.wait_exit() == 0
