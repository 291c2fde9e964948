# SPDX-License-Identifier: GPL-3.0-or-later
"""`yodel ping` against peers that answer right, late, wrongly, or not at all."""

import fcntl
import os
import re
import shutil
import signal
import socket
import string
import subprocess
import threading
import time

import pytest

import procfs
from netns import Network
from pinglib import Peer, Ping, echo, hanging, messages, ping, refusing, reset, timed
from service import PATIENCE, until

MS = r"\d+\.\d{3}"


def one_line(text):
    assert text.startswith("yodel: ping: ") and text.endswith("\n") and text.count("\n") == 1, text
    return text[len("yodel: ping: "):-1]


@pytest.fixture
def peer():
    """peer(handler, ...): a Peer that is closed when the test is over."""
    peers = []

    def make(*args, **how):
        peers.append(Peer(*args, **how))
        return peers[-1]

    yield make
    for each in peers:
        each.__exit__()


# What is said

def test_people_read_it_like_ping(peer):
    server = peer(echo)
    result = ping("-c", 3, "-i", 0.05, server.where)
    where = re.escape(server.where)
    assert re.fullmatch(
        rf"PING {where} \({where}\): 64 bytes a message\n"
        rf"connected to {where} in {MS} ms\n"
        rf"64 bytes from {where}: seq=1 time={MS} ms\n"
        rf"64 bytes from {where}: seq=2 time={MS} ms\n"
        rf"64 bytes from {where}: seq=3 time={MS} ms\n"
        rf"\n--- {where} echo statistics ---\n"
        rf"3 sent, 3 received, 0 late, 0 corrupted, 0% loss, 0\.\d{{3}} s\n"
        rf"round trip min/mean/p50/p99/max = {MS}/{MS}/{MS}/{MS}/{MS} ms\n", result.out), result.out
    assert (result.status, result.err) == (0, "")


def test_programs_read_json(peer):
    server = peer(echo)
    result = ping("-c", 20, "-i", 0, "-s", 100, "--json", server.where)
    events = result.events()
    assert [event["event"] for event in events] == ["connect"] + 20 * ["reply"] + ["summary"]
    connect, replies, summary = events[0], events[1:-1], events[-1]
    assert connect == {"event": "connect", "host": "127.0.0.1", "port": server.port, "ip": "127.0.0.1", "size": 100,
                       "connect_ns": connect["connect_ns"]}
    assert [reply["seq"] for reply in replies] == list(range(1, 21))
    rtts = sorted(reply["rtt_ns"] for reply in replies)
    assert (summary["rtt_min_ns"], summary["rtt_max_ns"]) == (rtts[0], rtts[-1])
    assert abs(summary["rtt_mean_ns"] - sum(rtts) / 20) <= 1
    assert rtts[9] <= summary["rtt_p50_ns"] <= rtts[9] * 1025 / 1024
    assert rtts[19] == summary["rtt_p99_ns"]
    assert summary["elapsed_ns"] >= sum(rtts)
    assert summary["connect_ns"] == connect["connect_ns"] > 0
    assert {key: summary[key] for key in ("end", "sent", "received", "late", "corrupted", "lost", "unsent",
                                          "stray_bytes")} == {
        "end": "count", "sent": 20, "received": 20, "late": 0, "corrupted": 0, "lost": 0, "unsent": 0, "stray_bytes": 0}
    assert (result.status, result.err) == (0, "")


def test_quiet_leaves_the_connection_and_the_statistics(peer):
    server = peer(echo)
    result = ping("-c", 3, "-i", 0, "-q", server.where)
    assert [line.split()[0] for line in result.lines if line] == ["PING", "connected", "---", "3", "round"]
    result = ping("-c", 3, "-i", 0, "-q", "--json", server.where)
    assert [event["event"] for event in result.events()] == ["connect", "summary"]


def test_help_fits_a_screen_and_shows_examples_first():
    for option in ("--help", "-h"):
        result = ping(option)
        assert (result.status, result.err) == (0, "")
        assert len(result.lines) <= 24 and max(map(len, result.lines)) < 80
        assert all(line.startswith("yodel ping ") for line in result.lines[:3])


