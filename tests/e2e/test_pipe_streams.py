# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever the standard streams of `yodel listen` and `yodel call` are: files, pipes, sockets, closed, full."""

import contextlib
import os
import pty
import socket
import subprocess
import termios
import tty

import pytest

from pipelib import apart, pair, receive_rest, receive_until, role, send_all, sockets, talk
from service import until

DATA = bytes(range(256)) * 300


@pytest.fixture
def streams():
    """A list of files and sockets that are closed when the test is over."""
    made = []
    yield made
    for each in made:
        each.close()


def empty(path):
    path.write_bytes(b"")
    return path.open("rb"), b""


def file(path):
    path.write_bytes(b"not this" + DATA)
    opened = path.open("rb", buffering=0)
    opened.seek(8)
    return opened, DATA


def socket_with_data(_):
    ours, theirs = socket.socketpair()
    ours.sendall(DATA)
    ours.close()
    return theirs, DATA


def fifo_with_data(_):
    reading, writing = os.pipe()
    os.write(writing, DATA[:60000])
    os.close(writing)
    return os.fdopen(reading, "rb", buffering=0), DATA[:60000]


def nothing(_):
    return open(os.devnull, "rb"), b""


@pytest.mark.parametrize("make", [nothing, empty, file, socket_with_data, fifo_with_data])
def test_standard_input(pair, role, tmp_path, streams, make):
    """All of it arrives, then our end of file, and what the peer says after that is still taken."""
    stdin, data = make(tmp_path / "in")
    streams.append(stdin)
    one, sock = pair(role, stdin=stdin)
    assert receive_rest(sock) == data
    sock.sendall(b"thank you")
    assert receive_until(one.stdout, b"you") == b"thank you"
    sock.close()
    assert one.finish() == (0, b"")


UNREADABLE = {
    "closed": (lambda: os.close(0), "bad file descriptor"),
    "a folder": (lambda: os.dup2(os.open("/", os.O_RDONLY), 0), "is a directory"),
    "only for writing": (lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 0), "bad file descriptor"),
}


@pytest.mark.parametrize("make, why", UNREADABLE.values(), ids=UNREADABLE)
def test_standard_input_that_cannot_be_read(apart, role, make, why):
    """The peer does not take it for an end."""
    one, meet = apart(role, stdin=subprocess.DEVNULL, preexec=make)
    with pytest.raises(ConnectionResetError):
        receive_rest(meet())
    assert one.finish() == (1, b"")
    assert one.said[-1] == f"yodel: {role}: standard input: {why}"


def test_a_file_is_written_from_where_it_stands(pair, role, tmp_path):
    got = tmp_path / "got"
    with got.open("wb", buffering=0) as stdout:
        stdout.write(b"head\n")
        one, sock = pair(role, stdin=subprocess.DEVNULL, stdout=stdout)
        sock.sendall(DATA)
        sock.close()
        assert one.wait() == 0
        stdout.write(b"tail\n")
    assert got.read_bytes() == b"head\n" + DATA + b"tail\n"


def test_a_file_is_appended_to(pair, role, tmp_path):
    got = tmp_path / "got"
    got.write_bytes(b"head\n")
    with got.open("ab", buffering=0) as stdout:
        one, sock = pair(role, stdin=subprocess.DEVNULL, stdout=stdout)
        sock.sendall(DATA)
        sock.close()
        assert one.wait() == 0
    assert got.read_bytes() == b"head\n" + DATA


def test_standard_output_that_is_a_socket(pair, role, sockets):
    """Its reader is told the end, though others have the socket too."""
    ours, theirs = socket.socketpair()
    sockets += [ours, theirs]
    one, sock = pair(role, stdout=theirs)
    sock.sendall(DATA)
    sock.shutdown(socket.SHUT_WR)
    assert receive_rest(ours) == DATA
    one.end_input()
    assert one.wait() == 0


def test_one_socket_for_both(pair, role, sockets):
    """As inetd and socat start a program: the end of either direction goes through alone."""
    ours, theirs = socket.socketpair()
    sockets.append(ours)
    one, sock = pair(role, stdin=theirs, stdout=theirs)
    theirs.close()
    sock.sendall(DATA)
    sock.shutdown(socket.SHUT_WR)
    assert receive_rest(ours) == DATA
    ours.sendall(DATA)
    ours.shutdown(socket.SHUT_WR)
    assert receive_rest(sock) == DATA
    assert one.wait() == 0


@pytest.mark.parametrize("says", [b"", b"hello\n"])
def test_standard_output_that_is_closed(pair, role, says):
    """What has nowhere to go is not taken for delivered."""
    one, sock = pair(role, preexec=lambda: os.close(1))
    if says:
        sock.sendall(says)
        with pytest.raises(ConnectionResetError):
            receive_rest(sock)
        assert one.wait() == 1
        assert one.said[-1] == f"yodel: {role}: standard output: bad file descriptor"
    else:
        sock.shutdown(socket.SHUT_WR)
        one.end_input()
        assert receive_rest(sock) == b""
        assert one.wait() == 0


def test_a_full_disk(pair, role):
    with open("/dev/full", "wb") as full:
        one, sock = pair(role, stdout=full)
    sock.sendall(b"hello\n")
    with pytest.raises(ConnectionResetError):
        receive_rest(sock)
    assert one.wait() == 1
    assert one.said[-1] == f"yodel: {role}: standard output: no space left on device"


