# SPDX-License-Identifier: GPL-3.0-or-later
"""`yodel listen` takes one peer. Whoever else calls is told so and leaves, and the one who is there does not notice."""

import os
import re
import resource
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress

import pytest

import procfs
from clients import Pattern, reset
from netns import twofold
from pipelib import (Background, dial, receive_pattern, receive_rest, receive_until, send_all, send_pattern, sockets, stuff,
                     talk)
from service import PATIENCE, SANITIZED, until

MI = 1 << 20
BUSY = b"yodel: busy: somebody else is talking here (try again later)\n"

# So many of those who were turned away may still be there (chat/lobby.h).
LEAVING_MAX, LEAVING_SECONDS = 16, 2


@pytest.fixture
def seat(talk, sockets):
    """seat(*options): a Talk that listens, and the socket that has the seat."""
    def take(*options, **how):
        one = talk("listen", *options, "127.0.0.1:0", **how)
        sockets.append(dial(one.port))
        one.wait_line(" is here")
        return one, sockets[-1]

    return take


def assert_talking(one, sock, word=b"still here?\n"):
    send_all(one.stdin, word)
    assert receive_until(sock, b"\n") == word
    sock.sendall(word)
    assert receive_until(one.stdout, b"\n") == word


def end(one, sock):
    one.end_input()
    assert receive_rest(sock) == b""
    sock.close()
    assert one.finish() == (0, b"")


def read_line_and_end(sock):
    """The one line, and the end: no reset, not even one behind it (to others than Linux that would take the line away)."""
    assert receive_rest(sock) == BUSY
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


def call_in_vain(port, before=b""):
    """Be turned away, in good order. Returns after how many seconds that came."""
    begun = time.monotonic()
    with dial(port) as sock:
        sock.sendall(before)
        read_line_and_end(sock)
        return time.monotonic() - begun


# --- who is turned away


def test_the_second_and_the_hundredth_caller(seat):
    one, sock = seat()
    took = []
    for i in range(100):
        took.append(call_in_vain(one.port))
        if i % 20 == 0:
            assert_talking(one, sock)
    assert max(took) < 0.5 * PATIENCE
    end(one, sock)


@pytest.mark.parametrize("size", [1, 5000, MI])
def test_a_caller_who_speaks_first(seat, size):
    """What nobody reads would turn the end into a reset."""
    one, sock = seat()
    for _ in range(5):
        call_in_vain(one.port, b"x" * size)
    assert_talking(one, sock)
    end(one, sock)


@pytest.mark.lengthy
def test_a_caller_who_speaks_all_the_time(seat):
    """The line is read while it speaks, and in the end it is cut off."""
    one, sock = seat()
    with dial(one.port) as caller:
        begun = time.monotonic()
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            while time.monotonic() - begun < 10 * PATIENCE:
                caller.sendall(b"x" * 10000)
        assert time.monotonic() - begun < LEAVING_SECONDS + 1 * PATIENCE
    assert_talking(one, sock)
    end(one, sock)


def test_everybody_at_once(seat, sockets):
    """Far more than may be leaving at the same time, and each has said a lot before anybody listens."""
    one, sock = seat()
    one.process.send_signal(signal.SIGSTOP)
    callers = [dial(one.port) for _ in range(100)]
    sockets += callers
    for each in callers:
        each.sendall(b"x" * 100_000)
    one.process.send_signal(signal.SIGCONT)
    for each in callers:
        read_line_and_end(each)
        each.close()
    assert_talking(one, sock)
    end(one, sock)


@pytest.mark.lengthy
def test_callers_who_do_not_hang_up(seat, sockets):
    """They hold no more than so many descriptors, and not for long."""
    one, sock = seat()
    before = len(procfs.descriptors(one.pid))
    callers = [dial(one.port) for _ in range(3 * LEAVING_MAX)]
    sockets += callers
    begun = time.monotonic()
    for each in callers:
        assert receive_rest(each) == BUSY
    assert len(procfs.descriptors(one.pid)) <= before + LEAVING_MAX + 1 # who comes, before the first is cut off
    assert_talking(one, sock)
    until(lambda: len(procfs.descriptors(one.pid)) == before, LEAVING_SECONDS + 1, what="all of them are gone")
    assert time.monotonic() - begun > LEAVING_SECONDS - 0.5
    end(one, sock)


def test_a_caller_who_has_gone_again(seat):
    one, sock = seat()
    for _ in range(20):
        reset(dial(one.port))
    assert_talking(one, sock)
    end(one, sock)


