# SPDX-License-Identifier: GPL-3.0-or-later
"""How talking in a pipe ends: who ends first, for how long the other may go on, and what counts as lost."""

import signal
import socket
import time

import pytest

import procfs
from clients import Pattern, reset
from pipelib import (apart, pair, receive, receive_pattern, receive_rest, receive_until, role, send_all, sockets, stuff,
                     talk)
from service import PATIENCE, until


def address(sock):
    """The other end of the connection as the program shows it."""
    return "%s:%d" % sock.getsockname()[:2]


def test_we_end_first(pair, role):
    one, sock = pair(role)
    send_all(one.stdin, b"question")
    one.end_input()
    assert receive_rest(sock) == b"question"
    for part in (b"an", b"swer"):
        sock.sendall(part)
        assert receive_until(one.stdout, part) == part
    sock.close()
    assert one.finish() == (0, b"")


def test_the_peer_ends_first(pair, role):
    """Standard output ends with it, and what standard input still brings arrives."""
    one, sock = pair(role)
    sock.sendall(b"question")
    sock.shutdown(socket.SHUT_WR)
    assert receive_rest(one.stdout) == b"question"
    for part in (b"an", b"swer"):
        send_all(one.stdin, part)
        assert receive_until(sock, part) == part
    one.end_input()
    assert receive_rest(sock) == b""
    assert one.wait() == 0


@pytest.mark.parametrize("first", ["we", "peer"])
def test_the_status_is_on_standard_error(pair, role, first):
    """Who wonders why it goes on after the peer's end is told."""
    one, sock = pair(role)
    peer = address(sock)
    if first == "we":
        one.end_input()
        assert receive_rest(sock) == b""
    sock.sendall(b"hello\n")
    sock.close()
    assert receive_rest(one.stdout) == b"hello\n"
    if first == "peer":
        one.wait_line(f"{peer} sends no more")
        one.end_input()
    assert one.wait() == 0
    begin = [f"listening on 127.0.0.1:{one.port}", f"{peer} is here"] if role == "listen" else [f"connected to {peer}"]
    goes_on = [f"{peer} sends no more; waiting for the end of standard input"] if first == "peer" else []
    assert one.said == begin + goes_on + [f"{peer} left"]


def test_quiet(pair, role):
    """Whoever starts it must still learn the port."""
    one, sock = pair(role, "-q")
    sock.sendall(b"hello\n")
    sock.close()
    one.end_input()
    assert one.finish() == (0, b"hello\n")
    assert one.said == ([] if role == "call" else [f"listening on 127.0.0.1:{one.port}"])


def test_quiet_is_not_silent_about_errors(pair, role):
    one, sock = pair(role, "-q")
    reset(sock)
    assert one.finish() == (3, b"")
    assert len([line for line in one.said if line.startswith(f"yodel: {role}: ")]) == 1


# --- lingering


@pytest.mark.parametrize("role", ["listen"])
def test_linger_bounds_the_wait_for_the_peer(pair, role):
    one, sock = pair(role, "--linger", "0.4s")
    time.sleep(0.5)
    send_all(one.stdin, b"question")
    begun = time.monotonic()
    one.end_input()
    assert receive_rest(sock) == b"question"
    sock.sendall(b"answer")
    status, rest = one.finish()
    took = time.monotonic() - begun
    assert (status, rest) == (0, b"answer")
    assert 0.4 <= took < 0.4 + 0.5 * PATIENCE
    assert one.said[-1] == f"{address(sock)} did not end in time"


@pytest.mark.parametrize("role", ["call"])
def test_linger_bounds_the_wait_for_standard_input(pair, role):
    one, sock = pair(role, "--linger", "0.4s")
    time.sleep(0.5)
    send_all(one.stdin, b"before")
    assert receive_until(sock, b"before")
    begun = time.monotonic()
    sock.shutdown(socket.SHUT_WR)
    assert receive_rest(one.stdout) == b""
    send_all(one.stdin, b"after")
    assert receive_rest(sock) == b"after"
    assert one.wait() == 0
    assert 0.4 <= time.monotonic() - begun < 0.4 + 0.5 * PATIENCE
    assert one.said[-2] == f"{address(sock)}: standard input did not end in time"


def test_no_linger_at_all(pair, role):
    """What was sent still arrives."""
    one, sock = pair(role, "--linger", "0")
    send_all(one.stdin, b"the only word")
    assert receive_until(sock, b"word") == b"the only word"
    begun = time.monotonic()
    one.end_input()
    assert receive_rest(sock) == b""
    assert one.finish() == (0, b"")
    assert time.monotonic() - begun < 0.5 * PATIENCE


