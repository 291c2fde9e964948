# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on demand inside the service: see faults.c."""

import mmap
import os
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("faults.c")
STOP_CHILDREN, PROBE, MAY, ACCEPT_FAILED, ACCEPT_ERRORS = 0, 1, 2, 5, 6
ADD_ERROR, ADDS_FAILED, FORK_ERROR, SIBLING, MAY_SIGNAL, MAY_READ = 1007, 1008, 1009, 1010, 1011, 1013
CELLS = 1015


class Faults:
    """Start the service with `env`, then set what shall go wrong at any time."""

    def __init__(self, directory):
        library, file = directory / "faults.so", directory / "faults"
        subprocess.run(["cc", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", library,
                        SOURCE, "-ldl"], check=True)
        file.write_bytes(bytes(4 * CELLS))
        with open(file, "r+b") as opened:
            self.cells = mmap.mmap(opened.fileno(), 4 * CELLS)
        options = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))
        self.env = {"LD_PRELOAD": str(library), "YODEL_TEST_FAULTS": str(file), "ASAN_OPTIONS": options}

    def _set(self, cell, *values):
        struct.pack_into(f"{len(values)}i", self.cells, 4 * cell, *values)

    def _get(self, cell, count=1):
        return struct.unpack_from(f"{count}i", self.cells, 4 * cell)

    def stop_children(self, count):
        """The next `count` children stop (SIGSTOP) where they would have written their first note."""
        self._set(STOP_CHILDREN, count)

    @property
    def children_to_stop(self):
        return self._get(STOP_CHILDREN)[0]

    def accept_errors(self, errors):
        """So fail the next calls of accept for which a connection waits."""
        assert len(errors) <= 1000
        self._set(ACCEPT_ERRORS + 1, *errors)
        self._set(ACCEPT_ERRORS, len(errors))

    @property
    def accept_failed(self):
        return self._get(ACCEPT_FAILED)[0]

    def add_error(self, error):
        """So fails the next epoll_ctl that adds a listener."""
        self._set(ADD_ERROR, error)

    @property
    def adds_failed(self):
        return self._get(ADDS_FAILED)[0]

    def fork_error(self, error):
        """So fails each fork of the service from now on; 0: it works."""
        self._set(FORK_ERROR, error)

    def probe(self, sibling=0):
        """A child shall try, before its next note, what it must not be able to do, also to that process."""
        self._set(SIBLING, sibling)
        self._set(PROBE, 1)

    def probed(self):
        """(opening a file, binding, connecting) as errno each, 0 for success; None if nobody has tried yet."""
        return self._get(MAY, 3) if self._get(PROBE)[0] == 2 else None

    def probed_processes(self):
        """Signals to (parent, sibling), reading the memory of (parent, sibling): errno each, 0 for success."""
        return self._get(MAY_SIGNAL, 2), self._get(MAY_READ, 2)
