# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run of `yodel ping` ends, and where its output goes."""

import fcntl
import os
import re
import signal
import threading
import time

import pytest

import procfs
from pinglib import Ping, echo, messages, one_line, peer, ping, timed
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
    assert result.err == ""


def test_stalled_output_ends_at_the_second_signal(stalled):
    running, _ = stalled
    running.signal()
    until(lambda: (running.signal(), running.process.poll() is not None)[1], what="it ends", step=0.05)
    assert running.finish().status == 1


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
