# SPDX-License-Identifier: GPL-3.0-or-later
"""The log: what stands in it, in both formats, and that it never makes a client wait."""

import json
import os
import re
import time

import pytest

import procfs
from clients import be_turned_away, finish, reset, round_trip
from service import parse_line, until

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
FIRST_FIELDS = {
    "start": ["event", "engine"],
    "open": ["event", "ip", "port"],
    "close": ["event", "ip", "port"],
    "refused": ["event", "ip", "port"],
}
CLOSE_FIELDS = ["bytes_in", "bytes_out", "ms", "reason"]


def lines_of_a_session(echo, *options):
    """One client that ends well, one that resets, one that is turned away."""
    service = echo("--max-conns-per-ip", 2, *options)
    first, second = service.connect(), service.connect()
    round_trip(first)
    round_trip(second, b"x" * 100)
    names = [first.getsockname(), second.getsockname(), be_turned_away(service)]
    finish(first)
    service.closed_by(names[0])
    reset(second)
    service.closed_by(names[1])
    service.stats()
    service.stop()
    return service, names


def in_order(wanted, fields):
    """The wanted keys stand in this order, others may come between them."""
    keys = iter(fields)
    return all(key in keys for key in wanted)


@pytest.mark.parametrize("style", ["logfmt", "json"])
def test_lines_and_their_fields(echo, style):
    began = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    service, (first, second, third) = lines_of_a_session(echo, "--log-format", style)
    ended = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    last = began
    for raw in service.err.raw:
        line = raw.decode("ascii")
        assert (line.startswith("{") and line.endswith("}")) == (style == "json"), line
        fields = parse_line(line)
        if "plain" in fields:
            assert style == "logfmt" and line == f"listening on 127.0.0.1:{service.port}"
            continue
        if style == "json":
            assert json.loads(line, object_pairs_hook=list)[-1][0] == "time"
        assert list(fields)[-1] == "time" and TIME.fullmatch(fields["time"]), line
        assert last <= fields["time"] and fields["time"][:19] <= ended, line
        last = fields["time"]
        wanted = FIRST_FIELDS.get(fields["event"], ["event"])
        assert list(fields)[:len(wanted)] == wanted, line
        if fields["event"] == "close":
            assert in_order(CLOSE_FIELDS, fields), line
    start = service.wait_for("start")
    assert (start["engine"], start["pid"]) == (service.engine, service.pid)
    assert isinstance(start["max_conns"], int) and isinstance(start["landlock"], int)
    opened = service.events("open")
    assert [(event["ip"], event["port"], event["conns"]) for event in opened] == [(*first, 1), (*second, 2)]
    closed = [(event["ip"], event["port"], event["bytes_in"], event["bytes_out"], event["reason"])
              for event in service.events("close")]
    assert closed == [(*first, 6, 6, "eof"), (*second, 100, 100, "reset")]
    assert [event["id"] for event in service.events("close")] == [event["id"] for event in opened]
    refused = service.events("refused")
    assert [(event["ip"], event["port"], event["reason"]) for event in refused] == [(*third, "max-conns-per-ip")]
    assert len(service.events("stats")) == len(service.events("drain")) == len(service.events("stop")) == 1


def test_listening_line_in_json(echo):
    service = echo("--log-format", "json")
    assert service.wait_for("listening")["message"] == f"listening on 127.0.0.1:{service.port}"


def test_the_listening_line_is_true(echo):
    """A client may connect the moment it appears."""
    for _ in range(10):
        service = echo()
        with service.connect() as sock:
            round_trip(sock)


def test_quiet(echo):
    service = echo("-q", "--max-conns-per-ip", 1)
    with service.connect() as sock:
        round_trip(sock)
        be_turned_away(service)
        finish(sock)
    stats = service.stats_when(lambda stats: stats["conns"] == 0)
    assert (stats["accepted"], stats["refused"], stats["eof"]) == (1, 1, 1)
    service.stop()
    names = {event.get("event") for event in service.events()}
    assert not names & {"open", "close", "refused", "worker"}
    assert {None, "stats"} <= names


def test_milliseconds_of_a_connection(echo):
    service = echo()
    begun = time.monotonic()
    with service.connect() as sock:
        service.opened_by(sock)
        time.sleep(0.25)
        event = service.closed_by(finish(sock))
    assert 240 <= event["ms"] <= 1000 * (time.monotonic() - begun) + 10


def test_stalled_log_stalls_nobody(echo):
    """Standard error is a full pipe; what does not fit is counted exactly."""
    service = echo(collect="out")
    count = 1500
    for i in range(count):
        with service.connect() as sock:
            round_trip(sock, b"%d" % i)
            finish(sock)
    service.err.collect()
    # The first request may have been written while the pipe was full.
    service.stats_when(lambda stats: stats["conns"] == 0 and stats["accepted"] == count)
    stats = service.stats()
    told = len(service.events("open")) + len(service.events("close"))
    workers = len(service.events("worker"))
    print(f"{told} of {2 * count} lines, {stats['log_dropped']} dropped, {workers} workers")
    assert 0 < told < 2 * count
    assert stats["log_dropped"] == 2 * count - told
    assert sum(event["lines"] for event in service.events("dropped")) == stats["log_dropped"]
    assert all(TIME.fullmatch(event["time"]) for event in service.events() if "plain" not in event)


def test_closed_log_stalls_nobody(echo):
    service = echo(collect="out")
    service.process.stderr.close()
    for i in range(50):
        with service.connect() as sock:
            round_trip(sock, b"%d" % i)
            finish(sock)
    assert service.process.poll() is None


@pytest.mark.parametrize("missing", [(0,), (1,), (0, 1), (0, 1, 2)])
def test_standard_descriptors_that_are_closed(echo, missing):
    """Sockets that took their numbers would be sent what is meant for the terminal."""
    service = echo("--print", listening=2 not in missing, preexec=lambda: [os.close(number) for number in missing])
    if 2 in missing:
        service.where = [("127.0.0.1", until(lambda: listening_port(service.pid), what="it listens"))]
    with service.connect() as sock, service.connect() as other:
        for i in range(20):
            round_trip(sock, b"%d\n" % i)
            round_trip(other, b"other %d\n" % i)
        for pid in service.everybody():
            held = procfs.descriptors(pid)
            assert {held.get(number) for number in missing} == {"/dev/null"}, held
        finish(sock)
        finish(other)


def listening_port(pid):
    """The port of the only TCP listener that the process has, or None."""
    held = set(procfs.descriptors(pid).values())
    return next((port for port, inode in procfs.tcp_listeners() if f"socket:[{inode}]" in held), None)
