# SPDX-License-Identifier: GPL-3.0-or-later
"""Every example in README.md and man/yodel.1 is run, in a network and a process table of its own, so that ports
are used as they are written.

In README.md each section (##) is a scene:
  ```console  lines that begin with "$ " are typed; everything else is what is then printed, numbers that differ from
              run to run aside. A block that begins with `yodel echo` is a terminal in which the service runs beside
              the blocks that follow; ^C in it is typed once they are done. In a scene without such a block a
              service runs on port 5188. A scene in which somebody listens or calls is played on terminals: see
              dialogue.py.
  ```ini      a systemd unit: its command is run until TERM.
  ```sh       commands that set something up; test_commands_that_set_up says how each is tried.
  ```text     a picture.
In the manual each .Dl line of EXAMPLES is run. One that begins with `yodel echo` must begin to listen and end on TERM.
One that begins with `yodel listen` listens beside the line after it, if there is one in the same paragraph, or else
beside a call that says nothing; and a `yodel call` that is alone and not --plain calls one that listens. Both must succeed. Who
listens and who calls in private are two users who know each other as anna; the ticket is in the file `ticket`. Any other must succeed while a service runs on port 5188."""

import base64
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import dialogue
from service import PATIENCE, ROOT, YODEL

README = (ROOT / "README.md").read_text(encoding="utf-8")
MANUAL = (ROOT / "man" / "yodel.1").read_text(encoding="utf-8")

# A network with a loopback interface and nothing else; processes that end with the first of them.
APART = ["unshare", *([] if os.getuid() == 0 else ["-r"]), "--net", "--mount", "--pid", "--fork", "--kill-child",
         "--mount-proc"]

# Waiting for what the log says; $1 is the log.
WAITING = r"""
ip link set lo up || exit 99
[ -e /etc/hosts ] || { # as in a bare debootstrap
    cp -r /etc etc 2>/dev/null
    echo 127.0.0.1 localhost >etc/hosts && mount --bind etc /etc || exit 97
}
reached() {
    deadline=$(($(date +%s) + LIMIT))
    until "$@"; do
        if [ "$(date +%s)" -gt $deadline ]; then echo "never: $*"; return 1; fi
        sleep 0.01
    done
}
listens() { grep -qs 'listening on' "$1" || ! kill -0 $service; }
settled() { [ "$(grep -c event=open "$1")" = "$(grep -c event=close "$1")" ]; }
end() { kill -$1 $service; wait $service; status=$?; }
"""

SERVE = """
yodel echo -q >/dev/null 2>served & service=$!
reached listens served || exit 98
"""


def sections():
    """The scenes of README.md: {heading: [(kind, [line, ...]), ...]}."""
    found, heading, block = {}, "", None
    for line in README.split("\n"):
        if block is not None and line == "```":
            block = None
        elif block is not None:
            block.append(line)
        elif line.startswith("```"):
            block = []
            found.setdefault(heading, []).append((line[3:], block))
        elif line.startswith("## "):
            heading = line[3:]
    return found


def blocks(*kinds):
    return [(heading, lines) for heading, all_ in sections().items() for kind, lines in all_ if kind in kinds]


SCENES = {heading: [lines for kind, lines in all_ if kind == "console"] for heading, all_ in sections().items()
          if any(kind == "console" for kind, _ in all_)}
DIALOGUES = {heading: scene for heading, scene in SCENES.items()
             if any(re.match(r"\$ yodel (listen|call)\b", line) for lines in scene for line in lines)}


def examples():
    """The lines of the manual's EXAMPLES as they are typed; those of one paragraph are one text."""
    text = MANUAL.partition(".Sh EXAMPLES\n")[2].partition("\n.Sh ")[0].replace("\\-", "-").replace("\\(aq", "'")
    paragraphs = re.findall(r"(?:^\.Dl .*\n?)+", text, re.M)
    return [re.sub(r"^\.Dl ", "", lines, flags=re.M).rstrip("\n") for lines in paragraphs]


