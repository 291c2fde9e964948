# SPDX-License-Identifier: GPL-3.0-or-later
"""How a chat ends: the peer leaves, whatever the user is doing; the link breaks; the user leaves, and what was said
arrives or is told to be lost."""

import re
import signal
import time

import pytest

from chatlib import chat, peers  # noqa: F401
from netns import network  # noqa: F401
from peer import Peer
from service import PATIENCE, until
from talklib import HOST, NAME, Talk, size, talk  # noqa: F401

ROLES = ("listen", "call")

# The rule is 100 ms. A machine may be busy, and its processes slow to be started and reaped.
AT_ONCE = 1.0

# What somebody is in the middle of: what is typed, and what of it stands in the line.
MIDDLES = {
    "nothing": (b"", ""),
    "a line": (b"half typed", "half typed"),
    "a wide line": ("\u65e5\u672c\u8a9e".encode(), "\u65e5\u672c\u8a9e"),
    "half a character": (b"half\xe6\x97", "half"),
    "ESC": (b"half\x1b", "half"),
    "ESC [": (b"half\x1b[", "half"),
    "ESC O": (b"half\x1bO", "half"),
    "a key with numbers": (b"half\x1b[1;5", "half"),
    "Ctrl-X": (b"half\x18", "half"),
    "the mark of a paste": (b"half\x1b[200", "half"),
    "a paste": (b"half\x1b[200~one\rtwo", "half"),
    "a number": (b"half\x1b4", "half"),
    "quoted": (b"half\x16", "half"),
    "a search": (b"half\x12hal", "half"),
    "moving": (b"half\x1b[D\x1b[D", "half"),
    "a macro": (b"half\x18(", "half"),
}


def leave_and_wait(one, leave):
    """Returns exit status and seconds."""
    begin = time.monotonic()
    leave()
    status = one.program.wait_exit()
    return status, time.monotonic() - begin


# --- the peer leaves

@pytest.mark.parametrize("middle", MIDDLES)
@pytest.mark.parametrize("mode", ["emacs", "vi"])
def test_it_ends_at_once_whatever_the_user_is_doing(talk, size, middle, mode, tmp_path):
    (tmp_path / "inputrc").write_text(f"set editing-mode {mode}\n")
    one = talk(size=size, env={"INPUTRC": str(tmp_path / "inputrc")})
    typed, line = MIDDLES[middle]
    one.program.type(typed)
    if line:
        one.program.wait_screen(line)
    one.settle()
    status, seconds = leave_and_wait(one, one.peer.close)
    assert status == 0 and seconds < AT_ONCE * PATIENCE
    assert one.statuses()[2] == f"{HOST} left"
    lost = one.statuses()[3:]
    if middle in ("nothing", "a search"):  # what is typed there is no message
        assert len(lost) <= (middle == "a search")
    else:
        assert lost and lost[0].startswith(f"not sent: {line}") and len(lost) == 1
    assert one.program.is_restored()
    assert one.program.cursor[0] == 0


@pytest.mark.parametrize("role", ROLES)
def test_all_that_was_said_is_shown_before_it_ends(talk, size, role):
    one = talk(role=role, size=size)
    texts = [f"message {number}" for number in range(500)]
    one.program.type("half typed")
    one.program.wait_prompt("> half typed")
    one.peer.send("".join(text + "\n" for text in texts) + "and no end")
    one.peer.close()
    assert one.program.wait_exit() == 0
    assert one.texts() == [(HOST, text) for text in [*texts, "and no end"]]
    assert one.statuses()[-2:] == [f"{HOST} left", "not sent: half typed"]


def test_a_long_line_that_is_not_sent_is_shown_whole(talk, size):
    one = talk(size=size)
    words = " ".join(f"word{number}" for number in range(100))
    one.paste(words + "\nand a second line")
    one.program.wait_screen("second line")
    one.peer.close()
    assert one.program.wait_exit() == 0
    assert one.statuses()[-1] == f"not sent: {words} and a second line"


