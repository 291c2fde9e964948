# SPDX-License-Identifier: GPL-3.0-or-later
"""A short run of everything that allocates, under valgrind: no wrong access and no leak, in no process."""

import pytest

import service as service_module
from clients import (Pattern, be_turned_away, converse, finish, read_all, reset, sizes, stream, stuff)

# What is still reachable at the end are the tables that the parent makes at the start.
VALGRIND = ["valgrind", "--leak-check=full", "--show-leak-kinds=definite,indirect,possible",
            "--errors-for-leak-kinds=definite,indirect,possible", "--trace-children=yes", "--error-exitcode=99"]


@pytest.mark.valgrind
def test_short_run(echo, tmp_path, monkeypatch, clients):
    monkeypatch.setattr(service_module, "PATIENCE", 10)
    service = echo("--print", "--idle-timeout", "30s", "--max-conns-per-ip", 8,
                   wrap=[*VALGRIND, f"--log-file={tmp_path}/%p.log"])
    clients += [service.connect(seconds=60) for _ in range(8)]
    converse(clients, [b"client %d" % i for i in range(8)], 60)
    be_turned_away(service)
    streaming, full, broken, *others = clients
    stream(streaming, 300_000, sizes(300_000, 1), Pattern(1), seconds=60)
    sent = stuff(full, Pattern(2), quiet=1)
    reset(broken)
    full.settimeout(60)
    read_all(full, Pattern(2), sent)
    for sock in (full, *others):
        finish(sock)
    stats = service.stats_when(lambda stats: stats["conns"] == 0)
    assert (stats["accepted"], stats["eof"], stats["reset"], stats["refused"]) == (8, 7, 1, 1)
    assert service.stop(60)["cut"] == 0
    logs = {path.name: path.read_text() for path in tmp_path.glob("*.log")}
    assert len(logs) == 9 if service.engine == "fork" else len(logs) > 1, "the children were not looked at"
    for name, text in logs.items():
        assert "ERROR SUMMARY: 0 errors from 0 contexts" in text, f"{name}:\n{text[:4000]}"
