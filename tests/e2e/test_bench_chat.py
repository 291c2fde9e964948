# SPDX-License-Identifier: GPL-3.0-or-later
"""bench/chat measures what the README says. Here a few of each: whether all is there, and not absurd."""

import json
import os
import signal
import subprocess
import uuid
from pathlib import Path

import pytest

import procfs
from service import PATIENCE, ROOT, SANITIZED, YODEL, until

BENCH = str(ROOT / "bench" / "chat")
SIDES = {"listen", "call"}
CHATTING = {"yodel", "ncat", "private"}
PIPING = CHATTING | {"ncat_ssl"}
IN_THE_OPEN = {"yodel", "ncat"}


@pytest.fixture
def bench():
    """bench(*options, **how): run it to its end. Whatever it started has ended too."""
    marker = f"YODEL_BENCH={uuid.uuid4()}"

    def left():
        """Those in whose environment the marker stands."""
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if marker.encode() in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
            except OSError:
                pass
        return found

    def environment(**more):
        name, _, value = marker.partition("=")
        return {**os.environ, name: value, **more}

    def run(*options, **how):
        return subprocess.run(["/usr/bin/python3", BENCH, *options], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60 * PATIENCE,
                              env=environment(**how), check=False)

    run.environment, run.left = environment, left
    yield run
    remaining = left()
    for pid in remaining:
        os.kill(pid, signal.SIGKILL)
    assert not remaining, f"left behind: {remaining}"


def spreads(figures, name=""):
    """All comparisons with their paths, however deep."""
    if "ratios" in figures:
        yield name, figures
        return
    for key, value in figures.items():
        if isinstance(value, dict):
            yield from spreads(value, f"{name}/{key}")


@pytest.mark.soak
def test_figures_are_complete_and_not_absurd(bench):
    run = bench("--quick", "--json", "--starts", "4", "--messages", "9", "--size", "3Mi", "--repeat", "2",
                "--before", YODEL, YODEL)
    assert (run.returncode, run.stderr) == (0, "")
    figures = json.loads(run.stdout)

    machine = figures["machine"]
    assert machine["kernel"] == os.uname().release and machine["cpus"] >= 1 and machine["load"] >= 0
    assert machine["yodel"].startswith("yodel ") and machine["ncat"].startswith("Ncat ")

    compared = dict(spreads(figures))
    assert {name: found["private" if "private" in found else "yodel"]["n"] for name, found in compared.items()} == {
        "/listening/terminal": 4, "/listening/pipe": 4, "/first/exec": 4, "/first/connect": 4,
        "/chat/enter": 9, "/chat/line": 9,
        "/pipes/one_way/MB_per_s": 2, "/pipes/one_way/cpu_s_per_GB": 2,
        "/pipes/echo/MB_per_s": 2, "/pipes/echo/cpu_s_per_GB": 2}
    for name, found in compared.items():
        wanted = (IN_THE_OPEN if "echo" in name else PIPING if "first" in name or "pipes" in name else CHATTING)
        assert set(found) == wanted | {"before", "ratios"}, name
        for program in wanted:
            points = [found[program][point] for point in ("min", "p25", "p50", "p75", "p99", "max")]
            assert points == sorted(points) and points[0] > 0, f"{name}: {found}"
        pairs = {("yodel", "ncat"), ("private", "yodel"), ("private", "ncat_ssl"), ("yodel", "before")}
        assert set(found["ratios"]) == {f"{left}/{right}" for left, right in pairs if {left, right} <= set(found)}
        for pair, ratio in found["ratios"].items():
            left, right = (found[program]["p50"] for program in pair.split("/"))
            assert ratio == pytest.approx(left / right, abs=0.01), f"{name}: {found}"
    for name in ("exec", "connect"):  # a handshake comes on top
        assert compared[f"/first/{name}"]["ratios"]["private/yodel"] > 1
    assert figures["pipes"]["bytes"] == 3 << 20

    chat = figures["chat"]
    assert set(chat["memory"]) == {"connected", "messages", "long"}
    assert set(chat["long_ms"]) == {"yodel", "private", "before"} and min(chat["long_ms"].values()) > 0
    for found in chat["memory"].values():
        for program in found.values():
            assert set(program) == SIDES
            assert all(0 < side["pss"] <= side["rss"] <= side["most"] for side in program.values())
    assert chat["idle"]["seconds"] == 1
    for when in ("first", "later"):
        assert {program: set(sides) for program, sides in chat["idle"][when].items()} == {
            program: SIDES for program in CHATTING | {"before"}}
    for program in ("yodel", "private"):
        assert chat["idle"]["later"][program] == {"listen": 0, "call": 0}

    assert {engine: set(found) for engine, found in figures["echo"].items()} == {
        engine: {"yodel", "before"} for engine in ("epoll", "fork")}
    assert figures["echo"]["fork"]["yodel"] > 10 * figures["echo"]["epoll"]["yodel"] > 0
    if not SANITIZED:  # ten times what is wanted; memory does not depend on what else runs
        assert all(compared[f"/listening/{kind}"]["ratios"]["yodel/ncat"] < 15 for kind in ("terminal", "pipe"))
        assert all(compared[f"/chat/{kind}"][program]["p50"] < 10
                   for kind in ("enter", "line") for program in ("yodel", "private"))
        assert compared["/first/connect"]["private"]["p50"] < 100
        for program, most in (("yodel", 8), ("private", 12)):
            assert all(side["rss"] < most for side in chat["memory"]["messages"][program].values())


