# SPDX-License-Identifier: GPL-3.0-or-later
"""The terminals, pipes and peers of the chat's tests, tried on programs whose behaviour is known; and what they must
find, found."""

import os
import re
import signal
import socket
import threading
import time

import pyte
import pytest

import chatlib
import procfs
from chatlib import LISTENING, Pipes, Stage, chat, peers, run, wait_listening  # noqa: F401
from screen import Screen
from service import Late, until
from terminal import Terminal, environment

SCREENS = ("terminal", "tmux")

# Says what it has read, line by line, after a prompt of Readline.
READER = """
import readline, sys
readline.parse_and_bind("set enable-bracketed-paste on")
while True:
    try:
        print("got %a" % input("> "), flush=True)
    except EOFError:
        sys.exit(7)
"""

# Says each size that the terminal gets.
SIZES = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGWINCH})
print("ready", flush=True)
while signal.sigwait({signal.SIGWINCH}):
    size = os.get_terminal_size()
    print(size.lines, size.columns, flush=True)
"""


def printing(text):
    """A command that prints what printf makes of the text, and stays."""
    return "sh", "-c", 'printf "$1"; exec cat', "sh", text


@pytest.fixture
def reader(run):
    def start(on, **how):
        program = run("/usr/bin/python3", "-c", READER, on=on, **how)
        program.wait_prompt("> ", 10)
        return program

    return start


@pytest.fixture
def bare(tmp_path):
    """A Stage whose programs the test ends and judges itself."""
    stage = Stage(tmp_path)
    yield stage
    for program in stage.programs:
        try:
            program.end()
        except AssertionError:
            pass


def expect_verdict(program, words):
    """It is judged, once, and nothing of it is left."""
    with pytest.raises(AssertionError, match=words):
        program.end()
    assert not procfs.alive(program.pid)
    program.end()


# --- on a screen

@pytest.mark.parametrize("on", SCREENS)
@pytest.mark.parametrize("size", [(80, 24), (40, 10), (132, 50)])
def test_the_program_has_a_terminal_of_that_size(run, on, size):
    program = run("sh", "-c", "stty size; echo to the terminal >/dev/tty; exec cat", on=on, size=size)
    program.wait_screen(f"{size[1]} {size[0]}\nto the terminal")
    assert program.size == size


@pytest.mark.parametrize("on", SCREENS)
def test_the_program_leads_a_process_group(run, on):
    program = run("cat", on=on)
    assert until(lambda: procfs.command(program.pid) == "cat")
    assert os.getpgid(program.pid) == program.pid
    assert os.getsid(program.pid) == (program.pid if on == "terminal" else program.parent)


@pytest.mark.parametrize("on", SCREENS)
def test_the_environment_is_the_same_for_everybody(run, on, monkeypatch):
    for name in ("NO_COLOR", "LC_CTYPE", "LANG", "COLUMNS", "TMUX"):
        monkeypatch.setenv(name, "of whoever runs the tests")
    script = 'env | sort; echo "home:" $(ls -A "$HOME"); exec cat'
    program = run("sh", "-c", script, on=on, size=(200, 200), env={"ADDED": "a b;c 'd", "TZ": None})
    lines = program.wait_screen(lambda lines: "home:" in lines and lines)
    for line in ("LC_ALL=C.UTF-8", "ADDED=a b;c 'd", f"TERM={'xterm' if on == 'terminal' else 'tmux'}-256color"):
        assert line in lines
    names = [line.partition("=")[0] for line in lines]
    assert not {"NO_COLOR", "LC_CTYPE", "LANG", "COLUMNS", "TMUX", "TZ"} & set(names)
    [home] = [line[5:] for line in lines if line.startswith("HOME=")]
    assert f"INPUTRC={home}/inputrc" in lines and home.startswith("/") and home != os.environ["HOME"]


@pytest.mark.parametrize("on", SCREENS)
def test_what_is_typed_arrives_and_what_is_said_shows(run, on):
    program = run("sh", "-c", "stty -echo -icanon -icrnl; echo ready; exec cat -vT", on=on, tidy=False)
    program.wait_screen("ready")
    program.type("plain; 'quoted' \"too\";")
    program.wait_screen("""plain; 'quoted' "too";""")
    program.type("\u65e5\U0001f600")
    program.wait_screen("M-fM-^WM-%M-pM-^_M-^XM-^@")
    program.type(bytes(range(128, 256)))
    program.wait_screen(re.compile(r"M-\^@.*M-\^\?", re.S))
    program.key("escape", "tab")
    program.wait_screen("^[^I")
    program.type("x\ny")
    program.line("z")
    program.wait_screen("x\nyz^M")


@pytest.mark.parametrize("on", SCREENS)
def test_keys_edit_a_line(reader, on):
    program = reader(on)
    program.type("bcd")
    program.key("left", "left", "backspace", "home")
    program.type("a")
    program.key("end", "left", "delete")
    program.type("e\u00e9")
    program.key("enter")
    program.wait_screen("got 'ace\\xe9'")
    program.wait_prompt()
    program.key("up")
    program.ctrl("a")
    program.ctrl("k")
    program.line("new")
    program.wait_screen("got 'new'")
    program.wait_prompt()
    program.key("up", "up", "down", "enter")
    program.wait_screen(lambda lines: lines.count("got 'new'") == 2)
    program.wait_prompt()
    program.ctrl("d")
    assert program.wait_exit() == 7


@pytest.mark.parametrize("on", SCREENS)
def test_a_paste_is_bracketed_for_who_wants_it(reader, on):
    program = reader(on)
    program.paste("one\ntwo")
    program.key("enter")
    program.wait_screen("got 'one\\ntwo'")


@pytest.mark.parametrize("on", SCREENS)
def test_a_paste_is_typed_for_who_does_not(run, on):
    program = run("sh", "-c", "stty -echo -icanon -icrnl; echo ready; exec cat -v", on=on, tidy=False)
    program.wait_screen("ready")
    program.paste("one\ntwo\n")
    program.wait_screen("one^Mtwo^M")


@pytest.mark.parametrize("on", SCREENS)
def test_all_that_was_said_can_be_asked(run, on):
    program = run("sh", "-c", "seq 1 300; printf '\\n\\nlast  '; exec cat", on=on, size=(40, 10))
    program.wait_screen("last")
    assert program.lines() == [*map(str, range(1, 301)), "", "", "last"]
    assert program.rows()[-2:] == ["", "last"] and len(program.rows()) == 10
    assert program.cursor == (6, 9)
    assert "last" in program.text()


@pytest.mark.parametrize("on", SCREENS)
def test_another_size_is_told_to_the_program(run, on):
    program = run("/usr/bin/python3", "-c", SIZES, on=on)
    program.wait_screen("ready")
    program.resize(40, 10)
    program.wait_screen("ready\n10 40")
    assert program.size == (40, 10)
    program.resize(120, 30)
    program.wait_screen("ready\n10 40\n30 120")


@pytest.mark.parametrize("on", (*SCREENS, "pipes"))
@pytest.mark.parametrize("script, status", [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", -signal.SIGTERM)])
def test_the_exit_status_is_told(run, on, script, status):
    assert run("sh", "-c", script, on=on).wait_exit() == status


@pytest.mark.parametrize("on", (*SCREENS, "pipes"))
def test_a_signal_reaches_the_program(run, on):
    program = run("cat", on=on)
    assert until(lambda: procfs.command(program.pid) == "cat")
    program.signal(signal.SIGINT)
    assert program.wait_exit() == -signal.SIGINT


@pytest.mark.parametrize("on", (*SCREENS, "pipes"))
def test_patience_ends(run, on):
    program = run("cat", on=on)
    with pytest.raises(Late, match="screen|standard error"):
        program.wait_screen("something", 0.1)
    with pytest.raises(Late):
        program.wait_exit(0.1)


@pytest.mark.parametrize("on", SCREENS)
@pytest.mark.parametrize("letter, status", [("c", -signal.SIGINT), ("\\", -signal.SIGQUIT), ("d", 5)])
def test_control_characters_are_keys(run, on, letter, status):
    program = run("sh", "-c", "ulimit -c 0; echo ready; read -r line || exit 5", on=on)
    program.wait_screen("ready")
    program.ctrl(letter)
    assert program.wait_exit() == status


@pytest.mark.parametrize("on", (*SCREENS, "pipes"))
def test_what_is_left_behind_is_found_and_ended(bare, on):
    script = 'trap "" HUP; sleep 600 <&- >&- 2>&- & echo started $! >&2; wait'
    program = bare.run("sh", "-c", script, on=on)
    left = int(program.wait_screen(lambda lines: re.search(r"started (\d+)", "\n".join(lines)))[1])
    assert procfs.alive(left)
    expect_verdict(program, f"outlived.*{left}")
    until(lambda: not procfs.alive(left))


@pytest.mark.parametrize("on", (*SCREENS, "pipes"))
@pytest.mark.parametrize("report", ["==1==ERROR: AddressSanitizer: leak", "a.c:1:2: runtime error: shift of negative"])
def test_a_report_is_found_though_the_screen_is_narrow(bare, on, report):
    how = {} if on == "pipes" else {"size": (15, 5)}
    program = bare.run("sh", "-c", f"echo {report!r} >&2; seq 50 >&2", on=on, **how)
    assert program.wait_exit() == 0
    expect_verdict(program, "ERROR|runtime error")


# --- what only our own terminal can tell

@pytest.mark.parametrize("on", SCREENS)
def test_the_last_words_of_a_program_are_heard(run, on):
    for _ in range(5):
        program = run("sh", "-c", "seq 2000; printf END", on=on)
        assert program.wait_exit() == 0
        assert program.lines() == [*map(str, range(1, 2001)), "END"]


def test_a_program_never_waits_for_the_test(run):
    program = run("sh", "-c", "head -c 5000000 /dev/zero | tr '\\0' x")
    assert program.wait_exit(20) == 0
    assert len(program.tape.bytes) == 5000000


def test_a_terminal_may_take_nothing_for_a_while(run):
    program = run("sh", "-c", "echo ready; read -r line; head -c 1000000 /dev/zero | tr '\\0' x; echo END")
    program.wait_screen("ready")
    program.tape.pause()
    program.line("go")
    with pytest.raises(Late, match="still running"):
        program.wait_exit(0.3)
    assert len(program.tape.bytes) < 100
    program.tape.collect()
    program.tape.wait_bytes(b"xEND")
    program.tape.pause()
    assert program.wait_exit() == 0
    assert program.tape.bytes.count(b"x") == 1_000_000


def test_bytes_carry_the_time_at_which_they_came(run):
    program = run("cat")
    program.line("first")
    program.tape.wait_bytes(b"first\r\nfirst\r\n")
    between = time.monotonic()
    program.line("second")
    program.tape.wait_bytes(b"second\r\nsecond\r\n")
    assert program.tape.when(b"first") <= program.tape.when(b"first\r\nfirst") < between
    assert between < program.tape.when(b"second") <= time.monotonic()


UNTIDY = {
    "raw": "stty raw -echo",
    "no_signals": "stty -isig",
    "bracketed_paste": "printf '\\033[?2004h'",
    "hidden_cursor": "printf '\\033[?25l'",
    "reverse": "printf '\\033[7m'",
    "alternate_screen": "printf '\\033[?1049h'",
    "application_keys": "printf '\\033[?1h'",
    "scroll_region": "printf '\\033[2;5r'",
}


@pytest.mark.parametrize("script", UNTIDY.values(), ids=UNTIDY)
def test_a_terminal_that_was_not_restored_is_found(bare, script):
    program = bare.run("sh", "-c", script)
    assert program.wait_exit() == 0
    assert not program.is_restored()
    expect_verdict(program, "not restored")


@pytest.mark.parametrize("script", [UNTIDY["raw"], UNTIDY["no_signals"]])
def test_so_it_is_in_tmux(bare, script):
    program = bare.run("sh", "-c", script, on="tmux")
    assert program.wait_exit() == 0
    expect_verdict(program, "not restored")


@pytest.mark.parametrize("script", UNTIDY.values(), ids=UNTIDY)
@pytest.mark.parametrize("on", SCREENS)
def test_nobody_can_restore_it_after_kill_9(run, on, script):
    program = run("sh", "-c", f"{script}; kill -9 $$", on=on)
    assert program.wait_exit() == -signal.SIGKILL


def test_a_terminal_that_was_restored_is_accepted(run, reader):
    script = "before=$(stty -g); stty raw; printf '\\033[?2004h\\033[7mhi\\033[m\\033[?2004l'; stty $before"
    program = run("sh", "-c", script)
    assert program.wait_exit() == 0
    assert program.is_restored()
    program = reader("terminal")
    assert not program.is_restored()
    program.ctrl("d")
    assert program.wait_exit() == 7
    assert program.is_restored()


def test_what_the_terminal_answers_is_typed(run):
    program = run("sh", "-c", "stty -echo -icanon; printf 'ab\\033[6n\\033[c'; exec cat -v", tidy=False)
    program.wait_screen("ab^[[1;3R^[[?6c")
    assert program.answers == b"\x1b[1;3R\x1b[?6c"


def test_keys_are_those_that_the_program_has_asked_for(run):
    program = run("sh", "-c", "stty -echo -icanon; printf '\\033[?1hready'; exec cat -v", tidy=False)
    program.wait_screen("ready")
    program.key("up", "home")
    program.wait_screen("^[OA^[OH")


def test_a_window_that_is_closed_hangs_up(run):
    program = run("cat")
    program.hang_up()
    assert program.wait_exit() == -signal.SIGHUP
    program = run("sh", "-c", 'trap "exit 5" HUP; echo ready; while :; do read -r line || exit 5; done')
    program.wait_screen("ready")
    program.hang_up()
    assert program.wait_exit() == 5


def test_output_may_go_elsewhere(run, tmp_path):
    with open(tmp_path / "out", "wb") as file:
        program = run("sh", "-c", "tty; echo to the file; echo to the terminal >&2", stdout=file)
        assert program.wait_exit() == 0
    assert re.fullmatch("/dev/pts/[0-9]+\nto the file\n", (tmp_path / "out").read_text())
    assert program.lines() == ["to the terminal"]


def test_attributes_of_characters_can_be_asked(run):
    program = run(*printing("\\033[1;31mred\\033[m \\033[7m^G\\033[27m\\n"))
    program.wait_screen("^G")
    cells = program.cells("^G")
    assert [(cell.data, cell.fg, cell.bold, cell.reverse) for cell in cells[:6]] == [
        ("r", "red", True, False), ("e", "red", True, False), ("d", "red", True, False), (" ", "default", False, False),
        ("^", "default", False, True), ("G", "default", False, True)]


# --- the screen itself

def draw(columns, rows, text):
    screen = Screen(columns, rows, lambda answer: None)
    pyte.Stream(screen).feed(text)
    return screen


@pytest.mark.parametrize("text, rows", [
    ("abcdef", ["abcd", "ef"]),
    ("abc\u65e5x", ["abc", "\u65e5x"]),
    ("ab\u65e5x", ["ab\u65e5", "x"]),
    ("\u65e5\u672c\u8a9e", ["\u65e5\u672c", "\u8a9e"]),
    ("e\u0301xyz", ["\u00e9xyz"]),
    ("\u2764\ufe0fx", ["\u2764\ufe0fx"]),
    ("\U0001f469\u200d\U0001f4bbx", ["\U0001f469\u200d\U0001f4bb", "x"]),
    ("a\u200bb\u200cc", ["a\u200bb\u200cc"]),
    ("\u200babc", ["abc"]),
])
def test_rows_are_what_a_terminal_shows(text, rows):
    assert draw(4, 3, text).all_rows() == rows


def test_what_scrolls_out_is_kept():
    assert draw(10, 3, "\r\n".join(map(str, range(9)))).all_rows() == list(map(str, range(9)))
    assert draw(10, 3, "1\r\n2\r\n3\r\n4\x1b[2J").scrollback == ["1"]
    assert draw(10, 3, "1\r\n2\r\n3\r\n4\x1b[3J").scrollback == []
    # A region that does not begin at the top scrolls into nothing.
    assert draw(10, 4, "top\x1b[2;3r\x1b[3;1Ha\r\nb\r\nc").all_rows() == ["top", "b", "c"]


def test_a_smaller_window_loses_nothing_above_the_cursor():
    screen = draw(10, 5, "1\r\n2\r\n3\r\n4\r\n5")
    screen.resize(2, 10)
    assert (screen.scrollback, screen.rows(), screen.cursor.y) == (["1", "2", "3"], ["4", "5"], 1)
    screen = draw(10, 5, "1\r\n2\r\n\r\n\r\nbelow\x1b[2;2H")
    screen.resize(3, 1)
    assert (screen.scrollback, screen.rows(), screen.cursor.x) == ([], ["1", "2", ""], 0)
    screen.resize(5, 12)
    assert screen.rows() == ["1", "2", "", "", ""]
    screen = draw(10, 2, "abcdef")
    screen.resize(2, 3)
    screen.resize(2, 10)
    assert (screen.rows(), screen.cursor.x) == (["abc", ""], 2)


def test_what_would_have_happened_to_the_terminal_is_known():
    screen = draw(10, 3, "\a\a\x1b[?1049h\x1b[?1049l\x1b]0;title\a")
    assert (screen.bells, screen.alternate, screen.title) == (2, True, "title")
    assert draw(10, 3, "x").alternate is False


# --- tmux

def test_tmux_shows_wide_characters_and_attributes(run):
    program = run(*printing("\\346\\227\\245\\346\\234\\254 \\033[7m^G\\033[27m\\n"), on="tmux", size=(40, 10))
    program.wait_screen("\u65e5\u672c ^G")
    assert "\u65e5\u672c \x1b[7m^G" in program.capture("-e")


def test_tmux_joins_what_it_has_wrapped(run):
    program = run(*printing("x" * 100), on="tmux", size=(40, 10))
    program.wait_screen("x" * 20)
    assert program.lines() == ["x" * 40, "x" * 40, "x" * 20]
    assert program.lines("-J") == ["x" * 100]


def test_nothing_of_tmux_is_left(bare):
    program = bare.run("cat", on="tmux")
    pids, folder = (program.pid, program.parent, program.server.pid), program.folder
    program.end()
    assert not any(map(procfs.alive, pids)) and not folder.exists()
    program = bare.run("cat", on="tmux")
    program.server.kill()
    program.server.wait()
    with pytest.raises(AssertionError):
        program.end()
    assert not procfs.alive(program.pid) and not program.folder.exists()


# --- a shell's job

def test_a_job_stops_and_goes_on(run):
    shell = run("cat", on="shell")
    shell.line("one")
    shell.wait_screen("one\none")
    job = shell.job()
    shell.suspend()
    assert procfs.state(job) == "T"
    assert shell.foreground() == shell.pid
    shell.resume()
    until(lambda: procfs.state(job) == "S")
    shell.line("two")
    shell.wait_screen("two\ntwo")
    shell.ctrl("d")
    assert shell.status() == 0
    assert shell.leave() == 0


@pytest.mark.parametrize("script, status", [("exit 0", 0), ("exit 9", 9), ("kill -TERM $$", 128 + signal.SIGTERM)])
def test_the_shell_tells_the_status_of_its_job(run, script, status):
    shell = run("sh", "-c", script, on="shell")
    assert shell.status() == status
    shell.run("sh", "-c", "cat; exit 4")
    shell.ctrl("d")
    assert shell.status() == 4


def test_a_job_that_is_left_over_is_found(bare):
    shell = bare.run("env", "--ignore-signal=HUP", "sleep", "600", on="shell")
    until(lambda: procfs.command(shell.job()) == "sleep 600")
    shell.suspend()
    expect_verdict(shell, "outlived")


# --- between pipes

def test_bytes_go_through_pipes_as_they_are(run):
    program = run("sh", "-c", "echo begun >&2; cat; echo done >&2; exit 6", on="pipes")
    program.wait_screen("begun")
    data = os.urandom(3_000_000)
    writer = threading.Thread(target=lambda: (program.type(data), program.half_close()))
    writer.start()
    assert program.read_all() == data
    writer.join()
    assert program.wait_exit() == 6
    program.wait_screen(lambda lines: lines == ["begun", "done"])


def test_files_may_stand_for_pipes(run, tmp_path):
    (tmp_path / "in").write_bytes(b"\0\1\2\n")
    with open(tmp_path / "in", "rb") as stdin, open(tmp_path / "out", "wb") as stdout:
        assert run("cat", on="pipes", stdin=stdin, stdout=stdout).wait_exit() == 0
    assert (tmp_path / "out").read_bytes() == b"\0\1\2\n"


def test_an_output_that_nobody_reads_stays_full(run):
    program = run("head", "-c", "1000000", "/dev/zero", on="pipes", collect="err")
    with pytest.raises(Late):
        program.wait_exit(0.2)
    program.out.collect()
    assert program.read_all() == bytes(1_000_000)
    assert program.wait_exit() == 0


def test_an_input_that_nobody_takes_is_told(run):
    program = run("sleep", "600", on="pipes")
    with pytest.raises(Late, match="were not taken"):
        program.type(bytes(1_000_000), 0.2)


# --- peers

def test_peers_talk_to_each_other(peers):
    listener = peers.listen()
    caller = peers.call(listener)
    answerer = listener.accept()
    caller.line("h\u00e9llo")
    caller.send(b"\0\xff rest|more")
    assert answerer.read_line() == "h\u00e9llo"
    assert answerer.read_until(b"|") == b"\0\xff rest|"
    assert answerer.read_exactly(2) == b"mo"
    caller.half_close()
    assert answerer.read_all() == b"re"
    answerer.send("the other half")
    answerer.close()
    assert caller.read_all() == b"the other half"
    assert caller.where == f"127.0.0.1:{caller.name[1]}"


def test_what_is_waited_for_may_come_in_pieces(peers):
    listener = peers.listen()
    caller, answerer = peers.call(listener), listener.accept()

    def say():
        caller.send("one\r")
        until(lambda: answerer.received)
        caller.send("\ntwo")

    thread = threading.Thread(target=say)
    thread.start()
    assert answerer.read_until(b"\r\n") == b"one\r\n"
    thread.join()


def test_an_end_that_is_none_is_found(peers):
    listener = peers.listen()
    caller, answerer = peers.call(listener), listener.accept()
    caller.send("last")
    caller.reset()
    assert answerer.expect_reset() == b"last"
    caller, answerer = peers.call(listener), listener.accept()
    caller.reset()
    with pytest.raises(ConnectionResetError):
        answerer.expect_end()
    caller, answerer = peers.call(listener), listener.accept()
    caller.send("x")
    caller.half_close()
    with pytest.raises(AssertionError, match="1 bytes nobody expected"):
        answerer.expect_end()
    with pytest.raises(AssertionError, match="good order"):
        answerer.expect_reset()
    with pytest.raises(AssertionError, match="ended after"):
        answerer.read_until(b"\n")
    for ask in (caller.expect_end, lambda seconds: caller.read_until(b"\n", seconds), listener.accept):
        with pytest.raises(Late):
            ask(seconds=0.1)


def test_a_peer_that_never_reads_makes_the_other_wait(peers):
    listener = peers.listen(receive_buffer=4096)
    caller, answerer = peers.call(listener, send_buffer=4096), listener.accept()
    caller.sock.settimeout(0.2)
    with pytest.raises(TimeoutError):
        caller.send(bytes(1_000_000))
    answerer.sock.setblocking(False)
    assert answerer.sock.recv(1, socket.MSG_PEEK) == b"\0"


def test_both_families_are_peers(peers):
    listener = peers.listen("::1")
    caller = peers.call(listener, "::1")
    assert caller.where == f"[::1]:{caller.name[1]}" and listener.where == f"[::1]:{listener.port}"
    listener.accept().close()
    caller.expect_end()


# --- the chat

@pytest.mark.parametrize("on", (*SCREENS, "pipes", "shell"))
@pytest.mark.parametrize("size", [(80, 24), (40, 10)])
@pytest.mark.parametrize("where", [("127.0.0.1", 40123), ("::1", 5)])
def test_the_port_is_read_wherever_it_is_said(run, on, size, where):
    host, port = where
    text = f"-- listening on {f'[{host}]' if ':' in host else host}:{port}\\n> "
    how = {"size": size} if on != "pipes" else {}
    program = run("sh", "-c", f"printf -- '{text}' >&2; exec cat", on=on, **how)
    assert wait_listening(program) == where


def test_half_a_port_is_none():
    assert LISTENING.search("listening on 127.0.0.1:40") is None
    assert LISTENING.search("listening on 127.0.0.1:40\x1b[m\r\n")[2] == "40"


@pytest.fixture
def words(tmp_path, monkeypatch):
    """A program that takes yodel's place, and says with what words it was called."""
    program = tmp_path / "yodel"
    program.write_text('#!/bin/sh\necho "<$*>" >&2\necho listening on 127.0.0.1:40123 >&2\nexec cat\n')
    program.chmod(0o755)
    monkeypatch.setattr(chatlib, "YODEL", program)


