# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is idle, who is slow, and who is gone."""

import time

import pytest

from clients import Pattern, expect_end, finish, read_all, round_trip, stuff
from netns import Network
from service import PATIENCE

# How much later than promised a loaded machine may notice.
SLACK = 0.5 * PATIENCE


@pytest.fixture
def network():
    network = Network()
    if not network.usable:
        network.close()
        pytest.skip("no network namespaces here")
    yield network
    network.close()


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
        until = time.monotonic() + 3
        while time.monotonic() < until:
            round_trip(sock)
            time.sleep(0.5)
        round_trip(sock)
        assert not service.events("close")
        expect_end(sock)
        assert service.closed_by(sock)["reason"] == "idle"


@pytest.mark.lengthy
def test_slow_steady_reader_is_not_idle(echo):
    """It sends nothing more and reads 5 kB each tenth of a second; when it stops, it is idle."""
    service = echo("--idle-timeout", "1s")
    pattern = Pattern(4)
    with service.connect(receive_buffer=8192) as sock:
        stuff(sock, pattern, quiet=0.2)
        offset, until = 0, time.monotonic() + 3.5
        while time.monotonic() < until:
            read_all(sock, pattern, 5000, offset)
            offset += 5000
            time.sleep(0.1)
        stopped = time.monotonic()
        assert not service.events("close")
        event = service.closed_by(sock)
        took = time.monotonic() - stopped
    print(f"closed {took:.2f} s after it stopped")
    assert event["reason"] == "idle" and event["bytes_in"] > event["bytes_out"] > offset
    assert 0.6 <= took <= 2.0 + SLACK


@pytest.mark.lengthy
def test_vanished_and_patient_clients(echo, network, clients):
    """Four clients and dead-timeout 2 s. The line to three is cut: one is idle, one is owed bytes, one has
    closed its window. The fourth is alive, does not read, and must still get every byte much later."""
    service = echo("--dead-timeout", "2s", wrap=network.wrap)
    idle, owed, full, alive = clients[:] = [network.connect(service, size) for size in (0, 0, 8192, 8192)]
    neighbour = network.connect(service)
    clients.append(neighbour)
    pattern = Pattern(6)
    stuff(full, pattern, quiet=0.2)
    sent = stuff(alive, pattern, quiet=0.2)
    for sock in (idle, owed, neighbour):
        round_trip(sock)
    owed.sendall(b"x" * 1000)
    for sock in (idle, owed, full):
        network.cut(sock)
    cut = time.monotonic()
    owed_name = owed.getsockname()
    died = {}
    for name, sock in (("owed", owed), ("idle", idle), ("full", full)):
        event = service.closed_by(sock, seconds=8)
        died[name] = time.monotonic() - cut
        assert event["reason"] == "dead", (name, event)
    print("found dead after", {name: round(took, 2) for name, took in died.items()})
    assert all(1.4 <= took <= 4.5 + SLACK for took in died.values()), died
    while time.monotonic() < cut + 5:
        round_trip(neighbour)
        time.sleep(0.1)
    assert len(service.events("close")) == 3
    read_all(alive, pattern, sent)
    finish(alive)
    finish(neighbour)
    stats = service.stats_when(lambda stats: stats["conns"] == 0)
    assert (stats["accepted"], stats["dead"], stats["eof"]) == (5, 3, 2)
    assert owed_name
