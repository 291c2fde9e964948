# SPDX-License-Identifier: GPL-3.0-or-later
"""Listeners that break or cannot be waited for: the service says so once, costs nothing, and goes on when it can."""

import errno
import subprocess
import time

import pytest

from clients import finish, round_trip
from faults import Faults
from netns import Network
from service import PATIENCE, until


def expect_rest(service, seconds=2.0):
    """Next to no time of the processor is used, and next to nothing is said."""
    before, lines = service.cpu_seconds(), len(service.err.raw)
    time.sleep(seconds)
    used = (service.cpu_seconds() - before) / seconds
    print(f"{used:.1%} of a processor, {len(service.err.raw) - lines} lines")
    assert used < 0.05 * PATIENCE and len(service.err.raw) - lines <= 2


@pytest.mark.parametrize("name", ["EINVAL", "ENOTSOCK"])
def test_accept_that_fails_again_and_again(echo, tmp_path, name):
    faults = Faults(tmp_path)
    service = echo(env=faults.env)
    faults.accept_errors([getattr(errno, name)] * 1000)
    with service.connect() as sock:
        sock.sendall(b"hello\n")
        service.wait_for("paused", reason="listener")
        expect_rest(service)
        assert 3 <= faults.accept_failed <= 50 * PATIENCE
        assert not service.events("accept-error")
        faults.accept_errors([])
        assert sock.recv(6) == b"hello\n"
        finish(sock)
    service.wait_for("resumed")
    assert [event["reason"] for event in service.events("paused")] == ["listener"]
    with service.connect() as sock:
        round_trip(sock)
        finish(sock)


def test_listener_that_is_destroyed(echo):
    """As `ss -K` does: accept fails with EINVAL, and there is nothing left to wait for."""
    network = Network()
    try:
        if not network.usable:
            pytest.skip("no network namespaces here")
        service = echo(wrap=network.wrap)
        with network.connect(service) as sock:
            round_trip(sock)
            killed = subprocess.run([*network.wrap, "ss", "-K", "-Htln", f"sport = :{service.port}"],
                                    capture_output=True, text=True, check=False)
            if str(service.port) not in killed.stdout:
                pytest.skip(f"ss cannot destroy sockets here: {killed.stderr.strip()}")
            service.wait_for("paused", reason="listener")
            expect_rest(service)
            assert len(service.events("paused")) == 1 and not service.events("accept-error")
            round_trip(sock, b"still served")
            finish(sock)
        service.stop()
    finally:
        network.close()


@pytest.mark.parametrize("name", ["ENOMEM", "ENOSPC"])
def test_listener_that_cannot_be_waited_for_once(echo, tmp_path, name):
    """After a pause it is put into the set of events again; one failure of that must not be the end."""
    faults = Faults(tmp_path)
    service = echo("--max-conns", 1, env=faults.env)
    with service.connect() as first, service.connect() as second:
        round_trip(first)
        service.wait_for("paused", reason="max-conns")
        faults.add_error(getattr(errno, name))
        second.sendall(b"hello\n")
        finish(first)
        until(lambda: faults.adds_failed == 1, what="the listener is wanted again")
        assert second.recv(6) == b"hello\n"
        finish(second)
    stats = service.stats_when(lambda stats: stats["conns"] == 0)
    assert (stats["accepted"], stats["eof"], faults.adds_failed) == (2, 2, 1)


def test_error_of_a_queued_connection_is_told_for_each(echo, tmp_path):
    faults = Faults(tmp_path)
    service = echo(env=faults.env)
    faults.accept_errors([errno.ECONNABORTED] * 3 + [errno.EPROTO])
    with service.connect() as sock:
        round_trip(sock)
        finish(sock)
    assert faults.accept_failed == 4
    service.wait_for("accept-error", count=4)
    told = [event["reason"] for event in service.events("accept-error")]
    assert len(told) == 4 and told[0] == told[1] == told[2] != told[3]
    assert service.stats()["accept_errors"] == 4
    assert not service.events("paused")
