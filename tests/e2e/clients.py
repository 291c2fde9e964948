# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of an echo service that believe nothing: what comes back is compared byte by byte with
what went out, and the totals must be the same."""

import random
import select
import socket
import struct
import time

from service import PATIENCE


class Pattern:
    """An endless stream of bytes that depends on the position and on a seed. Its period is a prime, so that a lost,
    doubled or swapped block of any usual size shows."""

    PERIOD = 1_000_003

    def __init__(self, seed=0):
        block = random.Random(seed).randbytes(self.PERIOD)
        self.block = memoryview(block + block)

    def piece(self, offset, length):
        length = min(length, self.PERIOD)
        start = offset % self.PERIOD
        return self.block[start:start + length]

    def check(self, offset, received):
        """Fail unless these are the bytes that stand at offset."""
        view, at = memoryview(received), 0
        while at < len(view):
            expected = self.piece(offset + at, len(view) - at)
            if view[at:at + len(expected)] != expected:
                wrong = next(i for i in range(len(expected)) if view[at + i] != expected[i])
                raise AssertionError(f"byte {offset + at + wrong} is {view[at + wrong]:#04x}, "
                                     f"{expected[wrong]:#04x} was sent")
            at += len(expected)


def receive_exactly(sock, count):
    """Exactly count bytes, or a failure that says how many came."""
    parts, got = [], 0
    while got < count:
        part = sock.recv(min(count - got, 1 << 18))
        assert part, f"connection ended after {got} of {count} bytes"
        parts.append(part)
        got += len(part)
    return b"".join(parts)


def round_trip(sock, data=b"hello\n"):
    """Send and get back the same."""
    sock.sendall(data)
    back = receive_exactly(sock, len(data))
    assert back == data, f"sent {data[:80]!r}, got {back[:80]!r}"


def expect_end(sock, seconds=5):
    """The other side ends the connection in good order, with nothing before it."""
    sock.settimeout(seconds * PATIENCE)
    rest = sock.recv(1 << 16)
    assert rest == b"", f"{len(rest)} bytes nobody sent: {rest[:80]!r}"


def finish(sock):
    """Close our half, see the other half closed in turn, and let go. Returns our (ip, port)."""
    name = sock.getsockname()[:2]
    sock.shutdown(socket.SHUT_WR)
    expect_end(sock)
    sock.close()
    return name


def expect_cut(sock, seconds=5):
    """The connection ends, in good order or with a reset. Returns what came before that."""
    sock.settimeout(seconds * PATIENCE)
    parts = []
    try:
        while part := sock.recv(1 << 16):
            parts.append(part)
    except (ConnectionResetError, BrokenPipeError):
        pass
    return b"".join(parts)


def be_turned_away(service, source="127.0.0.1"):
    """Connect from source and be reset at once. Returns the (ip, port) that this client had."""
    with socket.socket() as sock:
        sock.settimeout(10 * PATIENCE)
        sock.bind((source, 0))
        name = sock.getsockname()
        try:
            sock.connect(("127.0.0.1", service.port))
            answer = sock.recv(1)
        except ConnectionResetError:
            return name
    raise AssertionError(f"not turned away, but answered {answer!r}")


def expect_silence(sock, seconds=0.2):
    """Nothing comes, neither bytes nor an end. (The one place where only time can tell.)"""
    readable, _, _ = select.select([sock], [], [], seconds)
    if readable:
        sock.settimeout(0)
        raise AssertionError(f"expected nothing, got {sock.recv(100)!r}")


def reset(sock):
    """Close with an RST instead of a FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def sizes(total, seed, largest=100_000):
    """Random sizes that add up to total, many of them tiny."""
    chance = random.Random(seed)
    while total > 0:
        size = min(total, chance.choice((1, 2, 3, 7, 64, 1000, 4096, 65536, chance.randint(1, largest))))
        yield size
        total -= size


