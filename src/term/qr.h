/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A text as a QR code (ISO/IEC 18004), for a phone's camera or for a laptop that is held in front of this one. Pure. */
#ifndef YODEL_TERM_QR_H
#define YODEL_TERM_QR_H

#include "base/buf.h"

/* Append the rows of text's QR code to rows, each ended by a newline: two modules a row, as half blocks, dark on light whatever the
 * terminal's colours are, with the quiet zone of 4 modules around it that the standard asks for. Lower-case letters become upper-case ones:
 * a ticket may be written in any case, and so takes a third less. The level of error correction is the lowest: a
 * screen has no scratches, and the code is smaller.
 * Returns how many columns it takes; -ERR_RANGE if that is more than columns, or if text is longer than a code can be or empty;
 * -ERR_FULL if rows has no room: it is then left with a part of them; -ENOMEM. */
int qr_rows(const char *text, struct buf *rows, int columns);

#endif
