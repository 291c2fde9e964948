# SPDX-License-Identifier: GPL-3.0-or-later
"""The ticket as a QR code: what a camera sees of a terminal is the ticket, and it lets in who reads it so."""

import re
import shutil
import subprocess

import pytest

from chatlib import chat, run  # noqa: F401
from service import PATIENCE, YODEL

# Pixels of a cell: half as wide as high, as most fonts are.
WIDTH, HEIGHT = 4, 8
SHADES = {"000000": 0, "ffffff": 255}


def picture(terminal):
    """The screen as a portable graymap, colours as they were asked for; whatever else is grey."""
    screen = terminal.screen
    image = bytearray([128]) * (screen.columns * WIDTH * screen.lines * HEIGHT)
    for y in range(screen.lines):
        for x in range(screen.columns):
            cell = screen.buffer[y][x]
            front, back = SHADES.get(cell.fg, 128), SHADES.get(cell.bg, 128)
            upper, lower = {"\u2580": (front, back), "\u2584": (back, front), "\u2588": (front, front)}.get(
                cell.data, (back, back))
            for line in range(HEIGHT):
                at = ((y * HEIGHT + line) * screen.columns + x) * WIDTH
                image[at:at + WIDTH] = bytes([upper if line < HEIGHT // 2 else lower]) * WIDTH
    return b"P5\n%d %d\n255\n" % (screen.columns * WIDTH, screen.lines * HEIGHT) + image


def seen(terminal, folder):
    """What a camera reads there."""
    path = folder / "screen.pgm"
    path.write_bytes(picture(terminal))
    done = subprocess.run(["zbarimg", "-q", "--raw", "-Sdisable", "-Sqrcode.enable", path], capture_output=True, text=True,
                          timeout=20 * PATIENCE, check=False)
    return done.stdout.strip()


def ticket(terminal):
    return re.search(rb"yodel://[a-z2-7]+(?=\r\n)", bytes(terminal.tape.bytes))[0].decode()


@pytest.mark.skipif(not shutil.which("zbarimg"), reason="no zbarimg")
def test_a_camera_reads_the_ticket(chat, run, tmp_path):
    listener = chat("listen", "--qr", "--name", "anna", plain=False, size=(80, 60))
    listener.wait_screen("waiting for a caller")
    read = seen(listener, tmp_path)
    assert read == ticket(listener).upper()
    caller = run(YODEL, "call", "--name", "ben", on="terminal")
    caller.wait_prompt("ticket: ")
    caller.line(read)
    caller.wait_screen("anna is here, encrypted")
    listener.wait_screen("ben is here, encrypted")
    caller.ctrl("d")
    assert caller.wait_exit() == 0 and listener.wait_exit() == 0


def test_a_narrow_window_is_told(chat):
    listener = chat("listen", "--qr", plain=False, size=(40, 60))
    listener.wait_screen("waiting for a caller")
    assert b"the window is too narrow" in bytes(listener.tape.bytes)
    assert "\u2588" not in listener.text() and ticket(listener)
