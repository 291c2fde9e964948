# SPDX-License-Identifier: GPL-3.0-or-later
"""Who stands between two that talk in private: a relay that sees records and can do to them what it likes, and one that
ends TLS on both sides with a key of its own."""

import select
import socket
import threading
from contextlib import suppress
from types import SimpleNamespace

import pytest

from pipelib import dial, listener
from private import (COMMIT, FRAME_MAX, NONCE, REFUSE, REVEAL, TEXT, Alert, Broken, Caller, Cut, Key, Listener,
                     commitment, number)
from service import PATIENCE, Late

# Directions: from who calls to who listens, and back.
UP, DOWN = "up", "down"
OTHER = {UP: DOWN, DOWN: UP}

RECORD_HEADER = 5  # type, version, length: RFC 8446, 5.1
APPLICATION = 0x17


class Relay:
    """A port that leads to another one. What passes is cut into records of TLS; while a change is set for a direction,
    each record of it goes through change(record), which returns those that go on in its place; END ends the
    connection on both sides."""

    END = object()

    def __init__(self, target):
        self.target = target
        self.server = listener()
        self.port = self.server.getsockname()[1]
        self.changes = {UP: None, DOWN: None}
        self.passed = {UP: [], DOWN: []}  # the records as they came
        self.ends = {}  # {direction: the socket that it comes from}
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._run, daemon=True)]
        self.threads[0].start()

    def _run(self):
        with suppress(OSError):
            sock, _ = self.server.accept()
            with self.lock:
                self.ends[UP] = sock
            with self.lock:
                self.ends[DOWN] = dial(self.target)
            for end in self.ends.values():
                end.settimeout(None)
            for direction in (UP, DOWN):
                thread = threading.Thread(target=self._pass, args=(direction,), daemon=True)
                self.threads.append(thread)
                thread.start()

    def _pass(self, direction):
        rest = b""
        try:
            while part := self.ends[direction].recv(1 << 16):
                rest += part
                while (record := self._record(rest)):
                    rest = rest[len(record):]
                    self.passed[direction].append(record)
                    change = self.changes[direction]
                    for each in change(record) if change else [record]:
                        if each is self.END:
                            self.cut()
                            return
                        self.send(direction, each)
            self.send(direction, rest)
            self.ends[OTHER[direction]].shutdown(socket.SHUT_WR)
        except OSError:
            self.cut()

    @staticmethod
    def _record(data):
        if len(data) < RECORD_HEADER:
            return None
        length = RECORD_HEADER + int.from_bytes(data[3:5], "big")
        return data[:length] if len(data) >= length else None

    def send(self, direction, data):
        """Bytes of our own, or a record once more."""
        self.ends[OTHER[direction]].sendall(data)

    def on_next(self, direction, change):
        """Change the next record of this direction, and no other."""
        def once(record):
            self.changes[direction] = None
            self.over.set()
            return change(record)
        self.over.clear()
        self.changes[direction] = once

    def cut(self):
        """End both sides, as a network does that forgets."""
        for end in list(self.ends.values()):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.server.close()
        with self.lock:
            self.cut()
        for thread in self.threads:
            thread.join(5 * PATIENCE)
        for end in self.ends.values():
            end.close()


# What can be done to one record.