@pytest.mark.parametrize("args, what", [
    ([], "which host?"),
    (["5188"], "5188: "),
    (["a", "b"], "b: one host at a time"),
    (["-c", "0", "x"], "-c 0: "),
    (["-c", "1.5", "x"], "-c 1.5: "),
    (["-c", "1e30", "x"], "-c 1e30: "),
    (["-c", "1" + 30 * "0", "x"], "-c 1"),
    (["-i", "-1", "x"], "-i -1: "),
    (["-i", "soon", "x"], "-i soon: "),
    (["-s", "0", "x"], "-s 0: "),
    (["-s", "2M", "x"], "-s 2M: "),
    (["-W", "0", "x"], "-W 0: "),
    (["-w", "nan", "x"], "-w nan: "),
    (["-p", "0", "x"], "-p 0: "),
    (["-p", "65536", "x"], "-p 65536: "),
    (["x:99999"], "x:99999: "),
    (["x:0"], "x:0: "),
    (["-Z", "x"], "-Z: "),
    (["--count", "1", "x"], "--count: "),
    (["x", "-c"], "-c: "),
])
def test_wrong_usage_is_told_in_one_line(args, what):
    result = ping(*args)
    assert one_line(result.err).startswith(what)
    assert (result.status, result.out) == (2, "")


def test_an_unknown_name_is_no_connection():
    result = ping("no-such-host.invalid")
    assert one_line(result.err).startswith("no-such-host.invalid: ")
    assert (result.status, result.out) == (3, "")


# What is sent

@pytest.mark.parametrize("size, count", [("1", 5), ("2", 5), ("64", 5), ("1k", 5), ("16Ki", 5), ("1Mi", 4)])
def test_every_size_comes_back(peer, size, count):
    result = ping("-c", count, "-i", 0, "-s", size, "-q", peer(echo).where)
    assert result.summary() | {"seconds": 0} == {"sent": count, "received": count, "late": 0, "corrupted": 0, "loss": 0,
                                                 "unsent": 0, "stray": 0, "seconds": 0}
    assert (result.status, result.err) == (0, "")


def test_the_payload_is_text_that_never_repeats(peer):
    seen = []

    def keep(sock):
        for data in messages(sock, 32):
            seen.append(data)
            sock.sendall(data)

    server = peer(keep)
    for _ in range(2):
        assert ping("-c", 10, "-i", 0, "-s", 32, server.where).status == 0
    assert len(seen) == len(set(seen)) == 20
    for data in seen:
        assert len(data) == 32 and data.endswith(b"\n")
        assert set(data[:-1].decode()) <= set(string.ascii_letters + string.digits + string.punctuation)


def test_interval_0_sends_when_the_last_came_back(peer):
    pieces = []

    def watch(sock):
        while data := sock.recv(65536):
            pieces.append(len(data))
            server.wait(0.02)
            sock.sendall(data)

    server = peer(watch)
    assert ping("-c", 10, "-i", 0, server.where).status == 0
    assert pieces == 10 * [64]


def test_interval_does_not_wait_for_answers(peer):
    """An answer that takes six intervals delays neither the next message nor its own time."""
    def lag(sock):
        begin = time.monotonic()
        data = b""
        while len(data) < 640:
            data += sock.recv(65536)
        arrived.append(time.monotonic() - begin)
        server.wait(0.3)
        sock.sendall(data)

    arrived = []
    server = peer(lag)
    result = ping("-c", 10, "-i", 0.05, "--json", server.where)
    rtts = [reply["rtt_ns"] / 1e9 for reply in result.events("reply")]
    assert arrived[0] >= 0.44
    assert rtts[9] >= 0.3 and rtts[0] >= 0.75
    steps = [a - b for a, b in zip(rtts, rtts[1:])]
    assert sum(steps) == pytest.approx(0.45, abs=0.1 * PATIENCE)
    assert result.status == 0


# Peers that answer right

def by_bytes(sock):
    while data := sock.recv(65536):
        for i in range(len(data)):
            sock.sendall(data[i:i + 1])


def by_lines(sock):
    with sock.makefile("rb") as file:
        for line in file:
            sock.sendall(line)


@pytest.mark.parametrize("handler", [by_bytes, by_lines])
def test_any_chunking_is_an_echo(peer, handler):
    result = ping("-c", 5, "-i", 0, "-s", 300, peer(handler).where)
    assert (result.status, result.err) == (0, "")


def test_a_peer_that_blocks_while_it_writes_is_no_deadlock(peer):
    server = peer(lambda sock: echo(sock, 4096), receive_buffer=4096, send_buffer=4096)
    # More than the buffers of both kernels hold, so that sending has to wait until something was received.
    result = ping("-c", 30, "-i", "1ms", "-s", "1Mi", "-W", "20s", "-q", server.where, seconds=40)
    assert result.status == 0 and result.summary()["received"] == 30


