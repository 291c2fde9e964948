/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Characters without a width that change the width of those beside them: ZWJ, which makes one emoji of several, and the
 * variation selectors U+FE0E and U+FE0F. Terminals do not agree on the result, and a line editor that adds up the widths of
 * characters (wcwidth()) takes the cursor to be elsewhere than it is. Without them every character stands for itself.
 * Pure. */
#ifndef YODEL_TERM_JOINERS_H
#define YODEL_TERM_JOINERS_H

#include <stddef.h>

/* What has come of one of them so far. Begins as {0}. */
struct joiners {
    char held[3];
    size_t count;
};

/* What joiners_drop() may bring on top of its input. */
#define JOINERS_HELD_MAX 2

/* Copy len bytes of UTF-8 to out, which has room for len + JOINERS_HELD_MAX, but for these characters, however they are cut
 * into calls. Returns how many bytes are in out. What may be the beginning of one of them comes with the next call. */
size_t joiners_drop(struct joiners *joiners, const char *bytes, size_t len, char *out);

#endif
