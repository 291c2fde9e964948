# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run of `yodel ping` ends, and where its output goes."""

import fcntl
import os
import pty
import re
import signal
import termios
import threading
import time

import pytest

import procfs
from pinglib import Ping, closing, echo, messages, one_line, peer, ping, timed
from service import PATIENCE, until


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_the_statistics(peer, number):
    with Ping("-i", 0.05, peer(echo).where) as running:
        running.wait_line("seq=3 ")
        running.signal(number)
        result = running.finish()
    summary = result.summary()
    assert summary["sent"] == summary["received"] >= 3
    assert (result.status, result.err) == (0, "")


def test_a_signal_in_silence_ends_it_at_once(peer):
    server = peer(lambda sock: server.wait(60))
    with Ping(server.where) as running:
        running.wait_line("connected to")
        until(lambda: server.clients and procfs.state(running.process.pid) == "S", what="it waits")
        begin = time.monotonic()
        running.signal()
        result = running.finish()
    assert time.monotonic() - begin < 0.5 * PATIENCE
    assert result.summary()["loss"] == 100 and result.status == 1


def test_what_is_under_way_at_the_signal_is_waited_for(peer):
    def slow(sock):
        for seq, data in enumerate(messages(sock, 64), 1):
            if seq == 2:
                running.signal()
            server.wait(0.2)
            sock.sendall(data)

    server = peer(slow)
    with Ping("-i", 0, server.where) as running:
        result = running.finish()
    summary = result.summary()
    assert (summary["sent"], summary["received"], summary["loss"], result.status) == (2, 2, 0, 0)


def test_the_second_signal_waits_for_nothing(peer):
    def slow_once(sock):
        first = next(messages(sock, 64))
        server.wait(0.6) # so the grace would be a second
        sock.sendall(first)
        next(messages(sock, 64))
        asked.set()
        server.wait(60)

    asked = threading.Event()
    server = peer(slow_once)
    with Ping("-i", 0, server.where) as running:
        assert asked.wait(10 * PATIENCE)
        begin = time.monotonic()
        running.signal()
        until(lambda: not int(procfs.status(running.process.pid)["ShdPnd"], 16), what="the first was taken")
        running.signal()
        result = running.finish()
    assert time.monotonic() - begin < 0.8
    summary = result.summary()
    assert (summary["sent"], summary["received"], summary["loss"], result.status) == (2, 1, 50, 1)


def test_an_ignored_interrupt_stays_ignored(peer):
    with Ping("-i", 0.05, peer(echo).where, interrupt="--ignore-signal=INT") as running:
        running.wait_line("seq=1 ")
        running.signal(signal.SIGINT)
        running.wait_line("seq=8 ")
        running.signal(signal.SIGTERM)
        assert running.finish().status == 0


def test_the_deadline_ends_the_run(peer):
    result, seconds = timed("-w", 0.4, "-i", 0, "-q", peer(echo).where)
    summary = result.summary()
    assert summary["sent"] == summary["received"] > 10
    assert 0.35 <= summary["seconds"] <= seconds < 0.4 + PATIENCE
    assert result.status == 0
    result = ping("-w", 0.3, "-c", 10, "-i", 0.2, "--json", peer(echo).where)
    summary = result.summary()
    assert (summary["end"], summary["sent"], summary["received"], result.status) == ("deadline", 2, 2, 1)


# Where it goes

def test_standard_output_that_cannot_be_written_is_told(peer):
    server = peer(echo)
    with open("/dev/full", "w", encoding="ascii") as full:
        result = ping("-c", 3, server.where, stdout=full)
    assert one_line(result.err) == "standard output: no space left on device"
    assert result.status == 1
    reading, writing = os.pipe()
    with Ping("-i", 0.02, server.where, stdout=writing) as running:
        os.close(writing)
        assert os.read(reading, 4) == b"PING"
        os.close(reading)
        result = running.finish()
    assert one_line(result.err) == "standard output: broken pipe"
    assert result.status == 1


@pytest.fixture
def stalled(peer):
    """A run whose output nobody reads, and the end to read it from; it is waiting for room."""
    reading, writing = os.pipe()
    fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, 4096)
    with Ping("-i", 0, peer(echo).where, stdout=writing) as running:
        os.close(writing)
        last = [None]

        def is_stuck():
            used, last[0] = last[0], procfs.cpu_seconds(running.process.pid)
            time.sleep(0.1)
            return used == last[0] and procfs.state(running.process.pid) == "S" and os.read(reading, 1)

        until(is_stuck, what="no room")
        yield running, reading
    os.close(reading)


def test_stalled_output_still_heeds_a_signal(stalled):
    running, reading = stalled
    running.signal()
    out = b""
    while piece := os.read(reading, 65536):
        out += piece
    result = running.finish()
    assert b"echo statistics ---" in out
    seqs = [int(seq) for seq in re.findall(rb"seq=(\d+) time=", out)]
    assert len(seqs) > 10000 and seqs == list(range(seqs[0], seqs[-1] + 1))
    assert result.err == ""


def test_stalled_output_ends_at_the_second_signal(stalled):
    running, _ = stalled
    running.signal()
    until(lambda: (running.signal(), running.process.poll() is not None)[1], what="it ends", step=0.05)
    assert running.finish().status == 1


