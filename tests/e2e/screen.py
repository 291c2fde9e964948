# SPDX-License-Identifier: GPL-3.0-or-later
"""The screen of a terminal, with all that has scrolled out of it. pyte does the work; what it gets wrong is put right
here: a wide character in the last column, characters of no width, what becomes of the rows when the window shrinks."""

import unicodedata

import pyte
from pyte import modes
from wcwidth import wcwidth

# Private modes (DEC), as pyte keeps them.
BRACKETED_PASTE, APPLICATION_KEYS, CURSOR_SHOWN = 2004 << 5, 1 << 5, 25 << 5
ALTERNATE_SCREENS = {47 << 5, 1047 << 5, 1049 << 5}


class Screen(pyte.Screen):
    """answer(bytes) is called with what a terminal says of its own accord when it is asked (what it is, where
    its cursor is), as if that had been typed."""

    def __init__(self, columns, lines, answer):
        self.scrollback = []
        self.answer = answer
        self.bells = 0
        self.alternate = False  # has it ever been asked for
        super().__init__(columns, lines)

    # --- what it shows

    def _text(self, row):
        return "".join(row[x].data for x in range(self.columns)).rstrip()

    def rows(self):
        """The visible rows as text, without blanks at their ends."""
        return [self._text(self.buffer[y]) for y in range(self.lines)]

    def all_rows(self):
        """Those that have scrolled out, then those that are visible, without empty ones at the end."""
        rows = self.scrollback + self.rows()
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def cells(self, y):
        """The characters of a visible row with their attributes: .data .fg .bg .bold .reverse ..."""
        return [self.buffer[y][x] for x in range(self.columns)]

    def is_tidy(self):
        """As a shell wants to find it: the cursor shown, no attributes, no mode set that changes what keys send."""
        return (CURSOR_SHOWN in self.mode and not self.mode & {BRACKETED_PASTE, APPLICATION_KEYS}
                and not self.mode & ALTERNATE_SCREENS and modes.IRM not in self.mode
                and self.cursor.attrs == self.default_char and not self.margins)

    # --- what pyte calls

    def index(self):
        top, bottom = self.margins or (0, self.lines - 1)
        if self.cursor.y == bottom and top == 0:
            self.scrollback.append(self._text(self.buffer[0]))
        super().index()

    def draw(self, data):
        if data.isascii():
            super().draw(data)
            return
        for char in data:
            width = wcwidth(char)
            if width == 2 and self.cursor.x == self.columns - 1 and modes.DECAWM in self.mode:
                self.carriage_return()
                self.linefeed()
            if width == 0 and not unicodedata.combining(char):
                self._join(char)
            else:
                super().draw(char)

    def _join(self, char):
        """A joiner or a selector belongs to the character before it."""
        row, x = self.buffer[self.cursor.y], self.cursor.x - 1
        if x > 0 and row[x].data == "":
            x -= 1
        if x >= 0:
            row[x] = row[x]._replace(data=row[x].data + char)

    def erase_in_display(self, how=0, *args, **kwargs):
        super().erase_in_display(how, *args, **kwargs)
        if how == 3:
            self.scrollback.clear()

    def resize(self, lines=None, columns=None):
        """As xterm does it: what is above the new screen scrolls out, what is below it or to its right is lost."""
        lines, columns = lines or self.lines, columns or self.columns
        for _ in range(self.cursor.y - lines + 1):
            self.scrollback.append(self._text(self.buffer[0]))
            for y in range(self.lines - 1):
                self.buffer[y] = self.buffer[y + 1]
            self.buffer.pop(self.lines - 1, None)
            self.cursor.y -= 1
        for row in self.buffer.values():
            for x in [x for x in row if x >= columns]:
                del row[x]
        for y in [y for y in self.buffer if y >= lines]:
            del self.buffer[y]
        self.lines, self.columns = lines, columns
        self.margins = None
        self.tabstops = set(range(8, columns, 8))
        self.cursor.x = min(self.cursor.x, columns - 1)

    def bell(self, *args):
        self.bells += 1

    def set_mode(self, *numbers, **kwargs):
        super().set_mode(*numbers, **kwargs)
        self.alternate |= bool(self.mode & ALTERNATE_SCREENS)

    def write_process_input(self, data):
        self.answer(data.encode())
