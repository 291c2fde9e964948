# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong usage of `yodel listen` and `yodel call`: one line that says what and why, status 2, and nothing happens. Standard
output is for what the peer sends, so nothing stands there."""

import subprocess

import pytest

from service import PATIENCE, YODEL

HUGE = "1" + "0" * 30
BOTH = {
    "unknown option": ["--no-such-option"],
    "unknown letter": ["-x"],
    "ambiguous option": ["--p=1"],
    "option without its value": ["--linger"],
    "value nobody asked for": ["--plain=yes"],
    "no name": ["--name", ""],
    "name that looks like an option": ["--name", "--plain"],
    "name too long": ["--name", "x" * 1000],
    **{f"{option} {value}": [option, value]
       for option in ("--linger", "--dead-timeout")
       for value in ("-1", HUGE, "soon", "", "5 s", "5x", "nan", "inf", "1e3")},
    "--dead-timeout too short for the system's clocks": ["--dead-timeout", "2s"],
    "bracket": ["[::1"],
    "text after a bracket": ["[::1]80"],
    "empty address": [""],
    "blank": [" "],
    "port too large": ["127.0.0.1:65536"],
    "negative port": ["127.0.0.1:-1"],
    "no port after the colon": ["127.0.0.1:"],
    "port with a letter": ["127.0.0.1:80a"],
    "port that is a name": ["127.0.0.1:http"],
    "two addresses": ["127.0.0.1:0", "127.0.0.2:0"],
}
LISTEN = {
    "--retry": ["--retry"],
    "--timeout": ["--timeout", "5s"],
    "-p": ["-p", "7"],
    "no brackets": ["::1:80"],
    "bare port too large": ["65536"],
    **{f"--accept-from {value}": ["--accept-from", value]
       for value in ("", "here", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8 ", "10.0.0", "10.0.0.1/8", "::/129",
                     "2001:db8::1/32", "[::1]", "::1%lo", "10.0.0.0/8,10.0.0.1", "*", "localhost", "10.0.0.256")},
    "one good network, one bad": ["--accept-from", "10.0.0.0/8", "--accept-from", "10.0.0.0/33"],
    "too many networks": [word for i in range(200) for word in ("--accept-from", f"10.0.0.{i}")],
}
CALL = {
    "nobody": None,
    "--keep": ["--keep", "localhost"],
    "--accept-from": ["--accept-from", "10.0.0.0/8", "localhost"],
    "bare port": ["7000"],
    "port 0": ["localhost:0"],
    "everybody": ["*"],
    "-p 0": ["-p", "0", "localhost"],
    "-p too large": ["-p", "65536", "localhost"],
    "-p of words": ["-p", "http", "localhost"],
    "--timeout 0": ["--timeout", "0", "localhost"],
    "--timeout soon": ["--timeout", "soon", "localhost"],
}
CASES = {
    **{f"{command}: {name}": (command, words) for command in ("listen", "call") for name, words in BOTH.items()},
    **{f"listen: {name}": ("listen", words) for name, words in LISTEN.items()},
    **{f"call: {name}": ("call", words) for name, words in CALL.items()},
}


def run(command, *words, plain=("--plain",)):
    return subprocess.run([YODEL, command, *plain, *words], capture_output=True, text=True, timeout=5 * PATIENCE,
                          stdin=subprocess.DEVNULL)


def one_line(done, command):
    """What is said, without its beginning."""
    assert (done.returncode, done.stdout) == (2, ""), done
    said, begin = done.stderr, f"yodel: {command}: "
    assert said.startswith(begin) and said.endswith("\n") and said[:-1].isprintable() and len(said) < 300, said
    return said[len(begin):-1]


@pytest.mark.parametrize("command, words", CASES.values(), ids=CASES)
def test_wrong_usage(command, words):
    assert one_line(run(command, *(words or [])), command)


@pytest.mark.parametrize("command, words, said", [
    ("listen", ["--accept-from", "10.1.2.3/8"],
     "--accept-from 10.1.2.3/8: bits are set beyond the prefix (did you mean 10.0.0.0/8?)"),
    ("listen", ["--accept-from", "2001:db8::1/32"],
     "--accept-from 2001:db8::1/32: bits are set beyond the prefix (did you mean 2001:db8::/32?)"),
    ("listen", ["--accept-from", "10.0.0.0/33"],
     "--accept-from 10.0.0.0/33: the prefix is longer than the address"),
    ("listen", ["--accept-from", "here"],
     "--accept-from here: not a network (write 10.0.0.0/8, 2001:db8::/32 or one address)"),
    ("listen", ["--dead-timeout", "2s"], "--dead-timeout 2s: too short (at least 3s)"),
    ("listen", ["::1"], "::1: an IPv6 address stands in brackets (write [::1] or [::1]:5188)"),
    ("call", ["7000"], "7000: that is a port, not a host (did you mean localhost:7000?)"),
    ("call", [":7000"], ":7000: that is a port, not a host (did you mean localhost:7000?)"),
    ("call", [], "whom? (yodel call --plain HOST[:PORT]; see 'yodel call --help')"),
    ("call", ["a", "b"], "b: one peer at a time (see 'yodel call --help')"),
    ("listen", ["a", "b"], "b: one address at a time (see 'yodel listen --help')"),
])
def test_what_is_wrong_is_named_and_what_would_be_right(command, words, said):
    assert one_line(run(command, *words), command) == said


def test_hostile_text_is_not_repeated_raw():
    for command, words in (("call", ["\x1b[2J\nyodel: fine:x"]), ("listen", ["\x1b[2J\nyodel: fine:x"]),
                           ("listen", ["--accept-from", "\x1b[2J\n"])):
        assert "\x1b" not in one_line(run(command, *words), command)


@pytest.mark.parametrize("option", ["--help", "-h"])
@pytest.mark.parametrize("command", ["listen", "call"])
def test_help_fits_a_screen(command, option):
    done = run(command, option, plain=())
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.split("\n") # the last, which is empty, is for the prompt
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
    for word in ("--plain", "--name", "--linger", "--dead-timeout", "-4", "-6", "-q", "--help", f"yodel {command}",
                 *{"listen": ("--keep", "--accept-from"), "call": ("--timeout", "--retry", "-p")}[command]):
        assert word in done.stdout
    wrong = one_line(run(command, "--no-such-option"), command)
    assert f"see 'yodel {command} --help'" in wrong
