# SPDX-License-Identifier: GPL-3.0-or-later
"""Children that die at a bad moment or cannot be born, and what no child may do."""

import errno
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

import procfs
from clients import Pattern, converse, finish, round_trip
from faults import Faults
from netns import Network
from service import PATIENCE, until


def one_worker(echo):
    return () if echo.engine == "fork" else ("--workers", 1)


@pytest.fixture
def small_buffers():
    """A network of its own whose sockets take little, so that a child soon holds what no socket takes."""
    network = Network()
    try:
        if not network.usable:
            pytest.skip("no network namespaces here: " + network.holder.stderr.read().decode().strip())
        for name in ("tcp_wmem", "tcp_rmem"):
            network.run("sh", "-c", f"echo 4096 16384 16384 > /proc/sys/net/ipv4/{name}")
        yield network
    finally:
        network.close()


def queues(network, port, peer):
    """(bytes nobody has read, bytes not acknowledged) of the socket with this local port and this peer's."""
    row = re.compile(rf"^ *\d+: [0-9A-F]+:{port:04X} [0-9A-F]+:{peer:04X} \S+ ([0-9A-F]+):([0-9A-F]+) ", re.M)
    found = row.findall(Path(f"/proc/{network.holder.pid}/net/tcp").read_text(encoding="ascii"))
    return int(found[0][1], 16), int(found[0][0], 16)


def leave_a_tail(network, service, sock, pattern):
    """Send without reading until the child has read all there is and could not send all of it. Returns how many bytes
    were sent, or None if it stopped reading before it came to that."""
    me, sent = sock.getsockname()[1], 0
    sock.setblocking(False)

    def settled():
        """All was read by the child, or it has stopped to read."""
        unread, _ = queues(network, service.port, me)
        _, unacked = queues(network, me, service.port)
        return (unread, unacked) == (0, 0) or service.stats()["bytes_out"] < service.stats()["bytes_in"]

    while True:
        try:
            sent += sock.send(pattern.piece(sent, 1500))
        except BlockingIOError:
            return None
        until(settled, what="what was sent is read")
        stats = service.stats()
        if stats["bytes_out"] < stats["bytes_in"]:
            return sent if stats["bytes_in"] == sent else None


def read_to_the_end(sock, pattern):
    """Returns (bytes that came, whether the end was orderly)."""
    got = 0
    sock.settimeout(10 * PATIENCE)
    while True:
        try:
            part = sock.recv(1 << 18)
        except ConnectionResetError:
            return got, False
        if not part:
            return got, True
        pattern.check(got, part)
        got += len(part)


def cut(service, how, sock):
    """End the connection from the other side, by force."""
    name = sock.getsockname()
    if how == "kill":
        os.kill(service.worker_of(sock), signal.SIGKILL)
        assert service.closed_by(name)["reason"] == "killed"
    else:
        service.signal(signal.SIGTERM)
        assert service.wait_exit() == 0


@pytest.mark.parametrize("how", ["kill", "drain"])
def test_who_misses_bytes_is_reset(echo, small_buffers, how):
    """An orderly end means that everything came back. The client reads only after its child is gone."""
    service = echo("--drain", "50ms", *one_worker(echo), wrap=small_buffers.wrap)
    service.deaths_expected = True
    pattern = Pattern(5)
    with small_buffers.connect(service) as sock:
        sent = leave_a_tail(small_buffers, service, sock, pattern)
        assert sent, "no child was caught with bytes in its hands"
        cut(service, how, sock)
        got, orderly = read_to_the_end(sock, pattern)
    assert got < sent and not orderly, f"{got} of {sent} bytes came, and then a good end"


@pytest.mark.parametrize("how", ["kill", "drain"])
def test_who_misses_nothing_has_everything(echo, how):
    """A client that has not read yet what was echoed, and is idle: whatever the end, no byte is missing."""
    service = echo("--drain", "50ms", *one_worker(echo))
    service.deaths_expected = True
    pattern, total = Pattern(3), 200_000
    with service.connect(receive_buffer=1 << 20) as sock:
        sock.sendall(pattern.piece(0, total))
        until(lambda: len(sock.recv(total, socket.MSG_PEEK)) == total, what="all has come back")
        cut(service, how, sock)
        got = sock.recv(total, socket.MSG_WAITALL)
        pattern.check(0, got)
        assert len(got) == total