@pytest.mark.parametrize("on", (*SCREENS, "pipes", "shell"))
def test_listen_and_call_are_called_with_their_words(chat, words, on):
    listener = chat("listen", "--keep", on=on)
    listener.wait_screen("<listen --plain --keep 127.0.0.1:0>")
    assert (listener.host, listener.port) == ("127.0.0.1", 40123)
    chat("call", to=listener, on=on).wait_screen("<call --plain 127.0.0.1:40123>")
    if on != "pipes":
        return
    chat("call", to=7, on=on).wait_screen("<call --plain 127.0.0.1:7>")
    chat("call", "-q", to="localhost:7", on=on).wait_screen("<call --plain -q localhost:7>")
    chat("listen", address=None, plain=False, ready=False, on=on).wait_screen("<listen>")
    chat("listen", address="[::1]:0", wrap=["env"], on=on).wait_screen("<listen --plain [::1]:0>")


def test_every_failure_at_the_end_is_told(tmp_path):
    stage = Stage(tmp_path)
    stage.run("sh", "-c", "echo ERROR: one").wait_exit()
    stage.run("sh", "-c", "echo ERROR: two >&2", on="pipes").wait_exit()
    stage.run("true").wait_exit()
    with pytest.raises(AssertionError, match=r"(?s)ERROR: two.*ERROR: one"):
        stage.end()


def test_programs_that_cannot_start_leave_nothing(tmp_path):
    before = set(os.listdir("/proc/self/fd"))
    for kind in (Terminal, Pipes):
        with pytest.raises(FileNotFoundError):
            kind([tmp_path / "none"], env=environment(tmp_path))
    assert set(os.listdir("/proc/self/fd")) == before


def test_descriptors_are_closed_at_the_end(tmp_path):
    before = set(os.listdir("/proc/self/fd"))
    stage = Stage(tmp_path)
    for on in (*SCREENS, "pipes", "shell"):
        stage.run("cat", on=on)
    stage.end()
    assert set(os.listdir("/proc/self/fd")) == before
