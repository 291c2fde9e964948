# SPDX-License-Identifier: GPL-3.0-or-later
"""The end: orderly, bounded, and at the second request at once."""

import os
import signal
import socket
import subprocess
import time

import pytest

import procfs
from clients import Pattern, be_turned_away, converse, expect_cut, finish, receive_exactly, round_trip, stuff_all
from service import PATIENCE, YODEL, Late, Output

REQUESTS = [signal.SIGTERM, signal.SIGINT]


def served_until_refused(service):
    """Connect until nobody listens any more. Whoever was let in before must have been served. Returns how many were."""
    served = 0
    deadline = time.monotonic() + 5 * PATIENCE
    while time.monotonic() < deadline:
        try:
            with service.connect() as sock:
                round_trip(sock)
                finish(sock)
                served += 1
        except (ConnectionRefusedError, ConnectionResetError, BrokenPipeError):
            return served
    raise Late("somebody still listens")


@pytest.mark.parametrize("request_", REQUESTS)
def test_clients_are_served_to_their_end(echo, clients, request_):
    service = echo("--drain", "20s")
    clients += [service.connect() for _ in range(3)]
    converse(clients, [b"a", b"b", b"c"])
    service.signal(request_)
    assert service.wait_for("drain")["conns"] == 3
    late = served_until_refused(service)
    for _ in range(20):
        for sock in clients:
            round_trip(sock)
    left = time.monotonic()
    for sock in clients:
        finish(sock)
    assert service.wait_exit() == 0
    print(f"ended {1000 * (time.monotonic() - left):.0f} ms after the last client")
    assert time.monotonic() - left < 1.0 * PATIENCE
    stop = service.wait_for("stop")
    assert (stop["cut"], stop["accepted"]) == (0, 3 + late)


@pytest.mark.parametrize("limit, expected", [(None, 8), (5, 5)])
def test_queued_clients_are_served_up_to_the_limit(echo, clients, limit, expected):
    service = echo("--drain", "20s", *(["--max-conns", limit] if limit else []))
    service.signal(signal.SIGSTOP)
    clients += [service.connect() for _ in range(8)]
    for sock in clients:
        sock.sendall(b"queued")
    service.signal(signal.SIGTERM)
    service.signal(signal.SIGCONT)
    for sock in clients[:expected]:
        assert receive_exactly(sock, 6) == b"queued"
    for sock in clients[expected:]:
        assert expect_cut(sock) == b""
    for sock in clients[:expected]:
        round_trip(sock)
        finish(sock)
    assert service.wait_exit() == 0
    stop = service.wait_for("stop")
    assert (stop["cut"], stop["accepted"]) == (0, expected)


def test_drain_is_bounded(echo, clients):
    """One client is silent, one does not read, one has ended and does not read; the fourth is done in time."""
    service = echo("--drain", "1s")
    silent, full, ended, done = clients[:] = [service.connect(receive_buffer=8192) for _ in range(4)]
    converse(clients, [b"a", b"b", b"c", b"d"])
    sent = stuff_all([full, ended], [Pattern(1), Pattern(2)], quiet=0.1)
    ended.shutdown(socket.SHUT_WR)
    begun = time.monotonic()
    service.signal(signal.SIGTERM)
    finish(done)
    assert service.wait_exit() == 0
    took = time.monotonic() - begun
    assert 0.95 <= took <= 1.5 + 0.5 * PATIENCE, took
    assert expect_cut(silent) == b""
    assert len(expect_cut(full)) < sent[0] and len(expect_cut(ended)) < sent[1]
    for sock in (silent, full, ended):
        assert service.closed_by(sock)["reason"] == "drain"
    stop = service.wait_for("stop")
    assert (stop["cut"], stop["accepted"], stop["eof"], stop["drain"]) == (3, 4, 1, 3)


def test_stopped_children_do_not_hold_up_the_end(echo, clients):
    service = echo("--drain", "200ms")
    clients += [service.connect() for _ in range(3)]
    converse(clients, [b"a", b"b", b"c"])
    children = service.children()
    for pid in children:
        os.kill(pid, signal.SIGSTOP)
    begun = time.monotonic()
    service.signal(signal.SIGTERM)
    assert service.wait_exit() == 0
    assert time.monotonic() - begun < 0.2 + 1.0 * PATIENCE
    assert not any(map(procfs.alive, children))
    assert service.wait_for("stop")["cut"] == 3


