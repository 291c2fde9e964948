# SPDX-License-Identifier: GPL-3.0-or-later
"""What a chat looks like: a line per message, the prompt below it, and what is typed there stays right whatever
arrives and whatever becomes of the window."""

import os
import re
import time
from getpass import getuser

import pytest
from wcwidth import wcswidth

from chatlib import chat, peers  # noqa: F401
from service import until
from talklib import HOST, NAME, composed, read_entries, size, talk  # noqa: F401

SCREENS = ("terminal", "tmux")
SENTENCE = ("It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of "
            "foolishness, it was the epoch of belief, it was the epoch of incredulity")
DIGITS = "".join(f"{number:03d}" for number in range(70))
JOINED = "\U0001f469\u200d\U0001f4bb"  # a woman with a laptop: two characters of two cells, and a joiner
HEART = "\u2764\ufe0f"  # one cell for some terminals, two for others
WIDE = "\u65e5\u672c\u8a9e e\u0301a\u0308 \ud55c\uad6d \U0001f600"


# --- a line per message

def test_a_message_has_a_time_a_name_and_a_text(talk, size):
    one = talk(size=size)
    one.program.line("hello")
    one.program.wait_screen("  hello")
    one.hear("hi there")
    rows = [row for row in one.program.lines() if "hello" in row or "hi there" in row]
    assert [re.sub(r"^\d\d:\d\d", "14:03", row) for row in rows] == [
        "14:03 anna       hello", "14:03 127.0.0.1  hi there"]
    assert one.peer.read_line() == "hello"


@pytest.mark.parametrize("role, words", [("listen", "is here"), ("call", "connected to")])
def test_it_is_told_who_comes_and_who_leaves(talk, size, role, words):
    one = talk(role=role, size=size)
    where = "%s:%d" % one.peer.sock.getsockname() if role == "call" else one.peer.where
    expected = f"{where} {words}" if role == "listen" else f"{words} {where}"
    assert one.wait_status(words) == f"{expected} (plain TCP, not encrypted)"
    one.hear("bye")
    one.peer.close()
    assert one.program.wait_exit() == 0
    assert one.statuses()[-1] == f"{HOST} left"
    assert one.texts() == [(HOST, "bye")]


@pytest.mark.parametrize("zone, offset", [("UTC0", 0), ("XXX-05:30", 330), ("YYY+08", -480)])
def test_the_time_is_the_local_one(talk, zone, offset):
    one = talk(env={"TZ": zone})
    before = int(time.time()) // 60
    one.hear("now")
    after = int(time.time()) // 60
    row = next(row for row in one.program.lines() if row.endswith("now"))
    shown = int(row[:2]) * 60 + int(row[3:5])
    assert shown in [(minute + offset) % 1440 for minute in range(before, after + 1)]


def test_the_user_has_a_name_of_its_own(talk):
    one = talk(name=None)
    assert one.name == getuser()
    one.program.line("who am I")
    one.program.wait_screen(lambda _: one.texts() == [(getuser(), "who am I")])


@pytest.mark.parametrize("name, shown", [
    ("bo", "bo"),
    ("a name with blanks", {80: "a name with blanks", 40: "a name with \u2026"}),
    ("\u65e5\u672c\u8a9e", "\u65e5\u672c\u8a9e"),
    ("\x1b[2Jx\n", "^[[2Jx^J"),
    ("x" * 60, {80: "x" * 25 + "\u2026", 40: "x" * 12 + "\u2026"}),
])
@pytest.mark.parametrize("on", SCREENS)
def test_names_are_filled_up_to_the_same_width(talk, size, on, name, shown):
    shown = shown[size[0]] if isinstance(shown, dict) else shown
    one = talk(name=name, size=size, on=on)
    one.name = shown
    one.program.line("from me")
    one.program.wait_screen("from me")
    one.hear("from you")
    heads = [row[:row.index("from")] for row in one.program.lines() if "from " in row]
    assert {wcswidth(head) for head in heads} == {len("14:03 ") + max(wcswidth(shown), len(HOST)) + 2}
    assert one.said() == [(shown, ["from me"]), (HOST, ["from you"])]