def test_a_reader_that_has_gone(pair, role):
    one, sock = pair(role)
    sock.sendall(b"hello\n")
    assert receive_until(one.stdout, b"\n") == b"hello\n"
    one.stdout.close()
    sock.sendall(b"are you there?\n")
    with pytest.raises(ConnectionResetError):
        receive_rest(sock)
    assert one.wait() == 1
    assert one.said[-1] == f"yodel: {role}: standard output: broken pipe"


@pytest.mark.parametrize("role", ["listen"])
def test_a_reader_that_goes_while_nothing_more_fits(pair, role):
    one, sock = pair(role)
    sock.settimeout(1)
    with pytest.raises(TimeoutError):
        while True:
            sock.sendall(DATA)
    one.stdout.close()
    assert one.wait() == 1
    assert one.said[-1] == f"yodel: {role}: standard output: broken pipe"


@pytest.fixture
def full_pipe():
    """The writing end of a pipe that is full, and whose reader does not read."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(4096))
    os.set_blocking(writing, True)
    yield writing
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("stderr", ["closed", "full disk", "full pipe"])
def test_standard_error_that_takes_nothing(talk, sockets, full_pipe, stderr):
    """Status lines get lost, the bytes do not, and nobody waits."""
    elsewhere = {"closed": lambda: os.close(2), "full pipe": lambda: os.dup2(full_pipe, 2),
                 "full disk": lambda: os.dup2(os.open("/dev/full", os.O_WRONLY), 2)}
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = talk("call", f"127.0.0.1:{server.getsockname()[1]}", preexec=elsewhere[stderr])
        sock, _ = server.accept()
        sockets.append(sock)
    send_all(one.stdin, DATA)
    one.end_input()
    assert receive_rest(sock) == DATA
    sock.sendall(DATA)
    sock.close()
    assert one.finish() == (0, DATA)


def test_descriptions_that_others_share_stay_blocking(pair, role):
    """O_NONBLOCK would belong to the shell too (and to a terminal's other programs)."""
    reading, writing = os.pipe()
    in_reading, in_writing = os.pipe()
    one, sock = pair(role, stdin=in_reading, stdout=writing)
    sock.sendall(b"hello\n")
    assert os.read(reading, 6) == b"hello\n"
    assert os.get_blocking(writing) and os.get_blocking(in_reading)
    sock.close()
    os.close(in_writing)
    assert one.wait() == 0
    assert os.get_blocking(writing) and os.get_blocking(in_reading)
    for fd in (reading, writing, in_reading):
        os.close(fd)


def test_others_may_have_made_them_non_blocking(pair, role):
    reading, writing = os.pipe()
    in_reading, in_writing = os.pipe()
    for fd in (writing, in_reading):
        os.set_blocking(fd, False)
    one, sock = pair(role, stdin=in_reading, stdout=writing)
    os.close(in_reading), os.close(writing)
    os.write(in_writing, b"hello\n")
    assert receive_until(sock, b"\n") == b"hello\n"
    sock.sendall(DATA * 3)
    sock.shutdown(socket.SHUT_WR)
    with os.fdopen(reading, "rb", buffering=0) as out:
        assert receive_rest(out) == DATA * 3
    os.close(in_writing)
    assert one.wait() == 0


@pytest.fixture
def terminal():
    """The two sides of a terminal that passes on what it is given."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


def test_a_terminal_is_read_until_the_peer_ends(pair, role, tmp_path, terminal):
    """listen > got, at a terminal: whoever sits there need not press Ctrl-D."""
    ours, theirs = terminal
    before = termios.tcgetattr(theirs)
    with (tmp_path / "got").open("wb") as stdout:
        one, sock = pair(role, stdin=theirs, stdout=stdout)
    os.write(ours, b"typed\n")
    assert receive_until(sock, b"\n") == b"typed\n"
    sock.sendall(DATA)
    sock.shutdown(socket.SHUT_WR)
    assert receive_rest(sock) == b""
    assert one.wait() == 0
    assert (tmp_path / "got").read_bytes() == DATA
    assert termios.tcgetattr(theirs) == before


def test_a_terminal_gets_the_bytes_as_they_are(pair, role, terminal):
    """No prompt, no colour, nothing made safe: it is a stream that happens to end there."""
    ours, theirs = terminal
    one, sock = pair(role, stdout=theirs)
    sock.sendall(b"\x1b[1mhello\x1b[0m\xff\n")
    with os.fdopen(os.dup(ours), "rb", buffering=0) as screen:
        assert receive_until(screen, b"\n") == b"\x1b[1mhello\x1b[0m\xff\n"
        one.end_input()
        sock.close()
        assert one.wait() == 0
        os.write(theirs, b"|")
        assert receive_until(screen, b"|") == b"|"


def test_a_terminal_that_the_next_peer_is_read_from_too(talk, sockets, tmp_path, terminal):
    """With --keep the end of one peer is not the end of the keyboard."""
    ours, theirs = terminal
    with (tmp_path / "got").open("wb") as stdout:
        one = talk("listen", "--keep", "127.0.0.1:0", stdin=theirs, stdout=stdout)
    port = one.port
    for i in range(3):
        with socket.create_connection(("127.0.0.1", port), 10) as sock:
            one.wait_line(" is here", i + 1)
            os.write(ours, b"typed %d\n" % i)
            assert receive_until(sock, b"\n") == b"typed %d\n" % i
            sock.shutdown(socket.SHUT_WR)
            assert receive_rest(sock) == b""
            one.wait_line(" left", i + 1)
    until(lambda: one.process.poll() is None)