@pytest.mark.parametrize("request_", REQUESTS)
def test_end_without_clients(echo, request_):
    service = echo()
    with service.connect() as sock:
        round_trip(sock)
        service.closed_by(finish(sock))
    begun = time.monotonic()
    service.signal(request_)
    assert service.wait_exit() == 0
    took = time.monotonic() - begun
    print(f"ended within {1000 * took:.1f} ms")
    assert took < 1.0 * PATIENCE
    assert service.wait_for("stop")["cut"] == 0


def test_end_as_process_1(engine):
    """The first process of a namespace has no default actions of signals and is given orphans."""
    user = [] if os.getuid() == 0 else ["-r"]
    command = ["unshare", *user, "-pf", "--mount-proc", "--kill-child",
               YODEL, "echo", "--engine", engine, "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as outer:
        try:
            err = Output(outer.stderr)
            line = err.wait(lambda raw: [line for line in raw if line.startswith((b"listening on ", b"unshare:"))],
                            5, "listening on")[0]
            if line.startswith(b"unshare:"):
                pytest.skip(line.decode())
            inner = procfs.children(outer.pid)[0]
            with socket.create_connection(("127.0.0.1", int(line.rpartition(b":")[2])), 5) as sock:
                round_trip(sock)
                finish(sock)
            begun = time.monotonic()
            os.kill(inner, signal.SIGTERM)
            assert outer.wait(5 * PATIENCE) == 0
            took = time.monotonic() - begun
            print(f"ended within {1000 * took:.1f} ms")
            assert took < 1.0 * PATIENCE
        finally:
            outer.kill()
            err.thread.join(5)


@pytest.mark.parametrize("request_", REQUESTS)
def test_second_request_ends_at_once(echo, clients, request_):
    service = echo("--drain", "60s")
    clients += [service.connect() for _ in range(2)]
    converse(clients, [b"a", b"b"])
    service.signal(request_)
    service.wait_for("drain")
    begun = time.monotonic()
    service.signal(request_)
    assert service.wait_exit() == 0
    assert time.monotonic() - begun < 1.0 * PATIENCE
    assert service.wait_for("stop")["cut"] == 2
    for sock in clients:
        assert expect_cut(sock) == b""


def test_children_leave_signals_to_their_parent(echo, clients):
    service = echo()
    clients += [service.connect() for _ in range(3)]
    converse(clients, [b"a", b"b", b"c"])
    children = service.children()
    for pid in children:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGPIPE):
            os.kill(pid, number)
    for sock in clients:
        round_trip(sock)
    assert service.children() == children
    assert not service.events("drain") and not service.events("died")


@pytest.mark.parametrize("request_", [*REQUESTS, signal.SIGHUP])
def test_signal_to_the_whole_group_cuts_nobody(echo, clients, request_):
    """As a terminal does with Ctrl-C."""
    service = echo("--drain", "20s")
    clients += [service.connect() for _ in range(3)]
    converse(clients, [b"a", b"b", b"c"])
    os.killpg(service.pid, request_)
    service.wait_for("drain")
    for sock in clients:
        round_trip(sock)
        finish(sock)
    assert service.wait_exit() == 0
    assert service.wait_for("stop")["cut"] == 0


def test_usr1_writes_the_counters(echo, clients):
    service = echo("-q", "--max-conns-per-ip", 4)
    clients += [service.connect() for _ in range(4)]
    converse(clients, [b"12345", b"123", b"1", b"1234567"])
    be_turned_away(service)
    finish(clients.pop(0))
    service.stats_when(lambda stats: (stats["conns"], stats["bytes_out"]) == (3, 16))
    before = len(service.err.raw)
    stats = service.stats()
    assert len(service.err.raw) == before + 1
    expected = {"conns": 3, "accepted": 4, "refused": 1, "bytes_in": 16, "bytes_out": 16, "eof": 1, "reset": 0,
                "idle": 0, "dead": 0, "drain": 0, "killed": 0, "error": 0, "accept_errors": 0, "log_dropped": 0,
                "print_dropped": 0}
    assert {key: stats[key] for key in expected} == expected
    if service.engine != "fork":
        workers = [key for key in stats if key.startswith("worker") and key.endswith("_conns")]
        assert sum(stats[key] for key in workers) == 3
        assert sum(stats[key.replace("_conns", "_accepted")] for key in workers) == 4
