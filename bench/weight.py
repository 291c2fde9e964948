# SPDX-License-Identifier: GPL-3.0-or-later
"""What programs take of the machine: the memory of a process, its wake-ups, the memory of an echo service for a client."""
import contextlib
import os
import re
import socket
import time
from pathlib import Path

from programs import DEADLINE_S, HOST, Failed, end, free_port, now_ms, spawn, wait_listening

CLIENTS = {"epoll": 1000, "fork": 100}


def megabytes(pattern, text):
    return round(int(re.search(pattern + r"\s+(\d+) kB", text, re.M)[1]) * 1024 / 1e6, 3)


def memory_of(pid):
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return {"rss": megabytes("^Rss:", rollup), "pss": megabytes("^Pss:", rollup),
            "most": megabytes("^VmHWM:", status)}


def wake_ups_of(pid):
    texts = [path.read_text(encoding="ascii") for path in Path(f"/proc/{pid}/task").glob("*/status")]
    return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.M)[1]) for text in texts)


def family(pid):
    """It and all its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [pid, *(int(child) for child in children)]


def owned_kb(pids):
    """What nobody else has: what would be free without them. Pages that were read from a file do not count."""
    texts = [Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii") for pid in pids]
    return sum(int(re.search(r"^Private_Dirty:\s+(\d+) kB", text, re.M)[1]) for text in texts)


def greet(sock):
    sock.sendall(b"x")
    if sock.recv(1) != b"x":
        raise Failed("echo: a client got no answer")


def service_for(program, engine):
    port = free_port()
    null = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
    pid = spawn(program.echo(port, engine), null)
    wait_listening(port, pid)
    return pid, port


def per_client(program, engine, count):
    """Bytes that a service needs more for each client who has said something and now says nothing, after some that do
    not count: what is made once is made for them."""
    pid, port = service_for(program, engine)
    with contextlib.ExitStack() as stack:
        def come(number):
            for _ in range(number):
                greet(stack.enter_context(socket.create_connection((HOST, port), DEADLINE_S)))

        come(16)
        before = owned_kb(family(pid))
        come(count)
        after = owned_kb(family(pid))
    end_family(pid)
    return round((after - before) * 1024 / count)


def end_family(pid):
    """The parent, and until none of its children is left, which end with it."""
    children = family(pid)[1:]
    end(pid)
    deadline = now_ms() + DEADLINE_S * 1e3
    while any(Path(f"/proc/{child}").exists() for child in children):
        if now_ms() > deadline:
            raise Failed("echo: children have stayed")
        time.sleep(0.001)


def measure_echo(programs):
    """{engine: {program: bytes for a client}}"""
    return {engine: {program.name: per_client(program, engine, count) for program in programs}
            for engine, count in CLIENTS.items()}
