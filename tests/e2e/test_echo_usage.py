# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input: one line that says what and why, the right exit status, and nothing started."""

import os
import socket
import subprocess
import time

import pytest

from clients import round_trip
from service import PATIENCE, YODEL

HUGE = "1" + "0" * 30
USAGE = {
    "unknown option": ["--no-such-option"],
    "unknown letter": ["-x"],
    "option without its value": ["--workers"],
    "value nobody asked for": ["--help=yes"],
    "engine": ["--engine", "threads"],
    "empty engine": ["--engine", ""],
    "print": ["--print=binary"],
    "log format": ["--log-format", "xml"],
    "port too large": ["127.0.0.1:65536"],
    "port much too large": [f"127.0.0.1:{HUGE}"],
    "bare port too large": ["65536"],
    "negative port": ["127.0.0.1:-1"],
    "no port after the colon": ["127.0.0.1:"],
    "port with a letter": ["127.0.0.1:80a"],
    "port that is a name": ["127.0.0.1:http"],
    "bracket": ["[::1"],
    "text after a bracket": ["[::1]80"],
    "no brackets": ["::1:80"],
    "empty address": [""],
    "blank": [" "],
    "one good address, one bad": ["127.0.0.1:0", "127.0.0.1:70000"],
    **{f"{option} {value}": [option, value]
       for option in ("--workers", "--max-conns", "--max-conns-per-ip")
       for value in ("0", "-1", HUGE, "many", "", "1.5", "1k ", "0x10")},
    **{f"{option} {value}": [option, value]
       for option in ("--idle-timeout", "--dead-timeout", "--drain")
       for value in ("-1", HUGE, "soon", "", "5 s", "5x", "nan", "inf", "1e3")},
    "--workers with fork": ["--engine", "fork", "--workers", "2"],
}


def run(arguments, wrap=()):
    begun = time.monotonic()
    done = subprocess.run([*wrap, YODEL, "echo", *arguments], capture_output=True, text=True, timeout=10 * PATIENCE,
                          stdin=subprocess.DEVNULL)
    assert time.monotonic() - begun < 3 * PATIENCE
    return done


def assert_one_line(done, status, *words):
    assert done.returncode == status, done
    assert done.stdout == ""
    said = done.stderr
    assert said.startswith("yodel: ") and said.endswith("\n") and said[:-1].isprintable() and len(said) < 300, said
    for word in words:
        assert word in done.stderr, done.stderr


@pytest.mark.parametrize("arguments", USAGE.values(), ids=USAGE)
def test_wrong_usage(arguments):
    assert_one_line(run(arguments), 2)


def test_a_wrong_value_is_named():
    assert_one_line(run(["--max-conns", "0", "127.0.0.1:0"]), 2, "--max-conns", "0")
    assert_one_line(run(["--engine", "threads", "127.0.0.1:0"]), 2, "threads", "epoll", "fork")
    assert_one_line(run(["127.0.0.1:65536"]), 2, "127.0.0.1:65536")
    assert_one_line(run(["--idle-timeout", "soon", "127.0.0.1:0"]), 2, "--idle-timeout", "soon")


def test_hostile_text_is_not_repeated_raw():
    done = run(["--engine", "\x1b[2J\nyodel: fine", "127.0.0.1:0"])
    assert_one_line(done, 2)
    assert "\x1b" not in done.stderr


def test_more_connections_than_descriptors():
    """Said at the start, not found out when they are needed."""
    done = run(["--engine", "epoll", "--workers", "1", "--max-conns", "1000", "127.0.0.1:0"],
               ["prlimit", "--nofile=100"])
    assert_one_line(done, 1, "--max-conns 1000", "100")


def test_name_that_does_not_resolve():
    """.invalid never does (RFC 6761, 6.4); whether the resolver can be asked is another matter."""
    done = run(["no-such-host.invalid:0"])
    assert done.returncode in (1, 2)
    assert_one_line(done, done.returncode, "no-such-host.invalid")


@pytest.mark.parametrize("option, address", [("-4", "[::1]:0"), ("-6", "127.0.0.1:0")])
def test_address_of_the_family_that_was_excluded(option, address):
    done = run([option, address])
    assert done.returncode in (1, 2)
    assert_one_line(done, done.returncode, address.strip(":0").strip("[]"))


def test_address_of_somebody_else():
    assert_one_line(run(["192.0.2.1:0"]), 1, "192.0.2.1")


def test_the_same_address_twice():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert_one_line(run([f"127.0.0.1:{port}", f"127.0.0.1:{port}"]), 1, f"127.0.0.1:{port}", "address already in use")


def test_one_of_two_addresses_in_use():
    """Nothing is started, and nobody is told that the first one listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert_one_line(run(["127.0.0.1:0", f"127.0.0.1:{port}"]), 1, f"127.0.0.1:{port}", "address already in use")


def lowest_unprivileged_port():
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
        return int(file.read())


def test_port_that_one_may_not_bind():
    if lowest_unprivileged_port() < 2:
        pytest.skip("anybody may bind any port here")
    wrap = ["setpriv", "--bounding-set=-net_bind_service"] if os.getuid() == 0 else []
    assert_one_line(run(["127.0.0.1:1"], wrap), 1, "127.0.0.1:1", "permission denied")


def test_unknown_user():
    done = run(["--user", "no-such-user", "127.0.0.1:0"])
    assert done.returncode in (1, 2)
    assert_one_line(done, done.returncode, "no-such-user")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user first")
def test_user_that_one_may_not_become():
    done = run(["--user", "1", "127.0.0.1:0"], ["setpriv", "--bounding-set=-setuid,-setgid"])
    assert_one_line(done, 1)


def test_help():
    done = run(["--help"])
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("--engine", "--workers", "--max-conns", "--max-conns-per-ip", "--idle-timeout", "--dead-timeout",
                 "--drain", "--print", "--log-format", "--user", "-q", "-v", "-4", "-6"):
        assert word in done.stdout


@pytest.mark.parametrize("option, address, served, refused", [
    ("-4", "*:0", "127.0.0.1", "::1"), ("-6", "*:0", "::1", "127.0.0.1"), ("-6", "[::]:0", "::1", None),
    ("-4", "0.0.0.0:0", "127.0.0.1", "::1"),
])
def test_one_family_only(start, engine, option, address, served, refused):
    service = start(engine, option, addresses=(address,))
    with socket.create_connection((served, service.port), 5) as sock:
        round_trip(sock)
    if refused:
        # With the other family the same port may be somebody else's.
        try:
            socket.create_connection((refused, service.port), 5).close()
        except ConnectionRefusedError:
            pass
    service.stop()
    assert [event["ip"] for event in service.events("open")] == [served]
