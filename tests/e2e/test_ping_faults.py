# SPDX-License-Identifier: GPL-3.0-or-later
"""`yodel ping` against peers that answer late, wrongly, or not at all."""

import re
import socket

import pytest

from pinglib import closing, echo, messages, one_line, peer, ping, reset, timed
from service import PATIENCE

MS = r"\d+\.\d{3}"


def test_a_late_reply_is_told_and_not_counted_as_received(peer):
    def hold(sock):
        sock.sendall(sock.recv(128, socket.MSG_WAITALL)) # with the second the first is late, and the second is not
        echo(sock)

    server = peer(hold)
    result = ping("-c", 4, "-i", 0.6, "-W", 0.4, server.where)
    where = re.escape(server.where)
    missed = result.lines.index("no reply to seq=1 within 400ms")
    line = re.compile(rf"64 bytes from {where}: seq=1 time={MS} ms \(late\)")
    late, = [i for i, each in enumerate(result.lines) if line.fullmatch(each)]
    assert missed < late
    assert result.summary() | {"seconds": 0} == {"sent": 4, "received": 3, "late": 1, "corrupted": 0, "loss": 0,
                                                 "unsent": 0, "stray": 0, "seconds": 0}
    assert (result.status, result.err) == (1, "")


def test_silence_is_loss_and_takes_no_longer_than_the_wait(peer):
    server = peer(lambda sock: server.wait(60))
    result, seconds = timed("-c", 3, "-i", 0.1, "-W", 0.3, server.where)
    assert result.lines[2:5] == [f"no reply to seq={seq} within 300ms" for seq in (1, 2, 3)]
    summary = result.summary()
    assert (summary["sent"], summary["received"], summary["loss"]) == (3, 0, 100)
    assert "round trip" not in result.out
    assert 0.5 <= seconds < 0.5 + 1 * PATIENCE
    assert (result.status, result.err) == (1, "")


def test_silence_with_interval_0_sends_the_next_after_the_wait(peer):
    server = peer(lambda sock: server.wait(60))
    result, seconds = timed("-c", 3, "-i", 0, "-W", 0.1, "--json", server.where)
    assert [event["seq"] for event in result.events("missed")] == [1, 2, 3]
    assert seconds >= 0.3 and result.status == 1
    assert [result.summary()[key] for key in ("sent", "lost", "rtt_p50_ns")] == [3, 3, None]


def test_one_wrong_byte_is_found(peer):
    def flip(sock):
        for seq, data in enumerate(messages(sock, 64), 1):
            data = bytearray(data)
            if seq == 2:
                data[17], original[:] = data[17] ^ 0x20, [data[17]]
            sock.sendall(data)

    original = []
    server = peer(flip)
    result = ping("-c", 3, "-i", 0, server.where)
    wrong, = [line for line in result.lines if "CORRUPTED" in line]
    assert re.fullmatch(rf"64 bytes from {re.escape(server.where)}: seq=2 time={MS} ms CORRUPTED: 1 byte wrong, "
                        rf"the first at offset 17: 0x{original[0] ^ 0x20:02x} instead of 0x{original[0]:02x}", wrong)
    summary = result.summary()
    assert [summary[key] for key in ("sent", "received", "corrupted", "loss")] == [3, 2, 1, 0]
    assert (result.status, result.err) == (1, "")


def test_a_swallowed_message_spoils_those_behind_it(peer):
    def swallow(sock):
        for seq, data in enumerate(messages(sock, 64), 1):
            if seq != 2:
                sock.sendall(data)

    result = ping("-c", 4, "-i", 0.05, "-W", 0.4, peer(swallow).where)
    summary = result.summary()
    assert [summary[key] for key in ("sent", "received", "corrupted", "loss")] == [4, 1, 2, 25]
    assert result.status == 1


