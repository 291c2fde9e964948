# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that people have: nc, ncat, socat, and the classic tutorial's client."""

import select
import subprocess
import time
from pathlib import Path

import pytest

from clients import Pattern
from service import PATIENCE, SANITIZED

TOOLS = {
    "nc": ["nc", "-N", "{host}", "{port}"],
    "ncat": ["ncat", "{host}", "{port}"],
    "socat": ["socat", "-t", "30", "-", "TCP:{host}:{port}"],
}
FAMILIES = {"ipv4": "127.0.0.1:0", "ipv6": "[::1]:0"}


def command(tool, service):
    host = f"[{service.host}]" if tool == "socat" and ":" in service.host else service.host
    return [word.format(host=host, port=service.port) for word in TOOLS[tool]]


@pytest.mark.parametrize("address", FAMILIES.values(), ids=FAMILIES)
@pytest.mark.parametrize("tool", TOOLS)
def test_a_file_through(echo, tool, address):
    service = echo(addresses=(address,))
    data = bytes(Pattern(10).piece(0, 1_000_000)) * (1 if SANITIZED else 3)
    done = subprocess.run(command(tool, service), input=data, capture_output=True, timeout=30 * PATIENCE)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(done.stdout) == len(data) and done.stdout == data
    event = service.wait_for("close")
    assert (event["bytes_in"], event["bytes_out"], event["reason"]) == (len(data), len(data), "eof")


@pytest.fixture
def launch():
    """launch(*command): a program with pipes that is ended when the test is over, whatever happens."""
    processes = []

    def run(*words):
        processes.append(subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0))
        return processes[-1]

    yield run
    for process in processes:
        process.kill()
        with process:
            pass


def answer(process, count):
    """Up to count bytes that it writes, fewer if it ends, before a deadline."""
    got, deadline = b"", time.monotonic() + 10 * PATIENCE
    while len(got) < count:
        ready, _, _ = select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"{got!r} and nothing more"
        part = process.stdout.read(count - len(got))
        if not part:
            break
        got += part
    return got


def talk(process, lines):
    """Type each line only after the answer to the one before has come."""
    for line in lines:
        process.stdin.write(line)
        assert answer(process, len(line)) == line
    process.stdin.close()
    assert answer(process, 1) == b""
    assert process.wait(10 * PATIENCE) == 0


LINES = [b"hello\n", b"\n", b"with spaces and \xc3\xa9\n", b"x" * 500 + b"\n", b"bye\n"]


@pytest.mark.parametrize("tool", TOOLS)
def test_line_by_line(echo, launch, tool):
    service = echo()
    talk(launch(*command(tool, service)), LINES)
    event = service.wait_for("close")
    assert (event["bytes_in"], event["reason"]) == (sum(map(len, LINES)), "eof")


def test_telnet_like_crlf(echo):
    service = echo()
    done = subprocess.run(["ncat", "-C", service.host, str(service.port)], input=b"one\ntwo\n", capture_output=True,
                          timeout=10 * PATIENCE)
    assert done.stdout == b"one\r\ntwo\r\n"


@pytest.fixture(scope="session")
def classic_client(tmp_path_factory):
    program = tmp_path_factory.mktemp("classic") / "classic_client"
    source = Path(__file__).with_name("classic_client.c")
    subprocess.run(["cc", "-Wall", "-Wextra", "-o", program, source], check=True)
    return program


def test_classic_client(echo, launch, classic_client):
    service = echo()
    many = [launch(classic_client, service.host, str(service.port)) for _ in range(3)]
    for process in many:
        talk(process, LINES)
    service.wait_for("close", count=3)
    total = sum(map(len, LINES))
    assert [(event["bytes_in"], event["bytes_out"], event["reason"]) for event in service.events("close")] == [
        (total, total, "eof")] * 3
