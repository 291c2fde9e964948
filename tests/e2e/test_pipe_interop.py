# SPDX-License-Identifier: GPL-3.0-or-later
"""nc, ncat and socat at the other end of the connection, calling and listening."""

import contextlib
import subprocess

import pytest

import procfs
from clients import Pattern
from pipelib import Background, receive_pattern, receive_rest, receive_until, role, send_all, send_pattern, talk
from service import PATIENCE, until

CALLS = {
    "nc": ["nc", "{host}", "{port}"],
    "nc -N": ["nc", "-N", "{host}", "{port}"],
    "ncat": ["ncat", "{host}", "{port}"],
    "socat": ["socat", "-t", "30", "-", "TCP:{host}:{port}"],
}
LISTENS = {
    "nc": ["nc", "-l", "127.0.0.1", "0"],
    "nc -N": ["nc", "-N", "-l", "127.0.0.1", "0"],
    "ncat": ["ncat", "-l", "127.0.0.1", "0"],
    "socat": ["socat", "-t", "30", "-", "TCP-LISTEN:0,bind=127.0.0.1"],
}
SIZE = 1_000_000


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
        with contextlib.suppress(BrokenPipeError), process:
            pass


def port_of(process):
    """The port that it listens on."""
    def look():
        mine = procfs.descriptors(process.pid).values()
        return [port for port, inode in procfs.tcp_listeners() if f"socket:[{inode}]" in mine]

    return until(look, what="it listens")[0]


@pytest.fixture
def meet(talk, launch):
    """meet(role, tool): a Talk in that role, and the tool at the other end."""
    def make(role, tool, host="127.0.0.1"):
        if role == "call":
            process = launch(*LISTENS[tool])
            return talk("call", f"127.0.0.1:{port_of(process)}"), process
        bracketed = f"[{host}]" if ":" in host else host
        one = talk("listen", f"{bracketed}:0")
        host = bracketed if tool == "socat" else host
        return one, launch(*(word.format(host=host, port=one.port) for word in CALLS[tool]))

    return make


@pytest.mark.parametrize("tool", CALLS)
def test_both_send_a_lot(meet, role, tool):
    """The tool has nothing more to say when we end: nc does not tell its own end, and ncat leaves at ours."""
    one, process = meet(role, tool)
    there, back = Pattern(1), Pattern(2)
    work = [Background(send_pattern, one.stdin, there, SIZE), Background(send_pattern, process.stdin, back, SIZE),
            Background(receive_pattern, one.stdout, back, SIZE), Background(receive_pattern, process.stdout, there, SIZE)]
    assert [each.result() for each in work] == [SIZE] * 4
    process.stdin.close()
    one.end_input()
    assert receive_rest(process.stdout) == b""
    assert process.wait(10 * PATIENCE) == 0
    assert one.finish() == (0, b"")
    assert one.said[-1].endswith(" left")


@pytest.mark.parametrize("tool", CALLS)
def test_a_conversation(meet, role, tool):
    one, process = meet(role, tool)
    for i in range(20):
        line = b"line %d\n" % i
        send_all(one.stdin, line)
        assert receive_until(process.stdout, b"\n") == line
        send_all(process.stdin, line)
        assert receive_until(one.stdout, b"\n") == line
    process.stdin.close()
    one.end_input()
    assert one.finish() == (0, b"")


@pytest.mark.parametrize("role, tool", [("listen", "nc -N"), ("listen", "socat"), ("call", "socat")])
def test_the_tool_goes_on_after_our_end(meet, role, tool):
    """Which ncat never does, nor nc where it listens."""
    one, process = meet(role, tool)
    send_all(one.stdin, b"question\n")
    one.end_input()
    assert receive_until(process.stdout, b"\n") == b"question\n"
    data = bytes(Pattern(3).piece(0, SIZE))
    answering = Background(lambda: (send_all(process.stdin, data), process.stdin.close()))
    assert one.finish() == (0, data)
    answering.result()
    assert process.wait(10 * PATIENCE) == 0


@pytest.mark.parametrize("tool", ["nc -N", "ncat", "socat"])
def test_we_go_on_after_the_end_of_the_tool(meet, role, tool):
    one, process = meet(role, tool)
    send_all(process.stdin, b"question\n")
    process.stdin.close()
    assert receive_rest(one.stdout) == b"question\n"
    data = bytes(Pattern(4).piece(0, SIZE))
    answering = Background(lambda: (send_all(one.stdin, data), one.end_input()))
    assert receive_rest(process.stdout) == data
    answering.result()
    assert one.wait() == 0


@pytest.mark.parametrize("tool", CALLS)
def test_a_tool_that_is_killed(meet, role, tool):
    """Its system closes the connection for it: with a reset if anything was unread, with an end otherwise, which nobody
    can tell from its own."""
    one, process = meet(role, tool)
    send_all(process.stdin, b"half a ")
    assert receive_until(one.stdout, b"a ") == b"half a "
    process.kill()
    assert receive_rest(one.stdout) == b""
    one.end_input()
    assert one.wait() == 0


@pytest.mark.parametrize("tool", CALLS)
def test_ipv6(meet, tool):
    one, process = meet("listen", tool, "::1")
    send_all(process.stdin, b"hello\n")
    assert receive_until(one.stdout, b"\n") == b"hello\n"
    one.wait_line("[::1]:")
    process.stdin.close()
    one.end_input()
    assert one.finish() == (0, b"")