@pytest.mark.parametrize("role", ROLES)
def test_a_half_that_the_peer_closed_ends_it_too(talk, role):
    """It sends no more, but reads on: what we said still arrives."""
    one = talk(role=role, peer={"receive_buffer": 4096})
    text = "x" * 100_000
    one.paste(text)
    one.program.type("\r")
    one.program.tape.wait_bytes(b"anna")
    one.peer.half_close()
    one.wait_status("left")
    assert one.peer.read_exactly(len(text) + 1, 20) == text.encode() + b"\n"
    one.peer.expect_end()
    assert one.program.wait_exit() == 0


@pytest.mark.parametrize("role", ROLES)
def test_it_ends_at_once_though_its_output_is_long(talk, role):
    """The peer has said much, and left while the terminal was still taking it."""
    one = talk(role=role)
    one.program.tape.pause()
    text = "Q" * 200_000
    one.peer.line(text)
    one.peer.close()
    one.program.tape.collect()
    assert one.program.wait_exit() == 0
    assert one.program.tape.bytes.count(b"Q") == len(text)
    assert one.statuses()[-1] == f"{HOST} left"


# --- the link breaks

@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("middle", ["nothing", "a line", "ESC [", "a paste"])
def test_a_reset_is_told(talk, size, role, middle):
    one = talk(role=role, size=size)
    typed, line = MIDDLES[middle]
    one.hear("before")
    one.program.type(typed)
    if line:
        one.program.wait_screen(line)
    status, seconds = leave_and_wait(one, one.peer.reset)
    assert status == 3 and seconds < AT_ONCE * PATIENCE
    assert one.statuses()[2] == f"{HOST}: connection lost: connection reset by peer"
    assert [text[:14] for text in one.statuses()[3:]] == [f"not sent: {line}"[:14]] * bool(line)
    assert one.texts() == [(HOST, "before")]


def test_what_came_before_a_reset_is_shown(talk):
    one = talk()
    texts = [f"message {number}" for number in range(100)]
    one.peer.send("".join(text + "\n" for text in texts))
    one.wait_said(*texts)
    one.peer.send("unfinished")
    one.wait_said(*texts, "unfinished")
    one.peer.reset()
    assert one.program.wait_exit() == 3


@pytest.mark.parametrize("words", [[], ["and a word"]])
def test_a_peer_that_vanished_is_told(chat, network, size, words):
    """Also when nothing is under way: keep-alive."""
    program = chat("listen", "--name", NAME, "--dead-timeout", "3s", size=size, wrap=network.wrap)
    peer = Peer(network.connect(program))
    program.wait_screen("is here")
    program.wait_prompt()
    one = Talk(program, peer)
    program.type("half typed")
    program.wait_prompt("> half typed")
    network.cut(peer.sock)
    for word in words:
        program.line(word)
    status, seconds = leave_and_wait(one, lambda: None)
    peer.close()
    assert status == 3
    assert 1 < seconds < 8 * PATIENCE
    assert f"{HOST}: connection lost: timed out" in one.statuses()
    assert "not sent: half typed" in one.statuses() or words


# --- the user leaves

