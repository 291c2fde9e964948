# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that break off and calls that fail: one connection ends, nothing else."""

import errno
import random
import signal
import time

import pytest

from clients import Pattern, finish, reset, round_trip, stuff_all
from faults import Faults


@pytest.fixture
def with_neighbour(echo):
    """A service, and a client of the same child that must not notice anything."""
    service = echo(*(() if echo.engine == "fork" else ("--workers", 1)))
    with service.connect() as neighbour:
        round_trip(neighbour)
        opened = service.opened_by(neighbour)
        yield service, neighbour
        for i in range(20):
            round_trip(neighbour, b"still here %d\n" % i)
        assert not service.events("close", id=opened["id"])
        finish(neighbour)
        event = service.wait_for("close", port=opened["port"])
        assert event["reason"] == "eof" and event["bytes_in"] == event["bytes_out"]
        assert service.process.poll() is None


def close_unread(sock):
    """close() with bytes that nobody read: the kernel answers with a reset (RFC 2525, 2.17)."""
    sock.close()


@pytest.mark.parametrize("leave", [reset, close_unread])
def test_client_vanishes_while_the_service_writes(with_neighbour, leave):
    service, neighbour = with_neighbour
    names = []
    for _ in range(8):
        socks = [service.connect(receive_buffer=32768, send_buffer=32768) for _ in range(4)]
        stuff_all(socks, [Pattern(i) for i in range(4)], quiet=0.05, longest=0.2)
        names += [sock.getsockname() for sock in socks]
        for sock in socks:
            leave(sock)
        round_trip(neighbour)
    assert [service.closed_by(name)["reason"] for name in names] == ["reset"] * len(names)


def test_reset_of_a_client_that_is_waited_for(with_neighbour):
    service, _ = with_neighbour
    sock = service.connect()
    round_trip(sock)
    name = sock.getsockname()
    reset(sock)
    event = service.closed_by(name)
    assert (event["bytes_in"], event["bytes_out"], event["reason"]) == (6, 6, "reset")


def test_random_resets(with_neighbour):
    service, neighbour = with_neighbour
    chance = random.Random(7)
    for i in range(150):
        sock = service.connect()
        for _ in range(chance.randrange(4)):
            try:
                sock.sendall(chance.randbytes(chance.choice((1, 1000, 200_000))))
            except OSError:
                break
            if chance.random() < 0.3:
                sock.recv(chance.choice((1, 500, 100_000)))
        chance.choice((reset, close_unread))(sock)
        if i % 10 == 0:
            round_trip(neighbour)
    stats = service.stats_when(lambda stats: (stats["accepted"], stats["conns"]) == (151, 1))
    assert stats["eof"] + stats["reset"] == 150


def test_connection_that_is_gone_before_it_is_accepted(with_neighbour):
    service, neighbour = with_neighbour
    service.signal(signal.SIGSTOP)
    socks = [service.connect() for _ in range(10)]
    for sock in socks[:5]:
        sock.sendall(b"lost")
    for sock in socks:
        reset(sock)
    service.signal(signal.SIGCONT)
    with service.connect() as sock:
        round_trip(sock)
        finish(sock)
    stats = service.stats_when(lambda stats: stats["conns"] == 1 and stats["eof"] == 1)
    assert stats["accepted"] - 2 == stats["reset"] + stats["error"] <= 10


HARMLESS = ("ECONNABORTED", "EPROTO", "ENETDOWN", "ENOPROTOOPT", "EHOSTDOWN", "ENONET", "EHOSTUNREACH", "EOPNOTSUPP",
            "ENETUNREACH", "EPERM", "EINTR", "ETIMEDOUT")
SHORTAGES = {"EMFILE": "descriptors", "ENFILE": "descriptors", "ENOBUFS": "memory", "ENOMEM": "memory"}


def test_harmless_accept_errors_cost_no_time(echo, tmp_path):
    """accept(2) hands on errors that belong to a connection which is gone already: try again at once."""
    faults = Faults(tmp_path)
    service = echo(env=faults.env)
    faults.accept_errors([getattr(errno, name) for name in HARMLESS for _ in range(3)])
    begun = time.monotonic()
    for _ in range(40):
        with service.connect() as sock:
            round_trip(sock)
            finish(sock)
    print(f"40 connections through {faults.accept_failed} errors took {time.monotonic() - begun:.2f} s")
    assert faults.accept_failed == 3 * len(HARMLESS)
    stats = service.stats_when(lambda stats: stats["conns"] == 0)
    assert (stats["accepted"], stats["eof"]) == (40, 40)
    assert stats["accept_errors"] <= faults.accept_failed
    assert not service.events("paused")


@pytest.mark.parametrize("name", SHORTAGES)
def test_accept_for_which_there_is_no_room(echo, tmp_path, name):
    faults = Faults(tmp_path)
    service = echo(env=faults.env)
    faults.accept_errors([getattr(errno, name)] * 3)
    with service.connect() as sock:
        round_trip(sock)
        finish(sock)
    assert faults.accept_failed == 3
    assert [event["reason"] for event in service.events("paused")] == [SHORTAGES[name]]
    assert service.wait_for("resumed")
