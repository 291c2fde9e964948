# SPDX-License-Identifier: GPL-3.0-or-later
"""--print: what clients send, in lines that no client can forge and no two clients mix."""

import fcntl
import random
import re
import threading
import unicodedata

import pytest

from clients import finish, receive_exactly, round_trip, sizes
from service import until

LINE = re.compile(rb"(127\.0\.0\.1:\d+) (.*)", re.S)
HEX = re.compile(rb"([0-9a-f]{8,})  ((?:[0-9a-f]{2} {1,2})+) *\|(.{1,16})\|", re.S)
ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.S)
RECORD_MAX = 4096
F_SETPIPE_SZ = 1031

HOSTILE = [
    bytes(range(256)),
    b"plain text\n",
    b"two\nlines\nand a rest",
    b"\x1b[2J\x1b]0;owned\x07 \x9b31m \x08\x7f\x00",
    b"\\n is not a newline, \\x41 is not an A, \\\\\n",
    "h\u00e9llo \u4f60\u597d \U0001f600\n".encode(),
    "\u202eright to left\u202c \u2066isolate\u2069 \u200bzero \ufeffbom \u0085nel \u009bcsi \u2028line\n".encode(),
    b"\xc3\x28 \xff\xfe \xc0\x80 \xed\xa0\x80 \xf8\x88\x80\x80\x80 \xe4\xbd\n",
    b"127.0.0.1:1 forged\n\r127.0.0.1:2 forged\r\n\t",
    b"no end of line " * 1000,
]


def unescape(text):
    """The bytes that a line of text stands for."""
    known = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"\\": b"\\"}

    def one(match):
        return bytes([int(match[1], 16)]) if match[1] else known[match[2]]

    return ESCAPE.sub(one, text)


def is_harmless(line):
    """Nothing that a terminal acts upon, or that changes how the rest of a line looks."""
    return all(unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for char in line.decode())


def by_client(lines):
    """{b"ip:port": [texts in order]}"""
    found = {}
    for line in lines:
        match = LINE.fullmatch(line)
        assert match, f"does not begin with ip:port: {line[:100]!r}"
        found.setdefault(match[1], []).append(match[2])
    return found


def assert_lines(lines):
    for line in lines:
        assert len(line) + 1 <= RECORD_MAX, f"a line of {len(line) + 1} bytes"
        assert is_harmless(line), line


def name_of(sock):
    return b"%s:%d" % (sock.getsockname()[0].encode(), sock.getsockname()[1])


def printed(service, name, total):
    """The texts of a client once they stand for total bytes."""
    def complete(lines):
        texts = by_client(lines).get(name, [])
        return sum(len(unescape(text)) for text in texts) >= total and texts

    return service.out.wait(complete, 5, f"{total} bytes of {name}")


@pytest.mark.parametrize("option", ["--print", "--print=text"])
def test_text(echo, option):
    service = echo(option)
    with service.connect() as sock:
        round_trip(sock, b"hello\n")
        assert service.out.wait(lambda lines: lines, 5, "a line") == [name_of(sock) + b" hello\\n"]


def test_hostile_text(echo):
    service = echo("--print")
    with service.connect() as sock:
        for i, data in enumerate(HOSTILE):
            round_trip(sock, data)
            printed(service, name_of(sock), sum(map(len, HOSTILE[:i + 1])))
        texts = printed(service, name_of(sock), sum(map(len, HOSTILE)))
        assert unescape(b"".join(texts)) == b"".join(HOSTILE)
    assert_lines(service.out.raw)
    assert all(b"\\n" not in text.replace(b"\\\\", b"")[:-2] for text in texts), "a line goes on after its newline"
    whole = b"\n".join(service.out.raw).decode()
    assert "h\u00e9llo \u4f60\u597d \U0001f600\\n" in whole, "harmless text is shown as it is"
    assert "\\x1b[2J\\x1b]0;owned\\x07 \\x9b31m \\x08\\x7f\\x00" in whole
    assert service.stats()["print_dropped"] == 0