def test_connecting_is_told_apart_from_round_trips(peer):
    def slow(sock):
        for data in messages(sock, 64):
            server.wait(0.2)
            sock.sendall(data)

    server = peer(slow)
    result = ping("-c", 2, "-i", 0, "--json", server.where)
    assert result.events("connect")[0]["connect_ns"] < 0.15e9 * PATIENCE
    for reply in result.events("reply"):
        assert 0.2e9 <= reply["rtt_ns"] < 0.2e9 + 0.15e9 * PATIENCE
    assert result.status == 0


@pytest.mark.parametrize("command", [
    ["ncat", "-l", "-k", "-e", "/bin/cat", "127.0.0.1", "PORT"],
    ["socat", "TCP-LISTEN:PORT,bind=127.0.0.1,reuseaddr,fork", "PIPE"],
], ids=lambda command: command[0])
def test_other_echo_services(command):
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    with refusing() as port:
        pass
    server = subprocess.Popen([word.replace("PORT", str(port)) for word in command], start_new_session=True)
    try:
        until(lambda: ping("-c", 1, f"127.0.0.1:{port}").status == 0, what=command[0])
        result = ping("-c", 5, "-i", 0, "-s", "100k", f"127.0.0.1:{port}")
        assert (result.status, result.err) == (0, "")
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def test_our_own_service(echo):
    service = echo("-q")
    result = ping("-c", 200, "-i", 0, "-s", "10k", "-q", f"127.0.0.1:{service.port}")
    assert result.summary()["received"] == 200
    assert (result.status, result.err) == (0, "")


# Peers that do not

def test_a_late_reply_is_told_and_not_counted_as_received(peer):
    def hold(sock):
        sock.sendall(sock.recv(128, socket.MSG_WAITALL)) # with the second the first is late, and the second is not
        echo(sock)

    server = peer(hold)
    result = ping("-c", 4, "-i", 0.6, "-W", 0.4, server.where)
    where = re.escape(server.where)
    missed = result.lines.index("no reply to seq=1 within 400ms")
    late, = [i for i, line in enumerate(result.lines) if re.fullmatch(rf"64 bytes from {where}: seq=1 time={MS} ms \(late\)", line)]
    assert missed < late
    assert result.summary() | {"seconds": 0} == {"sent": 4, "received": 3, "late": 1, "corrupted": 0, "loss": 0, "unsent": 0,
                                                 "stray": 0, "seconds": 0}
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
    assert re.fullmatch(rf"64 bytes from {re.escape(server.where)}: seq=2 time={MS} ms CORRUPTED: 1 byte wrong, the first at "
                        rf"offset 17: 0x{original[0] ^ 0x20:02x} instead of 0x{original[0]:02x}", wrong)
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


def closing(sock):
    for seq, data in enumerate(messages(sock, 64), 1):
        sock.sendall(data)
        if seq == 2:
            return


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


# Connecting

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


@pytest.fixture
def network():
    made = Network()
    if not made.usable:
        made.close()
        pytest.skip("no network namespaces here")
    yield made
    made.close()


def test_unreachable(network):
    result = ping("192.0.2.1", wrap=network.wrap)
    assert one_line(result.err) == "connect 192.0.2.1:5188: network is unreachable"
    assert result.status == 3


def test_a_connection_to_itself_is_refused(network):
    network.run("sh", "-c", "echo 40000 40000 >/proc/sys/net/ipv4/ip_local_port_range")
    result = ping("-c", 1, "127.0.0.1:40000", wrap=network.wrap)
    assert one_line(result.err) == "connect 127.0.0.1:40000: connected to itself (nothing listens there)"
    assert (result.status, result.out) == (3, "")


def test_ipv6(peer):
    server = peer(echo, host="::1")
    for args in ([f"[::1]:{server.port}"], ["-p", server.port, "::1"], ["-6", "-p", server.port, "::1"]):
        result = ping("-c", 1, *args)
        assert result.lines[0] == f"PING [::1]:{server.port} ([::1]:{server.port}): 64 bytes a message"
        assert (result.status, result.err) == (0, "")
    result = ping("-4", "-p", server.port, "::1")
    assert one_line(result.err) and result.status == 3