def lines_within(service, seconds):
    """How many lines are written from now on in so many seconds."""
    before = len(service.err.raw)
    time.sleep(seconds)
    return len(service.err.raw) - before


def limit_memory(service):
    """The service and what it starts from now on can have a little more than the service has. Returns how to lift that."""
    kib = int(procfs.status(service.pid)["VmSize"].split()[0])

    def limit(value):
        subprocess.run(["prlimit", f"--pid={service.pid}", f"--as={value}:"], check=True)

    limit((kib + 64) * 1024)
    return lambda: limit("unlimited")


def limit_children(service, faults):
    faults.fork_error(errno.EAGAIN)
    return lambda: faults.fork_error(0)


@pytest.mark.parametrize("lacking", [pytest.param("memory", marks=pytest.mark.nosanitize("limits memory")), "processes"])
def test_worker_that_cannot_be_started_is_no_flood(worker_echo, tmp_path, lacking):
    """It is tried again less and less often, and when it can be, the service goes on by itself."""
    faults = Faults(tmp_path)
    service = worker_echo("-q", "--workers", 2, env=faults.env)
    service.deaths_expected = True
    victim = service.worker_pids()[0]
    lift = limit_memory(service) if lacking == "memory" else limit_children(service, faults)
    begun = service.cpu_seconds()
    os.kill(victim, signal.SIGKILL)
    service.wait_for("died")
    lines = lines_within(service, 3)
    print(f"{lines} lines in 3 s: {service.err.raw[-lines:]}")
    assert lines <= 12
    assert service.cpu_seconds() - begun < 0.3 * PATIENCE
    with service.connect() as sock:  # the other one serves
        round_trip(sock)
        finish(sock)
    lift()
    service.stats_when(lambda stats: stats["worker0_pid"] not in (0, victim) and procfs.alive(stats["worker0_pid"]),
                       seconds=12, what="it is born again")
    socks = [service.connect() for _ in range(4)]
    converse(socks, [b"%d" % i for i in range(4)])
    stats = service.stats()
    assert (stats["worker0_conns"], stats["worker1_conns"]) == (2, 2)
    for sock in socks:
        finish(sock)


@pytest.mark.parametrize("log_format", ["logfmt", "json"])
def test_counters_of_every_worker_are_in_one_line(worker_echo, log_format):
    count = 128
    service = worker_echo("--workers", count, "--max-conns", 10 * count, "--log-format", log_format)
    socks = [service.connect() for _ in range(count)]
    converse(socks, [b"%03d" % i for i in range(count)])
    stats = service.stats_when(lambda stats: stats["bytes_out"] == 3 * count)
    pids = {stats[f"worker{i}_pid"] for i in range(count)}
    assert pids == set(service.children()) and len(pids) == count
    for i in range(count):
        own = tuple(stats[f"worker{i}_{name}"] for name in ("conns", "accepted", "bytes_in", "bytes_out"))
        assert own == (1, 1, 3, 3), f"worker {i}"
    assert f"worker{count}_pid" not in stats and list(stats)[-1] == "time"
    for sock in socks:
        finish(sock)


def test_children_can_do_nothing_to_each_other(echo, tmp_path, clients):
    """Neither signal nor read the memory of the service and of another child."""
    faults = Faults(tmp_path)
    service = echo(*(() if echo.engine == "fork" else ("--workers", 2)), env=faults.env)
    version = service.wait_for("start")["landlock"]
    clients.append(service.connect())
    round_trip(clients[0])
    sibling = service.worker_of(clients[0])
    faults.probe(sibling)
    clients.append(service.connect())
    round_trip(clients[1])
    assert service.worker_of(clients[1]) != sibling
    until(faults.probed, what="a child has tried")
    signals, memory = faults.probed_processes()
    if version < 1:
        pytest.skip("this kernel has no Landlock; the log says so")
    assert memory == (errno.EPERM, errno.EPERM)
    if version < 6:
        pytest.skip("this kernel's Landlock knows no signals (from version 6)")
    assert signals == (errno.EPERM, errno.EPERM)
