# SPDX-License-Identifier: GPL-3.0-or-later
"""No zombie stays, however many clients come and go."""

import signal
import socket
import threading
import time

import pytest

import procfs
from clients import converse, expect_end, round_trip
from service import SANITIZED, until

REASONS = ("eof", "reset", "idle", "dead", "drain", "killed", "error")


class ZombieWatch:
    """Looks at the children again and again and remembers how long each was seen dead."""

    def __init__(self, service):
        self.service, self.oldest, self.looks, self.done = service, 0.0, 0, threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()

    def _run(self):
        since = {}
        while not self.done.wait(0.1):
            now = time.monotonic()
            since = {pid: since.get(pid, now) for pid in self.service.zombies()}
            self.oldest = max([self.oldest, *(now - seen for seen in since.values())])
            self.looks += 1


def closed(stats):
    return sum(stats[reason] for reason in REASONS)


def open_connections(port):
    """Those whose service's side is not closed yet."""
    states = [state for state, _ in procfs.tcp_sockets(port)]
    return states.count(procfs.ESTABLISHED) + states.count(procfs.CLOSE_WAIT)


def come_and_go(service, count, source):
    """A batch of short connections: connect, one exchange, half-close, end."""
    socks = [service.connect(source=source, seconds=20) for _ in range(count)]
    for sock in socks:
        sock.sendall(b"ping")
        sock.shutdown(socket.SHUT_WR)
    for sock in socks:
        assert sock.recv(4) == b"ping"
        expect_end(sock, 20)
        sock.close()


@pytest.mark.lengthy
@pytest.mark.parametrize("total", [20_000, pytest.param(200_000, marks=pytest.mark.soak)])
def test_no_zombie_after_short_connections(echo, engine, total):
    if SANITIZED:
        total //= 10 if engine == "fork" else 2
    service = echo("-q")
    begun = time.monotonic()
    with ZombieWatch(service) as watch:
        for i in range(total // 50):
            come_and_go(service, 50, f"127.0.1.{1 + i % 40}")
    print(f"{total} connections took {time.monotonic() - begun:.1f} s, oldest zombie {watch.oldest:.2f} s")
    stats = service.stats_when(lambda stats: stats["conns"] == 0)
    assert (stats["accepted"], stats["eof"], closed(stats)) == (total, total, total)
    assert (stats["bytes_in"], stats["bytes_out"]) == (4 * total, 4 * total)
    assert watch.looks > 3 and watch.oldest < 1.0
    until(lambda: not service.zombies(), 1.0, "zombies are gone")


def test_burst_of_simultaneous_exits(echo, engine, clients):
    count = 100 if SANITIZED else 300
    service = echo()
    clients += [service.connect() for _ in range(count)]
    converse(clients, [b"%d" % i for i in range(count)])
    until(lambda: procfs.tcp_held(service.port, service.pid) == [{procfs.LISTEN: 1}], what="the parent holds no client")
    workers = service.children()
    service.signal(signal.SIGSTOP)
    for sock in clients:
        sock.close()
    if engine == "fork":
        until(lambda: open_connections(service.port) == 0, 20, "all children close")
        assert service.zombies()
    service.signal(signal.SIGCONT)
    service.wait_for("close", count=count, reason="eof", seconds=10)
    until(lambda: not service.zombies(), 1.0, "zombies are gone")
    stats = service.stats()
    assert (stats["conns"], stats["accepted"], stats["eof"], closed(stats)) == (0, count, count, count)
    assert service.children() == ([] if engine == "fork" else workers)
    with service.connect() as sock:
        round_trip(sock)