class Flood:
    """As many callers as a thread can make, of several kinds, until told to stop."""

    def __init__(self, port):
        self.port, self.count, self.over = port, 0, threading.Event()
        self.work = Background(self._run)

    def _run(self):
        while not self.over.is_set():
            with dial(self.port) as sock:
                sock.sendall(b"let me in\n" * (self.count % 3))
                if self.count % 2:
                    assert receive_rest(sock) == BUSY
            self.count += 1

    def stop(self):
        self.over.set()
        self.work.result()
        return self.count


@pytest.mark.lengthy
def test_a_flood_of_callers_does_not_disturb_a_transfer(seat):
    one, sock = seat()
    size, out, back = (4 if SANITIZED else 32) * MI, Pattern(1), Pattern(2)
    floods = [Flood(one.port) for _ in range(2)]
    until(lambda: all(flood.count > 10 for flood in floods), what="they call")
    begun = time.monotonic()
    work = [Background(send_pattern, one.stdin, out, size), Background(send_pattern, sock, back, size),
            Background(receive_pattern, one.stdout, back, size), Background(receive_pattern, sock, out, size)]
    assert [each.result() for each in work] == [size] * 4
    print(f"{time.monotonic() - begun:.2f} s, {[flood.stop() for flood in floods]} turned away")
    end(one, sock)
    assert len([line for line in one.said if "turned away" in line]) <= 2 * PATIENCE, "callers fill the screen"


# --- who may come


