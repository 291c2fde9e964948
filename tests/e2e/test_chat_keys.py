# SPDX-License-Identifier: GPL-3.0-or-later
"""The keyboard of a chat: history, the user's inputrc, completion, pastes, commands, the keys that are signals elsewhere;
and the terminal is restored after every end."""

import os
import re
import signal
import time

import pytest

import procfs
from chatlib import chat, peers, run, wait_listening  # noqa: F401
from service import PATIENCE, YODEL, until
from talklib import HOST, NAME, Talk, size, talk  # noqa: F401

MIB = 1 << 20
BEGIN, END = b"\x1b[200~", b"\x1b[201~"


def say(one, *texts):
    for text in texts:
        one.program.line(text)
        assert one.peer.read_line() == text
        one.program.wait_prompt()


def enter(one, expected):
    one.program.key("enter")
    assert one.peer.read_line() == expected
    one.program.wait_prompt()


@pytest.fixture
def inputrc(talk, tmp_path):
    """inputrc(text, ...): a Talk of a user who has these lines in his inputrc."""

    def begin(text, **how):
        (tmp_path / "inputrc").write_text(text)
        return talk(env={"INPUTRC": str(tmp_path / "inputrc")}, **how)

    return begin


# --- history

def test_what_was_said_comes_back(talk, size):
    one = talk(size=size)
    say(one, "first", "second \u65e5\u672c", "third")
    one.program.type("not yet said")
    one.program.wait_prompt("> not yet said")
    for key, text in [("up", "third"), ("up", "second \u65e5\u672c"), ("up", "first"), ("up", "first"),
                      ("down", "second \u65e5\u672c"), ("down", "third"), ("down", "not yet said")]:
        one.program.key(key)
        one.program.wait_prompt("> " + text)
    one.program.key("up", "up", "backspace")
    one.program.type("x")
    enter(one, "second \u65e5x")
    one.program.key("up")
    one.program.wait_prompt("> second \u65e5x")
    one.program.key("up", "up")
    one.program.wait_prompt("> second \u65e5\u672c")  # as it was said
    one.program.ctrl("c")
    one.program.wait_prompt()
    one.program.key("up")
    one.program.wait_prompt("> second \u65e5x")
    one.program.key("down")
    one.program.wait_prompt()
    one.program.key("up", "up")
    one.program.type(" changed")
    one.program.key("up")
    one.program.ctrl("c")  # and so is what was changed on the way
    one.program.key("up", "up", "up")
    one.program.wait_prompt("> second \u65e5\u672c")


def test_what_is_said_twice_is_kept_once(talk):
    one = talk()
    say(one, "first", "again", "again")
    one.program.key("up", "up")
    one.program.wait_prompt("> first")


def test_commands_and_lines_that_were_not_taken(talk):
    one = talk()
    say(one, "first")
    one.program.line("//slash")
    assert one.peer.read_line() == "/slash"
    one.program.wait_prompt()
    one.program.key("up")
    one.program.wait_prompt("> //slash")
    enter(one, "/slash")
    one.program.line("/help")
    one.wait_status("bring back")
    one.program.key("up")
    one.program.wait_prompt("> /help")


def test_history_is_searched(talk, size):
    one = talk(size=size)
    say(one, "the quick fox", "the lazy dog")
    one.program.ctrl("r")
    one.program.type("qui")
    one.program.wait_screen("(reverse-i-search)`qui': the quick fox")
    one.peer.line("while searching")
    one.program.wait_screen("while searching\n(reverse-i-search)`qui': the quick fox")
    enter(one, "the quick fox")
    one.program.ctrl("r")
    one.program.type("lazy")
    one.program.wait_screen("`lazy': the lazy dog")
    one.program.ctrl("c")
    one.program.wait_prompt()
    say(one, "as ever")


def test_history_is_nobodys_elses(talk, tmp_path):
    """Nothing of it is written to a file."""
    one = talk(env={"HISTFILE": str(tmp_path / "history")})
    say(one, "a secret")
    one.program.line("/quit")
    one.peer.close()
    assert one.program.wait_exit() == 0
    assert not (tmp_path / "history").exists()


# --- the user's own keys