def stream(sock, total, chunks, pattern, half_close=True, seconds=60):
    """Send total bytes of the pattern in pieces of the sizes that chunks yields while reading what comes back, and
    compare every byte. With half_close our FIN goes after the last byte, and the other side's must follow its last."""
    deadline = time.monotonic() + seconds * PATIENCE
    sent = received = pending = 0
    sock.setblocking(False)
    poll = select.poll()
    chunks = iter(chunks)
    shut = ended = False
    while received < total or (half_close and not ended):
        assert time.monotonic() < deadline, f"sent {sent}, received {received} of {total} after {seconds} s"
        if not pending and sent < total:
            pending = min(next(chunks), total - sent)
        poll.register(sock, select.POLLIN | (select.POLLOUT if pending else 0))
        ready = poll.poll(1000)
        events = ready[0][1] if ready else 0
        if events & ~(select.POLLOUT):
            part = sock.recv(1 << 20)
            pattern.check(received, part)
            received += len(part)
            ended = not part
            assert received <= sent, f"{received} bytes came back of {sent} that were sent"
            assert not ended or received == total, f"ended after {received} of {total} bytes"
        if events & select.POLLOUT and pending:
            count = sock.send(pattern.piece(sent, pending))
            sent += count
            pending -= count
        if half_close and sent == total and not shut:
            sock.shutdown(socket.SHUT_WR)
            shut = True
    sock.settimeout(10 * PATIENCE)
    assert sent == received == total


def stuff(sock, pattern, quiet=0.5, most=1 << 28):
    """Send without ever reading until nothing has moved for `quiet` seconds. Returns how many bytes went."""
    sent, last = 0, time.monotonic()
    sock.setblocking(False)
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    while time.monotonic() - last < quiet:
        if poll.poll(50):
            try:
                sent += sock.send(pattern.piece(sent, 1 << 16))
                last = time.monotonic()
            except BlockingIOError:
                pass
        assert sent < most, f"{sent} bytes went in and none was read: somebody buffers without a bound"
    sock.settimeout(10 * PATIENCE)
    return sent


def stuff_all(socks, patterns, quiet=0.5, longest=2.0):
    """stuff() for many at once, for no longer than that many seconds. Returns how much went into each."""
    poll, sent = select.poll(), [0] * len(socks)
    number = {}
    for i, sock in enumerate(socks):
        sock.setblocking(False)
        number[sock.fileno()] = i
        poll.register(sock, select.POLLOUT)
    begun = last = time.monotonic()
    while (now := time.monotonic()) - last < quiet and now - begun < longest:
        for fd, _ in poll.poll(50):
            i = number[fd]
            try:
                sent[i] += socks[i].send(patterns[i].piece(sent[i], 1 << 16))
                last = time.monotonic()
            except BlockingIOError:
                pass
    for sock in socks:
        sock.settimeout(10 * PATIENCE)
    return sent


def read_all(sock, pattern, count, offset=0):
    """Read count bytes that must be those of the pattern from offset on."""
    got = 0
    while got < count:
        part = sock.recv(min(count - got, 1 << 20))
        assert part, f"connection ended after {got} of {count} bytes"
        pattern.check(offset + got, part)
        got += len(part)


def converse(socks, messages, seconds=30):
    """Each client sends its own message and must get back exactly that, all of them at once."""
    deadline = time.monotonic() + seconds * PATIENCE
    poll = select.epoll()
    number = {}
    sent, received = [0] * len(socks), [bytearray() for _ in socks]
    for i, sock in enumerate(socks):
        sock.setblocking(False)
        number[sock.fileno()] = i
        poll.register(sock, select.EPOLLIN | select.EPOLLOUT)
    unfinished = len(socks)
    while unfinished:
        assert time.monotonic() < deadline, f"{unfinished} of {len(socks)} clients still wait"
        for fd, events in poll.poll(1):
            i = number[fd]
            if events & ~select.EPOLLOUT:
                part = socks[i].recv(1 << 16)
                assert part, f"client {i}: ended after {len(received[i])} of {len(messages[i])} bytes"
                received[i] += part
                assert messages[i].startswith(received[i]), f"client {i}: not what it sent"
                unfinished -= len(received[i]) == len(messages[i])
            if events & select.EPOLLOUT:
                sent[i] += socks[i].send(memoryview(messages[i])[sent[i]:sent[i] + (1 << 16)])
                if sent[i] == len(messages[i]):
                    poll.modify(fd, select.EPOLLIN)
    poll.close()
    for sock in socks:
        sock.settimeout(10 * PATIENCE)