@pytest.mark.lengthy
@pytest.mark.parametrize("role", ["call"])
def test_lingering_is_no_limit_for_a_peer_that_takes_its_time(pair, role):
    """It begins when all that we sent has arrived."""
    one, sock = pair(role, "--linger", "0.5s", receive_buffer=8192)
    pattern, got = Pattern(1), 0
    sent = stuff(one.stdin, pattern)
    one.end_input()
    for _ in range(10):
        time.sleep(0.2)
        got += receive_pattern(sock, pattern, sent // 20, got)
    got += receive_pattern(sock, pattern, sent - got, got)
    assert receive_rest(sock) == b""
    sock.sendall(b"thank you")
    assert one.finish() == (0, b"thank you")


@pytest.mark.lengthy
@pytest.mark.parametrize("role", ["call"])
def test_lingering_is_a_limit_for_a_peer_that_takes_nothing(pair, role):
    one, sock = pair(role, "--linger", "0", receive_buffer=8192)
    sent = stuff(one.stdin, Pattern(1))
    one.end_input()
    assert one.finish() == (3, b"")
    assert one.said[-1] == f"yodel: {role}: {address(sock)}: not everything was received in time"
    got = 0
    with pytest.raises(ConnectionResetError):
        while part := receive(sock):
            got += len(part)
    assert got < sent


@pytest.mark.parametrize("role", ["call"])
def test_lingering_is_a_limit_for_standard_output(pair, role):
    one, sock = pair(role, "--linger", "0.3s")
    stuff(sock, Pattern(1))
    one.end_input()
    assert one.wait() == 3
    assert one.said[-1] == f"yodel: {role}: {address(sock)}: not everything was written to standard output in time"


@pytest.mark.parametrize("role, ends", [("call", "we"), ("listen", "peer")])
def test_without_linger_nothing_bounds_the_wait(pair, role, ends):
    one, sock = pair(role)
    one.end_input() if ends == "we" else sock.shutdown(socket.SHUT_WR)
    time.sleep(1.0)
    assert one.process.poll() is None
    if ends == "we":
        sock.sendall(b"late")
        sock.shutdown(socket.SHUT_WR)
        assert one.finish() == (0, b"late")
    else:
        send_all(one.stdin, b"late")
        one.end_input()
        assert receive_rest(sock) == b"late"
        assert one.finish() == (0, b"")


def test_linger_does_not_begin_before_one_direction_has_ended(pair, role):
    one, sock = pair(role, "--linger", "0")
    for source, sink in ((one.stdin, sock), (sock, one.stdout)) * 3:
        time.sleep(0.05)
        send_all(source, b"hello\n")
        assert receive_until(sink, b"\n") == b"hello\n"
    one.end_input()
    assert one.finish() == (0, b"")


# --- resets


def test_a_reset_in_the_middle(pair, role):
    """What arrived before it is not lost."""
    one, sock = pair(role)
    sock.sendall(b"as far as here")
    assert receive_until(one.stdout, b"here") == b"as far as here"
    reset(sock)
    assert one.finish() == (3, b"")
    assert one.said[-1].endswith(": connection reset by peer")


@pytest.mark.parametrize("sends", [False, True])
def test_what_arrived_before_a_reset_is_in_standard_output(pair, role, sends):
    """Though nobody read that while it came; also if sending met the reset first."""
    one, sock = pair(role)
    pattern = Pattern(2)
    sent = stuff(sock, pattern)
    arrived = sent - procfs.unacked(sock)
    reset(sock)
    if sends:
        send_all(one.stdin, b"x" * 100)
    got = receive_pattern(one.stdout, pattern)
    assert arrived <= got <= sent
    assert one.wait() == 3
    assert one.said[-1].endswith(f": connection reset by peer{' (100 bytes not delivered)' if sends else ''}")


def test_a_reset_after_our_end(pair, role):
    one, sock = pair(role)
    send_all(one.stdin, b"question")
    one.end_input()
    assert receive_rest(sock) == b"question"
    sock.sendall(b"word")
    assert receive_until(one.stdout, b"word") == b"word"
    reset(sock)
    assert one.finish() == (3, b"")
    assert one.said[-1].endswith(": connection reset by peer")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("when", ["idle", "sending", "peer ended"])
def test_a_killed_sender_is_not_an_end(pair, role, when, number):
    one, sock = pair(role)
    pattern = Pattern(3)
    send_all(one.stdin, b"half a ")
    assert receive_until(sock, b"a ") == b"half a "
    sent = stuff(one.stdin, pattern, quiet=0.1) if when == "sending" else 0
    if when == "peer ended":
        sock.shutdown(socket.SHUT_WR)
        assert receive_rest(one.stdout) == b""
    one.process.send_signal(number)
    got = 0
    with pytest.raises(ConnectionResetError):
        while part := receive(sock):
            pattern.check(got, part)
            got += len(part)
    assert got <= sent
    assert one.wait() == -number


@pytest.mark.parametrize("victim", [0, 1])
def test_each_of_the_two_tells_that_the_other_was_killed(talk, victim):
    here = talk("listen", "127.0.0.1:0")
    there = talk("call", f"127.0.0.1:{here.port}")
    killed, left = (here, there) if victim == 0 else (there, here)
    send_all(killed.stdin, b"half a ")
    assert receive_until(left.stdout, b"a ") == b"half a "
    killed.process.kill()
    assert left.finish() == (3, b"")
    assert left.said[-1].endswith(": connection reset by peer")


# --- a peer that leaves too early


def too_early(one, lost):
    more = f" ({lost} bytes not delivered)" if lost else ""
    return one.said[-1].endswith(f": the peer left before it had received everything{more}")


def test_a_peer_that_closes_with_something_unread(pair, role):
    one, sock = pair(role, receive_buffer=8192)
    stuff(one.stdin, Pattern(4), quiet=0.1)
    sock.close()
    assert one.finish() == (3, b"")
    assert one.said[-1].startswith(f"yodel: {role}: ")


def test_a_peer_that_has_left_when_more_comes(pair, role):
    one, sock = pair(role)
    send_all(one.stdin, b"for you")
    assert receive_until(sock, b"you") == b"for you"
    sock.sendall(b"bye")
    sock.close()
    assert receive_rest(one.stdout) == b"bye"
    assert one.process.poll() is None
    send_all(one.stdin, b"and this")
    assert one.wait() == 3
    assert too_early(one, 8)


def test_a_peer_that_has_left_when_the_last_comes(pair, role):
    """The last word and the end together."""
    one, sock = pair(role)
    sock.close()
    assert receive_rest(one.stdout) == b""
    one.process.send_signal(signal.SIGSTOP)
    send_all(one.stdin, b"the last word")
    one.end_input()
    one.process.send_signal(signal.SIGCONT)
    assert one.wait() == 3
    assert too_early(one, 13)


@pytest.mark.parametrize("says", [b"", b"for you"])
def test_a_peer_that_has_left_when_nothing_more_comes(pair, role, says):
    one, sock = pair(role)
    send_all(one.stdin, says)
    assert not says or receive_until(sock, says) == says
    sock.close()
    assert receive_rest(one.stdout) == b""
    one.end_input()
    assert one.wait() == 0
    assert one.said[-1].endswith(" left")


def test_a_peer_that_ends_and_then_throws_away_what_we_sent(pair, role):
    """Its kernel has acknowledged it, it has not read it: that is what the reset says."""
    one, sock = pair(role)
    sock.sendall(b"bye")
    sock.shutdown(socket.SHUT_WR)
    assert receive_rest(one.stdout) == b"bye"
    send_all(one.stdin, b"for you")
    until(lambda: len(sock.recv(100, socket.MSG_PEEK)) == 7)
    sock.close()
    assert one.wait() == 3
    assert too_early(one, 0)


def test_a_peer_that_is_gone_before_standard_input_has_ended(pair, role):
    """It ended its side, as whoever has /dev/null as standard input does at once, and then died: what standard input
    still brings cannot be received any more, so that is no end in order."""
    one, sock = pair(role)
    sock.shutdown(socket.SHUT_WR)
    one.wait_line("sends no more; waiting for the end of standard input")
    reset(sock)
    assert one.finish() == (3, b"")
    assert one.said[-1].endswith(": the peer left before standard input ended")


# --- while nothing happens


def switches(pid):
    return int(procfs.status(pid)["voluntary_ctxt_switches"])


def assert_asleep(one):
    """It does not wake up; once, perhaps, as a page of the program comes from the disk. (Only time can tell.)"""
    until(lambda: procfs.state(one.pid) == "S", what="it sleeps")
    time.sleep(0.05)
    before = switches(one.pid)
    time.sleep(0.4)
    assert switches(one.pid) <= before + 1


@pytest.mark.parametrize("options", [[], ["--linger", "1h"]])
def test_waiting_wakes_nobody(apart, role, options):
    """For a caller, for either side, for the end of either: nothing is asked now and then."""
    one, meet = apart(role, *options)
    if role == "listen":
        one.wait_line("listening on ")
        assert_asleep(one)
    sock = meet()
    send_all(one.stdin, b"hello\n")
    assert receive_until(sock, b"\n") == b"hello\n"
    assert_asleep(one)
    if options:
        one.end_input()
        assert receive_rest(sock) == b""
        assert_asleep(one)
        sock.close()
    else:
        sock.shutdown(socket.SHUT_WR)
        assert receive_rest(one.stdout) == b""
        assert_asleep(one)
        one.end_input()
    assert one.finish() == (0, b"")