# --- long lines

def expect_wrapped(one, who, text, columns, unused=1):
    """The message stands under the name's end, in rows that are whole words and filled as far as they can be, but for
    so many columns."""
    [rows] = [rows for said_by, rows in one.said() if said_by == who]
    assert " ".join(rows) == text
    room = columns - len("14:03 ") - len(HOST) - 2 - unused
    assert all(len(row) <= room for row in rows)
    for row, after in zip(rows, rows[1:]):
        assert len(row) + 1 + len(after.split()[0]) > room, "this word would have fitted"


@pytest.mark.parametrize("on", SCREENS)
def test_long_lines_wrap_under_the_text(talk, size, on):
    one = talk(size=size, on=on)
    one.hear(SENTENCE)
    expect_wrapped(one, HOST, SENTENCE, size[0])
    one.program.line(SENTENCE)
    assert one.peer.read_line() == SENTENCE
    one.program.wait_screen(lambda _: len(one.said()) == 2)
    expect_wrapped(one, NAME, SENTENCE, size[0])


@pytest.mark.parametrize("on", SCREENS)
def test_a_word_that_is_longer_than_a_row_is_cut_where_the_row_ends(talk, size, on):
    one = talk(size=size, on=on)
    one.hear(DIGITS)
    [(_, rows)] = one.said()
    assert "".join(rows) == DIGITS
    assert {len(row) for row in rows[:-1]} == {size[0] - len("14:03 127.0.0.1  ") - 1}