@pytest.fixture
def folder(tmp_path):
    """An empty folder beside `bin`, where yodel is the program under test."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "yodel").symlink_to(Path(YODEL).resolve())
    (tmp_path / "here").mkdir()
    yield tmp_path / "here"
    shutil.rmtree(tmp_path / "here")  # some of it is large


@pytest.fixture
def apart(folder):
    """apart(script): run it in bash, apart, in an empty folder."""
    able = subprocess.run([*APART, "true"], capture_output=True, timeout=10 * PATIENCE)
    if able.returncode:
        pytest.skip(f"no namespaces here: {able.stderr.decode().strip()}")

    def run(script, limit=10):
        env = {**os.environ, "PATH": f"{folder.parent}/bin:{os.environ['PATH']}", "LIMIT": str(int(limit * PATIENCE)),
               "LC_ALL": "C"}
        return subprocess.run([*APART, "bash", "--norc", "-c", WAITING + script], cwd=folder, env=env,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=3 * limit * PATIENCE)

    run.folder = folder
    return run


@pytest.fixture
def machine(folder):
    """A dialogue.Machine in an empty folder."""
    machine = dialogue.Machine(folder, folder.parent / "bin")
    if not machine.usable:
        pytest.skip(f"no namespaces here: {machine.close()}")
    yield machine
    assert machine.close() == ""


# --- README.md

def is_service(lines):
    return lines[0].startswith("$ yodel echo")


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def typed(lines):
    """Type the commands of a block, one after the other, and show them as a terminal does."""
    script = "status=0\n"
    for line in lines:
        if line.startswith("$ "):
            script += f"echo {quoted(line)}; (exit $status); eval {quoted(line[2:])} 2>&1; status=$?\n"
            script += "[ ! -e terminal0 ] || reached settled terminal0\n"
    return script


def play(scene):
    """A script that plays the scene and leaves what each block prints in terminal0, terminal1, ..."""
    script = ""
    if not is_service(scene[0]):
        script += SERVE
    for number, lines in enumerate(scene):
        if is_service(lines):
            assert number == 0, "the service comes first in its scene"
            command = lines[0][2:]
            script += (f"echo {quoted(lines[0])} >terminal0\n{command} >>terminal0 2>&1 & service=$!\n"
                       "reached listens terminal0 || exit 98\n")
        else:
            script += f"{{\n{typed(lines)}}} >terminal{number}\n"
    if is_service(scene[0]):
        script += "echo ^C >>terminal0\n"
    return script + "end INT\nexit $status\n"


# What differs from run to run, or from machine to machine, and how both sides are made the same.
DIFFERENT = [
    (r"yodel://[a-z2-7]+(\n[a-z2-7]+)*", "yodel://TICKET"),
    (r"\b([a-z2-7]{4}-){12}[a-z2-7]{4}\b", "ID"),
    (r"\b\d{4} \d{4} \d{4}\b", "NNNN NNNN NNNN"),
    (r"time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "time=T"),
    (r"\b(pid|port|ms|max_conns|workers|worker|landlock)=\d+", r"\1=N"),
    (r"(event=worker [^\n]*\n)+", r"\1"),
    (r"ip=::1", "ip=127.0.0.1"),
    (r"\[::1\]:", "127.0.0.1:"),
    (r"(127\.0\.0\.1|192\.0\.2\.20):([3-6]\d{4})\b", r"\1:PORT"),
    (r"(?m)^(-- )?\d\d:\d\d ", r"\1HH:MM "),
    (r"[\d./]+ (ms|s)\b", r"N \1"),
]


def alike(text):
    for pattern, same in DIFFERENT:
        text = re.sub(pattern, same, text)
    return text


@pytest.mark.parametrize("heading", DIALOGUES)
def test_readme_dialogue(machine, heading):
    def compare(reader):
        assert alike("\n".join(reader.printed())) == alike("\n".join(reader.picture))

    dialogue.play(machine, DIALOGUES[heading], compare)


@pytest.mark.parametrize("heading", [heading for heading in SCENES if heading not in DIALOGUES])
def test_readme(apart, heading):
    scene = SCENES[heading]
    done = apart(play(scene))
    for number, lines in enumerate(scene):
        path = apart.folder / f"terminal{number}"
        printed = path.read_text() if path.exists() else f"(nothing: {done})"
        assert alike(printed) == alike("\n".join(lines) + "\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def needs_other_users(command):
    return "--user" in command and os.getuid() != 0


def serve_and_end(apart, command):
    """Start a service, wait until it listens, end it with TERM. Returns its log."""
    if needs_other_users(command):
        pytest.skip("--user needs root")
    done = apart(f"{command} >log 2>&1 & service=$!\nreached listens log\nend TERM\ncat log\nexit $status")
    assert done.returncode == 0 and "listening on" in done.stdout, done
    return done.stdout


def test_readme_unit(apart):
    (_, lines), = blocks("ini")
    keys = dict(line.split("=", 1) for line in lines if "=" in line)
    command = keys["ExecStart"]
    assert command.startswith("/usr/local/bin/yodel echo")
    log = serve_and_end(apart, command.removeprefix("/usr/local/bin/"))
    assert "*:5188" in log or "0.0.0.0:5188" in log
    if shutil.which("systemd-analyze"):
        unit = apart.folder / "yodel.service"
        unit.write_text("\n".join(lines).replace("/usr/local/bin/yodel", str(Path(YODEL).resolve())) + "\n")
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit],
                              capture_output=True, text=True, timeout=10 * PATIENCE)
        assert (done.returncode, done.stderr) == (0, "")


def test_readme_commands_that_set_up(tmp_path):
    """./run and ./test are what builds and runs this test; installing is tried into an empty folder."""
    commands = [line.partition("#")[0].strip() for _, lines in blocks("sh") for line in lines if line]
    assert commands == ["./run", "./test", "meson install -C build"]
    for script in commands[:2]:
        assert os.access(ROOT / script, os.X_OK)
    build = Path(YODEL).resolve().parent
    if not (build / "build.ninja").exists() or not os.access(build / "meson-logs", os.W_OK):
        pytest.skip(f"{YODEL} is not in a build folder of this user")
    done = subprocess.run(["/usr/bin/meson", "install", "-C", build, "--no-rebuild", "--destdir", tmp_path],
                          capture_output=True, text=True, timeout=30 * PATIENCE)
    assert done.returncode == 0, done
    prefix = next(tmp_path.rglob("bin/yodel")).parents[1]
    installed = {path.relative_to(prefix).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert installed == {"bin/yodel", "share/man/man1/yodel.1", "share/bash-completion/completions/yodel",
                         "share/zsh/site-functions/_yodel", "share/fish/vendor_completions.d/yodel.fish"}


def test_readme_pictures_and_sessions_are_all_there_is():
    kinds = {kind for all_ in sections().values() for kind, _ in all_}
    assert kinds == {"console", "ini", "sh", "text"}


# --- man/yodel.1

def test_manual_has_examples():
    assert len(examples()) >= 10


# Two users, each with a home, who know each other as anna.
MEET = r"""
mkdir listens calls
call() { HOME=$PWD/calls; export HOME; eval "$1"; }
has_ticket() { grep -qs '^yodel://' "$1" || ! kill -0 $service; }
{ HOME=$PWD/listens yodel listen --name anna </dev/null; } 2>met & service=$!
reached has_ticket met || exit 98
grep '^yodel:' met | call 'yodel call -q --name anna' >there || exit 97
wait $service || exit 96
"""


def talk(apart, commands):
    """Listen with the first line, call with the second."""
    listen, _, call = commands.partition("\n")
    if not listen.startswith("yodel listen"):
        listen, call = "yodel listen </dev/null", listen
    if not call and "--plain" in listen:
        call = "yodel call --plain -q localhost:$(sed -n 's/listening on .*://p' listener) </dev/null"
    if not call:
        call = "yodel call anna </dev/null" if "--only" in listen or "--advertise" in listen else "yodel call"
    if call == "yodel call":
        call = "cat ticket | yodel call"
    ready = "listens" if "--plain" in listen or "--only" in listen else "has_ticket"
    done = apart(f"{MEET}{{ HOME=$PWD/listens; export HOME; {listen}; }} 2>listener & service=$!\n"
                 f"reached {ready} listener || exit 95\ngrep '^yodel:' listener >ticket\n"
                 f"call {quoted(call)} || exit 94\n"
                 + ("end TERM\nexit $((status - 143))" if "--keep" in listen else "wait $service"))
    assert done.returncode == 0, (done, [path.read_text() for path in apart.folder.glob("listener")])
    return done


@pytest.mark.parametrize("command", examples())
def test_manual(apart, command):
    if command.startswith("yodel listen") or re.match(r"yodel call( [a-z]+)?$", command):
        talk(apart, command)
        if ">got" in command:
            assert (apart.folder / "got").read_bytes() == Path("/bin/sh").read_bytes()
        if "--advertise" in command:
            ticket = (apart.folder / "ticket").read_text().strip().removeprefix("yodel://").upper()
            assert b"box.example.org" in base64.b32decode(ticket + "=" * (-len(ticket) % 8))
        return
    if command.startswith("yodel echo"):
        serve_and_end(apart, command)
        return
    done = apart(f"{SERVE}( {command} ); result=$?\nend TERM\ncat served >&2\nexit $((result + status))")
    assert done.returncode == 0, done
    if command.startswith("echo hello"):
        assert done.stdout == "hello\n"
    if "USR1" in command:
        assert "event=stats conns=0 accepted=0" in done.stderr
    if "ping" in command and ">" not in command:
        assert re.search(r"\b0 corrupted|\"corrupted\":0", done.stdout)