LEAVE = {
    "/quit": lambda program: program.line("/quit"),
    "Ctrl-D": lambda program: program.ctrl("d"),
    "Ctrl-C twice": lambda program: program.type(b"\x03\x03"),
    "SIGTERM": lambda program: program.signal(signal.SIGTERM),
    "SIGHUP": lambda program: program.signal(signal.SIGHUP),
    "SIGINT": lambda program: program.signal(signal.SIGINT),
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("way", LEAVE)
def test_the_peer_is_told_in_good_order(talk, size, role, way):
    one = talk(role=role, size=size)
    one.program.line("last words")
    one.program.wait_screen("  last words")
    LEAVE[way](one.program)
    assert one.peer.read_line() == "last words"
    one.peer.expect_end()
    begin = time.monotonic()
    one.peer.close()
    assert one.program.wait_exit() == 0
    assert time.monotonic() - begin < AT_ONCE * PATIENCE
    assert one.program.is_restored()
    assert not any("not delivered" in text for text in one.statuses())


@pytest.mark.parametrize("way", ["/quit", "Ctrl-D"])
def test_a_peer_that_does_not_hang_up_is_not_waited_for_long(talk, way):
    """As nc without -N."""
    one = talk()
    begin = time.monotonic()
    LEAVE[way](one.program)
    one.peer.expect_end()
    one.peer.line("an answer that was under way")
    one.wait_said("an answer that was under way")
    assert one.program.wait_exit() == 0
    assert time.monotonic() - begin < 2 * PATIENCE


@pytest.mark.parametrize("way", ["/quit", "Ctrl-D", "SIGTERM"])
def test_what_is_under_way_arrives_after_a_goodbye(talk, way):
    one = talk(peer={"receive_buffer": 4096})
    texts = [f"{number} " + "x" * 30_000 for number in range(3)]
    for text in texts:
        one.paste(text)
        one.program.type("\r")
        one.program.tape.wait_bytes(b"> ")
    # Not before: a line that was pasted and entered at once need not have been shown as it was typed.
    until(lambda: re.search(rb"anna[^x]* 2\s+x", one.program.tape.bytes), what="all of it was said")
    one.program.wait_prompt()
    LEAVE[way](one.program)
    one.program.tape.wait_bytes(b"Ctrl-C gives up")
    for text in texts:
        assert one.peer.read_line(20) == text
    one.peer.expect_end()
    one.peer.close()
    assert one.program.wait_exit() == 0
    assert b"not delivered" not in one.program.tape.bytes


def stuffed(talk, **how):
    """A peer that takes nothing, and a user who has said more than the kernel holds."""
    one = talk(peer={"receive_buffer": 4096}, **how)
    for number in range(2):
        one.paste(f"{number}" + "x" * 1_000_000)
        one.program.type("\r")
        until(lambda: one.program.tape.bytes.count(b"anna") > number, 10, "it is said")
    one.settle()
    one.skip()
    return one


def test_what_does_not_arrive_is_told(talk):
    one = stuffed(talk)
    begin = time.monotonic()
    one.program.line("/quit")
    one.program.tape.wait_bytes(b"waiting until 127.0.0.1 has received what you said; Ctrl-C gives up")
    assert one.program.wait_exit(15) == 3
    assert b"some of what you said last was not delivered" in one.program.tape.bytes
    assert 4 < time.monotonic() - begin < 8 * PATIENCE
    with pytest.raises(ConnectionResetError):  # so the peer knows, too
        one.peer.read_all()


@pytest.mark.parametrize("again", ["Ctrl-C", "/quit", "SIGTERM"])
def test_who_gives_up_waits_no_longer(talk, again):
    one = stuffed(talk)
    one.program.line("/quit")
    one.program.tape.wait_bytes(b"Ctrl-C gives up")
    begin = time.monotonic()
    if again == "Ctrl-C":
        one.program.ctrl("c")
    else:
        LEAVE[again](one.program)
    assert one.program.wait_exit() == 3
    assert time.monotonic() - begin < AT_ONCE * PATIENCE
    assert b"some of what you said last was not delivered" in one.program.tape.bytes


def test_ctrl_d_again_does_not_give_up(talk):
    one = talk(peer={"receive_buffer": 4096})
    one.paste("x" * 100_000)
    one.program.type("\r")
    one.program.tape.wait_bytes(b"anna")
    one.program.wait_prompt()
    one.program.ctrl("d")
    one.program.tape.wait_bytes(b"Ctrl-C gives up")
    one.program.ctrl("d")
    assert one.peer.read_line(20) == "x" * 100_000
    one.peer.expect_end()
    one.peer.close()
    assert one.program.wait_exit() == 0


def test_nothing_is_said_to_a_peer_that_has_left(talk):
    one = talk(peer={"receive_buffer": 4096})
    one.paste("x" * 100_000)
    one.program.type("\r")
    one.program.tape.wait_bytes(b"anna")
    one.peer.half_close()
    one.wait_status("left")
    one.program.line("too late")
    one.program.tape.wait_bytes(b"not sent: nobody is here any more")
    assert one.peer.read_exactly(100_001, 20).endswith(b"x\n")
    one.peer.expect_end()
    assert one.program.wait_exit() == 0