def knock(port, host="127.0.0.1", source=None):
    """Whether a caller gets in; the other answer is a reset without a word."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.settimeout(10 * PATIENCE)
        if source:
            sock.bind((source, 0))
        try:
            sock.connect((host, port))
            sock.sendall(b"knock\n")
            said = sock.recv(100)
        except (ConnectionResetError, BrokenPipeError):
            return False
    assert said == b"", said
    return True


@pytest.mark.parametrize("rules, source, comes_in", [
    (["127.0.0.0/8"], "127.0.0.1", True),
    (["127.0.0.2"], "127.0.0.2", True),
    (["127.0.0.2"], "127.0.0.1", False),
    (["127.0.0.2/31"], "127.0.0.3", True),
    (["127.0.0.2/31"], "127.0.0.4", False),
    (["10.0.0.0/8", "127.0.0.3", "2001:db8::/32"], "127.0.0.3", True),
    (["10.0.0.0/8", "127.0.0.3", "2001:db8::/32"], "127.0.0.2", False),
    (["0.0.0.0/0"], "127.0.0.1", True),
    (["::/0"], "127.0.0.1", False),
    (["::1"], "::1", True),
    (["::/0"], "::1", True),
    (["::2/127"], "::1", False),
    (["0.0.0.0/0"], "::1", False),
])
@pytest.mark.parametrize("dual", [True, False])
def test_only_some_may_come(talk, rules, source, comes_in, dual):
    """With a socket for both families, and with one for each."""
    host = "::1" if ":" in source else "127.0.0.1"
    where = "*:0" if dual else f"[{host}]:0" if ":" in host else f"{host}:0"
    options = [word for rule in rules for word in ("--accept-from", rule)]
    one = talk("listen", *options, where, stdin=subprocess.DEVNULL)
    assert knock(one.port, host, source) == comes_in
    name = rf"\[{source}\]" if ":" in source else re.escape(source)
    if comes_in:
        assert one.finish() == (0, b"knock\n")
        assert re.fullmatch(name + r":\d+ is here", one.said[-2])
    else:
        assert re.fullmatch(name + r":\d+ was turned away", one.wait_line(" was turned away"))
        assert one.process.poll() is None


def test_who_may_not_come_does_not_take_the_seat(talk, sockets):
    """Nor does it hear that there is one."""
    one = talk("listen", "--accept-from", "127.0.0.2", "127.0.0.1:0")
    for _ in range(20):
        assert not knock(one.port)
    sock = socket.create_connection(("127.0.0.1", one.port), 10, ("127.0.0.2", 0))
    sockets.append(sock)
    one.wait_line("127.0.0.2:%d is here" % sock.getsockname()[1])
    assert not knock(one.port)
    with socket.create_connection(("127.0.0.1", one.port), 10, ("127.0.0.2", 0)) as late:
        read_line_and_end(late)
    assert_talking(one, sock)
    end(one, sock)


# --- one after the other


def test_keep_serves_one_after_the_other(talk):
    one = talk("listen", "--keep", "127.0.0.1:0", stdin=subprocess.DEVNULL)
    for i in range(5):
        with dial(one.port) as sock:
            assert receive_rest(sock) == b""
            sock.sendall(b"number %d\n" % i)
            call_in_vain(one.port)
        assert receive_until(one.stdout, b"\n") == b"number %d\n" % i
        one.wait_line(" left", i + 1)
    assert one.process.poll() is None
    told = [line.partition(" ")[2] for line in one.said if "turned away" not in line]
    assert told == [one.said[0].partition(" ")[2]] + 5 * ["is here", "left"]
    one.process.terminate()
    assert one.finish() == (-signal.SIGTERM, b"")


def test_keep_goes_on_after_a_broken_connection(talk):
    """What the next one hears begins with what comes from then on; what the first one missed is told."""
    one = talk("listen", "--keep", "127.0.0.1:0")
    with dial(one.port, receive_buffer=8192) as sock:
        sent = stuff(one.stdin, Pattern(1))
        got = sock.recv(100)
        assert got
        reset(sock)
    line = one.wait_line("connection reset by peer")
    lost = int(re.fullmatch(r"yodel: listen: 127\.0\.0\.1:\d+: connection lost: connection reset by peer "
                            r"\((\d+) bytes not delivered\)", line)[1])
    assert 0 < lost <= sent
    with dial(one.port) as sock:
        one.wait_line(" is here", 2)
        pattern, rest = Pattern(1), Background(receive_rest, sock)
        one.end_input()
        left = rest.result()
        pattern.check(sent - len(left), left)
        sock.sendall(b"bye\n")
    assert receive_until(one.stdout, b"\n") == b"bye\n"
    one.wait_line(" left")
    assert one.process.poll() is None


def test_keep_ends_with_standard_output(talk):
    one = talk("listen", "--keep", "127.0.0.1:0", stdin=subprocess.DEVNULL)
    one.stdout.close()
    with dial(one.port) as sock, suppress(OSError):
        sock.sendall(b"hello\n")
        receive_rest(sock)
    assert one.wait() == 1
    assert one.said[-1] == "yodel: listen: standard output: broken pipe"


def test_without_keep_nobody_else_comes(seat):
    """Nor does anybody wait for ever who had called in the meantime."""
    one, sock = seat()
    port = one.port
    one.process.send_signal(signal.SIGSTOP)
    with dial(port) as late:
        one.end_input()
        sock.close()
        one.process.send_signal(signal.SIGCONT)
        assert one.finish() == (0, b"")
        with suppress(ConnectionResetError):
            assert receive_rest(late) in (b"", BUSY)
    with pytest.raises(ConnectionRefusedError):
        dial(port)


# --- no room


def test_callers_wait_for_descriptors(talk, sockets):
    """Told once, without turning in circles, and over when there is room."""
    one = talk("listen", "127.0.0.1:0")
    port = one.port
    resource.prlimit(one.pid, resource.RLIMIT_NOFILE, (4, 100))
    sock = dial(port)
    sockets.append(sock)
    sock.sendall(b"hello\n")
    assert one.wait_line("callers have to wait: ") == "callers have to wait: too many open files"
    before = procfs.cpu_seconds(one.pid)
    time.sleep(0.5)
    assert procfs.cpu_seconds(one.pid) - before <= 0.02
    resource.prlimit(one.pid, resource.RLIMIT_NOFILE, (50, 100))
    one.wait_line(" is here")
    assert receive_until(one.stdout, b"\n") == b"hello\n"
    assert_talking(one, sock)
    end(one, sock)
    assert len([line for line in one.said if "have to wait" in line]) == 1


@pytest.mark.lengthy
def test_a_talk_goes_on_while_callers_have_to_wait(seat, sockets):
    """Those who were turned away give their descriptors back, and the next ones hear it too."""
    one, sock = seat()
    held = len(procfs.descriptors(one.pid))
    resource.prlimit(one.pid, resource.RLIMIT_NOFILE, (held + 3, 100))
    callers = [dial(one.port) for _ in range(9)]
    sockets += callers
    one.wait_line("callers have to wait: too many open files")
    assert_talking(one, sock)
    for each in callers:
        read_line_and_end(each)
        each.close()
    assert_talking(one, sock)
    end(one, sock)


# --- where


def test_all_addresses_of_a_name(talk, twofold, sockets):
    one = talk("listen", "twofold:0", wrap=twofold)
    wheres = sorted(one.where(count) for count in (1, 2))
    assert [host for host, _ in wheres] == ["127.0.0.1", "::1"]
    with dial(wheres[0][1]) as sock:
        sock.sendall(b"hello\n")
        assert receive_until(one.stdout, b"\n") == b"hello\n"
        with dial(wheres[1][1], "::1") as late:
            read_line_and_end(late)
        one.end_input()
        assert receive_rest(sock) == b""
    assert one.finish() == (0, b"")


@pytest.mark.parametrize("options, served, refused", [
    (["-4", "*:0"], "127.0.0.1", "::1"), (["-6", "*:0"], "::1", "127.0.0.1"), (["*:0"], "127.0.0.1", None),
    (["*:0"], "::1", None), (["-6", "[::]:0"], "::1", None), (["-4", "0.0.0.0:0"], "127.0.0.1", "::1"),
    (["-4", "localhost:0"], "127.0.0.1", None), (["0"], "127.0.0.1", None), ([":0"], "::1", None),
])
def test_families(talk, options, served, refused):
    one = talk("listen", *options, stdin=subprocess.DEVNULL)
    with dial(one.port, served) as sock:
        assert receive_rest(sock) == b""
        if refused:
            with suppress(ConnectionRefusedError): # the port may be somebody else's in that family
                dial(one.port, refused).close()
    assert one.finish() == (0, b"")
    shown = f"[{served}]" if ":" in served else served
    assert [line for line in one.said if line.startswith(f"{shown}:") and line.endswith(" is here")], one.said


def test_a_port_in_use(talk):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = "127.0.0.1:%d" % taken.getsockname()[1]
        one = talk("listen", where)
        assert one.finish() == (1, b"")
    assert one.said == [f"yodel: listen: {where}: address already in use (is another yodel running? "
                        "Port 0 takes a free one)"]


def test_one_of_two_ports_in_use(talk, twofold):
    """Nobody is told that the other one listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        one = talk("listen", f"twofold:{port}", wrap=twofold)
        assert one.finish() == (1, b"")
    assert one.said == [f"yodel: listen: 127.0.0.1:{port}: address already in use (is another yodel running? "
                        "Port 0 takes a free one)"]


