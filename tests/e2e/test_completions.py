# SPDX-License-Identifier: GPL-3.0-or-later
"""What the shells offer when the tabulator is pressed. That all options are among it, tests/lint/documents checks."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pexpect
import pytest

from service import PATIENCE, ROOT, YODEL
from storelib import home

FOLDER = ROOT / "completions"

# The words typed so far, the last one unfinished; what must be offered; what must not.
CASES = {
    "commands": (["yodel", ""], {"listen", "call", "peers", "echo", "ping", "help"}, {"localhost"}),
    "command": (["yodel", "p"], {"peers", "ping"}, {"echo"}),
    "help": (["yodel", "help", ""], {"listen", "call", "peers", "echo", "ping"}, {"help", "localhost"}),
    "options of listen": (["yodel", "listen", "--"], {"--plain", "--keep", "--accept-from", "--qr", "--only", "--identity"},
                          {"--retry", "--print"}),
    "options of call": (["yodel", "call", "--"], {"--plain", "--retry", "--timeout", "--name", "--identity"},
                        {"--keep", "--json", "--qr", "--only"}),
    "an unfinished option": (["yodel", "call", "--plain", "--re"], {"--retry"}, {"--plain"}),
    "where to listen": (["yodel", "listen", "--plain", "lo"], {"localhost"}, {"--plain"}),
    "whom to call": (["yodel", "call", "--retry", "localh"], {"localhost"}, {"call"}),
    "a name is not guessed": (["yodel", "listen", "--name", ""], set(), {"localhost"}),
    "a time is not guessed": (["yodel", "listen", "--ticket-ttl", ""], set(), {"localhost"}),
    "a network is not guessed": (["yodel", "listen", "--accept-from", ""], set(), {"localhost"}),
    "a port is not guessed": (["yodel", "call", "-p", ""], set(), {"localhost"}),
    "options of peers": (["yodel", "peers", "--"], {"--json", "--help"}, {"--plain"}),
    "what to do with a contact": (["yodel", "peers", ""], {"show", "rename", "verify", "block", "unblock", "forget"},
                                  {"localhost"}),
    "one action": (["yodel", "peers", "--json", "s"], {"show"}, {"verify", "--json"}),
    "another name is not guessed": (["yodel", "peers", "rename", "anna", ""], set(), {"show", "localhost"}),
    "options of echo": (["yodel", "echo", "--max"], {"--max-conns", "--max-conns-per-ip"}, {"--json", "--drain"}),
    "options of ping": (["yodel", "ping", "--"], {"--json", "--help"}, {"--engine"}),
    "engines": (["yodel", "echo", "--engine", ""], {"auto", "epoll", "fork"}, {"localhost"}),
    "formats of the log": (["yodel", "echo", "-q", "--log-format", "j"], {"json"}, {"logfmt"}),
    "users": (["yodel", "echo", "--user", "nobod"], {"nobody"}, {"root"}),
    "an address": (["yodel", "echo", "--engine", "fork", "lo"], {"localhost"}, {"fork"}),
    "a host": (["yodel", "ping", "-c", "3", "localh"], {"localhost"}, {"echo"}),
    "a number is not guessed": (["yodel", "echo", "--workers", ""], set(), {"localhost", "epoll"}),
    "a duration is not guessed": (["yodel", "ping", "-i", ""], set(), {"localhost"}),
}

# Behind an equals sign, and what a shell puts before what it offers there.
GLUED = {"--engine=": ("--engine=", {"auto", "epoll", "fork"}), "--print=": ("--print=", {"text", "hex"}),
         "--print=h": ("--print=", {"hex"}), "--log-format=j": ("--log-format=", {"json"})}


def bash(words):
    """bash cuts a line into words also at an equals sign."""
    cut = []
    for word in words:
        head, sign, tail = word.partition("=")
        cut += [head, sign, tail] if sign and tail else [head, sign] if sign else [head]
    # Not every machine has an /etc/hosts.
    script = ('HOSTFILE=$(mktemp); trap \'rm "$HOSTFILE"\' EXIT; echo 127.0.0.1 localhost >"$HOSTFILE"; '
              'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); compopt() { :; }; _yodel; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "--norc", "-c", script, "-", FOLDER / "yodel.bash", *cut], capture_output=True,
                          text=True, timeout=10 * PATIENCE)
    assert done.stderr == ""
    return {line.strip() for line in done.stdout.split("\n") if line}


def fish(words):
    done = subprocess.run(["fish", "--no-config", "-c", 'source $argv[1]; complete -C $argv[2]', FOLDER / "yodel.fish",
                           " ".join(words)], capture_output=True, text=True, timeout=10 * PATIENCE)
    assert done.stderr == ""
    return {line.partition("\t")[0] for line in done.stdout.split("\n") if line}


@pytest.mark.parametrize("shell", [bash, fish])
@pytest.mark.parametrize("case", CASES)
def test_offers(shell, case):
    words, wanted, unwanted = CASES[case]
    offered = shell(words)
    assert wanted <= offered and not unwanted & offered, offered
    if not wanted:
        assert offered == set()


@pytest.mark.parametrize("shell", [bash, fish])
@pytest.mark.parametrize("word", GLUED)
def test_offers_behind_an_equals_sign(shell, word):
    head, wanted = GLUED[word]
    assert shell(["yodel", "echo", word]) == {value if shell is bash else head + value for value in wanted}


def test_bash_finds_it_where_it_is_registered():
    done = subprocess.run(["bash", "--norc", "-c", 'source "$1"; complete -p yodel', "-", FOLDER / "yodel.bash"],
                          capture_output=True, text=True, timeout=10 * PATIENCE)
    assert done.stdout == "complete -F _yodel yodel\n"


# zsh completes only where there is a terminal.
ZSH = {
    "commands": ("yodel \t", "echo +-- echo service"),
    "a unique option": ("yodel echo --eng\t", "--engine "),
    "options of echo": ("yodel echo --max\t\t", "--max-conns-per-ip"),
    "engines": ("yodel echo --engine \t", "fork .*child for each client"),
    "forms": ("yodel echo --print=\t", "hex +text"),
    "users": ("yodel echo --user nobod\t", "nobody "),
    "options of ping": ("yodel ping --js\t", "--json "),
    "a host": ("yodel ping localh\t", "localhost "),
    "a duration is described": ("yodel ping -c 3 -i \t", "duration, as 20ms"),
    "help": ("yodel help pi\t", "ping "),
    "a command of its own letter": ("yodel c\t", "call "),
    "options of peers": ("yodel peers --js\t", "--json "),
    "what to do with a contact": ("yodel peers v\t", "verify "),
    "a new name is described": ("yodel peers rename anna \t", "new name"),
    "options of listen": ("yodel listen --k\t", "--keep "),
    "an option that may be repeated": ("yodel listen --accept-from ::1 --acc\t", "--accept-from "),
    "an option that may not": ("yodel listen --keep --k\t --plai\t", "--k\x07? --plain "),
    "a network is described": ("yodel listen --accept-from \t", "network, as 10.0.0.0/8"),
    "options of call": ("yodel call --re\t", "--retry "),
    "whom to call": ("yodel call --plain localh\t", "localhost "),
    "a duration of both": ("yodel call --linger \t", "duration, as 20ms"),
}


@pytest.mark.skipif(not shutil.which("zsh"), reason="no zsh")
def test_zsh(tmp_path):
    """All cases in one shell: loading its completion takes most of the time."""
    shell = pexpect.spawn("zsh", ["-f", "-i"], encoding="utf-8", timeout=10 * PATIENCE, dimensions=(50, 150),
                          env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TERM": "dumb"})
    try:
        shell.sendline("unsetopt zle_bracketed_paste prompt_cr prompt_sp 2>/dev/null; PS1='READY> '; "
                       f"fpath=({shlex.quote(str(FOLDER))} $fpath); autoload -U compinit; compinit -u -D; "
                       "zstyle ':completion:*:descriptions' format '%d'; zstyle ':completion:*:messages' format '%d'; "
                       "zstyle ':completion:*:hosts' hosts localhost; setopt auto_list no_list_beep; print -r - GO''ON")
        shell.expect("GOON\r\n")
        for number, (name, (typed, wanted)) in enumerate(ZSH.items()):
            shell.expect("READY> ")
            shell.send(typed)
            try:
                shell.expect(wanted)
            except pexpect.TIMEOUT:
                raise AssertionError(f"{name}: {typed!r} offered {shell.before!r}") from None
            shell.send("\x15")  # not Ctrl-C: that throws away what was typed after it
            shell.sendline(f"print -r - DO''NE{number}")
            shell.expect(f"DONE{number}\r\n")
    finally:
        shell.close(force=True)


HOSTILE = "$(touch${IFS}owned)`touch${IFS}owned2`;'\"*~"


@pytest.fixture
def contacts(home):
    """Whoever completes knows these; one was given a name that a shell would obey."""
    home.add("anna", "antonia", "berta")
    assert home.peers("rename", "berta", HOSTILE).status == 0
    (home.root / "bin").mkdir()
    (home.root / "bin" / "yodel").symlink_to(Path(YODEL).resolve())
    home.env["PATH"] = f"{home.root}/bin:/usr/bin:/bin"
    yield home
    assert not list(home.root.rglob("owned*"))


def test_bash_completes_contacts(contacts):
    script = ('source "$1"; cd "$HOME"; for cur in an $\'$(t\' x; do COMP_WORDS=(yodel peers show "$cur"); COMP_CWORD=3; '
              'COMPREPLY=(); _yodel; eval "printf \'<%s>\' ${COMPREPLY[*]-}"; echo; done')
    done = contacts.run("bash", "--norc", "-c", script, "-", FOLDER / "yodel.bash")
    assert done.all == (0, f"<anna><antonia>\n<{HOSTILE}>\n<>\n", "")


def test_fish_completes_contacts(contacts):
    for typed, wanted in (("an", {"anna", "antonia"}), ("'$(t", None), ("x", set())):
        done = contacts.run("fish", "--no-config", "-c", "source $argv[1]; cd; complete -C $argv[2]",
                            FOLDER / "yodel.fish", f"yodel peers show {typed}")
        offered = {line.partition("\t")[0] for line in done.out.splitlines()}
        assert done.err == "" and (wanted is None or offered == wanted), done


@pytest.mark.skipif(not shutil.which("zsh"), reason="no zsh")
def test_zsh_completes_contacts(contacts):
    shell = pexpect.spawn("zsh", ["-f", "-i"], encoding="utf-8", timeout=10 * PATIENCE, dimensions=(50, 150),
                          cwd=str(contacts.path), env={**contacts.env, "TERM": "dumb"})
    try:
        shell.sendline("unsetopt zle_bracketed_paste prompt_cr prompt_sp 2>/dev/null; PS1='READY> '; "
                       f"fpath=({shlex.quote(str(FOLDER))} $fpath); autoload -U compinit; compinit -u -D; "
                       "setopt auto_list no_list_beep; print -r - GO''ON")
        shell.expect("GOON\r\nREADY> ")
        shell.send("yodel peers show ann\t")
        shell.expect("show anna ")
        shell.send("\x15")
        shell.send("yodel peers show \\$\t\r")
        shell.expect("\r\n")
        shell.expect_exact(HOSTILE)
        shell.expect_exact("id ")
        shell.expect("READY> ")
    finally:
        shell.close(force=True)