def test_hex(echo):
    service = echo("--print=hex")
    with service.connect() as sock:
        round_trip(sock, b"hello\n")
        expected = name_of(sock) + b" 00000000  68 65 6c 6c 6f 0a"
        line = service.out.wait(lambda lines: lines, 5, "a line")[0]
        assert line.startswith(expected) and line.endswith(b"  |hello.|"), line
        sent = b"hello\n" + b"".join(HOSTILE)
        round_trip(sock, b"".join(HOSTILE))
        lines = service.out.wait(
            lambda lines: sum(line.count(b" ") > 0 for line in lines) and
            sum(len(HEX.fullmatch(text)[3]) for text in by_client(lines).get(name_of(sock), [])) >= len(sent) and lines,
            5, "all lines")
        offset, shown = 0, b""
        for text in by_client(lines)[name_of(sock)]:
            match = HEX.fullmatch(text)
            data = bytes.fromhex(match[2].decode())
            assert int(match[1], 16) == offset and 1 <= len(data) <= 16, text
            assert match[3] == bytes(byte if 32 <= byte < 127 else ord(".") for byte in data), text
            offset += len(data)
            shown += data
        assert shown == sent
    assert_lines(service.out.raw)


@pytest.mark.parametrize("append", [False, True])
def test_clients_never_mix(echo, tmp_path, append):
    """Eight clients at once, into a file, which never lacks room: nothing may be missing."""
    with open(tmp_path / "out", "ab" if append else "wb") as out:
        service = echo("--print", stdout=out)
    sent = send_at_once(service, 8, 60_000)
    assert service.stats_when(lambda stats: stats["conns"] == 0)["print_dropped"] == 0
    lines = (tmp_path / "out").read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert_lines(lines)
    found = by_client(lines)
    assert found.keys() == sent.keys()
    for name, data in sent.items():
        assert unescape(b"".join(found[name])) == data


def test_clients_never_mix_in_a_pipe(echo):
    """What is dropped is dropped by whole records, and counted."""
    service = echo("--print=hex")
    fcntl.fcntl(service.process.stdout.fileno(), F_SETPIPE_SZ, 1 << 20)
    sent = send_at_once(service, 6, 20_000)
    dropped = service.stats_when(lambda stats: stats["conns"] == 0)["print_dropped"]
    service.stop()
    assert_lines(service.out.raw)
    shown = {name: b"".join(bytes.fromhex(HEX.fullmatch(text)[2].decode()) for text in texts)
             for name, texts in by_client(service.out.raw).items()}
    assert dropped or shown == sent
    assert not dropped or sum(map(len, shown.values())) < sum(map(len, sent.values()))


def send_at_once(service, count, size):
    """{b"ip:port": what that client sent}: mostly text with hostile bytes, in pieces of all sizes."""
    sent = {}

    def client(number):
        chance = random.Random(number)
        parts = [*HOSTILE[:9], b"client %d says so\n" % number]
        data = b"".join(chance.choice(parts) for _ in range(size // 50))[:size]
        with service.connect() as sock:
            at = 0
            for length in sizes(len(data), number, 5000):
                sock.sendall(data[at:at + length])
                assert receive_exactly(sock, length) == data[at:at + length]
                at += length
            sent[name_of(sock)] = data
            finish(sock)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == count
    return sent


@pytest.mark.parametrize("mode", ["text", "hex"])
def test_stalled_output_stalls_nobody(echo, mode):
    service = echo(f"--print={mode}", collect="err")
    line = b"0123456789abcde\n"
    with service.connect() as sock, service.connect() as other:
        for _ in range(50):
            round_trip(sock, line * 1000)
            round_trip(other, line)
        dropped = until(lambda: service.stats()["print_dropped"], what="records are dropped")
        name = name_of(sock)
        service.out.collect()
        round_trip(sock, line)
        until(lambda: service.out.raw and service.out.raw[-1].startswith(name), what="printing goes on")
    assert dropped > 0
    assert_lines(service.out.raw)
    shown = sum(map(len, by_client(service.out.raw)[name]))
    assert 0 < shown < 50_000 * len(line)


def test_closed_output_stalls_nobody(echo):
    service = echo("--print", collect="err")
    service.process.stdout.close()
    service.out = None
    with service.connect() as sock:
        for _ in range(20):
            round_trip(sock, b"nobody sees this\n")
        finish(sock)
    assert service.stats()["print_dropped"] > 0
