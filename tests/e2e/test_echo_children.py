# SPDX-License-Identifier: GPL-3.0-or-later
"""A child that is killed costs its own clients and nobody else; clients are spread evenly."""

import errno
import os
import random
import signal
import socket
import threading
import time

import pytest

import procfs
from clients import converse, expect_cut, finish, receive_exactly, round_trip
from faults import Faults
from service import PATIENCE, until


def by_worker(service, socks):
    """{worker: [sockets]}"""
    found = {}
    for sock in socks:
        found.setdefault(service.opened_by(sock)["worker"], []).append(sock)
    return found


def test_killed_worker_costs_only_its_own_clients(worker_echo, clients):
    service = worker_echo("--workers", 3)
    service.deaths_expected = True
    clients += [service.connect() for _ in range(9)]
    converse(clients, [b"client %d" % i for i in range(9)])
    service.stats_when(lambda stats: stats["bytes_out"] == 9 * 8)  # a child counts after it has sent
    before, groups = service.worker_pids(), by_worker(service, clients)
    victim = sorted(groups)[1]
    killed = time.monotonic()
    os.kill(before[victim], signal.SIGKILL)
    with service.connect() as late:
        round_trip(late, b"after the death")
        finish(late)
    died = service.wait_for("died")
    assert (died["worker"], died["pid"], died["signal"], died["conns"]) == (victim, before[victim], 9, 3)
    service.wait_for("worker", count=4, seconds=1)
    print(f"replaced within {1000 * (time.monotonic() - killed):.0f} ms")
    assert time.monotonic() - killed < 1.0 * PATIENCE
    for sock in groups.pop(victim):
        assert expect_cut(sock) == b""
        event = service.closed_by(sock)
        assert (event["reason"], event["bytes_in"], event["bytes_out"]) == ("killed", 8, 8)
    for socks in groups.values():
        for sock in socks:
            round_trip(sock, b"nothing happened")
    after = service.worker_pids()
    assert after.keys() == before.keys() and len(set(after.values())) == 3
    assert {worker for worker in after if after[worker] != before[worker]} == {victim}
    total = 9 * 8 + 15 + 6 * 16
    stats = service.stats_when(lambda stats: stats["bytes_out"] == total and stats["eof"] == 1)
    assert (stats["conns"], stats["accepted"], stats["killed"], stats["bytes_in"]) == (6, 10, 3, total)


def test_killed_child_costs_only_its_own_client(start, clients):
    service = start("fork")
    service.deaths_expected = True
    clients += [service.connect() for _ in range(5)]
    converse(clients, [b"client %d" % i for i in range(5)])
    service.stats_when(lambda stats: stats["bytes_out"] == 5 * 8)  # a child counts after it has sent
    victim = clients.pop(2)
    os.kill(service.opened_by(victim)["pid"], signal.SIGKILL)
    with service.connect() as late:
        round_trip(late, b"after the death")
        finish(late)
    with victim:
        assert expect_cut(victim) == b""
        event = service.closed_by(victim)
        assert (event["reason"], event["bytes_in"], event["bytes_out"]) == ("killed", 8, 8)
    for sock in clients:
        round_trip(sock, b"nothing happened")
    total = 5 * 8 + 15 + 4 * 16
    stats = service.stats_when(lambda stats: stats["bytes_out"] == total and stats["eof"] == 1)
    assert (stats["conns"], stats["accepted"], stats["killed"], stats["bytes_in"]) == (4, 6, 1, total)


def test_all_workers_killed_again_and_again(worker_echo):
    service = worker_echo("--workers", 2)
    service.deaths_expected = True
    for round_ in range(1, 6):
        for pid in service.worker_pids().values():
            os.kill(pid, signal.SIGKILL)
        with service.connect() as sock:
            round_trip(sock)
            finish(sock)
        service.wait_for("died", count=2 * round_)
        service.wait_for("worker", count=2 * round_ + 2, seconds=1)
    assert len(set(service.worker_pids().values())) == len(service.children()) == 2


@pytest.mark.parametrize("workers", [1, 2])
def test_client_that_was_being_handed_over_is_not_lost(worker_echo, clients, workers):
    """A stopped worker is given clients and does not confirm them; it dies; another one takes them."""
    service = worker_echo("--workers", workers)
    service.deaths_expected = True
    victim = service.worker_pids()[0]
    os.kill(victim, signal.SIGSTOP)
    clients += [service.connect() for _ in range(10)]
    for i, sock in enumerate(clients):
        sock.sendall(b"%d" % i)
    until(lambda: service.stats()["accepted"] == 10, what="all are accepted")
    stats = service.stats()
    waiting = stats["worker0_conns"]
    assert waiting == 10 // workers
    os.kill(victim, signal.SIGKILL)
    for i, sock in enumerate(clients):
        assert receive_exactly(sock, 1) == b"%d" % i
    for sock in clients:
        finish(sock)
    stats = service.stats_when(lambda stats: stats["conns"] == 0)
    assert (stats["accepted"], stats["eof"], stats["killed"]) == (10, 10, 0)
    assert service.wait_for("died")["worker"] == 0


