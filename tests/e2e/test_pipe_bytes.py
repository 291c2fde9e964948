# SPDX-License-Identifier: GPL-3.0-or-later
"""`yodel listen` and `yodel call` in a pipe carry bytes: all of them, as they are, at once, and with little memory."""

import fcntl
import random
import socket
import struct
import termios
import time

import pytest

import procfs
from clients import Pattern, sizes
from pipelib import (Background, apart, pair, receive, receive_pattern, receive_rest, receive_until, role, send_all,
                     send_pattern, sockets, stuff, talk)
from service import PATIENCE, SANITIZED, until

KI, MI, GI = 1 << 10, 1 << 20, 1 << 30

# What each side may have resident at the most.
PEAK_KIB = 8 * KI

EVERY_BYTE = bytes(range(256))
SIZES = [0, 1, 2, 32 * KI - 1, 32 * KI, 32 * KI + 1, 64 * KI - 1, 64 * KI, 64 * KI + 1, 5 * MI + 3]


@pytest.mark.parametrize("size", SIZES)
def test_any_size_both_ways_at_once(pair, role, size):
    one, sock = pair(role)
    out, back = Pattern(1), Pattern(2)
    typing = Background(lambda: (send_pattern(one.stdin, out, size), one.end_input()))
    sending = Background(lambda: (send_pattern(sock, back, size), sock.shutdown(socket.SHUT_WR)))
    reading = Background(receive_pattern, one.stdout, back)
    assert receive_pattern(sock, out) == size
    assert reading.result() == size
    typing.result(), sending.result()
    assert one.wait() == 0


def test_every_byte_is_a_byte(pair, role):
    """In text, lines end with CR LF, an end of file is 4 or 26, a telnet's command begins with 255: not here."""
    one, sock = pair(role)
    data = EVERY_BYTE + EVERY_BYTE[::-1] + b"\r\n\n\r\0\x04\x1a\xff\xf4\xff\xfd\x06.\r\n"
    send_all(one.stdin, data)
    send_all(sock, data)
    assert receive_until(sock, data) == receive_until(one.stdout, data) == data
    one.end_input()
    assert receive_rest(sock) == b""
    sock.close()
    assert one.finish() == (0, b"")


def test_an_urgent_byte_is_a_byte_of_the_stream(pair, role):
    one, sock = pair(role)
    sock.sendall(b"before")
    sock.send(b"!", socket.MSG_OOB)
    sock.sendall(b"after")
    assert receive_until(one.stdout, b"after") == b"before!after"
    one.end_input()
    sock.close()
    assert one.finish() == (0, b"")


def test_a_line_is_there_before_the_next_is_sent(pair, role):
    """Both ways, and a byte at a time too: nothing waits in a buffer for more."""
    one, sock = pair(role)
    for i in range(200):
        line = b"line %d\n" % i
        for source, sink in ((one.stdin, sock), (sock, one.stdout)):
            send_all(source, line)
            assert receive_until(sink, b"\n") == line
    for i in range(256):
        for source, sink in ((one.stdin, sock), (sock, one.stdout)):
            send_all(source, bytes([i]))
            assert receive(sink) == bytes([i])
    one.end_input()
    sock.close()
    assert one.finish() == (0, b"")


def dribble(end, pattern, total, seed):
    """Send the pattern in pieces of all sizes, with a pause now and then."""
    chance, sent = random.Random(seed), 0
    for size in sizes(total, seed):
        send_all(end, pattern.piece(sent, size))
        sent += size
        if chance.random() < 0.05:
            time.sleep(0.002)
    return sent


@pytest.mark.parametrize("seed", range(3))
def test_pieces_of_any_size(talk, seed):
    """Two of them, both ways at once, one reading in small bites."""
    here = talk("listen", "127.0.0.1:0")
    there = talk("call", f"127.0.0.1:{here.port}")
    size, patterns = 2 * MI, (Pattern(seed), Pattern(seed + 100))
    work = [Background(dribble, here.stdin, patterns[0], size, seed),
            Background(dribble, there.stdin, patterns[1], size, seed + 1),
            Background(receive_pattern, there.stdout, patterns[0], size)]
    for offset in range(0, size, 1 << 13):
        receive_pattern(here.stdout, patterns[1], 1 << 13, offset)
    assert [each.result() for each in work] == [size] * 3
    here.end_input(), there.end_input()
    assert [here.finish(), there.finish()] == [(0, b"")] * 2


