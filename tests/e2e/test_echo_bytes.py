# SPDX-License-Identifier: GPL-3.0-or-later
"""Every byte comes back once and in order, however it is cut, and a half-closed connection is finished."""

import hashlib
import itertools
import random
import socket
import statistics
import subprocess
import time

import pytest

from clients import (Pattern, converse, expect_end, finish, read_all, receive_exactly, round_trip, sizes, stream,
                     stuff)
from service import PATIENCE, SANITIZED

MIB = 1 << 20


def assert_counted(event, count, reason="eof"):
    assert (event["bytes_in"], event["bytes_out"], event["reason"]) == (count, count, reason)


@pytest.mark.parametrize("size, chunks", [
    (3000, lambda size: itertools.repeat(1)),
    (1_000_000, lambda size: sizes(size, 1)),
    (1_000_000, lambda size: sizes(size, 2)),
    (1_500_000, lambda size: itertools.cycle([16384, 65536, 65535, 65537, 1, 32768])),
], ids=["bytes", "random", "random2", "powers"])
def test_any_chunking(echo, size, chunks):
    service = echo()
    sock = service.connect()
    stream(sock, size, chunks(size), Pattern(size))
    name = sock.getsockname()
    sock.close()
    assert_counted(service.closed_by(name), size)


@pytest.mark.lengthy
@pytest.mark.parametrize("size", [64 * MIB, pytest.param(1024 * MIB, marks=pytest.mark.soak)])
def test_long_stream(echo, size):
    service = echo()
    with service.connect() as sock:
        stream(sock, size, itertools.repeat(256 * 1024), Pattern(3), seconds=60 + size / (20 * MIB))
        name = sock.getsockname()
    assert_counted(service.closed_by(name), size)


@pytest.mark.lengthy
def test_many_clients_at_once_get_their_own_bytes(echo, engine, clients):
    count = 500 if engine == "fork" else 2000
    if SANITIZED:
        count //= 2
    service = echo()
    clients += [service.connect(source=f"127.0.0.{2 + i % 8}", seconds=30) for i in range(count)]
    chance = random.Random(5)
    messages = [chance.randbytes(chance.choice((1, 100, 3000, 20000))) for _ in clients]
    converse(clients, messages)
    stats = service.stats_when(lambda stats: stats["accepted"] == count)
    assert stats["conns"] == count
    names = [sock.getsockname()[:2] for sock in clients]
    for sock in clients:
        sock.shutdown(socket.SHUT_WR)
    for sock in clients:
        expect_end(sock, 20)
        sock.close()
    service.wait_for("close", count=count, seconds=20)
    closed = {(event["ip"], event["port"]): event for event in service.events("close")}
    for name, message in zip(names, messages):
        assert_counted(closed[name], len(message))
    stats = service.stats()
    total = sum(map(len, messages))
    assert (stats["conns"], stats["accepted"], stats["eof"]) == (0, count, count)
    assert (stats["bytes_in"], stats["bytes_out"]) == (total, total)


def test_urgent_bytes_stay_in_their_place(echo):
    service = echo()
    sock = service.connect()
    for _ in range(20):
        sock.sendall(b"abc")
        sock.send(b"!", socket.MSG_OOB)
        sock.sendall(b"def")
        assert receive_exactly(sock, 7) == b"abc!def"
    name = finish(sock)
    assert_counted(service.closed_by(name), 140)


def test_no_answer_waits_for_an_acknowledgement(echo):
    """Without TCP_NODELAY the last part of a message that the service reads in parts takes 40 ms more."""
    service = echo()
    took = []
    with service.connect() as sock:
        for _ in range(20):
            begun = time.monotonic()
            round_trip(sock, b"x" * 40_000)
            took.append(time.monotonic() - begun)
    print(f"40 kB and back took {1000 * statistics.median(took):.2f} ms")
    assert statistics.median(took) < 0.03


def test_client_that_says_nothing(echo):
    service = echo()
    sock = service.connect()
    service.opened_by(sock)
    name = finish(sock)
    assert_counted(service.closed_by(name), 0)


def test_half_close(echo):
    service = echo()
    sock = service.connect()
    sock.sendall(b"to be, " * 1000)
    sock.shutdown(socket.SHUT_WR)
    assert receive_exactly(sock, 7000) == b"to be, " * 1000
    expect_end(sock)
    name = sock.getsockname()
    sock.close()
    assert_counted(service.closed_by(name), 7000)


def test_half_close_of_a_slow_reader(echo):
    """The FIN stands behind more bytes than the service can have read when it comes."""
    service = echo()
    pattern = Pattern(8)
    sock = service.connect(receive_buffer=8192)
    sent = stuff(sock, pattern, quiet=0.3)
    sock.shutdown(socket.SHUT_WR)
    for offset in range(0, 50 * 4096, 4096):
        read_all(sock, pattern, 4096, offset)
        time.sleep(0.005)
    read_all(sock, pattern, sent - 50 * 4096, 50 * 4096)
    expect_end(sock)
    assert_counted(service.closed_by(sock), sent)


def test_printf_through_nc(echo):
    service = echo()
    done = subprocess.run(["nc", "-N", service.host, str(service.port)], input=b"x", capture_output=True,
                          timeout=10 * PATIENCE)
    assert (done.stdout, done.stderr, done.returncode) == (b"x", b"", 0)
    assert_counted(service.wait_for("close"), 1)


@pytest.mark.lengthy
def test_100_mib_through_nc(echo, tmp_path):
    service = echo()
    size = 100 * MIB
    pattern, went, came = Pattern(9), hashlib.sha256(), hashlib.sha256()
    with open(tmp_path / "data", "wb") as file:
        for offset in range(0, size, 512 * 1024):
            piece = pattern.piece(offset, 512 * 1024)
            went.update(piece)
            file.write(piece)
    with open(tmp_path / "data", "rb") as file, subprocess.Popen(
            ["timeout", str(60 * PATIENCE), "nc", "-N", service.host, str(service.port)], stdin=file,
            stdout=subprocess.PIPE) as nc:
        total = 0
        while part := nc.stdout.read(MIB):
            came.update(part)
            total += len(part)
        assert nc.wait() == 0
    assert total == size and came.digest() == went.digest()
    assert_counted(service.wait_for("close"), size)


@pytest.mark.parametrize("where, source", [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1"), ("*:0", "127.0.0.1")])
def test_addresses_of_both_families(echo, where, source):
    service = echo(addresses=(where,))
    with service.connect() as sock:
        round_trip(sock)
        assert service.opened_by(sock)["ip"] == source


def test_several_addresses(echo):
    service = echo(addresses=("127.0.0.1:0", "127.0.0.2:0", "[::1]:0"))
    assert [host for host, _ in service.where] == ["127.0.0.1", "127.0.0.2", "::1"]
    assert all(port > 0 for _, port in service.where)
    for at in range(3):
        with service.connect(at=at) as sock:
            round_trip(sock)
            finish(sock)
    assert service.stats_when(lambda stats: stats["conns"] == 0)["accepted"] == 3