def test_client_whose_child_died_before_it_had_read_is_not_lost(echo, tmp_path, clients):
    """Children stop before they have confirmed a client, and are killed."""
    faults = Faults(tmp_path)
    service = echo(env=faults.env)
    service.deaths_expected = True
    faults.stop_children(2)
    clients += [service.connect() for _ in range(4)]
    for i, sock in enumerate(clients):
        sock.sendall(b"%d" % i)
    for _ in range(2):
        stopped = until(lambda: [pid for pid in service.children() if procfs.state(pid) == "T"], what="a child stops")
        os.kill(stopped[0], signal.SIGKILL)
        until(lambda: not procfs.alive(stopped[0]), what="it dies")
    for i, sock in enumerate(clients):
        assert receive_exactly(sock, 1) == b"%d" % i
        finish(sock)
    assert faults.children_to_stop == 0
    stats = service.stats_when(lambda stats: stats["conns"] == 0)
    assert (stats["accepted"], stats["eof"], stats["killed"]) == (4, 4, 0)
    # For fork, a child without a client of its own is not worth a line.
    if service.engine != "fork":
        assert [event["signal"] for event in service.events("died")] == [9, 9]


@pytest.mark.lengthy
def test_children_killed_at_random(echo):
    """Whoever is not answered was cut off with reason=killed, by one of our kills; everybody is accounted for."""
    service = echo(*(() if echo.engine == "fork" else ("--workers", 2)))
    service.deaths_expected = True
    chance, done, kills = random.Random(11), threading.Event(), []

    def kill():
        while not done.wait(0.01):
            living = [pid for pid in service.children() if procfs.alive(pid)]
            if living and len(kills) < 60:
                try:
                    os.kill(chance.choice(living), signal.SIGKILL)
                    kills.append(time.monotonic())
                except ProcessLookupError:
                    pass

    killer = threading.Thread(target=kill)
    killer.start()
    answered, cut = 0, []
    try:
        for i in range(40):
            socks = [connect_or_cut(service) for _ in range(10)]
            for sock, _ in socks:
                try:
                    sock.sendall(b"number %02d" % i)
                except OSError:
                    pass
            for sock, name in socks:
                back = expect_exactly_or_cut(sock, 9)
                if back == b"number %02d" % i:
                    answered += 1
                else:
                    assert back == b""
                    cut.append(name)
                sock.close()
    finally:
        done.set()
        killer.join()
    print(f"{len(kills)} kills, {answered} answered, {len(cut)} cut")
    stats = service.stats_when(lambda stats: stats["conns"] == 0)
    assert stats["accepted"] == 400 == answered + len(cut)
    assert [service.closed_by(name)["reason"] for name in cut] == ["killed"] * len(cut)
    assert len(cut) <= stats["killed"]
    with service.connect() as sock:
        round_trip(sock)


def connect_or_cut(service):
    """A socket and its name. Its child may have been killed before connect() was back: the next call tells."""
    sock = socket.socket()
    sock.settimeout(10 * PATIENCE)
    sock.bind(("127.0.0.1", 0))
    assert sock.connect_ex(service.where[0]) in (0, errno.ECONNRESET)
    return sock, sock.getsockname()


def expect_exactly_or_cut(sock, count):
    parts = b""
    try:
        while len(parts) < count and (part := sock.recv(count - len(parts))):
            parts += part
    except (ConnectionResetError, BrokenPipeError):
        pass
    except OSError as error:
        assert error.errno == errno.ENOTCONN
    return parts


@pytest.mark.parametrize("workers", [2, 3, 4])
def test_balance(worker_echo, clients, workers):
    service = worker_echo("--workers", workers)
    for _ in range(50):
        clients.append(service.connect())
    converse(clients, [b"%d" % i for i in range(50)])
    counts = [len(socks) for socks in by_worker(service, clients).values()]
    print("connections per worker:", counts)
    assert sum(counts) == 50 and len(counts) == workers and max(counts) - min(counts) <= 1
    stats = service.stats()
    assert sorted(stats[f"worker{i}_conns"] for i in range(workers)) == sorted(counts)
    held = procfs.tcp_held(service.port, *(stats[f"worker{i}_pid"] for i in range(workers)))
    for i in range(workers):
        assert stats[f"worker{i}_conns"] == stats[f"worker{i}_accepted"]
        assert held[i] == {procfs.ESTABLISHED: stats[f"worker{i}_conns"]}


def test_balance_after_departures(worker_echo, clients):
    """The child with the fewest connections is given the next."""
    service = worker_echo("--workers", 3)
    clients += [service.connect() for _ in range(12)]
    converse(clients, [b"%d" % i for i in range(12)])
    groups = by_worker(service, clients)
    emptied = sorted(groups)[2]
    for sock in groups[emptied]:
        service.closed_by(finish(sock))
    more = [service.connect() for _ in range(4)]
    clients += more
    converse(more, [b"%d" % i for i in range(4)])
    assert set(by_worker(service, more)) == {emptied}
