# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said goes through whole, whatever its length and its bytes; and what the peer says can only be seen."""

import random
import re
import threading
import time
import unicodedata

import pytest

import procfs
from chatlib import chat, peers  # noqa: F401
from service import PATIENCE, until
from talklib import HOST, NAME, size, talk  # noqa: F401

ROLES = ("listen", "call")
MIB = 1 << 20
LENGTHS = (0, 1, 1023, 1024, 1025, 4095, 4096, 4097, 65535, 65536, 65537)
LONG = (MIB - 1, MIB, MIB + 1, 3 * MIB)

# Bytes none of which is part of a character of several: what is shown of each does not depend on its neighbours. Not LF,
# which ends a line, nor a tab or a blank, whose look depends on where they stand.
SINGLE = [byte for byte in range(256) if byte not in b"\t\n " and not 0xc2 <= byte <= 0xf4]


def show(data):
    """What is shown of such bytes."""
    look = {byte: bytes([byte]) for byte in range(0x21, 0x7f)}
    look |= {byte: b"^%c" % (byte ^ 0x40) for byte in (*range(0x20), 0x7f)}
    look |= {byte: b"<%02X>" % byte for byte in range(0x80, 0x100)}
    return b"".join(map(look.get, data))


def digits(length):
    """Text in which no place looks like another."""
    return "".join(f"{number:07d}" for number in range(length // 7 + 1))[:length].encode()


def any_bytes(length):
    return bytes(random.Random(length).choices(SINGLE, k=length))[:max(0, length - 1)] + b"." * (length > 0)


# --- what the program itself writes

TIME = r"\d\d:\d\d"
PLACEHOLDER = r"\^[@-_?]|<[0-9A-F]{2}>|<U\+[0-9A-F]{4,6}>|\u2192"
HIDE = r"(?:(?:\r|\x1b\[A)*\x1b\[K)+\r?(?:\x1b\[J)?"
ENTRY = (rf"\x1b\[2m{TIME} \x1b\[0m\x1b\[1;32m(?P<name>[0-9.:a-f]+)\x1b\[0m {{2,}}(?P<more>\u2026 )?"
         rf"(?P<text>(?:[^\x00-\x1f\x7f-\x9f]|\r\n {{17}}|\r\n(?=\r\n|\x1b\[0m)|\x1b\[7m(?:{PLACEHOLDER}| )+\x1b\[27m)*)"
         r"\x1b\[0m\r\n")
SCREEN = re.compile(rf"(?:{HIDE}|\r)?{ENTRY}|(?:{HIDE}|\r)?> ")


def read_raw(raw):
    """What the peer is shown to have said in what was written to the terminal, each as (goes on, text). Every byte must be
    one that the program has reason to write."""
    found, at = [], 0
    while at < len(raw):
        match = SCREEN.match(raw, at)
        assert match and match.end() > at, f"nobody wrote this: {raw[at:at + 200]!r}"
        if match["name"]:
            found.append((bool(match["more"]), re.sub(r"\r\n *|\x1b\[[0-9]+m", "", match["text"])))
        at = match.end()
    return found


class Heard:
    """What of the peer has been written to the terminal since begin()."""

    def __init__(self, one):
        self.one = one
        self.begin()

    def begin(self):
        self.one.settle()
        self.at = len(self.one.program.tape.bytes)

    def messages(self):
        """See read_raw()."""
        return read_raw(bytes(self.one.program.tape.bytes[self.at:]).decode())

    def wait(self, mark=b"> ", seconds=5):
        """Wait until the prompt stands below it all; `mark` is seen nowhere before the end."""
        tape = self.one.program.tape
        tape.wait(lambda: tape.bytes.find(mark, self.at) >= 0 and tape.bytes.endswith(b"> "), seconds, repr(mark))


def hear(one, data, mark=b"END OF IT", seconds=5):
    """The peer says a line, and another that marks its end. Returns the pieces in which it was shown."""
    heard = Heard(one)
    one.peer.send(data + b"\n" + mark + b"\n")
    heard.wait(mark, seconds)
    *messages, last = heard.messages()
    assert last == (False, mark.decode())
    one.skip()
    return messages


# --- lines of any length

@pytest.mark.parametrize("role", ROLES)
def test_lines_of_any_length_are_heard_whole(talk, size, role):
    one = talk(role=role, size=size)
    for length in LENGTHS:
        assert hear(one, digits(length)) == [(False, digits(length).decode())]
        assert hear(one, any_bytes(length)) == [(False, show(any_bytes(length)).decode())]


@pytest.mark.parametrize("make, look, length", [*((digits, bytes, length) for length in LONG), (any_bytes, show, MIB + 1)])
def test_longer_lines_come_in_pieces(talk, make, look, length):
    one = talk()
    pieces = hear(one, make(length), seconds=20)
    assert [more for more, _ in pieces] == [False] + [True] * ((length - 1) // MIB)
    assert "".join(text for _, text in pieces) == look(make(length)).decode()


@pytest.mark.parametrize("role", ROLES)
def test_lines_of_any_length_are_said_whole(talk, role):
    one = talk(role=role)
    for length in (*LENGTHS, MIB - 1, MIB):
        if length:
            one.paste(digits(length).decode())
            one.program.type("\r")
            assert one.peer.read_line(10) == digits(length).decode()
    one.settle()
    one.skip()


def test_what_was_said_is_shown_whole(talk, size):
    one = talk(size=size)
    for length in (1, 1025, 4097):
        text = digits(length).decode()
        one.paste(text)
        one.program.type("\r")
        one.program.wait_screen(lambda _: (NAME, text) in [(who, "".join(rows)) for who, rows in one.said()])
        one.program.wait_prompt()


def test_bytes_that_are_pasted_are_said(talk, size):
    """All but those that end a line or are keys of the terminal itself: Ctrl-C, Ctrl-Z, Ctrl-\\, Ctrl-S and Ctrl-Q."""
    one = talk(size=size)
    data = bytes(byte for byte in range(1, 128) if byte not in b"\x03\x11\x13\x1a\x1c\r\n")
    one.paste(data.decode())
    one.program.type("\r")
    assert one.peer.read_until(b"\n") == data + b"\n"
    one.program.wait_prompt()


def test_two_of_us_understand_each_other(chat, size):
    listener, caller = chat.pair("--name", NAME, size=size)
    for text in ("hello", "\u65e5\u672c\u8a9e \U0001f600", "x" * 5000, "/slash" , "two\nlines"):
        for one, other in ((listener, caller), (caller, listener)):
            data = text.encode().replace(b"\n", b"\r")
            one.type(b"\x1b[200~" + (b"/" if text[0] == "/" else b"") + data + b"\x1b[201~\r")
            for line in text.split("\n"):
                other.wait_screen(line if len(line) < 20 else "x" * 10)
    caller.line("/quit")
    assert caller.wait_exit() == 0 and listener.wait_exit() == 0
    for program in (listener, caller):
        assert program.tape.bytes.count(b"x") >= 2 * 5000


# --- those who are slow

@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_it_does_not_matter_how_bytes_arrive(talk, step):
    one = talk()
    text = "a\u00e4\u20ac\U0001f600e\u0301\U0001f469\u200d\U0001f4bb\x1b[31m\r-\t."
    data = (text + "\r\n" + text + "\n").encode() + b"\xe2\x82\n" + b"END\n"
    heard = Heard(one)
    for at in range(0, len(data), step):
        one.peer.send(data[at:at + step])
    heard.wait(b"END")
    messages = heard.messages()
    # Nothing is shown before its end, unless the machine was busy for longer than what is unfinished waits.
    whole = "".join(text for _, text in messages)
    look = "a\u00e4\u20ac\U0001f600e\u0301\U0001f469\u200d\U0001f4bb^[[31m^M-"
    assert re.fullmatch(rf"{re.escape(look)}\u2192 +\.{re.escape(look)}\u2192 +\.<E2><82>END", whole)


@pytest.mark.parametrize("role", ROLES)
def test_nothing_is_lost_when_the_peer_reads_little(talk, role):
    one = talk(role=role, peer={"receive_buffer": 4096})
    said = []
    for number in range(12):
        said.append(f"{number} ".encode() + digits(MIB - 10))
        count = one.program.tape.bytes.count(b"anna")
        told = one.program.tape.bytes.count(b"takes nothing at the moment")
        one.paste(said[-1].decode())
        one.program.type("\r")
        until(lambda: one.program.tape.bytes.count(b"anna") > count
              or one.program.tape.bytes.count(b"takes nothing at the moment") > told, 10, "it is said or not")
        if one.program.tape.bytes.count(b"takes nothing at the moment") > told:
            break
    else:
        raise AssertionError("it never told that the peer takes nothing")
    begin = time.monotonic()
    for line in said[:-1]:  # little at a time
        assert one.peer.read_exactly(len(line) + 1, 20) == line + b"\n"
    one.settle()
    one.program.type("\r")  # what was not taken is still there
    assert one.peer.read_exactly(len(said[-1]) + 1, 20) == said[-1] + b"\n"
    one.skip()
    assert time.monotonic() - begin < 20 * PATIENCE


def test_the_peer_waits_while_the_terminal_takes_nothing(talk):
    one = talk(peer={"send_buffer": 65536})
    before = procfs.pss_kib(one.program.pid)
    one.program.tape.pause()
    lines = [f"{number} ".encode() + digits(60_000) + b"\n" for number in range(160)]
    data = b"".join(lines)
    sent = []

    def send():
        view = memoryview(data)
        while view:
            sent.append(one.peer.sock.send(view[:65536]))
            view = view[sent[-1]:]

    thread = threading.Thread(target=send)
    thread.start()
    until(lambda: sent, what="it takes something")

    def stuck():
        count = len(sent)
        time.sleep(0.3)
        return len(sent) == count

    until(stuck, 20, "the peer has to wait")
    assert sum(sent) < len(data)
    assert procfs.pss_kib(one.program.pid) - before < 8 << 10
    one.program.tape.collect()
    thread.join(30 * PATIENCE)
    one.peer.send(b"END OF IT\n")
    one.program.tape.wait_bytes(b"END OF IT", 30)
    one.settle()
    raw = bytes(one.program.tape.bytes)
    solid = re.sub(rb"\r\n *|\x1b\[[0-9;]*m", b"", raw)
    at = 0
    for line in lines:
        at = solid.find(line.rstrip(b"\n"), at)
        assert at >= 0, line[:10]
    one.skip()


# --- a line without an end

def test_a_line_without_an_end_is_shown_after_a_moment(talk, size):
    one = talk(size=size)
    begin = time.monotonic()
    one.peer.send("are you there? ")
    one.wait_said("are you there?")
    assert 0.15 < time.monotonic() - begin < 1.5 * PATIENCE
    one.peer.send("I ask")
    one.wait_said("are you there?", "\u2026 I ask")
    one.peer.send("\n")
    one.hear("next")
    one.wait_said("are you there?", "\u2026 I ask", "next")
    one.peer.send("at last")
    one.peer.close()
    assert one.program.wait_exit() == 0
    assert one.texts()[-1] == (HOST, "at last")


def test_half_a_character_waits_for_its_rest(talk):
    one = talk()
    for first in (1, 2, 3):
        whole = "\U0001f600".encode()
        one.peer.send(b"smile" + whole[:first])
        one.program.wait_screen(lambda _: one.texts()[-1:] == [(HOST, "smile")])
        one.peer.send(whole[first:] + b"!\n")
        one.program.wait_screen(lambda _: one.texts()[-1:] == [(HOST, "\u2026 \U0001f600!")])


def test_an_escape_sequence_in_pieces_is_none(talk):
    one = talk()
    for data in (b"\x1b", b"[", b"3", b"1", b"m"):
        count = len(one.said())
        one.peer.send(data)
        one.program.wait_screen(lambda _: len(one.said()) == count + 1)
    assert [text for _, text in one.texts()] == ["^[", "\u2026 [", "\u2026 3", "\u2026 1", "\u2026 m"]


# --- the peer is hostile

CORPUS = {
    b"\x1b[31mred\x1b[0m": "^[[31mred^[[0m",
    b"\x1b[2J\x1b[H\x1b[3J": "^[[2J^[[H^[[3J",
    b"\x1b[7m\x1b[27m": "^[[7m^[[27m",
    b"\x1b[?1049h\x1b[?2004l\x1b[?25l": "^[[?1049h^[[?2004l^[[?25l",
    b"\x1b[6n\x1b[c\x1b[>q\x05": "^[[6n^[[c^[[>q^E",
    b"\x1b]0;title\x07": "^[]0;title^G",
    b"\x1b]0;title\x1b\\": "^[]0;title^[\\",
    b"\x1b]52;c;cm0gLXJm\x07": "^[]52;c;cm0gLXJm^G",
    b"\x1b]8;;http://example.com\x1b\\here\x1b]8;;\x1b\\": "^[]8;;http://example.com^[\\here^[]8;;^[\\",
    b"\x1bP+q544e\x1b\\\x1b_x\x1b\\\x1b^y\x1b\\\x1bX": "^[P+q544e^[\\^[_x^[\\^[^y^[\\^[X",
    b"\x1bc\x1b7\x1b8\x1bD\x1bM\x1b(0\x1b#8": "^[c^[7^[8^[D^[M^[(0^[#8",
    b"\x1b": "^[",
    b"\x1b[": "^[[",
    b"\x1b]0;never ends": "^[]0;never ends",
    b"\x1b\x1b\x1b[\x1b[A": "^[^[^[[^[[A",
    bytes(range(1, 9)): "^A^B^C^D^E^F^G^H",
    b"\x00": "^@",
    b"\x0b\x0c\x0e\x0f": "^K^L^N^O",
    b"over\rwritten": "over^Mwritten",
    b"erased\x08\x08\x08\x7f": "erased^H^H^H^?",
    b"\x9b31m\x9d0;t\x9c\x90q\x84\x85": "<9B>31m<9D>0;t<9C><90>q<84><85>",
    "\x9b31m\x9d0;t\x9c\x85".encode(): "<U+009B>31m<U+009D>0;t<U+009C><U+0085>",
    "\u202eabc\u202c\u202aabc\u202d": "<U+202E>abc<U+202C><U+202A>abc<U+202D>",
    "\u2066a\u2067b\u2068c\u2069": "<U+2066>a<U+2067>b<U+2068>c<U+2069>",
    "\u200ea\u200fb\u061cc": "<U+200E>a<U+200F>b<U+061C>c",
    "one\u2028two\u2029three": "one<U+2028>two<U+2029>three",
    "a\u200bb\ufeffc\u00add\u2060": "a<U+200B>b<U+FEFF>c<U+00AD>d<U+2060>",
    "a\u200db\u200cc": "a<U+200D>b<U+200C>c",
    "\U000e0041\U000e007f": "<U+E0041><U+E007F>",
    "\ue000\ufdd0\uffff\U0010ffff": "<U+E000><U+FDD0><U+FFFF><U+10FFFF>",
    "\u0301\u0301first": "<U+0301><U+0301>first",
    "a" + "\u0301" * 8 + "b": "a" + "\u0301" * 8 + "b",
    "a" + "\u0301" * 9 + "b": "a" + "\u0301" * 8 + "<U+0301>b",
    b"\xc0\xaf\xc1\xbf": "<C0><AF><C1><BF>",
    b"\xe0\x80\xaf\xe0\x9b\x9b": "<E0><80><AF><E0><9B><9B>",
    b"\xf0\x80\x80\x9b": "<F0><80><80><9B>",
    b"\xed\xa0\x80\xed\xb0\x80": "<ED><A0><80><ED><B0><80>",
    b"\xf4\x90\x80\x80\xf5\x80\xf8\xfe\xff": "<F4><90><80><80><F5><80><F8><FE><FF>",
    b"\xe2\x82": "<E2><82>",
    b"\xf0\x9f\x98": "<F0><9F><98>",
    b"\xc2": "<C2>",
    b"\xe2\x1b[31m\x82": "<E2>^[[31m<82>",
    b"\x80\xbf": "<80><BF>",
    b"a\tb": "a\u2192      b",
    b"\\x1b[31m \\e ^[ <9B>": "\\x1b[31m \\e ^[ <9B>",
}
CORPUS = {key if isinstance(key, bytes) else key.encode(): value for key, value in CORPUS.items()}


def is_harmless(char):
    return unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


@pytest.mark.parametrize("env", [{}, {"LC_ALL": "C"}, {"NO_COLOR": "1"}], ids=["", "C", "no colours"])
@pytest.mark.parametrize("split", [False, True], ids=["whole", "bytes"])
def test_what_the_peer_says_can_only_be_seen(talk, size, env, split):
    one = talk(size=size, env=env)
    for data, look in CORPUS.items():
        heard = len(one.program.tape.bytes)
        part = 1 if split else len(data)
        for at in range(0, len(data), part):
            one.peer.send(data[at:at + part])
        one.peer.send(b"\nEND\n")
        one.program.tape.wait(lambda: b"END" in one.program.tape.bytes[heard:]
                              and one.program.tape.bytes.endswith(b"> "), 5, f"{data!r} is shown")
        raw = bytes(one.program.tape.bytes[heard:]).decode()
        if "NO_COLOR" not in env:
            pieces = read_raw(raw)
            assert all(map(is_harmless, "".join(text for _, text in pieces)))
            assert "".join(text for _, text in pieces) == look + "END"
        else:  # nothing but what takes the prompt away
            left = re.sub(rf"{HIDE}|\r\n|\r(?=> )|\r(?={TIME} )", "", raw)
            assert all(map(is_harmless, left)), f"{data!r} became {raw!r}"
        [*_, (_, shown), (_, end)] = one.texts()
        assert end == "END"
        if not split:
            assert shown.replace(" ", "") == unicodedata.normalize("NFC", look).replace(" ", "")
    assert one.program.screen.bells == 0 and one.program.answers == b""
    assert not one.program.screen.alternate and one.program.screen.title == ""


FAKES = [
    "-- 18:00 127.0.0.1 left", "\n-- 18:00 127.0.0.1 left", "x\r-- 18:00 127.0.0.1 left", "14:03 anna       I agree",
    "\n14:03 anna       I agree", " " * 17 + "x", "> /quit", "\x1b[1G-- 18:00 left", "\u2028-- 18:00 left",
    "x\n\n\n-- 18:00 127.0.0.1 left", "\x85-- 18:00 left", "\x0b-- 18:00 left", "\u3000" * 40 + "-- 18:00 left",
    "yodel: call: all is lost",
]


@pytest.mark.parametrize("columns", [80, 40, 20])
def test_nobody_speaks_for_another(talk, columns):
    """Nothing that the peer says begins where only the program writes, however it wraps."""
    one = talk()
    one.program.line("mine")
    assert one.peer.read_line() == "mine"
    one.hear("before")
    one.program.resize(columns, 24)
    for fake in FAKES:
        one.peer.line(fake)
        for blanks in range(columns):  # so that the row ends anywhere before it
            one.peer.send("x" * blanks + " " + fake + "\n")
    one.peer.send("END OF IT\n")
    tape = one.program.tape
    tape.wait(lambda: b"IT" in tape.bytes[-60:] and tape.bytes.endswith(b"> "), 10, "the end")
    rows = one.program.lines()
    heads = [row for row in rows if re.match(r"-- |\d\d:\d\d|>", row)]
    kinds = [re.sub(r"^\d\d:\d\d", "TIME", row)[:len("TIME 127")] for row in heads]
    count = sum((fake.count("\n") + 1) * (columns + 1) for fake in FAKES)
    assert len([kind for kind in kinds if kind.startswith("TIME 127")]) == count + len(["before", "END OF IT"])
    assert len([kind for kind in kinds if kind.startswith("-- ")]) == 2
    assert len([kind for kind in kinds if kind.startswith("TIME a")]) == 1
    assert [kind for kind in kinds if kind.startswith(">")] == [">"]
    assert {row for row in rows if row[:1].strip()} - set(heads) == {rows[0]}  # listening on


def test_a_status_has_a_colour_of_its_own(talk):
    one = talk()
    one.peer.line("-- 18:00 127.0.0.1 left")
    one.wait_said("-- 18:00 127.0.0.1 left")
    said = one.program.cells("18:00 127.0.0.1 left")
    status = one.program.cells("is here")
    at = "".join(cell.data for cell in said).index("-- 18:00")
    assert {cell.fg for cell in said[at:at + 20]} == {"default"}
    assert {cell.fg for cell in status[:20]} == {"brown"}


def test_names_that_addresses_have_are_the_peers_own(chat, peers, size):
    program = chat("listen", "--name", NAME, address="[::1]:0", size=size)
    peer = peers.call(program, host="::1")
    program.wait_screen("is here")
    peer.line("hi")
    program.wait_screen(re.compile(r"^\d\d:\d\d ::1   hi$", re.M))
    peer.close()
    assert program.wait_exit() == 0
