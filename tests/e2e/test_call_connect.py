# SPDX-License-Identifier: GPL-3.0-or-later
"""`yodel call` reaches its peer, or says why it cannot, or tries until it can."""

import contextlib
import socket
import subprocess
import time

import pytest

import procfs
from netns import network, twofold
from pinglib import Peer, echo, hanging, hanging_beside, refusing, taken
from pipelib import receive_rest, receive_until, send_all, sockets, talk
from service import PATIENCE, until
from test_ping_lookup import names, no_answer

AGAIN = "; trying again until somebody is there"


def fails(talk, *arguments, seconds=0.0, **how):
    """Call in vain: nothing on standard output, status 3, one line, in time. Returns the line without its beginning."""
    begun = time.monotonic()
    one = talk("call", *arguments, **how)
    assert one.finish() == (3, b"")
    assert seconds <= time.monotonic() - begun < seconds + 1.0 * PATIENCE
    [line] = one.said
    assert line.startswith("yodel: call: ")
    return line.removeprefix("yodel: call: ")


@pytest.fixture
def told(talk, sockets):
    """told(server, *arguments): a call that reaches server, and its socket there. They are tried on each other."""
    def make(server, *arguments, **how):
        server.settimeout(10 * PATIENCE)
        one = talk("call", *arguments, **how)
        sock, _ = server.accept()
        sockets.append(sock)
        send_all(one.stdin, b"hello\n")
        one.end_input()
        assert receive_rest(sock) == b"hello\n"
        sock.sendall(b"bye\n")
        sock.close()
        assert one.finish() == (0, b"bye\n")
        return one

    return make


# --- why not


@pytest.fixture
def only4(names, tmp_path):
    """A command that runs another where the name `only4` has no IPv6 address, and is said so."""
    (tmp_path / "nsswitch.conf").write_text("hosts: files\n")
    (tmp_path / "hosts").write_text("127.0.0.1 only4\n")
    return names.wrap


def test_refused(talk):
    with refusing() as port:
        assert fails(talk, f"127.0.0.1:{port}") == (f"connect 127.0.0.1:{port}: connection refused "
                                                    "(nothing listens there)")


def test_timed_out(talk):
    with hanging() as listener:
        port = listener.getsockname()[1]
        assert fails(talk, "--timeout", "0.3s", f"127.0.0.1:{port}", seconds=0.3) == (
            f"connect 127.0.0.1:{port}: timed out (--timeout says how long to wait)")


def test_unreachable(talk, network):
    assert fails(talk, "192.0.2.1", wrap=network.wrap) == "connect 192.0.2.1:5188: network is unreachable"
    assert fails(talk, "[2001:db8::1]:7", wrap=network.wrap) == "connect [2001:db8::1]:7: network is unreachable"


def test_prohibited_on_the_way(talk, network):
    """A packet filter that says no, in the words of ICMP."""
    network.nft("add rule inet test in tcp dport 7 reject with icmpx type host-unreachable",
                "add rule inet test in tcp dport 9 reject with icmpx type admin-prohibited")
    assert fails(talk, "127.0.0.1:7", wrap=network.wrap) == "connect 127.0.0.1:7: no route to host"
    assert fails(talk, "127.0.0.1:9", wrap=network.wrap).startswith("connect 127.0.0.1:9: ")


def test_an_unknown_name(talk):
    line = fails(talk, "no-such-host.invalid")
    assert line.startswith("no-such-host.invalid: ") or line.startswith("look up no-such-host.invalid: ")


def test_a_name_server_that_does_not_answer(talk, no_answer):
    assert fails(talk, "--timeout", "0.3s", "box.example", seconds=0.3, wrap=no_answer.wrap) == (
        "look up box.example: timed out (--timeout says how long to wait)")


@pytest.mark.parametrize("option, host, family", [("-4", "[::1]:7", "IPv4"), ("-6", "127.0.0.1:7", "IPv6"),
                                                  ("-6", "only4:7", "IPv6")])
def test_no_address_of_that_family(talk, only4, option, host, family):
    assert fails(talk, option, host, wrap=only4) == (
        f"{host.rpartition(':')[0].strip('[]')}: no {family} address of that name")


def test_interrupted_while_connecting(talk):
    with hanging() as listener:
        one = talk("call", f"127.0.0.1:{listener.getsockname()[1]}")
        until(lambda: len(sockets_of(one.pid)) == 1, what="it connects")
        one.process.terminate()
        assert one.finish() == (-15, b"")


def sockets_of(pid):
    return [target for target in procfs.descriptors(pid).values() if target.startswith("socket:")]


# --- where


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def test_ways_to_write_an_address(told, server):
    port = server.getsockname()[1]
    for arguments in ([f"127.0.0.1:{port}"], ["-p", port, "127.0.0.1"], ["-p", port, "127.0.0.1:7"],
                      ["-4", f"localhost:{port}"], [f"0.0.0.0:{port}"], ["--", f"127.0.0.1:{port}"]):
        one = told(server, *arguments)
        assert one.said == [f"connected to 127.0.0.1:{port}", f"127.0.0.1:{port} left"]


def test_ipv6(told):
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        port = server.getsockname()[1]
        for arguments in ([f"[::1]:{port}"], ["-p", port, "::1"], ["-6", "-p", port, "::1"]):
            one = told(server, *arguments)
            assert one.said == [f"connected to [::1]:{port}", f"[::1]:{port} left"]


