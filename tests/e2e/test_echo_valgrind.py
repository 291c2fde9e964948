# SPDX-License-Identifier: GPL-3.0-or-later
"""A short run of everything that allocates, under valgrind: no wrong access, no leak, no descriptor left."""

import re
import signal

import pytest

from clients import Pattern, converse, finish, read_all, reset, round_trip, sizes, stream, stuff
import service as service_module

VALGRIND = ["valgrind", "--quiet", "--leak-check=full", "--show-leak-kinds=all", "--errors-for-leak-kinds=all",
            "--trace-children=yes", "--error-exitcode=99"]


@pytest.mark.valgrind
def test_short_run(echo, tmp_path, monkeypatch):
    monkeypatch.setattr(service_module, "PATIENCE", 20)
    logs = tmp_path / "valgrind"
    service = echo("--print", "--idle-timeout", "30s", "--max-conns-per-ip", 20, "--drain", "1s",
                   wrap=[*VALGRIND, f"--log-file={logs}.%p"])
    socks = [service.connect(seconds=60) for _ in range(8)]
    converse(socks, [b"client %d" % i for i in range(8)], 60)
    stream(socks.pop(), 300_000, sizes(300_000, 1), Pattern(1), seconds=60)
    stuffed, pattern = socks.pop(), Pattern(2)
    sent = stuff(stuffed, pattern, quiet=2)
    stuffed.settimeout(60)
    read_all(stuffed, pattern, sent)
    reset(stuffed)
    reset(socks.pop())
    finish(socks.pop())
    for sock in socks[:2]:
        round_trip(sock)
    service.stats()
    service.signal(signal.SIGTERM)
    assert service.wait_exit(60) == 0
    for sock in socks:
        sock.close()
    found = {path.name: path.read_text() for path in tmp_path.glob("valgrind.*")}
    assert len(found) >= 2, "the children were not looked at"
    for name, text in found.items():
        assert not re.search(r"==\d+==", text), f"{name}:\n{text[:4000]}"
