# SPDX-License-Identifier: GPL-3.0-or-later
"""No room for another client: nobody spins, nobody is lost, and it goes on as soon as there is room."""

import os
import random
import resource
import subprocess
import time

import pytest

import procfs
from clients import finish, receive_exactly, round_trip
from service import PATIENCE

CPU_SHARE = 0.05
WATCH_SECONDS = 1.5

# The reasons of event=paused that a lack of descriptors may be given: it may be met, or foreseen.
NO_DESCRIPTOR = {"descriptors", "max-conns"}


def set_limit(which, limit):
    return lambda: resource.setrlimit(which, (limit, limit))


def knock(service, count):
    """Clients that have sent a question each, and whether they were answered is still open."""
    socks = [service.connect() for _ in range(count)]
    for i, sock in enumerate(socks):
        sock.sendall(b"question %03d\n" % i)
    return socks


def served(socks, settle=0.4, at_least=0):
    """Those that have their answer once nobody has got one for a while, and that many have."""
    done, begun = {}, time.monotonic()
    last = begun
    while time.monotonic() - (last if len(done) >= at_least else begun + 5 * PATIENCE) < settle * PATIENCE:
        for i, sock in enumerate(socks):
            if i in done:
                continue
            sock.setblocking(False)
            try:
                answer = sock.recv(13)
                assert answer == b"question %03d\n" % i, f"client {i} got {answer!r}"
                done[i], last = sock, time.monotonic()
            except BlockingIOError:
                pass
            sock.settimeout(10 * PATIENCE)
        time.sleep(0.01)
    return done


def assert_calm(service):
    """While clients wait for room, hardly any processor time is spent."""
    before = service.cpu_seconds()
    time.sleep(WATCH_SECONDS)
    used = service.cpu_seconds() - before
    print(f"CPU while waiting for room: {100 * used / WATCH_SECONDS:.1f} %")
    assert used < CPU_SHARE * WATCH_SECONDS


def assert_all_served_in_turn(service, socks, first):
    """Whoever is served leaves; then the next ones get their answer, until all have had theirs."""
    waiting = {i: sock for i, sock in enumerate(socks) if i not in first}
    for sock in first.values():
        finish(sock)
    while waiting:
        i, sock = next(iter(waiting.items()))
        answer = receive_exactly(sock, 13)
        assert answer == b"question %03d\n" % i
        finish(sock)
        del waiting[i]
    stats = service.stats_when(lambda stats: stats["conns"] == 0)
    assert (stats["accepted"], stats["eof"]) == (len(socks), len(socks))


def assert_paused_once(service, reasons):
    paused = service.events("paused")
    assert [event["reason"] for event in paused][1:] == [] and paused[0]["reason"] in reasons, paused
    service.wait_for("resumed")
    assert len(service.events("resumed")) == 1
    assert len(service.err.raw) < 400


def test_few_descriptors_from_the_start(echo, clients):
    service = echo(preexec=set_limit(resource.RLIMIT_NOFILE, 40))
    clients += knock(service, 60)
    first = served(clients)
    assert 1 <= len(first) < 60
    assert_calm(service)
    assert_all_served_in_turn(service, clients, first)
    assert_paused_once(service, NO_DESCRIPTOR)


def test_descriptors_run_out(echo, clients):
    """The limit sinks below what the service could count on when it started."""
    service = echo()
    with service.connect() as sock:
        round_trip(sock)
        finish(sock)
    service.stats_when(lambda stats: stats["conns"] == 0)
    held = len(procfs.descriptors(service.pid))
    _, hard = resource.prlimit(service.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(service.pid, resource.RLIMIT_NOFILE, (held, hard))
    clients += knock(service, 20)
    assert served(clients) == {}
    assert_calm(service)
    assert not service.events("resumed")
    resource.prlimit(service.pid, resource.RLIMIT_NOFILE, (hard, hard))
    for i, sock in enumerate(clients):
        assert receive_exactly(sock, 13) == b"question %03d\n" % i
        finish(sock)
    assert_paused_once(service, {"descriptors"})


def test_worker_runs_out_of_descriptors(worker_echo, clients):
    """A descriptor that does not reach its worker (recvmsg(2), MSG_CTRUNC) is given to another, or waits."""
    service = worker_echo("--workers", 2)
    pids = list(service.worker_pids().values())
    _, hard = resource.prlimit(pids[0], resource.RLIMIT_NOFILE)
    resource.prlimit(pids[0], resource.RLIMIT_NOFILE, (len(procfs.descriptors(pids[0])), hard))
    clients += knock(service, 20)
    assert len(served(clients, at_least=20)) == 20
    resource.prlimit(pids[1], resource.RLIMIT_NOFILE, (len(procfs.descriptors(pids[1])), hard))
    late = knock(service, 20)
    clients += late
    assert served(late) == {}
    assert_calm(service)
    for sock in clients[:5]:
        finish(sock)
    first = served(late, at_least=5)
    assert len(first) == 5
    resource.prlimit(pids[0], resource.RLIMIT_NOFILE, (hard, hard))
    for i, sock in enumerate(late):
        if i not in first:
            assert receive_exactly(sock, 13) == b"question %03d\n" % i
    assert len(service.events("paused")) <= 1 and not service.events("close", reason="error")


def unused_uid():
    return 1_000_000 + random.SystemRandom().randrange(1_000_000_000)


needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become a user of whom nobody else runs")


@needs_root
def test_fork_refused(start, clients):
    """RLIMIT_NPROC counts the processes of a user, so each run is a user of its own; never root, whom it spares."""
    service = start("fork", "--user", unused_uid(), preexec=set_limit(resource.RLIMIT_NPROC, 6))
    clients += knock(service, 15)
    first = served(clients)
    assert 1 <= len(first) <= 6
    assert_calm(service)
    assert_all_served_in_turn(service, clients, first)
    assert_paused_once(service, {"processes"})


def limit_processes(service, uid, soft):
    """As that user, for root may lack the capability to do it to others."""
    subprocess.run(["prlimit", f"--pid={service.pid}", f"--nproc={soft}:"], user=uid, group=uid, extra_groups=[],
                   check=True)


@needs_root
def test_workers_cannot_be_replaced_for_a_while(worker_echo, clients):
    uid = unused_uid()
    service = worker_echo("--workers", 2, "--user", uid)
    service.deaths_expected = True
    with service.connect() as sock:
        round_trip(sock)
        finish(sock)
    limit_processes(service, uid, 1)
    for pid in service.worker_pids().values():
        os.kill(pid, 9)
    service.wait_for("died", count=2)
    clients += knock(service, 10)
    assert served(clients) == {}
    assert_calm(service)
    assert service.children() == []
    limit_processes(service, uid, 1000)
    for i, sock in enumerate(clients):
        assert receive_exactly(sock, 13) == b"question %03d\n" % i
        finish(sock)
    assert_paused_once(service, {"processes"})
    assert len(service.events()) < 100