def test_the_port_is_free_again_at_once(talk, sockets):
    """Also after a talk that was ended from here, which leaves a connection in TIME_WAIT."""
    port = 0
    for _ in range(3):
        one = talk("listen", f"127.0.0.1:{port}", stdin=subprocess.DEVNULL)
        port = one.port
        with dial(port) as sock:
            assert receive_rest(sock) == b""
        assert one.finish() == (0, b"")


@pytest.mark.parametrize("address, why", [
    ("192.0.2.1:0", "192.0.2.1:0: cannot assign requested address"),
    ("no-such-host.invalid:0", "no-such-host.invalid: "),
])
def test_an_address_that_cannot_be_listened_on(talk, address, why):
    one = talk("listen", address)
    assert one.finish() == (1, b"")
    [line] = one.said
    assert line.startswith(f"yodel: listen: {why}")


# --- who was turned away and knows it


@pytest.mark.parametrize("cut", [1, 30, len(BUSY)])
def test_call_tells_that_it_was_turned_away(talk, cut):
    """Exit status 5, at once, whatever standard input still holds; the line itself is the peer's and goes where its bytes
    go."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        where = "127.0.0.1:%d" % listener.getsockname()[1]
        one = talk("call", where)
        sock, _ = listener.accept()
        with sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.sendall(BUSY[:cut])
            send_all(one.stdin, b"unread")
            sock.sendall(BUSY[cut:])
            assert sock.recv(6) == b"unread"
            sock.shutdown(socket.SHUT_WR)
            assert one.finish() == (5, BUSY)
    assert one.said[-1] == f"yodel: call: {where}: somebody else is talking there (try again later)"


@pytest.mark.parametrize("text", [BUSY[:-1], BUSY + b"x", b"x" + BUSY, BUSY[:-2] + b"x\n", BUSY + BUSY, b""])
def test_a_stream_that_is_not_that_line_is_a_stream(talk, text):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = talk("call", f"127.0.0.1:{listener.getsockname()[1]}", stdin=subprocess.DEVNULL)
        sock, _ = listener.accept()
        with sock:
            sock.sendall(text)
            sock.shutdown(socket.SHUT_WR)
            assert one.finish() == (0, text)


@pytest.mark.parametrize("stdin", [os.devnull, "/dev/zero", None])
def test_a_call_to_somebody_who_is_busy(seat, talk, stdin):
    """At once, also in the middle of what it would have sent, and though standard input goes on."""
    one, sock = seat()
    begun = time.monotonic()
    with open(stdin, "rb") if stdin else suppress() as file:
        late = talk("call", f"127.0.0.1:{one.port}", stdin=file or subprocess.PIPE)
    assert late.finish() == (5, BUSY)
    assert time.monotonic() - begun < 0.5 * PATIENCE
    assert_talking(one, sock)
    end(one, sock)


def test_listen_is_never_turned_away(talk):
    one = talk("listen", "127.0.0.1:0", stdin=subprocess.DEVNULL)
    with dial(one.port) as sock:
        sock.sendall(BUSY)
        sock.shutdown(socket.SHUT_WR)
        assert one.finish() == (0, BUSY)
