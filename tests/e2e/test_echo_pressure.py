# SPDX-License-Identifier: GPL-3.0-or-later
"""Back-pressure: who does not read is not read from, costs the service next to nothing, and loses nothing."""

import pytest

from clients import Pattern, finish, read_all, round_trip, stuff, stuff_all

# User memory that one client which never reads may cost, in KiB.
GROWTH_KIB = 128


def measured(name, kib):
    print(f"PSS growth, {name}: {kib} KiB")
    return kib


def test_client_that_never_reads(echo):
    service = echo(*one_worker(echo))
    neighbour, pattern = service.connect(), Pattern(1)
    round_trip(neighbour, b"x" * 100_000)
    sock = service.connect()
    sent = stuff(sock, pattern)
    for i in range(200):
        round_trip(neighbour, b"%d\n" % i)
    assert sent > 100_000
    read_all(sock, pattern, sent)
    round_trip(sock)
    name = finish(sock)
    event = service.closed_by(name)
    assert (event["bytes_in"], event["bytes_out"], event["reason"]) == (sent + 6, sent + 6, "eof")
    finish(neighbour)


def one_worker(echo):
    """Options that put all clients into the same child, where there is such a choice."""
    return () if echo.engine == "fork" else ("--workers", 1)


@pytest.mark.nosanitize("a sanitizer's own memory is not the service's")
def test_memory_for_a_client_that_never_reads(echo):
    service = echo(*one_worker(echo))
    with service.connect() as neighbour:
        for _ in range(20):
            round_trip(neighbour, b"x" * 100_000)
        before = service.pss_kib()
        with service.connect() as sock:
            stuff(sock, Pattern(2))
            assert measured("one", service.pss_kib() - before) <= GROWTH_KIB


@pytest.mark.lengthy
@pytest.mark.nosanitize("a sanitizer's own memory is not the service's")
def test_fifty_clients_that_never_read(echo, clients):
    service = echo()
    neighbour = service.connect()
    for _ in range(20):
        round_trip(neighbour, b"x" * 100_000)
    before = service.pss_kib()
    clients += [service.connect(receive_buffer=32768, send_buffer=32768) for _ in range(50)]
    patterns = [Pattern(i) for i in range(50)]
    sent = stuff_all(clients, patterns)
    assert measured("fifty", service.pss_kib() - before) <= 50 * GROWTH_KIB
    for i in range(100):
        round_trip(neighbour, b"%d\n" % i)
    for sock, pattern, count in zip(clients, patterns, sent):
        read_all(sock, pattern, count)
        finish(sock)
    finish(neighbour)
    stats = service.stats_when(lambda stats: stats["conns"] == 0)
    assert (stats["accepted"], stats["eof"]) == (51, 51)
    total = sum(sent) + 20 * 100_000 + sum(len(b"%d\n" % i) for i in range(100))
    assert stats["bytes_in"] == stats["bytes_out"] == total
