# SPDX-License-Identifier: GPL-3.0-or-later
"""What /proc says about processes and sockets. Everything here may be asked about a process that is
gone: the answer is then empty, never an exception."""

import os
import re

TICKS = os.sysconf("SC_CLK_TCK")

# Socket states of /proc/net/tcp (include/net/tcp_states.h).
ESTABLISHED, TIME_WAIT, CLOSE_WAIT, LISTEN = "01", "06", "08", "0A"


def _read(path):
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _stat(pid):
    """The fields of /proc/PID/stat after the name, beginning with the state; [] if it is gone."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def state(pid):
    """One letter, "Z" for a zombie; "" if the process is gone."""
    fields = _stat(pid)
    return fields[0] if fields else ""


def alive(pid):
    return state(pid) not in ("", "Z", "X")


def children(pid):
    """The process ids of all direct children, zombies included."""
    path = f"/proc/{pid}/task/{pid}/children"
    if os.path.exists(path):
        return [int(word) for word in _read(path).split()]
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = _stat(name)
            if fields and int(fields[1]) == pid:
                found.append(int(name))
    return found


def cpu_seconds(pid):
    """User and system time that the process itself has used."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS if fields else 0.0


def pss_kib(pid):
    """Its proportional share of memory in KiB, without pages of files: how many others share those, and so this share of
    them, changes with every program that comes or goes on the machine."""
    text = _read(f"/proc/{pid}/smaps_rollup")
    return sum(int(kib) for kib in re.findall(r"^Pss_(?:Anon|Shmem):\s+(\d+) kB", text, re.M))


def status(pid):
    """/proc/PID/status as a dict of strings."""
    pairs = (line.partition(":") for line in _read(f"/proc/{pid}/status").splitlines())
    return {key: value.strip() for key, _, value in pairs}


def descriptors(pid):
    """{number: target} of its open files."""
    found = {}
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            try:
                found[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")
            except OSError:
                pass
    except OSError:
        pass
    return found


def tcp_sockets(port, pid="self"):
    """(state, inode) of each TCP socket whose local port is this one, in pid's network namespace."""
    found = []
    for table in ("tcp", "tcp6"):
        for line in _read(f"/proc/{pid}/net/{table}").splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port:
                found.append((fields[3], int(fields[9])))
    return found


def tcp_held(pid, port):
    """How many TCP sockets with this local port the process has open, as {state: count}."""
    held = {}
    states = {f"socket:[{inode}]": state_ for state_, inode in tcp_sockets(port)}
    for target in descriptors(pid).values():
        if target in states:
            held[states[target]] = held.get(states[target], 0) + 1
    return held