@pytest.fixture
def terminal():
    """A terminal that nobody looks at: the end to read from and the end to write to."""
    reading, writing = pty.openpty()
    yield reading, writing
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("before", [0, 3000])
def test_a_terminal_that_takes_nothing_does_not_hide_a_signal(peer, terminal, number, before):
    """Stopped before the first line, or when it is full."""
    arrived = []

    def count(sock):
        for data in messages(sock, 64):
            arrived.append(data)
            sock.sendall(data)

    server = peer(count)
    if not before:
        termios.tcflow(terminal[1], termios.TCOOFF)
    with Ping("-i", "1ms", server.where, stdout=terminal[1]) as running:
        until(lambda: len(arrived) > before, seconds=15, what="messages go on")
        begin = time.monotonic()
        running.signal(number)
        result = running.finish()
    assert time.monotonic() - begin < 2.5 * PATIENCE
    assert one_line(result.err) == "standard output: nobody reads it"
    assert result.status == 1


def test_nor_do_errors_wait_for_such_a_terminal(peer, terminal):
    """Standard error is mostly the same terminal."""
    server = peer(closing)
    termios.tcflow(terminal[1], termios.TCOOFF)
    with Ping("-i", "1ms", server.where, stdout=terminal[1], stderr=terminal[1]) as running:
        until(lambda: server.clients and server.clients[0].fileno() < 0, what="the connection is closed")
        running.signal()
        running.finish()


def test_a_terminal_that_goes_on_gets_all_of_it(peer, terminal):
    reading, writing = terminal
    termios.tcflow(writing, termios.TCOOFF)
    with Ping("-c", 500, "-i", "1ms", peer(echo).where, stdout=writing) as running:
        until(lambda: procfs.status(running.process.pid).get("State", "").startswith("S"), what="it runs")
        termios.tcflow(writing, termios.TCOON)
        out = b""
        while b"round trip" not in out:
            out += os.read(reading, 65536)
        result = running.finish()
    assert [int(seq) for seq in re.findall(rb"seq=(\d+) time=", out)] == list(range(1, 501))
    assert (result.status, result.err) == (0, "")


def test_what_nobody_reads_does_not_disturb_the_measurement(peer):
    """Replies are received and timed although the pipe is full; the lines come when they are read."""
    arrived = []

    def count(sock):
        for data in messages(sock, 64):
            arrived.append(data)
            sock.sendall(data)

    reading, writing = os.pipe()
    fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, 4096)
    with Ping("-c", 1000, "-i", "1ms", "--json", "-W", 5, peer(count).where, stdout=writing) as running:
        os.close(writing)
        until(lambda: len(arrived) == 1000, seconds=10, what="messages go on")
        with open(reading, encoding="utf-8") as file:
            running.read = file.read()
        result = running.finish()
    assert [event["seq"] for event in result.events("reply")] == list(range(1, 1001))
    assert result.summary()["rtt_p50_ns"] < 0.05e9 * PATIENCE
    assert (result.status, result.err) == (0, "")


def test_the_deadline_holds_although_nobody_reads(peer):
    reading, writing = os.pipe()
    fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, 4096)
    with Ping("-i", 0, "-w", 1, peer(echo).where, stdout=writing) as running:
        os.close(writing)
        begin = time.monotonic()
        result = running.finish()
    os.close(reading)
    assert time.monotonic() - begin < 2.5 * PATIENCE
    assert one_line(result.err) == "standard output: nobody reads it"
    assert result.status == 1


def test_a_run_that_was_stopped_goes_on_without_a_burst(peer):
    arrived = []

    def note(sock):
        for data in messages(sock, 64):
            arrived.append(time.monotonic())
            sock.sendall(data)

    with Ping("-i", 0.1, peer(note).where) as running:
        running.wait_line("seq=2 ")
        running.signal(signal.SIGSTOP)
        until(lambda: procfs.state(running.process.pid) == "T", what="it stops")
        stopped = time.monotonic()
        until(lambda: time.monotonic() - stopped > 1.6, what="time")
        sent = len(arrived)
        running.signal(signal.SIGCONT)
        running.wait_line(f"seq={sent + 4} ")
        running.signal()
        result = running.finish()
    assert arrived[sent] - stopped >= 1.6
    assert arrived[sent + 3] - arrived[sent] >= 0.2
    assert re.search(r"^left out 1\d times to send: this program could not keep up, or was stopped$", result.out, re.M)
    assert result.summary()["late"] == 0 and result.status == 0


@pytest.mark.parametrize("closed, status", [("<&- >&-", 1), (">&-", 1), ("<&- 2>&-", 0), ("2>&-", 0)])
def test_a_closed_descriptor_is_not_the_connection(peer, closed, status):
    """What would be said there does not go to the peer."""
    received = []

    def record(sock):
        for data in messages(sock, 64):
            received.append(data)
            sock.sendall(data)

    result = ping("-c", 2, "-i", 0, peer(record).where, wrap=["sh", "-c", f'exec "$@" {closed}', "sh"])
    assert result.status == status
    assert all(data.endswith(b"\n") and b" " not in data for data in received)
    if status == 0:
        assert result.summary()["received"] == 2
    else:
        assert one_line(result.err) == "standard output: bad file descriptor"
