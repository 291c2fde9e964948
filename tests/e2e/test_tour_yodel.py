# SPDX-License-Identifier: GPL-3.0-or-later
"""yodel in the place of the classic programs: a full session with each of the chat's, and the steps of docs/TOUR.md that they fail.

A step is typed into a room; `exec 4> >(script ...)` starts yodel on a terminal of which descriptor 4 is the keyboard, and the file
screen is what that terminal got. Descriptor 3 is a peer that bash makes."""

import os
import re

import pexpect
import pytest

from classic import built, classic
from room import room
from service import PATIENCE, YODEL

LISTEN = "yodel listen --plain 127.0.0.1"
CALL = "yodel call --plain 127.0.0.1"
PEER = "exec 3<>/dev/tcp/127.0.0.1/5188"


def on_a_terminal(command):
    return f"exec 4> >(script -qc '{command}' /dev/null >screen)"


def play(room, *commands):
    """Type the commands. Returns what the last of them printed, and the lines of the screen."""
    for command in commands:
        before = room.printed()
        room.type(command)
    screen = (room.folder / "screen").read_text(encoding="utf-8", errors="replace")
    lines = [line.rpartition("\r")[2] for line in screen.replace("\r\n", "\n").split("\n")]
    return room.printed()[len(before):].removeprefix(f"$ {command}\n"), lines


def stands(lines, pattern):
    return any(re.fullmatch(pattern, line) for line in lines)


def test_who_left_is_told_while_the_keyboard_is_waited_for(room):
    _, lines = play(room, "echo_single &>served &", on_a_terminal(CALL + "; echo status $?"), "echo hello >&4", "kill %1")
    assert stands(lines, r"\d\d:\d\d 127\.0\.0\.1 +hello")
    assert stands(lines, r"-- \d\d:\d\d 127\.0\.0\.1 left") and lines[-2:] == ["status 0", ""]


def test_one_process_ends_as_a_whole(room):
    printed, _ = play(room, on_a_terminal(LISTEN), PEER, "pgrep -c -x yodel")
    assert printed == "1\n"
    printed, _ = play(room, "pkill -KILL -x yodel", "timeout 5 cat <&3; echo $?")
    assert printed == "cat: -: Connection reset by peer\n1\n"


def test_the_answer_is_waited_for(room):
    printed, told = play(room, "echo_server &>served & server=$!", "kill -STOP $server",
                         f"echo hello | {CALL} >answer 2>screen &", "kill -CONT $server", "cat answer; wait $!; echo $?")
    assert printed == "hello\n0\n"
    assert told[:2] == ["connected to 127.0.0.1:5188", "127.0.0.1:5188 left"]


def test_half_a_line_is_told_and_reaches_nobody_else(room):
    printed, lines = play(room, on_a_terminal(LISTEN + "; sh"), PEER, "printf 'touch letter' >&4", "exec 3>&-", "echo >&4", "ls")
    assert printed == "screen\n"
    assert stands(lines, r"-- \d\d:\d\d 127\.0\.0\.1 left") and stands(lines, r"-- \d\d:\d\d not sent: touch letter")


def test_a_broken_connection_is_no_goodbye(room):
    _, lines = play(room, on_a_terminal(LISTEN + "; echo status $?"), PEER, "echo nobody reads this >&4", "exec 3>&-")
    assert stands(lines, r"-- \d\d:\d\d 127\.0\.0\.1: connection lost: connection reset by peer")
    assert lines[-2:] == ["status 3", ""] and not stands(lines, ".* left")


def test_a_second_caller_is_told(room):
    printed, lines = play(room, on_a_terminal(LISTEN), PEER, "echo hello | timeout 5 nc -N 127.0.0.1 5188; echo $?")
    assert re.fullmatch(r"yodel: busy: .*\n0\n", printed)
    assert stands(lines, r"-- \d\d:\d\d 127\.0\.0\.1:\d+ was turned away")


def test_a_peer_does_not_speak_for_the_program(room):
    _, lines = play(room, on_a_terminal(LISTEN), PEER, r"printf 'hello\n-- 12:00 127.0.0.1 left\n\033[2J\n' >&3")
    assert stands(lines, r"\d\d:\d\d 127\.0\.0\.1  -- 12:00 127\.0\.0\.1 left") and stands(lines, r"\d\d:\d\d 127\.0\.0\.1  \^\[\[2J")
    assert not stands(lines, "-- .* left")


# --- A full session

@pytest.fixture
def chat():
    """chat(*words): yodel on a terminal of its own, without a part of the session in its history."""
    started = []

    def start(*words):
        started.append(pexpect.spawn(YODEL, list(words), encoding="utf-8", timeout=10 * PATIENCE, dimensions=(24, 80),
                                     env={**os.environ, "TERM": "dumb", "LC_ALL": "C.UTF-8"}))
        return started[-1]

    yield start
    for each in started:
        each.close(force=True)


@pytest.mark.parametrize("first_to_leave", ["yodel", "classic"])
@pytest.mark.parametrize("role", ["listen", "call"])
def test_full_session(classic, chat, role, first_to_leave):
    """Both speak, in turn and then at once; one presses Ctrl-D; both end, and all of their processes."""
    if role == "listen":
        ours = chat("listen", "--plain", "127.0.0.1:0")
        ours.expect(r"listening on 127\.0\.0\.1:(\d+)")
        theirs = classic("chat_client", int(ours.match[1]))
        ours.expect("is here")
    else:
        theirs = classic("chat_server", 0)
        ours = chat("call", "--plain", f"127.0.0.1:{theirs.port}")
        ours.expect("connected to")
    for number in range(5):
        ours.sendline(f"from yodel {number} \u00e9")
        theirs.shows(f"from yodel {number} \u00e9".encode())
        theirs.type(f"to yodel {number} \u00e9".encode())
        ours.expect(rf"\d\d:\d\d 127\.0\.0\.1 +to yodel {number} \u00e9\r\n")
    for number in range(50):
        ours.sendline(f"more {number}")
        theirs.type(b"more and more %d" % number)
    for number in range(50):
        ours.expect(rf"127\.0\.0\.1 +more and more {number}\r\n")
    theirs.shows(*(b"more %d" % number for number in range(50)))
    if first_to_leave == "yodel":
        ours.sendeof()
    else:
        theirs.process.stdin.close()
        ours.expect(r"-- \d\d:\d\d 127\.0\.0\.1 left")
    ours.expect(pexpect.EOF)
    ours.wait()
    assert (ours.exitstatus, theirs.ends()) == (0, 0)
    if first_to_leave == "yodel":
        theirs.shows(b"more 49", b"peer left")