def test_the_inputrc_of_the_user_is_read(inputrc):
    one = inputrc('$if yodel\n"\\C-t": "hello"\n$endif\n"\\C-o": accept-line\n"\\C-g": kill-whole-line\n')
    one.program.ctrl("t")
    one.program.wait_prompt("> hello")
    one.program.ctrl("o")
    assert one.peer.read_line() == "hello"
    one.program.wait_screen(lambda _: one.texts() == [(NAME, "hello")])
    one.program.wait_prompt()
    one.program.type("gone")
    one.program.ctrl("g")
    one.program.wait_prompt()


def test_a_line_may_end_in_other_ways(talk):
    """Ctrl-J is Enter; Ctrl-O enters a line and brings the one after it."""
    one = talk()
    say(one, "first", "second", "third")
    one.program.type("fourth\n")
    assert one.peer.read_line() == "fourth"
    one.program.wait_prompt()
    one.program.key("up", "up", "up")
    one.program.wait_prompt("> second")
    one.program.ctrl("o")
    assert one.peer.read_line() == "second"
    one.program.wait_prompt("> third")
    assert one.texts()[-1] == (NAME, "second")
    enter(one, "third")


def test_vi_may_be_used(inputrc, size):
    one = inputrc("set editing-mode vi\n", size=size)
    one.program.type("one two xyz")
    one.program.wait_prompt("> one two xyz")
    one.program.key("escape")
    one.program.wait_prompt("> one two xy")
    one.program.type("bcwTWO")
    one.program.wait_prompt("> one two TWO")
    one.program.key("escape")
    one.hear("while")
    one.program.wait_prompt("> one two TW")
    one.program.type("0x")
    one.program.key("enter")
    assert one.peer.read_line() == "ne two TWO"
    one.program.wait_prompt()
    one.program.key("escape")
    one.program.type("k")
    one.program.wait_screen(lambda _: one.typed() == "ne two TWO")
    one.program.type("A!")
    enter(one, "ne two TWO!")


@pytest.mark.parametrize("setting", ["show-mode-in-prompt on", "mark-modified-lines on", "horizontal-scroll-mode on",
                                     "enable-bracketed-paste off", "page-completions on", "completion-query-items 1",
                                     "revert-all-at-newline on", "keyseq-timeout 0", "colored-stats on",
                                     "blink-matching-paren on", "input-meta off", "output-meta off", "convert-meta on",
                                     "prefer-visible-bell off", "bell-style audible", "enable-active-region off"])
def test_settings_of_the_user_do_no_harm(inputrc, setting):
    one = inputrc(f"set {setting}\n", prompt="@> " if setting == "show-mode-in-prompt on" else "> ")
    one.program.type("(half) \u65e5")
    begin = time.monotonic()
    one.settle()
    one.program.wait_screen("(half) ")
    assert time.monotonic() - begin < 0.4 * PATIENCE  # Readline waits for half a second to show what matches
    one.peer.line("while")
    one.program.wait_screen(re.compile(r"^\d\d:\d\d 127.0.0.1  while$", re.M))
    one.program.key("enter")
    assert one.peer.read_line() == "(half) \u65e5"
    one.program.key("up", "enter")
    assert one.peer.read_line() == "(half) \u65e5"
    one.program.type("/\t\t")
    one.settle()
    one.peer.line("again")
    one.program.wait_screen(re.compile(r"^\d\d:\d\d 127.0.0.1  again$", re.M))
    one.program.ctrl("c")
    one.peer.close()
    assert one.program.wait_exit() in (0, 3)
    said = [row for row in one.program.lines() if re.match(r"\d\d:\d\d ", row)]
    assert [row[len("14:03 127.0.0.1  "):] for row in said] == ["while", "(half) \u65e5", "(half) \u65e5", "again"]


# --- completion

def test_tab_completes_commands(talk, size):
    one = talk(size=size)
    one.program.type("/q\t")
    one.program.wait_screen("> /quit")
    one.program.ctrl("u")
    one.program.type("/\t\t")
    one.program.wait_screen(re.compile(r"/clear\s+/help\s+/quit"))
    one.hear("while")
    one.program.wait_prompt("> /")
    one.program.type("h\t")
    one.program.wait_screen("> /help")
    one.program.key("enter")
    one.wait_status("bring back")


