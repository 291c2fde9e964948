/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Foreign text as rows of cells on a terminal. Whatever the bytes are, a row can only show something: it moves no
 * cursor, changes no mode, reorders nothing and hides nothing. What a screen cannot show safely stands there as a visible
 * placeholder, so nothing is left out either. Pure; which characters are printable and how wide they are is what the C
 * library says of the locale that the caller has set (LC_CTYPE; one with UTF-8, or all but ASCII is a placeholder).
 *
 * The unit is the cluster: a character and what belongs to it. It is never cut, neither by the end of a row nor by a
 * placeholder's. After UAX #29, but simpler and stricter:
 *   - combining marks after a visible character, at most 8, and vowels and finals of Hangul after a syllable's beginning;
 *   - one variation selector: U+FE0E and U+FE0F after anything visible, U+E0100 to U+E01EF after an ideograph;
 *   - a skin tone after an emoji; ZWJ between emoji, at most 10 of them; two regional indicators;
 *   - ZWJ and ZWNJ in the scripts that are spelled with them, Arabic and those of India and its neighbours, between two
 *     letters or after a mark.
 * Anything else of that kind, and any of it without a character before it, becomes a placeholder:
 *   ^[        C0 controls and DEL
 *   <9B>      a byte that is not part of valid UTF-8 (RFC 3629): overlong, surrogate, cut off, stray
 *   <U+202E>  C1 controls; all format characters (bidirectional marks, embeddings, overrides, isolates, zero width, soft
 *             hyphen, tags), line and paragraph separators, fillers, private use, noncharacters; what is not printable
 *             according to the C library, as it is unassigned
 *   →         a tab, and spaces to the next multiple of 8 cells from the row's beginning as far as there are cells
 *   ?         what is wider than the whole row; never in rows of TEXT_WIDEST cells or more
 * They look like those of less(1). In colours they are in reverse video, so that a text that merely reads like one is told
 * from it; a backslash stands for itself.
 *
 * The width of a cluster is that of its characters together, and never less than what terminals that know emoji and
 * Unicode 16 make of them: a row may turn out shorter than counted, not longer. Measured by asking for the place of the
 * cursor after each printable character, alone, after a letter, and before U+FE0F: tmux 3.3a, xterm 379, VTE 0.70 and
 * kitty 0.26 never took more cells than were counted. Not covered are terminals that show ambiguous characters in two
 * cells, or combining marks in cells of their own (the console of Linux): whoever prints rows there must turn automatic
 * wrapping off. */
#ifndef YODEL_TERM_TEXT_H
#define YODEL_TERM_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* The widest cluster: 10 emoji of a ZWJ sequence, each with a skin tone, and 8 marks of two cells. */
#define TEXT_WIDEST (10 * 4 + 8 * 2)

/* The most bytes that a cell of a row can need. */
#define TEXT_CELL_MAX 80

struct text_look {
    int columns;  /* cells of a row, 1 or more */
    bool colours; /* placeholders in reverse video: SGR 7 before and SGR 27 after each run of them */
};

/* Append one row of the text to out: as much of it as fits. Returns how many of the len (1 or more) bytes are used up, at
 * least 1; *width tells how many cells the row takes (0 to columns). The row ends at '\n' or "\r\n", which is used up and
 * not shown; else after the last blank, or next to the last character of two cells, that leaves a whole word for the next
 * row; else where the cells end. Spaces at its end that do not fit are used up, too, with the end of line after them.
 * A row has no byte below 0x20 but the two SGR sequences, and never ends within reverse video. out must have room
 * for columns * TEXT_CELL_MAX bytes: a row for which it has none is left out, used up nevertheless. */
size_t text_row(const uint8_t *bytes, size_t len, const struct text_look *look, struct buf *out, int *width);

/* Append all of the text (0 or more bytes) to out as one row, ends of lines as placeholders; if it does not fit, as much
 * of it as leaves a cell for "…" at its end. For names. Returns how many cells it takes. Else as text_row(). */
int text_line(const uint8_t *bytes, size_t len, const struct text_look *look, struct buf *out);

#endif
