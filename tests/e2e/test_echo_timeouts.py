# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is idle, who is slow, and who is gone."""

import fcntl
import socket
import struct
import termios
import time

import pytest

from clients import Pattern, expect_end, finish, read_all, round_trip, stuff, stuff_all
from netns import network
from service import PATIENCE, until

# How much later than promised a loaded machine may notice.
SLACK = 0.5 * PATIENCE


@pytest.mark.parametrize("talks_first", [False, True])
def test_silent_client_is_closed(echo, talks_first):
    service = echo("--idle-timeout", "1s")
    sock = service.connect()
    begun = time.monotonic()
    if talks_first:
        service.opened_by(sock)
        time.sleep(0.4)
        round_trip(sock)
        begun = time.monotonic()
    expect_end(sock)
    took = time.monotonic() - begun
    print(f"closed after {took:.2f} s")
    assert 0.99 <= took <= 2.0 + SLACK
    event = service.closed_by(sock)
    count = 6 if talks_first else 0
    assert (event["reason"], event["bytes_in"], event["bytes_out"]) == ("idle", count, count)
    assert 990 <= event["ms"] <= (2500 + 1000 * SLACK)


@pytest.mark.lengthy
def test_client_that_says_something_now_and_then_stays(echo):
    service = echo("--idle-timeout", "1s")
    with service.connect() as sock:
        end = time.monotonic() + 3
        while time.monotonic() < end:
            round_trip(sock)
            time.sleep(0.5)
        round_trip(sock)
        assert not service.events("close")
        expect_end(sock)
        assert service.closed_by(sock)["reason"] == "idle"


def unacknowledged(sock):
    """How many bytes of ours the other side's kernel does not have yet (tcp(7), SIOCOUTQ)."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0]


@pytest.mark.lengthy
@pytest.mark.parametrize("half_close", [False, True])
def test_slow_steady_reader_is_not_idle(echo, half_close):
    """It sends nothing more, perhaps has said so, and reads 5 kB each tenth of a second; when it stops, it is idle."""
    service = echo("--idle-timeout", "1s")
    pattern, size = Pattern(4), 250_000
    with service.connect(receive_buffer=8192) as sock:
        sock.sendall(pattern.piece(0, size))
        if half_close:
            sock.shutdown(socket.SHUT_WR)
        until(lambda: unacknowledged(sock) == 0, what="the service's side has all bytes")
        offset, end = 0, time.monotonic() + 2.5
        while time.monotonic() < end:
            read_all(sock, pattern, 5000, offset)
            offset += 5000
            time.sleep(0.1)
        stopped = time.monotonic()
        assert offset < size - 50_000
        assert not service.events("close")
        event = service.closed_by(sock)
        took = time.monotonic() - stopped
    print(f"closed {took:.2f} s after it stopped")
    assert event["reason"] == "idle" and event["bytes_in"] > offset
    assert 0.6 <= took <= 2.0 + SLACK


@pytest.mark.parametrize("option", ["--idle-timeout", "--dead-timeout"])
def test_pause_shorter_than_the_timeout_costs_nothing(echo, option):
    service = echo(option, "3s")
    pattern = Pattern(5)
    with service.connect(receive_buffer=8192) as sock:
        sent = stuff(sock, pattern, quiet=1.2)
        for offset in range(0, 100_000, 10_000):
            read_all(sock, pattern, 10_000, offset)
            time.sleep(0.02)
        read_all(sock, pattern, sent - 100_000, 100_000)
        finish(sock)
    assert service.wait_for("close")["bytes_out"] == sent


@pytest.mark.lengthy
def test_vanished_and_patient_clients(echo, network, clients):
    """The dead-timeout is 2 s. The line to four clients is cut: one is idle, one is owed bytes, one does not read, one
    has ended and does not read. Two more are like the last two but alive, and must get every byte much later."""
    service = echo("--dead-timeout", "2s", wrap=network.wrap)
    pattern = Pattern(6)
    vanished = {name: network.connect(service, size) for name, size in
                (("idle", 0), ("owed", 0), ("full", 8192), ("ended", 8192))}
    full, ended = (network.connect(service, 8192) for _ in range(2))
    neighbour = network.connect(service)
    clients += [*vanished.values(), full, ended, neighbour]
    sent = stuff_all([vanished["full"], vanished["ended"], full, ended], [pattern] * 4, quiet=0.2, longest=1.0)
    for sock in (vanished["ended"], ended):
        sock.shutdown(socket.SHUT_WR)
    for sock in (vanished["idle"], vanished["owed"], neighbour):
        round_trip(sock)
    vanished["owed"].sendall(b"x" * 1000)
    for sock in vanished.values():
        network.cut(sock)
    cut, took = time.monotonic(), {}
    for name, sock in vanished.items():
        event = service.closed_by(sock, seconds=8)
        took[name] = time.monotonic() - cut
        assert event["reason"] == "dead", (name, event)
    print("found dead at the latest after", {name: round(seconds, 2) for name, seconds in took.items()})
    assert all(1.4 <= seconds <= 4.5 + SLACK for seconds in took.values()), took
    while time.monotonic() < cut + 5:
        round_trip(neighbour)
        time.sleep(0.1)
    assert len(service.events("close")) == 4
    read_all(full, pattern, sent[2])
    read_all(ended, pattern, sent[3])
    expect_end(ended)
    finish(full)
    finish(neighbour)
    stats = service.stats_when(lambda stats: stats["conns"] == 0)
    assert (stats["accepted"], stats["dead"], stats["eof"]) == (7, 4, 3)


@pytest.mark.lengthy
def test_clients_that_begin_to_read_again_slowly(echo, clients):
    """Their windows are closed for longer than the dead-timeout and then open by less than a segment at a time."""
    service = echo("--dead-timeout", "1s")
    pattern, size = Pattern(7), 250_000
    goes_on, ended = clients[:] = [service.connect(receive_buffer=8192) for _ in range(2)]
    for sock in clients:
        sock.sendall(pattern.piece(0, size))
    ended.shutdown(socket.SHUT_WR)
    time.sleep(2.5)
    for offset in range(0, 24_000, 2000):
        for sock in clients:
            read_all(sock, pattern, 2000, offset)
        time.sleep(0.25)
    assert not service.events("close")
    for sock in clients:
        read_all(sock, pattern, size - 24_000, 24_000)
    expect_end(ended)
    finish(goes_on)
    stats = service.stats_when(lambda stats: stats["conns"] == 0)
    assert stats["eof"] == 2