def flip(bit):
    """Turn one bit over; negative: counted from the end."""
    def change(record):
        at = bit % (8 * len(record))
        return [record[:at // 8] + bytes([record[at // 8] ^ 1 << at % 8]) + record[at // 8 + 1:]]
    return change


def drop(_record):
    return []


def twice(record):
    return [record, record]


def truncate(length):
    """Only its beginning, then the end of the connection."""
    return lambda record: [record[:length], Relay.END]


def shorten(record):
    """One byte less, and a length that says so."""
    return [record[:3] + (len(record) - RECORD_HEADER - 1).to_bytes(2, "big") + record[RECORD_HEADER:-1]]


class Swap:
    """The first record is kept back until the second has passed."""

    def __init__(self):
        self.kept = None

    def __call__(self, record):
        if self.kept is None:
            self.kept = record
            return []
        kept, self.kept = self.kept, b""
        return [record, kept] if kept else [record]


class Interceptor:
    """Ends TLS on both sides with keys of its own: a listener for who calls, a caller for who listens. It passes frames
    on, and keeps what it sees. If `compares` it does not pass COMMIT, NONCE and REVEAL on but has an exchange with each
    side; then .numbers are what the two are shown. network is a netns.Network that all of them are in."""

    def __init__(self, target, key=None, compares=False, port=0, network=None):
        self.compares = compares
        self.key = key or Key()
        self.server = (network.listen if network else listener)(port=port)
        there = SimpleNamespace(host="127.0.0.1", port=target)
        self.dial = lambda: network.connect(there) if network else dial(target)
        self.port = self.server.getsockname()[1]
        self.seen = {UP: [], DOWN: []}
        self.numbers = {}
        self.refusals = {}
        self.ended = None  # the error that ended it
        self.front = self.back = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            sock, _ = self.server.accept()
            self.front = Listener(sock, key=self.key)
            self.front.handshake()
            self.back = Caller(self.dial(), key=self.key)
            self.back.handshake()
            self.greet()
        except (Alert, Broken, Cut, Late, OSError) as error:
            self.ended = error

    def step(self, frame, direction):
        """One frame goes on, or the end."""
        sink = self.back if direction == UP else self.front
        self.seen[direction].append(frame)
        if frame is None:
            raise Cut(f"the end of what goes {direction}")
        sink.send(*frame)
        if frame[0] == REFUSE:
            self.refusals[direction] = frame[1][0]

    def greet(self):
        """Pass the greeting on, by exchanges of our own if that is wanted, and the session after it."""
        self.step(self.front.receive(), UP)
        self.step(self.back.receive(), DOWN)
        kind, payload = self.front.receive()
        if kind == COMMIT and self.compares:
            self.exchange(payload)
        else:
            self.step((kind, payload), UP)
        self.front.limit = self.back.limit = FRAME_MAX
        self.pass_on()

    def exchange(self, committed):
        """One with each side, as honest as it can be."""
        self.front.send(NONCE, self.front.nonce)
        nonce = self.front.expect(REVEAL)
        assert commitment(self.front.link.exporter, *self.front.ids, nonce) == committed
        self.numbers[UP] = number(self.front.link.exporter, *self.front.ids, nonce, self.front.nonce)
        self.back.commit()
        self.numbers[DOWN] = self.back.exchange()

    def pass_on(self):
        """Whatever comes from either side, until one of them ends; then the other is told, too."""
        sides = {self.front.sock: (self.front, UP), self.back.sock: (self.back, DOWN)}
        ready = list(sides)  # something may have come with the greeting
        try:
            while ready:
                for peer, direction in (sides[sock] for sock in ready):
                    for frame in peer.arrived():
                        self.step(frame, direction)
                ready = select.select(list(sides), [], [], 30 * PATIENCE)[0]
        finally:
            for peer in (self.front, self.back):
                with suppress(OSError):
                    peer.close()

    def texts(self):
        """What it could read of what was said."""
        return [payload[1:] for frames in self.seen.values() for kind, payload in filter(None, frames)
                if kind == TEXT]

    def wait_over(self, seconds=10):
        self.thread.join(seconds * PATIENCE)
        assert not self.thread.is_alive(), "who stands in the middle has not noticed"
        assert self.ended, "who stands in the middle has ended by a mistake of its own"

    def close(self):
        print(f"in the middle: {self.ended!r}")
        self.server.close()
        for peer in filter(None, (self.front, self.back)):
            with suppress(OSError):
                peer.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join(5 * PATIENCE)
        for peer in filter(None, (self.front, self.back)):
            peer.sock.close()


@pytest.fixture
def between():
    """between(Relay or Interceptor, ...): one that is closed when the test is over."""
    made = []

    def make(kind, *args, **how):
        made.append(kind(*args, **how))
        return made[-1]

    yield make
    for each in made:
        each.close()
