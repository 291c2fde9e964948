# SPDX-License-Identifier: GPL-3.0-or-later
"""The port is free again at once, and taken is taken."""

import signal
import subprocess
import time

import pytest

import procfs
from clients import expect_cut, reset, round_trip
from service import PATIENCE, SANITIZED, YODEL, until

TIMES = 10 if SANITIZED else 15


def run_once(start, engine, port, how):
    """Start on port, serve clients that end in four ways, stop with clients connected. Returns the service."""
    service = start(engine, "--drain", "20ms", "--idle-timeout", "250ms", addresses=(f"127.0.0.1:{port}",))
    with service.connect() as idles:  # is closed by the service first: that leaves TIME_WAIT on its port
        round_trip(idles)
        assert expect_cut(idles) == b""
    stays, leaves, breaks = (service.connect() for _ in range(3))
    for sock in (stays, leaves, breaks):
        round_trip(sock)
    children = service.children()
    leaves.close()
    reset(breaks)
    service.signal(how)
    status = service.wait_exit()
    assert status == (0 if how == signal.SIGTERM else -signal.SIGKILL)
    return service, stays, children


@pytest.mark.lengthy
@pytest.mark.parametrize("times", [TIMES, pytest.param(150, marks=pytest.mark.soak)])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_restart_on_the_same_port(start, engine, how, times):
    port = 0
    orphans = set()
    for _ in range(times):
        service, stays, children = run_once(start, engine, port, how)
        port, died = service.port, time.monotonic()
        orphans.update(children)
        expect_cut(stays)
        stays.close()
    until(lambda: not any(map(procfs.alive, orphans)), 1.0 - (time.monotonic() - died), "children end")
    # Only then did it mean anything:
    assert procfs.TIME_WAIT in [state for state, _ in procfs.tcp_sockets(port)]


def test_children_end_with_their_parent(echo, clients):
    service = echo()
    clients += [service.connect() for _ in range(5)]
    for sock in clients:
        round_trip(sock)
    children = service.children()
    assert children
    service.signal(signal.SIGKILL)
    service.wait_exit()
    until(lambda: not any(map(procfs.alive, children)), 1.0, "children end")
    for sock in clients:
        assert expect_cut(sock) == b""


@pytest.mark.parametrize("first, second", [
    ("127.0.0.1", "127.0.0.1"), ("*", "*"), ("127.0.0.1", "*"), ("*", "127.0.0.1"), ("*", "[::1]"), ("[::1]", "*"),
])
def test_second_instance_fails_at_once(echo, engine, first, second):
    service = echo(addresses=(f"{first}:0",))
    with service.connect() as sock:
        round_trip(sock)
        begun = time.monotonic()
        done = subprocess.run([YODEL, "echo", "--engine", engine, f"{second}:{service.port}"], capture_output=True,
                              text=True, timeout=10 * PATIENCE)
        took = time.monotonic() - begun
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1 and done.stderr.startswith("yodel: ")
        assert "address already in use" in done.stderr and f":{service.port}" in done.stderr
        assert took < 1.0 * PATIENCE
        round_trip(sock)
    with service.connect() as sock:
        round_trip(sock)
