# SPDX-License-Identifier: GPL-3.0-or-later
"""Peers that vanish without a word are found, and those that merely do not read are not given up."""

import socket
import time

import pytest

import procfs
from clients import Pattern
from netns import network
from pipelib import (apart, pair, receive_pattern, receive_rest, receive_until, role, send_all, sockets, stuff, talk)
from service import PATIENCE, until

SLACK = 0.7 * PATIENCE


def vanish(network, sock, role):
    """From now on nothing of this connection arrives. The listening port of the caller's peer is shared by nobody."""
    if role == "listen":
        network.cut(sock)
        return
    port = sock.getpeername()[1]
    network.nft(f"add rule inet test in tcp sport {port} drop", f"add rule inet test in tcp dport {port} drop")


def idle(one, sock):
    """Nothing is said by anybody."""


def owed(one, sock):
    """What we say is not acknowledged."""
    send_all(one.stdin, b"x" * 1000)


def ended(one, sock):
    """We have ended and wait for the peer."""
    one.end_input()
    assert receive_rest(sock) == b""


def left_alone(one, sock):
    """The peer has ended and standard input has not."""
    sock.shutdown(socket.SHUT_WR)
    assert receive_rest(one.stdout) == b""


def ending(one, sock):
    """Our end is not acknowledged."""
    one.end_input()


BEFORE = (idle, ended, left_alone)
AFTER = (owed, ending)


def vanished(pair, network, dead):
    """Let the peers of ten vanish at once. Returns after how many seconds each of them has ended."""
    cut, took, ones = {}, {}, {}
    for role in ("listen", "call"):
        for what in BEFORE + AFTER:
            one, sock = pair(role, *dead, network=network)
            send_all(one.stdin, b"hello")
            assert receive_until(sock, b"hello") == b"hello"
            if what in BEFORE:
                what(one, sock)
            vanish(network, sock, role)
            cut[role, what.__name__] = time.monotonic()
            if what in AFTER:
                what(one, sock)
            ones[role, what.__name__] = one
    while len(took) < len(ones):
        for name, one in ones.items():
            if name not in took and one.process.poll() is not None:
                took[name] = time.monotonic() - cut[name]
        assert time.monotonic() - max(cut.values()) < 60, f"found: {took}"
        time.sleep(0.01)
    print({name: round(seconds, 2) for name, seconds in took.items()})
    for (role, what), one in ones.items():
        assert one.wait() == 3, (role, what)
        assert one.said[-1].startswith(f"yodel: {role}: 127.0.0.1:")
        assert one.said[-1].endswith(": timed out" + (what == "owed") * " (1000 bytes not delivered)"), one.said
    return took


@pytest.mark.lengthy
def test_a_peer_that_vanished_is_found(pair, network):
    took = vanished(pair, network, ["--dead-timeout", "3s"])
    assert all(1 <= seconds <= 3 + SLACK for seconds in took.values()), took


@pytest.mark.soak
@pytest.mark.lengthy
def test_a_peer_that_vanished_is_found_within_30_seconds_by_default(pair, network):
    took = vanished(pair, network, [])
    assert all(10 <= seconds <= 30 for seconds in took.values()), took


@pytest.mark.lengthy
def test_a_peer_that_merely_does_not_read_is_kept(pair):
    """For more than three times the time; then every byte is there. Once it has ended, once it goes on."""
    pattern, cases = Pattern(1), []
    for role in ("listen", "call"):
        for ends in (False, True):
            one, sock = pair(role, "--dead-timeout", "3s", receive_buffer=8192)
            sent = stuff(one.stdin, pattern, quiet=0.1)
            if ends:
                sock.shutdown(socket.SHUT_WR)
                one.end_input()
            cases.append((one, sock, sent))
    time.sleep(10)
    for one, sock, sent in cases:
        assert one.process.poll() is None, one.said
        one.end_input()
        assert receive_pattern(sock, pattern) == sent
        sock.close()
        assert one.finish() == (0, b"")


@pytest.mark.lengthy
@pytest.mark.parametrize("role", ["listen"])
def test_what_a_vanished_peer_had_sent_is_not_lost(pair, role, network):
    """It lies in our system's buffers, as standard output is slow, when our own bytes turn out to go nowhere."""
    one, sock = pair(role, "--dead-timeout", "3s", network=network)
    pattern = Pattern(2)
    sent = stuff(sock, pattern)
    arrived = sent - procfs.unacked(sock)
    assert arrived > 100_000
    vanish(network, sock, role)
    send_all(one.stdin, b"x" * 1000)
    time.sleep(4)
    assert receive_pattern(one.stdout, pattern) >= arrived
    assert one.wait() == 3
    assert one.said[-1].endswith(": timed out (1000 bytes not delivered)")


@pytest.mark.parametrize("last", [b"", b"the last word"])
def test_an_end_that_is_answered_late_and_by_a_reset(pair, role, network, last):
    """The peer closed long ago. Our end is lost at first, and when it arrives nobody knows the connection any more. A last
    word was not received then; without one, nothing was missed."""
    one, sock = pair(role, network=network)
    send_all(one.stdin, b"for you")
    assert receive_until(sock, b"you") == b"for you"
    ours = sock.getpeername()[1]
    sock.close()
    assert receive_rest(one.stdout) == b""
    network.nft(f"add rule inet test in tcp sport {ours} counter drop")
    send_all(one.stdin, last)
    one.end_input()
    until(lambda: "packets 0 " not in network.run("nft", "list", "chain", "inet", "test", "in"), what="it is lost")
    network.mend()
    network.nft(f"add rule inet test in tcp sport {ours} reject with tcp reset")
    assert one.wait() == (3 if last else 0)
    assert one.said[-1].endswith("everything (13 bytes not delivered)" if last else " left"), one.said


@pytest.mark.lengthy
@pytest.mark.parametrize("role", ["call"])
def test_a_peer_that_is_gone_for_so_long_that_nobody_knows_it(pair, role, network):
    """That keep-alive finds it out is no reason to believe that it missed anything; but standard input is still open."""
    network.run("sysctl", "-q", "net.ipv4.tcp_fin_timeout=1")
    one, sock = pair(role, "--dead-timeout", "3s", network=network)
    send_all(one.stdin, b"for you")
    assert receive_until(sock, b"you") == b"for you"
    sock.close()
    assert receive_rest(one.stdout) == b""
    assert one.wait() == 3
    assert one.said[-1].endswith(": the peer left before standard input ended")
