# SPDX-License-Identifier: GPL-3.0-or-later
"""A check that cannot fail proves nothing: here the checks of the suite meet servers that are wrong."""

import socket
import threading

import pytest

from clients import Pattern, converse, expect_silence, finish, round_trip, sizes, stream, stuff
from service import Late, parse_line, parse_logfmt, until


class Server:
    """A server in a thread: behave(bytes received, index of the chunk) says what goes back."""

    def __init__(self, behave, greedy=False):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.behave, self.greedy = behave, greedy
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._client, args=(sock,), daemon=True).start()

    def _client(self, sock):
        number = 0
        try:
            while data := sock.recv(65536):
                if not self.greedy:
                    sock.sendall(self.behave(data, number))
                number += 1
            self.behave(b"", -1)
            sock.close()
        except OSError:
            pass

    def connect(self):
        sock = socket.create_connection(self.listener.getsockname(), timeout=5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock


@pytest.fixture
def against():
    servers, socks = [], []

    def connect(behave, count=1, **how):
        servers.append(Server(behave, **how))
        socks.extend(servers[-1].connect() for _ in range(count))
        return socks[-count:] if count > 1 else socks[-1]

    yield connect
    for sock in socks:
        sock.close()
    for server in servers:
        server.listener.close()


def never_hangs_up(data, number):
    if number < 0:
        threading.Event().wait(60)
    return data


def right(data, number):
    return data


WRONG = {
    "drops_a_byte": (lambda data, number: data[1:] if number == 3 else data),
    "doubles_a_byte": (lambda data, number: data[:1] + data if number == 3 else data),
    "flips_a_bit": (lambda data, number: bytes([data[0] ^ 1]) + data[1:] if number == 3 else data),
    "swaps_neighbours": (lambda data, number: data[1::-1] + data[2:] if number == 3 else data),
    "stops_short": (lambda data, number: b"" if number > 2 else data),
    "greets": (lambda data, number: b"hello" + data if number == 0 else data),
    "ignores_half_close": never_hangs_up,
}


def test_stream_accepts_a_right_server(against):
    stream(against(right), 3_000_000, sizes(3_000_000, 1), Pattern(1))


@pytest.mark.parametrize("behave", WRONG.values(), ids=WRONG)
def test_stream_finds(behave, against):
    with pytest.raises(AssertionError):
        stream(against(behave), 1_000_000, sizes(1_000_000, 1), Pattern(1), seconds=1)


@pytest.mark.parametrize("behave", [WRONG["drops_a_byte"], WRONG["flips_a_bit"]])
def test_round_trip_finds(behave, against):
    sock = against(behave)
    sock.settimeout(0.3)
    with pytest.raises((AssertionError, TimeoutError)):
        for _ in range(5):
            round_trip(sock)


def test_converse_finds_foreign_data(against):
    with pytest.raises(AssertionError):
        converse(against(lambda data, number: b"first", count=2), [b"first", b"other"])


def test_finish_finds_extra_bytes(against):
    with pytest.raises(AssertionError):
        sock = against(lambda data, number: data + b"!")
        round_trip(sock)
        finish(sock)


def test_stuff_finds_a_server_that_buffers_without_a_bound(against):
    with pytest.raises(AssertionError, match="without a bound"):
        stuff(against(right, greedy=True), Pattern(1), most=1 << 25)


def test_expect_silence_finds_a_byte(against):
    sock = against(right)
    sock.sendall(b"x")
    with pytest.raises(AssertionError):
        expect_silence(sock, 2)


def test_until_gives_up():
    with pytest.raises(Late):
        until(lambda: False, 0.05)


def test_log_lines_are_parsed_strictly():
    assert parse_logfmt('event=open ip=::1 port=5 who="a \\"b\\"=c"') == {
        "event": "open", "ip": "::1", "port": 5, "who": 'a "b"=c'}
    assert parse_line("listening on [::1]:5") == {"plain": "listening on [::1]:5"}
    for wrong in ("event=a event=b", "event=open  ip=1", "event=open ip", "event=open =1"):
        with pytest.raises(AssertionError):
            parse_logfmt(wrong)