def waiting(sock):
    """How many bytes have come that nobody has read (tcp(7), SIOCINQ)."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.FIONREAD, bytes(4)))[0]


def test_a_small_write_does_not_wait_for_an_acknowledgement(pair, role):
    """The second of two is held back for 40 ms without TCP_NODELAY, where the peer answers and does not read at once."""
    one, sock = pair(role)
    took = 0.0
    for _ in range(40):
        sock.sendall(b"x")
        assert receive(one.stdout) == b"x"
        send_all(one.stdin, b"a")
        until(lambda: waiting(sock) == 1, step=0.0005)
        begun = time.monotonic()
        send_all(one.stdin, b"b")
        until(lambda: waiting(sock) == 2, step=0.0005)
        took += time.monotonic() - begun
        assert receive(sock) == b"ab"
    print(f"{took:.3f} s")
    assert took < 0.5 * PATIENCE
    sock.close()
    one.end_input()
    assert one.finish() == (0, b"")


def idle(pid, seconds=0.3):
    """Fail if it does more than next to nothing. (Only time can tell.)"""
    begin = procfs.cpu_seconds(pid)
    time.sleep(seconds)
    used = procfs.cpu_seconds(pid) - begin
    assert used <= 0.02, f"{used} s of CPU in {seconds} s"


@pytest.mark.parametrize("role, ends_first", [("listen", True), ("call", False)])
def test_standard_output_that_nobody_reads(pair, role, ends_first):
    """It is a pipe: the peer can send no more than the system's buffers hold, memory does not grow, nobody turns in
    circles, the other direction goes on, and in the end every byte is there."""
    one, sock = pair(role)
    pattern, before = Pattern(3), procfs.peak_kib(one.pid)
    sent = stuff(sock, pattern)
    assert sent > 64 * KI
    assert SANITIZED or procfs.peak_kib(one.pid) - before < 512
    for i in range(20):
        send_all(one.stdin, b"%d\n" % i)
        assert receive_until(sock, b"\n") == b"%d\n" % i
    idle(one.pid)
    sock.shutdown(socket.SHUT_WR)
    if ends_first:
        one.end_input()
        assert receive_rest(sock) == b""
    idle(one.pid)
    assert receive_pattern(one.stdout, pattern) == sent
    if not ends_first:
        send_all(one.stdin, b"the last")
        one.end_input()
        assert receive_rest(sock) == b"the last"
    assert one.finish() == (0, b"")


@pytest.mark.parametrize("role, ends_first", [("listen", False), ("call", True)])
def test_a_peer_that_does_not_read(pair, role, ends_first):
    """Standard input is read no further than the system's buffers hold."""
    one, sock = pair(role, receive_buffer=32 * KI)
    pattern, before = Pattern(4), procfs.peak_kib(one.pid)
    sent = stuff(one.stdin, pattern)
    assert sent > 64 * KI
    assert SANITIZED or procfs.peak_kib(one.pid) - before < 512
    for i in range(20):
        sock.sendall(b"%d\n" % i)
        assert receive_until(one.stdout, b"\n") == b"%d\n" % i
    idle(one.pid)
    one.end_input()
    if ends_first:
        sock.sendall(b"the last")
        sock.shutdown(socket.SHUT_WR)
        assert receive_rest(one.stdout) == b"the last"
    idle(one.pid)
    assert receive_pattern(sock, pattern) == sent
    sock.close()
    assert one.finish() == (0, b"")


def through_echo(talk, service, size):
    """The echo client: what it gets back is compared; returns its peak of memory in KiB."""
    one = talk("call", f"127.0.0.1:{service.port}")
    pattern = Pattern(5)
    typing = Background(send_pattern, one.stdin, pattern, size)
    assert receive_pattern(one.stdout, pattern, size, seconds=20) == size
    assert typing.result() == size
    peak = procfs.peak_kib(one.pid)
    one.end_input()
    assert one.finish() == (0, b"")
    assert service.wait_for("close", bytes_in=size, bytes_out=size)["reason"] == "eof"
    return peak


@pytest.mark.lengthy
def test_64_mib_through_the_echo_service(talk, echo):
    peak = through_echo(talk, echo(), (8 if SANITIZED else 64) * MI)
    print(f"at most {peak} KiB resident")
    assert SANITIZED or peak <= PEAK_KIB


@pytest.mark.soak
@pytest.mark.lengthy
def test_1_gib_through_the_echo_service(talk, echo):
    service = echo()
    peaks = [through_echo(talk, service, size) for size in (1 * MI, 1 * GI)]
    print(f"at most {peaks} KiB resident")
    assert SANITIZED or peaks[1] - peaks[0] < 512 and peaks[1] <= PEAK_KIB


@pytest.mark.lengthy
def test_a_file_through_the_echo_service(talk, echo, tmp_path):
    """The line that the manual has: call --plain HOST < file > answer."""
    file, answer = tmp_path / "file", tmp_path / "answer"
    file.write_bytes(bytes(Pattern(6).piece(0, MI)) * 3 + EVERY_BYTE)
    with file.open("rb") as stdin, answer.open("wb") as stdout:
        one = talk("call", f"127.0.0.1:{echo().port}", stdin=stdin, stdout=stdout)
        assert one.wait() == 0
    assert answer.read_bytes() == file.read_bytes()


def converse(talk, size):
    """One listens, one calls; both send at once, and neither reads before it has something to read."""
    here = talk("listen", "127.0.0.1:0")
    there = talk("call", f"127.0.0.1:{here.port}")
    patterns = Pattern(7), Pattern(8)
    work = []
    for one, sends, gets in ((here, *patterns), (there, *reversed(patterns))):
        work.append(Background(lambda one=one, sends=sends: (send_pattern(one.stdin, sends, size), one.end_input())))
        work.append(Background(receive_pattern, one.stdout, gets))
    assert [each.result(120) for each in work[1::2]] == [size, size]
    assert [here.wait(), there.wait()] == [0, 0]
    return here, there


@pytest.mark.lengthy
def test_the_two_of_them_both_ways_at_once(talk):
    converse(talk, (8 if SANITIZED else 100) * MI)
