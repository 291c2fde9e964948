# SPDX-License-Identifier: GPL-3.0-or-later
"""What /proc says about processes and sockets. Everything here may be asked about a process that is
gone: the answer is then empty, never an exception."""

import fcntl
import os
import re
import struct
import termios

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


def command(pid):
    """Its arguments, with blanks between them."""
    return _read(f"/proc/{pid}/cmdline").replace("\0", " ").strip()


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
    """Its proportional share of memory in KiB, without pages of files: how many others share those, and so this share
    of them, changes with every program that comes or goes on the machine."""
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


def _tcp_table(port=r"[0-9A-F]{4}", state_=r"[0-9A-F]{2}"):
    """(local port, state, inode) of each TCP socket of this network namespace with that port and state. A regular
    expression, because tens of thousands may be in TIME_WAIT."""
    row = re.compile(rf"^ *\d+: [0-9A-F]+:({port}) \S+ ({state_}) \S+ \S+ \S+ +\d+ +\d+ (\d+)", re.M)
    rows = row.findall(_read("/proc/self/net/tcp")) + row.findall(_read("/proc/self/net/tcp6"))
    return [(int(local, 16), found, int(inode)) for local, found, inode in rows]


def tcp_sockets(port):
    """(state, inode) of each TCP socket whose local port is this one."""
    return [(state_, inode) for _, state_, inode in _tcp_table(port=f"{port:04X}")]


def tcp_listeners():
    """(port, inode) of each TCP listener."""
    return [(port, inode) for port, _, inode in _tcp_table(state_=LISTEN)]


def tcp_held(port, *pids):
    """How many TCP sockets with this local port each of the processes has open, as a list of {state: count}."""
    states = {f"socket:[{inode}]": state_ for state_, inode in tcp_sockets(port)}
    held = []
    for pid in pids:
        found = [states[target] for target in descriptors(pid).values() if target in states]
        held.append({state_: found.count(state_) for state_ in found})
    return held


def peak_kib(pid):
    """The most memory that was ever resident, in KiB."""
    return int(status(pid)["VmHWM"].split()[0])


def unacked(sock):
    """How many bytes that this socket sent the other side's kernel does not have yet (tcp(7), SIOCOUTQ)."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0]