def test_the_port_if_none_is_given(told, network):
    with network.listen(port=5188) as server:
        assert told(server, "127.0.0.1", wrap=network.wrap).said[0] == "connected to 127.0.0.1:5188"


def test_a_refusal_of_ipv6_is_not_the_end(told, server, twofold):
    port = server.getsockname()[1]
    assert told(server, f"twofold:{port}", wrap=twofold).said[0] == f"connected to 127.0.0.1:{port}"


def test_an_ipv6_address_that_hangs_costs_250_ms(told, twofold):
    made = []

    def serve(port):
        made.append(socket.create_server(("127.0.0.1", port)))
        return made[-1]

    with hanging_beside(serve) as port:
        begun = time.monotonic()
        assert told(made[-1], f"twofold:{port}", wrap=twofold).said[0] == f"connected to 127.0.0.1:{port}"
        assert 0.25 <= time.monotonic() - begun < 0.25 + 0.7 * PATIENCE


def test_of_several_failures_the_most_telling_is_told(talk, twofold):
    with hanging_beside(taken) as port:
        assert fails(talk, "--timeout", "0.6s", f"twofold:{port}", seconds=0.6, wrap=twofold) == (
            f"connect twofold:{port}: connection refused (nothing listens there; 2 addresses tried)")


# --- again


def test_a_listener_that_comes_later(talk):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        where = "127.0.0.1:%d" % server.getsockname()[1]
        one = talk("call", "--retry", where, stdin=subprocess.DEVNULL)
        one.wait_line(AGAIN)
        server.listen()
        with server.accept()[0] as sock:
            assert receive_rest(sock) == b""
            sock.sendall(b"bye\n")
    assert one.finish() == (0, b"bye\n")
    assert one.said == [f"{where}: connection refused{AGAIN}", f"connected to {where}", f"{where} left"]


def test_a_yodel_that_listens_later(talk):
    """They find each other, whoever comes first, soon."""
    with refusing() as port:
        caller = talk("call", "--retry", f"127.0.0.1:{port}")
        caller.wait_line(AGAIN)
    begun = time.monotonic()
    listener = talk("listen", f"127.0.0.1:{port}")
    listener.wait_line(" is here")
    assert time.monotonic() - begun < 1.2 * PATIENCE
    send_all(caller.stdin, b"hello\n")
    assert receive_until(listener.stdout, b"\n") == b"hello\n"
    caller.end_input(), listener.end_input()
    assert [caller.finish(), listener.finish()] == [(0, b""), (0, b"")]


def test_a_name_that_becomes_known_later(talk, names, sockets, tmp_path):
    with names.network.listen() as server:
        port = server.getsockname()[1]
        one = talk("call", "--retry", f"later:{port}", wrap=names.wrap)
        assert one.wait_line(AGAIN).startswith("later:")
        (tmp_path / "hosts").write_text("127.0.0.1 later\n")
        server.settimeout(10 * PATIENCE)
        sockets.append(server.accept()[0])
        one.wait_line(f"connected to 127.0.0.1:{port}")
        sockets[-1].close()
        one.end_input()
        assert one.finish() == (0, b"")


@pytest.mark.lengthy
def test_trying_again_never_ends_and_costs_nothing(talk):
    with refusing() as port:
        one = talk("call", "--retry", "--timeout", "0.1s", f"127.0.0.1:{port}")
        one.wait_line(AGAIN)
        time.sleep(2)
        assert one.process.poll() is None
        assert procfs.cpu_seconds(one.pid) < 0.1
        assert len(one.said) == 1


def test_standard_input_waits_for_the_peer(talk, sockets):
    """Nothing of it is read before somebody is there."""
    with refusing() as port:
        one = talk("call", "--retry", f"127.0.0.1:{port}")
        send_all(one.stdin, b"x" * 60_000)
        one.end_input()
        one.wait_line(AGAIN)
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(10 * PATIENCE)
        sock, _ = server.accept()
        sockets.append(sock)
        assert receive_rest(sock) == b"x" * 60_000
        sock.close()
    assert one.finish() == (0, b"")


# --- to oneself


@pytest.fixture
def one_port(network):
    """A network in which connect() can take one port only, 40000: a call to it meets itself (RFC 9293, 3.5)."""
    network.run("sh", "-c", "echo 40000 40000 >/proc/sys/net/ipv4/ip_local_port_range")
    return network


def test_a_call_to_oneself_is_detected(talk, one_port):
    for _ in range(2):
        assert fails(talk, "127.0.0.1:40000", wrap=one_port.wrap) == (
            "connect 127.0.0.1:40000: connected to itself (nothing listens there)")


def test_a_call_to_oneself_is_tried_again(talk, one_port, sockets):
    one = talk("call", "--retry", "127.0.0.1:40000", wrap=one_port.wrap)
    assert one.wait_line(AGAIN) == f"127.0.0.1:40000: connected to itself{AGAIN}"
    one_port.run("sh", "-c", "echo 30000 50000 >/proc/sys/net/ipv4/ip_local_port_range")

    def listen():
        with contextlib.suppress(subprocess.CalledProcessError): # it calls itself at this moment
            return one_port.listen(port=40000)

    server = until(listen, what="the port is free")
    sockets.append(server)
    server.settimeout(10 * PATIENCE)
    sockets.append(server.accept()[0])
    one.wait_line("connected to 127.0.0.1:40000")
    send_all(one.stdin, b"not to myself\n")
    one.end_input()
    assert receive_rest(sockets[-1]) == b"not to myself\n"
    sockets[-1].close()
    assert one.finish() == (0, b"")