def test_tab_completes_names_of_files(talk, tmp_path, size):
    for name in ("notes.txt", "a name.txt", "\u65e5\u672c.txt"):
        (tmp_path / name).write_text("")
    (tmp_path / "folder").mkdir()
    one = talk(size=size, cwd=tmp_path)
    for typed, expected in [("see no\t", "see notes.txt "), ("see f\t", "see folder/"),
                            ("see \u65e5\t", "see \u65e5\u672c.txt "), (f"see {tmp_path}/no\t", f"see {tmp_path}/notes.txt ")]:
        one.program.type(typed)
        one.wait_typed(expected.rstrip())
        enter(one, expected)


def test_a_long_list_asks_nothing_and_stops_nothing(talk, tmp_path, size):
    for number in range(300):
        (tmp_path / f"file-{number:03d}-with-a-long-name").write_text("")
    one = talk(size=size, cwd=tmp_path)
    one.program.type("see file\t\t\t")
    one.program.wait_screen("file-299-with-a-long-name")
    one.hear("while")
    one.program.wait_prompt("> see file-")
    enter(one, "see file-")


# --- pastes

@pytest.mark.parametrize("on", ["terminal", "tmux"])
def test_several_lines_that_are_pasted_are_one_message(talk, size, on):
    one = talk(size=size, on=on)
    text = "for (;;)\n    hang();\n\n/* end */"
    one.program.type("code: ")
    one.program.paste(text)
    one.program.wait_screen("/* end */")
    one.peer.sock.setblocking(False)
    with pytest.raises(BlockingIOError):  # not before Enter
        one.peer.sock.recv(1)
    one.hear("while")
    one.program.wait_prompt("/* end */")
    one.program.key("enter")
    assert one.peer.read_until(b"end */\n").decode() == "code: " + text + "\n"
    one.program.wait_prompt()
    assert one.said()[1:] == [(NAME, ["code: for (;;)", "    hang();", "", "/* end */"])]
    one.program.key("up")
    one.program.wait_prompt("/* end */")


def test_commands_are_not_obeyed_in_the_middle_of_a_paste(talk):
    one = talk()
    one.program.paste("hello\n/quit\n")
    one.program.key("enter")
    assert one.peer.read_until(b"/quit\n") == b"hello\n/quit\n"
    one.program.wait_prompt()


def test_what_is_pasted_without_marks_is_typed(talk):
    one = talk()
    one.program.type("one\rtwo\rthree")
    one.program.wait_prompt("> three")
    assert one.peer.read_line() == "one" and one.peer.read_line() == "two"
    assert one.texts() == [(NAME, "one"), (NAME, "two")]


@pytest.mark.parametrize("step", [1, 2, 3, 5])
def test_a_paste_may_come_in_pieces(talk, step):
    one = talk()
    data = b"a" + BEGIN + "one\r\u65e5 \x1b[20 two\rthree".encode() + END + b"b"
    for at in range(0, len(data), step):
        one.program.type(data[at:at + step])
        one.settle()
    one.hear("while")
    one.program.key("enter")
    assert one.peer.read_until(b"b\n").decode() == "aone\n\u65e5 \x1b[20 two\nthreeb\n"


