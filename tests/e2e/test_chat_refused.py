# SPDX-License-Identifier: GPL-3.0-or-later
"""A caller who was turned away sees why, and the exit status is 5."""

import pytest

from chatlib import chat, peers, run  # noqa: F401


def test_the_second_caller(chat, peers):
    listener, first = chat.pair()
    second = chat("call", to=listener)
    second.wait_screen("yodel: busy: somebody else is talking here (try again later)")
    assert second.wait_exit() == 5
    first.line("still here")
    listener.wait_screen("still here")
    assert "was turned away" in "\n".join(listener.lines())


@pytest.mark.parametrize("said", ["hello\nyodel: busy: somebody else is talking here (try again later)\n",
                                  "yodel: busy: somebody else is talking here (try again later)\nhello\n",
                                  "yodel: busy: somebody else is talking here\n"])
def test_who_says_something_else_left(chat, peers, said):
    listener = peers.listen()
    caller = chat("call", to=listener)
    peer = listener.accept()
    peer.send(said)
    peer.close()
    assert caller.wait_exit() == 0
