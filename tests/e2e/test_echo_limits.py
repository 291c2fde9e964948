# SPDX-License-Identifier: GPL-3.0-or-later
"""--max-conns makes clients wait, --max-conns-per-ip turns them away."""

import os
import threading
import time

import pytest

from clients import be_turned_away, converse, expect_silence, finish, receive_exactly, reset, round_trip
from service import PATIENCE


def most_at_once(service):
    """The largest number of open connections that the log ever shows, counted and claimed."""
    now = most = 0
    for event in service.events():
        if event.get("event") == "open":
            now += 1
            assert event["conns"] == now
        elif event.get("event") == "close":
            now -= 1
        most = max(most, now)
    return most


def test_max_conns_defers(echo, clients):
    service = echo("--max-conns", 3)
    clients += [service.connect() for _ in range(3)]
    for sock in clients:
        round_trip(sock)
    fourth, fifth = service.connect(), service.connect()
    clients += [fourth, fifth]
    fourth.sendall(b"me too")
    fifth.sendall(b"me as well")
    expect_silence(fourth, 0.3)
    expect_silence(fifth, 0)
    left = time.monotonic()
    finish(clients[0])
    assert receive_exactly(fourth, 6) == b"me too"
    took = time.monotonic() - left
    print(f"served {1000 * took:.1f} ms after a place was free")
    assert took < 1.0 * PATIENCE
    expect_silence(fifth, 0.1)
    reset(clients[1])
    assert receive_exactly(fifth, 10) == b"me as well"
    for sock in clients[2:]:
        finish(sock)
    stats = service.stats_when(lambda stats: stats["conns"] == 0)
    assert (stats["accepted"], stats["refused"], stats["eof"], stats["reset"]) == (5, 0, 4, 1)
    assert most_at_once(service) == 3
    assert [event["reason"] for event in service.events("paused")] == ["max-conns"]


def test_max_conns_is_never_exceeded(echo):
    service = echo("--max-conns", 3)
    failures = []

    def client(number):
        try:
            for i in range(4):
                with service.connect(seconds=20) as sock:
                    round_trip(sock, b"client %d, visit %d" % (number, i))
                    finish(sock)
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    stats = service.stats_when(lambda stats: stats["conns"] == 0)
    assert (stats["accepted"], stats["eof"]) == (120, 120)
    service.wait_for("close", count=120)
    assert most_at_once(service) == 3
    assert len(service.events("paused")) == 1


def assert_turned_away(service, source):
    name = be_turned_away(service, source)
    event = service.wait_for("refused", ip=name[0], port=name[1])
    assert event["reason"] == "max-conns-per-ip"


@pytest.mark.parametrize("where", ["127.0.0.1:0", "*:0"])
def test_max_conns_per_ip(echo, clients, where):
    service = echo("--max-conns-per-ip", 2, addresses=(where,))
    for source in ("127.0.0.1", "127.0.0.2"):
        clients += [service.connect(source=source) for _ in range(2)]
    converse(clients, [b"a", b"b", b"c", b"d"])
    for _ in range(3):
        assert_turned_away(service, "127.0.0.1")
    assert_turned_away(service, "127.0.0.2")
    with service.connect(source="127.0.0.3") as sock:
        round_trip(sock)
        finish(sock)
    converse(clients, [b"e", b"f", b"g", b"h"])
    service.closed_by(finish(clients[0]))
    with service.connect(source="127.0.0.1") as sock:
        round_trip(sock)
        assert_turned_away(service, "127.0.0.1")
    stats = service.stats_when(lambda stats: stats["conns"] == 3)
    assert (stats["accepted"], stats["refused"], stats["eof"]) == (6, 5, 3)


def test_limit_per_ip_counts_after_resets_and_kills(echo, clients):
    service = echo("--max-conns-per-ip", 2)
    service.deaths_expected = True
    for round_ in range(5):
        pair = [service.connect() for _ in range(2)]
        for sock in pair:
            round_trip(sock)
        assert_turned_away(service, "127.0.0.1")
        names = [sock.getsockname() for sock in pair]
        reset(pair[0])
        if round_ == 2:
            os.kill(service.worker_of(pair[1]), 9)
        pair[1].close()
        for name in names:
            service.closed_by(name)