@pytest.mark.parametrize("on", SCREENS)
def test_no_row_reaches_the_last_column(talk, size, on):
    """Some terminals go on to the next row then, others do not."""
    one = talk(size=size, on=on)
    for length in range(size[0] - 30, size[0] + 2):
        one.peer.line("x" * length)
        one.peer.line("\u65e5" * (length // 2))
    one.hear("end")
    lines = one.program.lines()
    assert max(map(wcswidth, lines)) == size[0] - 1
    assert len(one.said()) == 65


@pytest.mark.parametrize("length", [0, 1, 21, 22, 23, 24, 61, 62, 63, 64])
def test_a_row_that_is_just_full_makes_no_empty_row(talk, size, length):
    one = talk(size=size)
    one.peer.line("x" * length)
    one.hear("next")
    room = size[0] - 18
    assert [len(rows) for _, rows in one.said()] == [max(1, -(-length // room)), 1]
    assert "" not in one.program.lines()


# --- what was said stays in the terminal's scrollback

@pytest.mark.parametrize("on", SCREENS)
def test_many_messages_at_once_are_shown_in_order_and_scroll_out(talk, size, on):
    one = talk(size=size, on=on)
    texts = [f"message {number}" for number in range(300)]
    one.peer.send("".join(text + "\n" for text in texts))
    one.wait_said(*texts)
    one.program.wait_prompt()
    assert one.texts() == [(HOST, text) for text in texts]
    one.program.line("/help")
    one.wait_status("bring back")
    assert one.texts() == [(HOST, text) for text in texts]


def test_it_never_leaves_the_screen_it_was_started_on(talk, size):
    one = talk(size=size)
    one.hear(SENTENCE)
    one.program.resize(60, 20)
    one.program.line("/help")
    one.wait_status("bring back")
    one.program.line("/clear")
    one.program.wait_screen(lambda _: one.program.rows()[0] == ">")
    one.program.line("/quit")
    one.peer.close()
    assert one.program.wait_exit() == 0
    assert not one.program.screen.alternate
    assert b"\x1b[3J" not in one.program.tape.bytes  # the scrollback is the user's
    assert one.program.screen.bells == 0


# --- a message that arrives while something is half typed

@pytest.mark.parametrize("on", SCREENS)
@pytest.mark.parametrize("text", ["ok", SENTENCE, DIGITS, WIDE], ids=["short", "sentence", "digits", "wide"])
def test_a_message_appears_above_what_is_half_typed(talk, size, on, text):
    one = talk(size=size, on=on)
    one.program.type("half of what I mean")
    one.program.key(*["left"] * 7)
    one.program.wait_prompt("> half of what")
    one.hear(text)
    one.program.wait_prompt("> half of what")
    assert one.typed() == "half of what I mean"
    one.program.type("ever")
    one.program.wait_prompt("> half of whatever")
    one.program.key("enter")
    assert one.peer.read_line() == "half of whatever I mean"
    one.program.wait_prompt()
    assert one.program.lines().count("> half of what I mean") == 0
    one.program.wait_screen(lambda _: len(one.said()) == 2)
    assert [who for who, _ in one.said()] == [HOST, NAME]


@pytest.mark.parametrize("on", SCREENS)
@pytest.mark.parametrize("back", [0, 1, 30, 77, 100, 118, 119, 120])
def test_what_is_typed_may_have_several_rows(talk, size, on, back):
    typed, begin = DIGITS[:120], 120 - back
    one = talk(size=size, on=on)
    one.hear("before")
    one.program.type(typed)
    one.wait_typed(typed)
    one.program.key(*["left"] * back)
    before = ("> " + typed)[:begin + 2]
    row = (begin + 2) // size[0]
    one.program.wait_prompt(before[row * size[0]:])
    for text in ("while", SENTENCE):
        one.hear(text)
        one.program.wait_prompt(before[row * size[0]:])
        assert one.typed() == typed
    one.program.type("X")
    one.wait_typed(typed[:begin] + "X" + typed[begin:])
    one.program.key("enter")
    assert one.peer.read_line() == typed[:begin] + "X" + typed[begin:]
    one.program.wait_prompt()
    assert one.texts()[:3] == [(HOST, "before"), (HOST, "while"), (HOST, SENTENCE)]
    assert [who for who, _ in one.said()] == [HOST, HOST, HOST, NAME]
    assert [each.who for each in one.entries()].count(">") == 1


@pytest.mark.parametrize("on", SCREENS)
@pytest.mark.parametrize("typed", ["x" * 3000, "\n".join("x" * (number % 30) for number in range(60))],
                         ids=["long", "lines"])
def test_what_is_typed_may_be_higher_than_the_screen(talk, size, on, typed):
    """What has scrolled out cannot be taken back; on the screen nothing is left of it beside a message."""
    one = talk(size=size, on=on)
    one.program.paste(typed + "END")
    one.program.wait_screen("xEND" if "\n" not in typed else "END")
    one.peer.send("".join(f"message {number}\n" for number in range(20)))
    for number in range(20):
        one.program.wait_screen(re.compile(rf"^\d\d:\d\d 127.0.0.1  message {number}$", re.M))
    one.program.wait_screen(lambda _: one.program.rows()[-1].endswith("END"))
    one.program.key("enter")
    for line in (typed + "END").split("\n"):
        assert one.peer.read_line() == line
    one.program.wait_prompt()
    one.program.paste(typed + "AGAIN")
    one.program.wait_screen("AGAIN")
    one.program.ctrl("c")
    one.program.wait_prompt()
    one.program.line("next")
    one.program.wait_screen(re.compile(r"^.{5} anna       next\n>$", re.M))
    assert [row for row in one.program.rows() if row][2:] == []


@pytest.mark.parametrize("on", SCREENS)
def test_a_burst_of_messages_leaves_what_is_typed_alone(talk, size, on):
    one = talk(size=size, on=on)
    one.program.type("a" + DIGITS[:100] + "b")
    one.program.ctrl("a")
    texts = [f"message {number} " + "x" * (number % 50) for number in range(100)]
    for at in range(0, 100, 10):
        one.peer.send("".join(text + "\n" for text in texts[at:at + 10]))
        one.program.wait_screen(lambda _: len(one.said()) == at + 10)
    one.wait_typed("a" + DIGITS[:100] + "b")
    one.program.wait_prompt()
    assert [re.sub(" ", "", text) for _, text in one.texts()] == [re.sub(" ", "", text) for text in texts]


# --- wide characters

@pytest.mark.parametrize("text", [
    "\u65e5\u672c\u8a9e", "e\u0301a\u0308o\u0302\u0323", "\ud55c\uad6d\uc5b4", "\U0001f600\U0001f680", WIDE, JOINED,
    HEART, f"x{JOINED}y{HEART}z", "\U0001f1e9\U0001f1ea", "\u0e01\u0e33\u0e19\u0e49"])
def test_wide_characters_are_typed_received_and_erased(talk, size, text):
    """tmux shows some clusters in fewer cells than their characters have together. So they stand side by side where
    they are typed, and together where they were said."""
    apart = re.sub("[\u200d\ufe0f]", "", text)
    one = talk(size=size, on="tmux")
    one.program.type("ab" + text + "cd")
    one.wait_typed(f"ab{apart}cd")
    one.hear("while")
    one.wait_typed(f"ab{apart}cd")
    one.program.key("left", "left")
    one.program.type("X")
    one.program.wait_prompt(f"> ab{apart}X")
    one.wait_typed(f"ab{apart}Xcd")
    one.hear("again")
    one.program.wait_prompt(f"> ab{apart}X")
    one.program.key("enter")
    assert one.peer.read_line() == f"ab{text}Xcd"
    one.program.wait_prompt()
    one.peer.line(f"<{text}>")
    one.program.wait_screen(f"<{text}>")
    assert one.texts()[-2:] == [(NAME, composed(f"ab{text}Xcd")), (HOST, composed(f"<{text}>"))]
    one.program.type("a" + text)
    for _ in "a" + text:
        one.program.key("backspace")
        one.program.wait_screen(lambda lines: lines[-1].startswith("> a") or lines[-1] == ">")
    one.wait_typed("")
    one.program.type("end")
    one.program.wait_prompt("> end")
    one.program.key("enter")
    assert one.peer.read_line() == "end"


@pytest.mark.parametrize("text", ["\u65e5\u672c\u8a9e", WIDE, JOINED, HEART, f"x{JOINED}y{HEART}z"])
def test_wide_characters_are_pasted_and_edited_in_their_middle(talk, size, text):
    one = talk(size=size, on="tmux")
    one.program.paste(text + "tail")
    one.program.wait_screen("tail")
    one.program.ctrl("a")
    one.program.wait_prompt()
    one.program.type("head")
    one.program.wait_prompt("> head")
    one.hear("while")
    one.program.wait_prompt("> head")
    one.program.ctrl("e")
    one.program.key(*["backspace"] * 4)
    one.program.type("!")
    one.program.wait_screen(lambda lines: re.search("!$", lines[-1]))
    one.program.key("enter")
    assert one.peer.read_line() == f"head{text}!"
    one.program.wait_prompt()
    one.program.wait_screen(lambda _: one.texts()[-1] == (NAME, composed(f"head{text}!")))


def test_a_wide_character_does_not_fit_into_the_last_column(talk, size):
    """One row of input ends with a half cell, at every position of it."""
    one = talk(size=size, on="tmux")
    for shift in ("", "x"):
        typed = shift + "\u65e5" * size[0]
        one.program.type(typed)
        one.wait_typed(typed)
        one.hear("while")
        one.wait_typed(typed)
        middle = len(typed) // 2
        one.program.key(*["left"] * (len(typed) - middle), "backspace")
        one.program.type("X")
        typed = typed[:middle - 1] + "X" + typed[middle:]
        one.wait_typed(typed)
        one.program.type("Y")
        typed = typed[:middle] + "Y" + typed[middle:]
        one.wait_typed(typed)
        one.program.key("backspace", "backspace")
        typed = typed[:middle - 1] + typed[middle + 1:]
        one.wait_typed(typed)
        one.hear("while")
        one.wait_typed(typed)
        one.program.key("enter")
        assert one.peer.read_line() == typed
        one.program.wait_prompt()


@pytest.mark.parametrize("locale", [
    {"LC_ALL": "C"}, {"LC_ALL": "POSIX"}, {"LC_ALL": None}, {"LC_ALL": "no_SUCH.locale"},
    {"LC_ALL": None, "LC_CTYPE": "C", "LANG": "C.UTF-8"}])
@pytest.mark.parametrize("on", SCREENS)
def test_a_bare_environment_changes_nothing(talk, locale, on):
    one = talk(on=on, env=locale)
    one.program.type(WIDE)
    one.wait_typed(WIDE)
    one.program.key("left", "backspace")
    one.program.key("enter")
    assert one.peer.read_line() == WIDE[:-2] + WIDE[-1]
    one.peer.line(WIDE)
    one.wait_said(WIDE)


# --- colours

def looks(program, text):
    """The colours of the words of a row."""
    found = []
    for cell in program.cells(text):
        if cell.data.strip() and (not found or found[-1] != (cell.fg, cell.bold)):
            found.append((cell.fg, cell.bold))
    return found


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": ""}], ids=["plain", "empty NO_COLOR"])
def test_who_speaks_is_told_by_colours(talk, size, env):
    one = talk(size=size, env=env)
    one.program.line("mine")
    one.program.wait_screen("  mine")
    one.hear("yours")
    own, other = looks(one.program, "  mine"), looks(one.program, "  yours")
    status = looks(one.program, "is here")
    assert len(own) == len(other) == 3  # time, name, text
    assert own[2] == other[2] == ("default", False)
    assert own[1] != other[1] and "default" not in (own[1][0], other[1][0])
    assert len(status) == 1 and status[0] not in own + other


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": "vt100"}, {"TERM": "no-such"},
                                 {"TERM": None}])
def test_there_are_no_colours_where_they_are_not_wanted(talk, size, env):
    one = talk(size=size, env=env)
    one.program.line("mine")
    assert one.peer.read_line() == "mine"
    one.peer.line("yours \x1b[31m\x07 and more")
    one.wait_said("yours ^[[31m^G and more")
    one.program.line("/nothing")
    one.wait_status("no such command")
    one.program.ctrl("c")
    one.peer.close()
    assert one.program.wait_exit() == 0
    if "NO_COLOR" in env:
        assert not re.search(rb"\x1b\[[0-9;]*m", one.program.tape.bytes)
    else:  # Readline may end attributes that it never began
        assert not re.search(rb"\x1b\[[0-9;]*[1-9][0-9;]*m", one.program.tape.bytes)


@pytest.mark.parametrize("term", ["dumb", "vt100", "no-such", "linux", "screen", "xterm-256color"])
def test_any_terminal_will_do(talk, size, term):
    one = talk(size=size, env={"TERM": term})
    one.program.type("half typed")
    one.program.wait_prompt("> half typed")
    one.hear(SENTENCE)
    one.program.wait_prompt("> half typed")
    one.program.key("enter")
    assert one.peer.read_line() == "half typed"
    one.program.wait_prompt()
    dumb = term in ("dumb", "no-such")  # does not go on to the next row by itself, so Readline leaves a column free
    expect_wrapped(one, HOST, SENTENCE, size[0], 2 if dumb else 1)
    assert one.texts()[1] == (NAME, "half typed")
    one.peer.close()
    assert one.program.wait_exit() == 0


# --- the window changes its size

def resize(program, columns, rows=24):
    """Give the window another size and wait until the program can know of it; tmux takes its time."""
    program.resize(columns, rows)
    terminal = os.open(f"/proc/{program.pid}/fd/0", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        until(lambda: tuple(os.get_terminal_size(terminal)) == (columns, rows), what="the terminal has its new size")
    finally:
        os.close(terminal)


def joined(one):
    """What was said, with what tmux has wrapped put together again, and without blanks."""
    return [(who, "".join(rows).replace(" ", "")) for who, rows in one.said()]


def type_and_go_back(one, typed, back):
    if typed:
        one.program.type(typed)
        one.wait_typed(typed)
    if back:
        one.program.key(*["left"] * back)


def last_row(lines, text):
    """The number of the last row in which this stands."""
    return max(at for at, row in enumerate(lines) if text.strip() in row)


SIZES = [(80, 40), (40, 80), (80, 79), (40, 41), (80, 120)]


def wait_typed_in_rows(one, text):
    """Wait until this stands in the last prompt, row by row: where tmux joins rows, a wide character that did not fit
    leaves a blank between them."""

    def typed(_):
        lines = one.program.lines()
        [prompt] = read_entries(lines[last_row(lines, "> "):])
        return "".join(prompt.rows) == text

    one.program.wait_screen(typed)


@pytest.mark.parametrize("old, new", SIZES)
@pytest.mark.parametrize("typed, back", [
    ("", 0), ("half typed", 4), (DIGITS[:150], 0), (DIGITS[:150], 75), (DIGITS[:150], 150), ("\u65e5" * 60, 30),
], ids=["nothing", "a word", "rows, at their end", "rows, in the middle", "rows, at their beginning", "wide"])
def test_nothing_is_lost_when_the_window_changes_its_width(talk, old, new, typed, back):
    one = talk(on="tmux", size=(old, 24))
    texts = [SENTENCE, "short", DIGITS[:100], "\u65e5\u672c\u8a9e" * 10, "last before"]
    for text in texts:
        one.hear(text)
    type_and_go_back(one, typed, back)
    resize(one.program, new)
    one.capture = ("-J",)
    one.hear("after")
    wait_typed_in_rows(one, typed)
    one.program.type("X")
    changed = typed[:len(typed) - back] + "X" + typed[len(typed) - back:]
    wait_typed_in_rows(one, changed)
    one.hear(SENTENCE)
    wait_typed_in_rows(one, changed)
    one.program.key("enter")
    assert one.peer.read_line() == changed
    one.program.wait_prompt()
    assert joined(one) == [(HOST, text.replace(" ", "")) for text in (*texts, "after", SENTENCE)] + [
        (NAME, changed.replace(" ", ""))]
    lines = one.program.lines()
    [wrapped] = [rows for who, rows in read_entries(lines[last_row(lines, SENTENCE[:10]):]) if who == HOST]
    assert " ".join(wrapped) == SENTENCE  # to the new width, so tmux had nothing to wrap


def test_nothing_is_lost_when_it_changes_again_and_again(talk):
    one = talk(on="tmux", size=(80, 24))
    one.capture = ("-J",)
    one.program.type("half typed")
    texts = []
    for number, (columns, rows) in enumerate([(40, 24), (60, 10), (30, 24), (100, 5), (80, 24), (41, 24), (40, 12)]):
        texts.append(f"{number} {SENTENCE}")
        one.peer.line(texts[-1])
        resize(one.program, columns, rows)
        texts.append(f"{number} short")
        one.hear(texts[-1])
        one.program.wait_prompt("> half typed")
    one.program.key("enter")
    assert one.peer.read_line() == "half typed"
    one.program.wait_prompt()
    assert joined(one) == [(HOST, text.replace(" ", "")) for text in texts] + [(NAME, "halftyped")]


@pytest.mark.parametrize("old, new", SIZES)
@pytest.mark.parametrize("typed, back", [("", 0), ("half typed", 4), (DIGITS[:150], 75)],
                         ids=["nothing", "a word", "rows"])
def test_a_terminal_that_does_not_reflow_shows_what_is_typed(talk, old, new, typed, back):
    one = talk(size=(old, 24))
    one.hear("before")
    type_and_go_back(one, typed, back)
    resize(one.program, new)
    one.hear(SENTENCE)
    one.wait_typed(typed)
    expect = [(HOST, "before"), (HOST, SENTENCE)]
    assert one.texts() == expect
    one.program.type("X")
    one.program.key("enter")
    changed = typed[:len(typed) - back] + "X" + typed[len(typed) - back:]
    assert one.peer.read_line() == changed


@pytest.mark.parametrize("columns, rows", [(20, 24), (10, 5), (2, 2), (1, 1), (200, 60), (80, 3)])
def test_a_window_of_any_size_will_do(talk, columns, rows):
    one = talk()
    one.program.type("half typed")
    resize(one.program, columns, rows)
    one.peer.line(SENTENCE)
    one.peer.line("\u65e5\u672c\u8a9e")
    one.program.key("enter")
    assert one.peer.read_line() == "half typed"
    resize(one.program, 80, 24)
    one.program.type("again")
    one.program.wait_prompt("> again")
    one.program.key("enter")
    assert one.peer.read_line() == "again"
    one.peer.close()
    assert one.program.wait_exit() == 0