@pytest.fixture
def two_addresses(tmp_path):
    """A command that runs another where the name `twofold` has an address of each family."""
    hosts = tmp_path / "hosts"
    hosts.write_text("::1 twofold\n127.0.0.1 twofold\n")
    user = [] if os.getuid() == 0 else ["-r"]
    wrap = ["unshare", "-m", *user, "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh"]
    looked_up = subprocess.run([*wrap, "getent", "ahosts", "twofold"], capture_output=True, text=True, check=False).stdout
    if not looked_up.startswith("::1") or "127.0.0.1" not in looked_up:
        pytest.skip("no mount namespaces, or no IPv6 here")
    return wrap


def test_a_refusal_of_ipv6_is_not_the_end(peer, two_addresses):
    server = peer(echo)
    result = ping("-c", 1, "-v", f"twofold:{server.port}", wrap=two_addresses)
    assert result.lines[:1] == [f"PING twofold:{server.port} ({server.where}): 64 bytes a message"]
    assert result.err.splitlines() == [f"yodel: ping: connect [::1]:{server.port}: connection refused",
                                       f"yodel: ping: connect {server.where}: connected"]
    assert result.status == 0


def test_an_ipv6_address_that_hangs_costs_250_ms(two_addresses):
    with hanging("::1") as listener, Peer(echo, port=listener.getsockname()[1]) as server:
        result, seconds = timed("-c", 1, "-i", 0, "--json", f"twofold:{server.port}", wrap=two_addresses)
    connect, = result.events("connect")
    assert connect["ip"] == "127.0.0.1"
    assert connect["connect_ns"] < 0.2e9 * PATIENCE # of the attempt that won
    assert 0.25 <= seconds < 0.25 + 0.7 * PATIENCE
    assert (result.status, result.err) == (0, "")


def test_of_several_failures_the_most_telling_is_told(two_addresses):
    with hanging("::1") as listener:
        port = listener.getsockname()[1]
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", port))
            result = ping("-W", 0.6, f"twofold:{port}", wrap=two_addresses)
            told = ping("-v", "-W", 0.6, f"twofold:{port}", wrap=two_addresses)
    assert one_line(result.err) == (f"connect twofold:{port}: connection refused (nothing listens there; "
                                    "2 addresses tried, -v tells of each)")
    assert told.err.splitlines() == [f"yodel: ping: connect [::1]:{port}: timed out",
                                     f"yodel: ping: connect 127.0.0.1:{port}: connection refused",
                                     f"yodel: ping: connect twofold:{port}: connection refused (nothing listens there)"]
    assert (result.status, told.status) == (3, 3)


# How it ends

@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_the_statistics(peer, number):
    with Ping("-i", 0.05, peer(echo).where) as running:
        running.wait_line("seq=3 ")
        running.signal(number)
        result = running.finish()
    summary = result.summary()
    assert summary["sent"] == summary["received"] >= 3
    assert (result.status, result.err) == (0, "")


def test_a_signal_in_silence_ends_it_at_once(peer):
    server = peer(lambda sock: server.wait(60))
    with Ping(server.where) as running:
        running.wait_line("connected to")
        until(lambda: server.clients and procfs.state(running.process.pid) == "S", what="it waits")
        begin = time.monotonic()
        running.signal()
        result = running.finish()
    assert time.monotonic() - begin < 0.5 * PATIENCE
    assert result.summary()["loss"] == 100 and result.status == 1


def test_what_is_under_way_at_the_signal_is_waited_for(peer):
    def slow(sock):
        for seq, data in enumerate(messages(sock, 64), 1):
            if seq == 2:
                running.signal()
            server.wait(0.2)
            sock.sendall(data)

    server = peer(slow)
    with Ping("-i", 0, server.where) as running:
        result = running.finish()
    summary = result.summary()
    assert (summary["sent"], summary["received"], summary["loss"], result.status) == (2, 2, 0, 0)


def test_the_second_signal_waits_for_nothing(peer):
    def slow_once(sock):
        first = next(messages(sock, 64))
        server.wait(0.6) # so the grace would be a second
        sock.sendall(first)
        next(messages(sock, 64))
        asked.set()
        server.wait(60)

    asked = threading.Event()
    server = peer(slow_once)
    with Ping("-i", 0, server.where) as running:
        assert asked.wait(10 * PATIENCE)
        begin = time.monotonic()
        running.signal()
        until(lambda: not int(procfs.status(running.process.pid)["ShdPnd"], 16), what="the first was taken")
        running.signal()
        result = running.finish()
    assert time.monotonic() - begin < 0.8
    summary = result.summary()
    assert (summary["sent"], summary["received"], summary["loss"], result.status) == (2, 1, 50, 1)


