# SPDX-License-Identifier: GPL-3.0-or-later
"""What a descriptor delivers, collected at once by a thread of its own, so that nobody who writes has to wait."""

import os
import select
import threading
import time
from contextlib import suppress

from service import PATIENCE, Late


class Tape:
    """Bytes that come from a pipe or from a terminal's master, with the time at which each piece came."""

    def __init__(self, fd, collect=True):
        self.fd = fd
        self.bytes = bytearray()
        self.times = []  # (how many bytes there were then, time.monotonic())
        self.changed = threading.Condition()
        self.ended = False
        self.stop_read, self.stop_write = os.pipe()
        self.thread = None
        if collect:
            self.collect()

    def collect(self):
        """Begin to read, or go on. Before that, what writes there fills up and stays full."""
        if not self.thread:
            self.thread = threading.Thread(target=self._run, daemon=True)
            self.thread.start()

    def _run(self):
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        poll.register(self.stop_read, select.POLLIN)
        while True:
            if self.stop_read in [fd for fd, _ in poll.poll()]:
                os.read(self.stop_read, 1)
                return
            try:
                chunk = os.read(self.fd, 1 << 16)
            except BlockingIOError:
                continue
            except OSError:  # a terminal that nobody has open any more
                chunk = b""
            with self.changed:
                self.bytes += chunk
                self.times.append((len(self.bytes), time.monotonic()))
                self.ended = not chunk
                self.changed.notify_all()
            if not chunk:
                return

    def wait(self, found, seconds, what, describe=None):
        """Call found() at each change until it returns something true, and return that."""
        deadline = time.monotonic() + seconds * PATIENCE
        with self.changed:
            while True:
                result = found()
                if result:
                    return result
                left = deadline - time.monotonic()
                if left <= 0 or self.ended:
                    why = "its output ended" if self.ended else f"not within {seconds * PATIENCE:.1f} s"
                    raise Late(f"{what}: {why}\n{describe() if describe else repr(bytes(self.bytes[-2000:]))}")
                self.changed.wait(left)

    def wait_bytes(self, part, seconds=5):
        """Wait until these bytes have come."""
        self.wait(lambda: part in self.bytes, seconds, repr(part))

    def wait_end(self, seconds=5):
        """Wait until whoever writes has closed. Returns all that came."""
        deadline = time.monotonic() + seconds * PATIENCE
        with self.changed:
            while not self.ended:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Late(f"the output has not ended within {seconds * PATIENCE:.1f} s: {self.bytes[-2000:]!r}")
                self.changed.wait(left)
            return bytes(self.bytes)

    def when(self, part):
        """The time.monotonic() at which these bytes were complete for the first time."""
        with self.changed:
            end = self.bytes.index(part) + len(part)
            return next(at for count, at in self.times if count >= end)

    def pause(self):
        """Read no more until collect() is called."""
        if self.thread:
            os.write(self.stop_write, b"x")
            self.thread.join(10)
            assert not self.thread.is_alive()
            self.thread = None

    def stop(self):
        """End the thread. The descriptor stays the caller's."""
        if self.stop_write is not None:
            self.pause()
            os.close(self.stop_read)
            os.close(self.stop_write)
            self.stop_write = None


def write_all(fd, data, seconds=10):
    """Write to a descriptor that is not blocking. Whoever reads it has so many seconds for each piece."""
    view = memoryview(data)
    while view:
        if not select.select([], [fd], [], seconds * PATIENCE)[1]:
            raise Late(f"{len(view)} of {len(data)} bytes were not taken within {seconds * PATIENCE:.1f} s")
        with suppress(BlockingIOError):
            view = view[os.write(fd, view[:1 << 16]):]