def test_table_has_every_section(bench):
    run = bench("--quick", "--messages", "4", "--size", "1Mi", YODEL)
    assert (run.returncode, run.stderr) == (0, "")
    heads = [line.split(",")[0] for line in run.stdout.split("\n")[2:] if line[:1].strip()]
    pipes = ["until the first message is on the other side", "1 MiB through pipes"]
    both = ["from exec to listening", pipes[0], "from Enter on one terminal to the text on the other",
            "resident memory of a side", "wake-ups of an idle chat in 1 s", pipes[1]]
    assert heads == ["=== yodel beside ncat", *both, "=== in private beside in the open", *both,
                     "=== in private beside ncat --ssl", *pipes]
    rows = [line for line in run.stdout.split("\n") if line.startswith("  ") and "ratio" not in line]
    assert len(rows) == (2 + 2 + 5 + 8 + 4 + 4) + (2 + 2 + 5 + 8 + 4 + 2) + (2 + 2)
    assert all(any(letter.isdigit() for letter in row[38:60]) for row in rows), run.stdout


def test_what_is_missing_is_named(bench, tmp_path):
    run = bench("--quick", str(tmp_path / "yodel"))
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == f"bench/chat: {tmp_path}/yodel: no such program (./run builds it)\n"
    run = bench("--quick", "--before", str(tmp_path), YODEL)
    assert (run.returncode, run.stderr) == (1, f"bench/chat: {tmp_path}: no such program (./run builds it)\n")
    run = bench("--quick", YODEL, PATH=str(tmp_path))
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith("bench/chat: ncat of the Nmap project is missing")
    assert bench("--size", "12Mb").returncode == 2


def test_a_program_that_fails_is_told(bench, tmp_path):
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    run = bench("--quick", str(broken))
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith("bench/chat: nobody listens on 127.")
    run = bench("--quick", "--before", str(broken), YODEL)
    assert run.returncode == 1 and run.stderr.startswith("bench/chat: nobody listens on 127.")


@pytest.mark.parametrize("options, sign", [
    pytest.param(("--idle", "60"), lambda commands: len(commands) == 7, id="in_three_chats"),
    pytest.param(("--size", "64Gi"), lambda commands: any(" echo -q " in command for command in commands),
                 id="at_the_pipes")])
def test_terminated_it_takes_its_programs_along(options, sign, bench):
    with subprocess.Popen(["/usr/bin/python3", BENCH, "--quick", *options, YODEL], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, env=bench.environment()) as process:
        try:
            until(lambda: sign([procfs.command(pid) for pid in bench.left()]), 30, "its programs")
        finally:
            process.terminate()
            assert process.wait(10 * PATIENCE) == 128 + signal.SIGTERM
    until(lambda: not bench.left(), 1, "the end of all")