@pytest.mark.parametrize("length", [4095, 4096, 4097, 100_000, MIB - 1, MIB])
def test_a_paste_is_one_message_however_long_it_is(talk, length):
    one = talk()
    text = "".join(f"line {number}\n" for number in range(length // 6 + 1))[:length - 1] + "."
    one.paste(text)
    one.program.type("\r")
    assert one.peer.read_exactly(length + 1, 20).decode() == text + "\n"
    one.settle()
    one.skip()


@pytest.mark.parametrize("length", [MIB + 1, 3 * MIB])
def test_a_paste_that_is_too_long_is_dropped_and_told(talk, size, length):
    one = talk(size=size)
    one.program.type("before ")
    one.settle()
    one.paste("x" * length)
    one.program.type("after")
    one.wait_status("longer than 1 MiB")
    one.program.wait_prompt("> before after")
    enter(one, "before after")
    assert b"x" * 100 not in one.program.tape.bytes


def test_a_line_that_becomes_too_long_is_not_sent_and_stays(talk):
    one = talk()
    one.paste("x" * MIB)
    one.program.type("y\r")
    one.program.tape.wait_bytes(b"not sent: longer than 1 MiB", 10)
    one.program.type("\x7f\r")
    assert one.peer.read_line(10) == "x" * MIB
    one.settle()
    one.skip()


# --- commands

def test_a_line_with_two_slashes_sends_one(talk, size):
    one = talk(size=size)
    for typed, sent in [("//quit", "/quit"), ("///", "//"), ("//", "/"), ("// comment", "/ comment"), ("a /quit", "a /quit"),
                        (" /quit", " /quit")]:
        one.program.line(typed)
        assert one.peer.read_line() == sent
        one.program.wait_prompt()
    assert one.texts()[0] == (NAME, "/quit")


@pytest.mark.parametrize("typed", ["/", "/quti", "/Quit", "/quit now", "/help me", "/ quit", "/usr/bin"])
def test_what_is_no_command_stays_in_the_line(talk, size, typed):
    one = talk(size=size)
    one.program.line(typed)
    one.wait_status("no such command (/help lists them; //text sends /text)")
    one.program.wait_prompt("> " + typed)
    one.program.key("home")
    one.program.type("/")
    enter(one, typed)
    one.program.line("")
    one.program.wait_prompt()
    one.peer.sock.setblocking(False)
    with pytest.raises(BlockingIOError):  # an empty line says nothing
        one.peer.sock.recv(1)


def test_help_tells_of_all_commands(talk, size):
    one = talk(size=size)
    one.program.line("/help")
    one.wait_status("bring back")
    told = " ".join(one.statuses())
    assert all(word in told for word in ("/quit", "/help", "/clear", "//text", "Ctrl-D", "Ctrl-C", "Tab", "Up"))
    one.program.wait_prompt()


@pytest.mark.parametrize("on", ["terminal", "tmux"])
def test_clear_makes_the_screen_empty(talk, size, on):
    one = talk(size=size, on=on)
    one.hear("before")
    one.program.line("/clear")
    one.program.wait_screen(lambda _: one.program.rows()[0] == ">" and not any(one.program.rows()[1:]))
    one.hear("after")
    assert [row[-5:] for row in one.program.rows() if row] == ["after", ">"]
    say(one, "as ever")


def test_ctrl_l_does_so_too_and_keeps_what_is_typed(talk, size):
    one = talk(size=size)
    one.hear("before")
    one.program.type("half typed")
    one.program.key("left", "left")
    one.program.ctrl("l")
    one.program.wait_screen(lambda _: one.program.rows()[0] == "> half typed")
    one.program.wait_prompt("> half typ")
    one.hear("after")
    one.program.wait_prompt("> half typ")
    enter(one, "half typed")


# --- keys that are signals elsewhere

def test_ctrl_d_says_goodbye_on_an_empty_line_only(talk, size):
    one = talk(size=size)
    one.program.type("abc")
    one.program.key("left")
    one.program.ctrl("d")
    one.program.ctrl("d")  # there is nothing under the cursor any more
    one.program.wait_prompt("> ab")
    one.program.key("backspace", "backspace")
    one.program.wait_prompt()
    one.program.ctrl("d")
    one.peer.expect_end()
    one.peer.close()
    assert one.program.wait_exit() == 0


def test_ctrl_c_clears_the_line_and_twice_leaves(talk, size):
    one = talk(size=size)
    one.program.type("never said")
    one.program.wait_prompt("> never said")
    one.program.ctrl("c")
    one.program.wait_prompt()
    assert "never said" not in " ".join(one.program.lines())
    one.program.type("x")
    one.program.wait_prompt("> x")
    one.program.ctrl("c")
    one.program.wait_prompt()
    one.program.ctrl("c")
    one.peer.expect_end()
    one.peer.close()
    assert one.program.wait_exit() == 0


def test_one_ctrl_c_is_told_what_another_does(talk, size):
    one = talk(size=size)
    one.program.ctrl("c")
    one.wait_status("Ctrl-C again leaves")
    say(one, "I stay")
    one.program.ctrl("c")
    one.program.wait_screen(lambda _: one.statuses().count("Ctrl-C again leaves") == 2)
    one.program.ctrl("c")
    one.peer.expect_end()
    one.peer.close()
    assert one.program.wait_exit() == 0


@pytest.mark.parametrize("typed", [b"\x03\x03", b"half\x03\x03", b"\x1b[200~no end of it\x03\x03", b"\x12sea\x03\x03",
                                   b"\x18\x03\x03", b"\x1b\x03\x03", b"\xe6\x97\x03\x03"])
def test_twice_in_one_write_leaves_too(talk, typed):
    one = talk()
    one.program.type(typed)
    one.peer.expect_end()
    one.peer.close()
    assert one.program.wait_exit() == 0


@pytest.mark.parametrize("typed", [b"half", b"\x1b[200~no end of it", b"\x12sea", b"\x18", b"\x1b", b"\x1b5", b"\x16",
                                   b"\xe6\x97", b"\x1b[20"])
def test_after_ctrl_c_everything_is_as_in_the_beginning(talk, typed):
    one = talk()
    one.program.type(typed)
    one.settle()
    one.program.ctrl("c")
    one.settle()
    say(one, "as ever")


def test_another_interrupt_character_is_respected(chat, peers, tmp_path):
    script = 'stty intr ^E; exec "$@"'
    program = chat("listen", "--name", NAME, wrap=["sh", "-c", script, "sh"], tidy=False)
    peer = peers.call(program)
    program.wait_screen("is here")
    program.wait_prompt()
    program.type("gone")
    program.wait_prompt("> gone")
    program.ctrl("e")
    program.wait_prompt()
    program.ctrl("e")
    peer.expect_end()
    peer.close()
    assert program.wait_exit() == 0


# --- Ctrl-Z and fg

@pytest.fixture
def job(run, peers):
    """A Talk whose program is the job of a shell."""

    def begin(size):
        shell = run(YODEL, "listen", "--plain", "--name", NAME, "127.0.0.1:0", on="shell", size=size)
        shell.host, shell.port = wait_listening(shell)
        peer = peers.call(shell)
        shell.wait_screen("is here")
        shell.wait_prompt()
        return Talk(shell, peer)

    return begin


def test_ctrl_z_stops_it_and_fg_brings_it_back(job, size):
    one = job(size)
    shell = one.program
    shell.type("half typed")
    shell.key("left", "left")
    shell.wait_prompt("> half typ")
    for number in range(2):
        shell.suspend()
        assert shell.is_restored()
        one.peer.line(f"while stopped {number}")
        shell.line("stty -a | grep -c ' icanon'")
        shell.wait_screen(lambda lines: lines.count("1") == number + 1)
        shell.wait_shell()
        shell.resume()
        shell.wait_screen(f"127.0.0.1  while stopped {number}")
        shell.wait_prompt("> half typ")
    shell.key("enter")
    assert one.peer.read_line() == "half typed"
    shell.wait_screen("anna       half typed")
    one.peer.close()
    assert shell.status() == 0
    assert shell.leave() == 0


def test_a_window_that_changes_its_size_while_it_is_stopped(job, size):
    one = job(size)
    shell = one.program
    shell.type("half typed")
    shell.wait_prompt("> half typed")
    shell.suspend()
    shell.resize(60, 20)
    one.peer.line("x" * 100)
    shell.resume()
    shell.wait_screen("\n" + " " * 17 + "x" * 42 + "\n")
    shell.wait_prompt("> half typed")
    shell.line(" and said")
    assert one.peer.read_line() == "half typed and said"
    one.peer.close()
    assert shell.status() == 0
    assert shell.leave() == 0


def test_a_peer_that_leaves_while_it_is_stopped(job, size):
    one = job(size)
    shell = one.program
    shell.type("half typed")
    shell.wait_prompt("> half typed")
    shell.suspend()
    one.peer.line("bye")
    one.peer.close()
    shell.resume()
    shell.wait_screen("not sent: half typed")
    assert shell.status() == 0
    lines = [row[row.index(" ", 3) + 1:] for row in shell.lines() if re.match(r"-- |\d\d:", row)]
    assert [line for line in lines if "bye" in line or "left" in line] != []
    assert shell.leave() == 0


def test_sigtstp_stops_it_too(job, size):
    one = job(size)
    shell = one.program
    pid = shell.job()
    os.kill(pid, signal.SIGTSTP)
    until(lambda: procfs.state(pid) == "T", what="it stops")
    shell.wait_shell()
    assert shell.is_restored()
    shell.resume()
    shell.wait_prompt()
    shell.line("/quit")
    one.peer.expect_end()
    one.peer.close()
    assert shell.status() == 0
    assert shell.leave() == 0


def test_it_may_be_ended_while_it_is_stopped(job, size):
    one = job(size)
    shell = one.program
    pid = shell.job()
    shell.suspend()
    shell.line(f"kill -TERM {pid}; fg; echo status-$?")
    one.peer.expect_end()
    one.peer.close()
    shell.wait_screen("status-0")
    assert shell.leave() == 0


# --- the end

DEADLY = ["QUIT", "SEGV", "ABRT", "BUS", "ILL", "FPE", "ALRM", "USR1", "USR2", "PIPE", "SYS", "TRAP", "XCPU", "XFSZ", "VTALRM",
          "PROF", "IO", "PWR", "STKFLT"]
TAKEN = pytest.mark.nosanitize("the sanitizer has handlers of its own for them")
QUIET = ["sh", "-c", 'ulimit -c 0; exec "$@"', "sh"]


@pytest.mark.parametrize("phase", ["talking", "waiting"])
@pytest.mark.parametrize("name", [pytest.param(name, marks=TAKEN if name in ("SEGV", "BUS", "FPE") else ()) for name in DEADLY])
def test_the_terminal_is_restored_whatever_ends_it(chat, peers, name, phase):
    """Terminal.end() looks at its modes, too."""
    number = getattr(signal, f"SIG{name}")
    program = chat("listen", wrap=QUIET)
    program.wait_prompt()
    if phase == "talking":
        peers.call(program)
        program.wait_screen("is here")
        program.type("half typed")
        program.wait_prompt("> half typed")
    program.signal(number)
    if name == "PIPE":  # which a program that writes to sockets ignores, or not
        program.signal(signal.SIGQUIT)
    assert program.wait_exit() in (-number, -signal.SIGQUIT)
    assert program.is_restored()
    assert program.cursor[0] == 0  # where a shell's prompt belongs


@pytest.mark.parametrize("name", ["TERM", "HUP", "INT"])
@pytest.mark.parametrize("role, status", [("listen", 0), ("call", 3)])
def test_signals_that_ask_for_an_end_get_one(chat, peers, name, role, status):
    blocked = peers.listen(backlog=0)
    fill = [peers.call(blocked)]  # so that nobody else is connected
    program = chat(role, to=blocked, wrap=QUIET, ready=role == "listen") if role == "listen" else \
        chat(role, "--retry", to=free_port(peers), wrap=QUIET)
    program.wait_prompt()
    program.signal(getattr(signal, f"SIG{name}"))
    assert program.wait_exit() == status
    assert program.is_restored() and fill


def free_port(peers):
    listener = peers.listen()
    listener.close()
    return listener.port


def test_ctrl_backslash_ends_it_in_any_case(talk):
    one = talk(wrap=QUIET)
    one.program.type("half typed")
    one.program.wait_prompt("> half typed")
    one.program.ctrl("\\")
    assert one.program.wait_exit() == -signal.SIGQUIT
    assert one.program.is_restored()


def test_a_window_that_is_closed_ends_it(talk):
    one = talk()
    one.program.type("half typed")
    one.program.wait_prompt("> half typed")
    one.program.hang_up()
    one.peer.expect_end()
    one.peer.close()
    assert one.program.wait_exit() == 0


def test_a_terminal_that_was_found_odd_is_left_odd(chat, peers):
    """It is restored to what it was, not to what is usual."""
    script = 'stty -ixon intr ^E; "$@"; stty -a'
    program = chat("listen", wrap=["sh", "-c", script, "sh"], tidy=False, size=(200, 24))
    program.wait_prompt()
    program.ctrl("d")
    program.wait_screen("intr = ^E;")
    program.wait_screen("-ixon")
    assert program.wait_exit() == 0