def test_another_service_is_recognised(peer):
    def web(sock):
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\x1b[31m\r\n")

    server = peer(web)
    result = ping("-c", 3, "-i", 0.05, server.where)
    say, lost = result.err.splitlines()
    answer = r'"HTTP/1.1 400 Bad Request\r\n\x1b[31m\r\n"'
    assert f"yodel: ping: {server.where}: does not seem to be an echo service: it answers {answer}" in (say, lost)
    assert any("closed the connection" in line or "reset the connection" in line for line in (say, lost))
    assert result.summary()["received"] == 0
    assert result.status == 1


def test_who_speaks_first_is_told(peer):
    """Whether the banner comes before the first message or after it, it is not passed over."""
    def banner(sock):
        sock.sendall(b"220 box ESMTP at your service\r\n")
        echo(sock)

    server = peer(banner)
    result = ping("-c", 3, "-i", 0.05, "-W", 0.3, server.where)
    assert "(it speaks first): \"220 box" in result.out or "it answers \"220 box" in result.err
    assert result.status == 1


def test_bytes_that_nobody_asked_for_are_wrong(peer):
    def twice(sock):
        for data in messages(sock, 64):
            sock.sendall(data + data)

    result = ping("-c", 1, peer(twice).where)
    assert "64 bytes nobody asked for" in result.out
    assert re.search(r"64 bytes from [\d.:]+ that nobody asked for: \"", result.out)
    summary = result.summary()
    assert (summary["received"], summary["stray"], result.status) == (1, 64, 1)


def test_an_urgent_byte_is_a_byte_too(peer):
    def insert(sock):
        for data in messages(sock, 64):
            sock.sendall(data[:32])
            sock.send(b"!", socket.MSG_OOB)
            sock.sendall(data[32:])

    result = ping("-c", 1, "--json", peer(insert).where)
    reply, = result.events("reply")
    assert (reply["corrupted"], reply["wrong_at"], reply["got"]) == (True, 32, ord("!"))
    assert result.summary()["stray_bytes"] <= 1 # the last byte comes when nothing is owed any more, or not at all
    assert result.status == 1


def resetting(sock):
    for seq, data in enumerate(messages(sock, 64), 1):
        if seq == 3:
            return reset(sock)
        sock.sendall(data)


@pytest.mark.parametrize("handler, how", [(closing, "closed"), (resetting, "reset")])
def test_a_lost_connection_is_told_with_the_statistics(peer, handler, how):
    server = peer(handler)
    result = ping("-c", 10, "-i", 0.1, server.where)
    assert one_line(result.err) == f"{server.where}: the peer {how} the connection"
    summary = result.summary()
    assert summary["received"] == 2 and summary["sent"] == (2 if how == "closed" else 3)
    assert result.status == 1
    result = ping("-c", 10, "-i", 0.1, "--json", server.where)
    assert result.summary()["end"] == how


def test_a_peer_that_does_not_read_holds_nothing_up(peer):
    server = peer(lambda sock: server.wait(60), receive_buffer=4096)
    result, seconds = timed("-c", 5, "-i", 0.1, "-s", "1Mi", "-W", 0.8, "--json", server.where)
    summary = result.summary()
    assert summary["received"] == 0 and summary["sent"] + summary["unsent"] == 5 and summary["unsent"] > 0
    missed = result.events("missed")
    assert [event["seq"] for event in missed] == [1, 2, 3, 4, 5]
    assert [event["sent"] for event in missed] == [seq <= summary["sent"] for seq in range(1, 6)]
    assert 1.2 <= seconds < 1.2 + 1.5 * PATIENCE
    assert result.status == 1


def test_a_stall_counts_for_all_that_it_held_up(peer):
    """Coordinated omission: what was due while the peer did not read is counted from then."""
    def stall(sock):
        server.wait(1)
        echo(sock)

    server = peer(stall, receive_buffer=4096)
    result = ping("-c", 10, "-i", 0.1, "-s", "1Mi", "--json", server.where, seconds=60)
    rtts = [reply["rtt_ns"] / 1e9 for reply in result.events("reply")]
    assert len(rtts) == 10
    for due, rtt in enumerate(rtts):
        assert rtt >= 0.95 - 0.1 * due, rtts
    assert result.status == 0