def test_an_ignored_interrupt_stays_ignored(peer):
    with Ping("-i", 0.05, peer(echo).where, interrupt="--ignore-signal=INT") as running:
        running.wait_line("seq=1 ")
        running.signal(signal.SIGINT)
        running.wait_line("seq=8 ")
        running.signal(signal.SIGTERM)
        assert running.finish().status == 0


def test_the_deadline_ends_the_run(peer):
    result, seconds = timed("-w", 0.4, "-i", 0, "-q", peer(echo).where)
    summary = result.summary()
    assert summary["sent"] == summary["received"] > 10
    assert 0.35 <= summary["seconds"] <= seconds < 0.4 + PATIENCE
    assert result.status == 0
    result = ping("-w", 0.3, "-c", 10, "-i", 0.2, "--json", peer(echo).where)
    summary = result.summary()
    assert (summary["end"], summary["sent"], summary["received"], result.status) == ("deadline", 2, 2, 1)


# Where it goes

def test_standard_output_that_cannot_be_written_is_told(peer):
    server = peer(echo)
    with open("/dev/full", "w", encoding="ascii") as full:
        result = ping("-c", 3, server.where, stdout=full)
    assert one_line(result.err) == "standard output: no space left on device"
    assert result.status == 1
    reading, writing = os.pipe()
    with Ping("-i", 0.02, server.where, stdout=writing) as running:
        os.close(writing)
        assert os.read(reading, 4) == b"PING"
        os.close(reading)
        result = running.finish()
    assert one_line(result.err) == "standard output: broken pipe"
    assert result.status == 1


@pytest.fixture
def stalled(peer):
    """A run whose output nobody reads, and the end to read it from; it is waiting for room."""
    reading, writing = os.pipe()
    fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, 4096)
    with Ping("-i", 0, peer(echo).where, stdout=writing) as running:
        os.close(writing)
        last = [None]

        def is_stuck():
            used, last[0] = last[0], procfs.cpu_seconds(running.process.pid)
            time.sleep(0.1)
            return used == last[0] and procfs.state(running.process.pid) == "S" and os.read(reading, 1)

        until(is_stuck, what="no room")
        yield running, reading
    os.close(reading)


def test_stalled_output_still_heeds_a_signal(stalled):
    running, reading = stalled
    running.signal()
    out = b""
    while piece := os.read(reading, 65536):
        out += piece
    result = running.finish()
    assert b"echo statistics ---" in out
    assert result.err == ""


def test_stalled_output_ends_at_the_second_signal(stalled):
    running, _ = stalled
    running.signal()
    until(lambda: (running.signal(), running.process.poll() is not None)[1], what="it ends", step=0.05)
    assert running.finish().status == 1


def test_a_run_that_was_stopped_goes_on_without_a_burst(peer):
    arrived = []

    def note(sock):
        for data in messages(sock, 64):
            arrived.append(time.monotonic())
            sock.sendall(data)

    with Ping("-i", 0.1, peer(note).where) as running:
        running.wait_line("seq=2 ")
        running.signal(signal.SIGSTOP)
        until(lambda: procfs.state(running.process.pid) == "T", what="it stops")
        stopped = time.monotonic()
        until(lambda: time.monotonic() - stopped > 1.6, what="time")
        sent = len(arrived)
        running.signal(signal.SIGCONT)
        running.wait_line(f"seq={sent + 4} ")
        running.signal()
        result = running.finish()
    assert arrived[sent] - stopped >= 1.6
    assert arrived[sent + 3] - arrived[sent] >= 0.2
    assert result.summary()["late"] == 0 and result.status == 0


@pytest.mark.valgrind
def test_short_run_under_valgrind(peer, two_addresses):
    server = peer(closing)
    wrap = ["valgrind", "--quiet", "--leak-check=full", "--show-leak-kinds=all", "--errors-for-leak-kinds=all",
            "--error-exitcode=99"]
    result = ping("-i", 0, "-s", 64, f"twofold:{server.port}", wrap=[*two_addresses, *wrap], seconds=60)
    assert one_line(result.err) == f"{server.where}: the peer closed the connection"
    assert (result.summary()["received"], result.status) == (2, 1)
