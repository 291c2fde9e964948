# SPDX-License-Identifier: GPL-3.0-or-later
"""The classic programs in examples/classic/ work, as far as they go; and what docs/TOUR.md shows going wrong with them
does go wrong, in those words.

Each step (## and a number) is typed into a room of its own. In a ```console block, lines that begin with "$ " are typed,
everything else is what is then printed, numbers that differ from run to run aside."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from classic import LINES, built, classic
from room import room
from service import PATIENCE, ROOT

TOUR = (ROOT / "docs" / "TOUR.md").read_text(encoding="utf-8")
pytestmark = pytest.mark.nosanitize("the classic programs are built without sanitizers")


# --- The programs

@pytest.mark.parametrize("first_to_leave", ["server", "client"])
def test_chat(classic, first_to_leave):
    """A full session: both speak in turn and at once, one presses Ctrl-D, and both end."""
    server = classic("chat_server", 0)
    client = classic("chat_client", server.port)
    for line in LINES:
        server.type(b"server: " + line[:1014])
        client.shows(b"server: " + line[:1014])
        client.type(b"client: " + line[:1014])
        server.shows(b"client: " + line[:1014])
    many = [b"%d" % i for i in range(200)]
    for line in many:
        server.type(line)
        client.type(line)
    server.shows(*many)
    client.shows(*many)
    leaves, stays = (server, client) if first_to_leave == "server" else (client, server)
    leaves.process.stdin.close()
    assert (leaves.ends(), stays.ends()) == (0, 0)
    stays.shows(b"199", b"peer left")
    leaves.shows(b"199")


def test_echo(classic):
    """Three clients at once. The server and its children stay until they are told to go."""
    server = classic("echo_server", 0)
    clients = [classic("echo_client", server.port) for _ in range(3)]
    for line in LINES:
        for client in clients:
            client.type(line)
            client.shows(b"answer: " + line)
    for client in clients:
        client.process.stdin.close()
        assert client.ends() == 0
    server.screen.wait(lambda raw: raw.count(b"client left") == 3, 5, "the server notices that they leave")
    assert sum(line.startswith(b"received 6 bytes: hello") for line in server.screen.raw) == 3
    server.process.terminate()
    assert server.ends() == -signal.SIGTERM


# --- The tour

STEPS = dict(re.findall(r"^## (\d+\. .+)\n((?:(?!##? ).*\n)+)", TOUR, re.M))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)

# What differs from run to run, and how both sides are made the same. The buffers are as large as the kernel likes.
DIFFERENT = [
    (r"127\.0\.0\.1:[1-6]\d{4}\b", "127.0.0.1:PORT"),
    (r"(?<![.:\w])\d{5,}\b", "MANY"),
    (r" +$", ""),
]


def alike(text):
    for pattern, same in DIFFERENT:
        text = re.sub(pattern, same, text, flags=re.M)
    return text


@pytest.mark.parametrize("heading", STEPS)
def test_step(room, heading):
    expected = "".join(text for _, text in BLOCK.findall(STEPS[heading]))
    if "::1" in expected and not os.path.exists("/proc/net/if_inet6"):
        pytest.skip("no IPv6 here")
    for line in expected.split("\n"):
        if line.startswith("$ "):
            room.type(line[2:])
    assert alike(room.printed()) == alike(expected)


def test_steps_are_all_there_is():
    numbers = [int(heading.partition(".")[0]) for heading in STEPS]
    assert numbers == list(range(1, len(STEPS) + 1)) and numbers
    kinds = [kind for kind, _ in BLOCK.findall(TOUR)]
    assert sorted(kinds) == ["console"] * (len(kinds) - 1) + ["sh"]
    assert kinds[1:] == [kind for text in STEPS.values() for kind, _ in BLOCK.findall(text)]


@pytest.mark.parametrize("heading", STEPS)
def test_step_shows_a_classic_program_and_names_who_holds_it(heading):
    """That the files exist, tests/lint/documents checks."""
    text = STEPS[heading]
    names = [path.stem for path in (ROOT / "examples" / "classic").glob("*.c")]
    assert any(name in block for name in names for _, block in BLOCK.findall(text))
    held = text.partition("**In yodel:**")[2]
    assert re.search(r"`src/\w+/\w+\.c`", held)
    named = re.findall(r"`(tests/[\w/.]+)`\s\((`\w+`(?:,\s`\w+`)*)\)", held)
    assert len(named) == held.count("`tests/") > 0
    for path, tests in named:
        source = (ROOT / path).read_text()
        for test in re.findall(r"\w+", tests):
            assert re.search(rf"^(def|static void) {test}\(", source, re.M), f"{path} has no {test}"


def test_preparations(tmp_path):
    """The programs are compiled as the tour says, and a room is what it says."""
    (kind, script), = BLOCK.findall(TOUR.partition("\n## Before you begin\n")[2].partition("\n## ")[0])
    assert kind == "sh"
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "tmp").mkdir()
    env = {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "LC_ALL": "C"}

    def run(*words, **how):
        return subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=30 * PATIENCE, **how)

    done = run("bash", "--norc", "-c", script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    programs = {path.stem for path in (ROOT / "examples" / "classic").glob("*.c")}
    assert {path.name for path in (tmp_path / "build-classic").iterdir()} == programs
    able = run("unshare", "-rnpf", "--mount-proc", "true")
    if able.returncode:
        pytest.skip(f"no namespaces for users here: {able.stderr.strip()}")
    done = run("bash", "--norc", "-c", script + "room", input="command -v echo_server; pgrep -c bash; ls; pwd; "
               "ip -br addr show lo | tr -s ' ' | cut -d ' ' -f 1,3; ss -tlnH; echo $$\n")
    assert done.stderr == ""
    where, shells, folder, network, pid = done.stdout.splitlines()
    assert where == str(tmp_path / "build-classic" / "echo_server")
    assert Path(folder).parent == tmp_path / "tmp"
    assert (shells, network, pid) == ("1", "lo 127.0.0.1/8", "1")
