# SPDX-License-Identifier: GPL-3.0-or-later
"""A full session, in both directions and both roles, with the programs that people have: nc, ncat, socat, the chat of the
tutorials, an echo service, and yodel itself. Both ends end, and no process is left behind."""

import shutil

import pytest

import procfs
from chatlib import chat, peers, run, wait_listening  # noqa: F401
from classic import built, classic  # noqa: F401
from service import YODEL, until
from talklib import HOST, NAME, Talk, composed, size, talk  # noqa: F401

# What they are called with: to call, and to listen at a free port.
PROGRAMS = {
    "nc": (["nc", "-N", HOST, "PORT"], ["nc", "-l", "-N", HOST, "0"]),
    "ncat": (["ncat", HOST, "PORT"], ["ncat", "-l", HOST, "0"]),
    "socat": (["socat", "-", f"TCP:{HOST}:PORT"], ["socat", "-", f"TCP-LISTEN:0,bind={HOST}"]),
    "yodel in a pipe": (["yodel", "call", "--plain", "-q", f"{HOST}:PORT"],
                        ["yodel", "listen", "--plain", "-q", f"{HOST}:0"]),
}
SAID = ["hello", "\u65e5\u672c\u8a9e e\u0301", "x" * 1500, "with  two blanks", "bye"]


class Other:
    """The other program, between pipes."""

    def __init__(self, run, words):
        words = [YODEL if word == "yodel" else word for word in words]
        if not shutil.which(str(words[0])):
            pytest.skip(f"no {words[0]} here")
        self.program = run(*words, on="pipes")

    @property
    def port(self):
        """Where it listens, which not all of them tell."""

        def found():
            held = set(procfs.descriptors(self.program.pid).values())
            return [port for port, inode in procfs.tcp_listeners() if f"socket:[{inode}]" in held]

        return until(found, what="it listens")[0]

    def type(self, line):
        self.program.line(line)

    def shows(self, line):
        self.program.out.wait_bytes(line + b"\n")

    def leave(self):
        self.program.half_close()

    def ends(self):
        return self.program.wait_exit()


class Classic(Other):
    """A chat program of the tutorials."""

    def __init__(self, program):
        self.program = program

    @property
    def port(self):
        return self.program.port

    def type(self, line):
        self.program.type(line)

    def shows(self, line):
        self.program.screen.wait(lambda raw: line in raw, 5, repr(line))

    def leave(self):
        self.program.process.stdin.close()

    def ends(self):
        return self.program.ends()


def begin(chat, role, size, start):
    """start(port) gives the other program, which calls that port or, without one, listens."""
    if role == "listen":
        program = chat("listen", "--name", NAME, size=size)
        other = start(program.port)
    else:
        other = start(None)
        program = chat("call", "--name", NAME, to=other.port, size=size)
    program.wait_screen("is here" if role == "listen" else "connected to")
    program.wait_prompt()
    return Talk(program, None), other


def converse(one, other):
    """Both say all lines, in turn and at once."""
    for text in SAID:
        one.program.line(text)
        other.shows(text.encode())
        other.type(b"> " + text.encode())
        one.program.wait_screen(lambda _: one.heard("> " + text) == 1)
    many = [f"{number} of many" for number in range(50)]
    for text in many:
        one.program.line(text)
        other.type(b"> " + text.encode())
    for text in many:
        other.shows(text.encode())
    one.program.wait_screen(lambda _: one.heard("> 49 of many") == 1)
    said = [text for who, text in one.texts() if who == NAME]
    heard = [text for who, text in one.texts() if who == HOST]
    assert [text.replace(" ", "") for text in heard] == [composed(">" + text.replace(" ", "")) for text in SAID + many]
    assert len(said) == len(heard)


def part(one, other, who_leaves):
    if who_leaves == "we":
        one.program.line("/quit")
        if isinstance(other, Classic):
            assert other.ends() == 0
            assert one.program.wait_exit() == 0
            return
        assert one.program.wait_exit() == 0
        other.leave()  # some wait for their keyboard
        assert other.ends() == 0
    else:
        other.leave()
        assert one.program.wait_exit() == 0
        assert one.statuses()[-1] == f"{HOST} left"
        assert other.ends() == 0


@pytest.mark.parametrize("who_leaves", ["we", "the other"])
@pytest.mark.parametrize("role", ["listen", "call"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_session_with_what_people_have(chat, run, size, name, role, who_leaves):
    calls, listens = PROGRAMS[name]

    def start(port):
        return Other(run, [word.replace("PORT", str(port)) for word in calls] if port else listens)

    one, other = begin(chat, role, size, start)
    converse(one, other)
    part(one, other, who_leaves)


@pytest.mark.nosanitize("the classic programs are built without sanitizers")
@pytest.mark.parametrize("who_leaves", ["we", "the other"])
@pytest.mark.parametrize("role", ["listen", "call"])
def test_a_session_with_the_chat_of_the_tutorials(chat, classic, size, role, who_leaves):
    def start(port):
        return Classic(classic("chat_client", port) if port else classic("chat_server", 0))

    one, other = begin(chat, role, size, start)
    one.program.line("hello")
    other.shows(b"hello")
    for text in ("hello", "\u65e5\u672c", "x" * 1000):
        other.type(b"> " + text.encode())
        one.program.wait_screen(lambda _: one.heard("> " + text) == 1)
        one.program.line("I heard " + text)
        other.shows(b"I heard " + text.encode())
    part(one, other, who_leaves)


@pytest.mark.parametrize("engine", ["epoll", "fork"])
def test_a_session_with_an_echo_service(chat, start, size, engine):
    service = start(engine)
    program = chat("call", "--name", NAME, to=service.port, size=size)
    program.wait_screen("connected to")
    program.wait_prompt()
    one = Talk(program, None)
    for text in SAID:
        program.line(text)
        program.wait_screen(lambda _: one.heard(text) == 1)
        program.wait_prompt()
    assert [who for who, _ in one.said()] == [NAME, HOST] * len(SAID)
    program.paste("several\nlines")
    program.key("enter")
    program.wait_screen(lambda _: one.heard("several") == one.heard("lines") == 1)
    program.line("/quit")
    assert program.wait_exit() == 0


@pytest.mark.parametrize("who_leaves", ["listener", "caller"])
def test_a_session_with_yodel(chat, size, who_leaves):
    listener, caller = chat.pair("--name", NAME, size=size)
    one, other = Talk(listener, None), Talk(caller, None)
    for text in SAID:
        listener.line(text)
        caller.wait_screen(lambda _: other.heard(text) == 1)
        caller.line(text)
        listener.wait_screen(lambda _: one.heard(text) == 1)
    for number in range(50):
        listener.line(f"{number} of many")
        caller.line(f"{number} of many")
    listener.wait_screen(lambda _: one.heard("49 of many") == 1)
    caller.wait_screen(lambda _: other.heard("49 of many") == 1)
    for each in (one, other):
        heard = [text for who, text in each.texts() if who == HOST]
        assert heard[-50:] == [f"{number} of many" for number in range(50)] and len(heard) == len(SAID) + 50
    leaves, stays = (listener, caller) if who_leaves == "listener" else (caller, listener)
    leaves.line("/quit")
    assert leaves.wait_exit() == 0 and stays.wait_exit() == 0
    assert (one if who_leaves == "caller" else other).statuses()[-1] == f"{HOST} left"
