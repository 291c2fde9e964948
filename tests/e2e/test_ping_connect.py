# SPDX-License-Identifier: GPL-3.0-or-later
"""`yodel ping` connects, or says why it cannot."""

import pytest

import procfs
from netns import network, twofold
from pinglib import Peer, Ping, closing, echo, hanging, hanging_beside, one_line, peer, ping, refusing, taken, timed
from service import PATIENCE, until


def test_refused():
    with refusing() as port:
        result = ping(f"127.0.0.1:{port}")
    assert one_line(result.err) == f"connect 127.0.0.1:{port}: connection refused (nothing listens there)"
    assert (result.status, result.out) == (3, "")


@pytest.mark.parametrize("option", ["-W", "-w"])
def test_timed_out(option):
    with hanging() as listener:
        port = listener.getsockname()[1]
        result, seconds = timed(option, 0.3, f"127.0.0.1:{port}")
    assert one_line(result.err).startswith(f"connect 127.0.0.1:{port}: timed out")
    assert (result.status, result.out) == (3, "")
    assert 0.3 <= seconds < 0.3 + PATIENCE


def test_interrupted_while_connecting():
    with hanging() as listener, Ping(f"127.0.0.1:{listener.getsockname()[1]}") as running:
        until(lambda: any("signalfd" in target for target in procfs.descriptors(running.process.pid).values()),
              what="signals are caught")
        running.signal()
        result = running.finish()
    assert one_line(result.err).endswith(": interrupted")
    assert result.status == 3


def test_unreachable(network):
    result = ping("192.0.2.1", wrap=network.wrap)
    assert one_line(result.err) == "connect 192.0.2.1:5188: network is unreachable"
    assert result.status == 3


def test_a_connection_to_itself_is_refused(network):
    network.run("sh", "-c", "echo 40000 40000 >/proc/sys/net/ipv4/ip_local_port_range")
    result = ping("-c", 1, "127.0.0.1:40000", wrap=network.wrap)
    assert one_line(result.err) == "connect 127.0.0.1:40000: connected to itself (nothing listens there)"
    assert (result.status, result.out) == (3, "")


def test_the_peer_is_who_answers(peer):
    server = peer(echo)
    result = ping("-c", 1, f"0.0.0.0:{server.port}")
    assert result.lines[1].startswith(f"connected to {server.where} in ")
    assert result.status == 0


def test_ipv6(peer):
    server = peer(echo, host="::1")
    for args in ([f"[::1]:{server.port}"], ["-p", server.port, "::1"], ["-6", "-p", server.port, "::1"]):
        result = ping("-c", 1, *args)
        assert result.lines[0] == f"PING [::1]:{server.port} ([::1]:{server.port}): 64 bytes a message"
        assert (result.status, result.err) == (0, "")
    result = ping("-4", "-p", server.port, "::1")
    assert one_line(result.err) and result.status == 3


def test_a_refusal_of_ipv6_is_not_the_end(peer, twofold):
    server = peer(echo)
    result = ping("-c", 1, "-v", f"twofold:{server.port}", wrap=twofold)
    assert result.lines[:1] == [f"PING twofold:{server.port} ({server.where}): 64 bytes a message"]
    assert result.err.splitlines() == [f"yodel: ping: connect [::1]:{server.port}: connection refused",
                                       f"yodel: ping: connect {server.where}: connected"]
    assert result.status == 0


def test_an_ipv6_address_that_hangs_costs_250_ms(twofold):
    with hanging_beside(lambda port: Peer(echo, port=port)) as port:
        result, seconds = timed("-c", 1, "-i", 0, "--json", f"twofold:{port}", wrap=twofold)
    connect, = result.events("connect")
    assert connect["ip"] == "127.0.0.1"
    assert connect["connect_ns"] < 0.2e9 * PATIENCE # of the attempt that won
    assert 0.25 <= seconds < 0.25 + 0.7 * PATIENCE
    assert (result.status, result.err) == (0, "")


def test_of_several_failures_the_most_telling_is_told(twofold):
    with hanging_beside(taken) as port:
        result = ping("-W", 0.6, f"twofold:{port}", wrap=twofold)
        told = ping("-v", "-W", 0.6, f"twofold:{port}", wrap=twofold)
    assert one_line(result.err) == (f"connect twofold:{port}: connection refused (nothing listens there; "
                                    "2 addresses tried, -v tells of each)")
    assert told.err.splitlines() == [f"yodel: ping: connect [::1]:{port}: timed out",
                                     f"yodel: ping: connect 127.0.0.1:{port}: connection refused",
                                     f"yodel: ping: connect twofold:{port}: connection refused (nothing listens there)"]
    assert (result.status, told.status) == (3, 3)


def test_what_can_be_done_about_a_timeout_is_told_to_the_end(twofold):
    with hanging_beside(lambda port: taken(port, backlog=0)) as port:
        result = ping("-W", 0.4, f"twofold:{port}", wrap=twofold)
    assert one_line(result.err) == (f"connect twofold:{port}: timed out (-W and -w say how long to wait; "
                                    "2 addresses tried, -v tells of each)")


@pytest.mark.valgrind
def test_short_run_under_valgrind(peer, twofold):
    server = peer(closing)
    wrap = ["valgrind", "--quiet", "--leak-check=full", "--show-leak-kinds=all", "--errors-for-leak-kinds=all",
            "--error-exitcode=99"]
    result = ping("-i", 0, "-s", 64, f"twofold:{server.port}", wrap=[*twofold, *wrap], seconds=60)
    # A reset, if its third message was there before the peer closed.
    assert one_line(result.err) in [f"{server.where}: the peer {ended} the connection" for ended in ("closed", "reset")]
    assert (result.summary()["received"], result.status) == (2, 1)
