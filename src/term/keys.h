/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was typed, on its way to the line editor. Pure.
 *
 * Readline blocks until it has the rest of a character, and the rest of a pasted text (between ESC [ 200 ~ and ESC [ 201 ~,
 * xterm's bracketed paste), once it has seen the beginning. So both wait here until they are complete. */
#ifndef YODEL_TERM_KEYS_H
#define YODEL_TERM_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* A pasted text may have so many bytes. */
#define KEYS_PASTE_MAX (1 << 20)

struct keys {
    struct buf bytes;
    size_t ready;    /* so many of them may be handed over */
    size_t searched; /* up to here there is no end of the paste that begins at ready */
    bool escaped;    /* ready stands behind an ESC, which may be the first byte of a paste's beginning */
    bool dropping;   /* the rest of a paste that was too long */
    bool dropped;    /* keys_dropped() has not told yet */
    bool cleaned;    /* keys_cleaned() has not told yet */
    size_t same; /* so many of the last bytes handed over are the beginning of the mark that is waited for */
    bool inside; /* a paste: the mark is that of its end */
};

void keys_init(struct keys *keys);
void keys_done(struct keys *keys);

/* How many bytes the next keys_put() may bring; 0: hand over first. */
size_t keys_room(const struct keys *keys);

/* Typed were len bytes (at most keys_room()). */
void keys_put(struct keys *keys, const char *bytes, size_t len);

/* The next byte that may be handed over, or -1. */
int keys_get(struct keys *keys);

/* Whether there is one. */
bool keys_ready(const struct keys *keys);

/* Whether there were NUL bytes in a pasted text since the last call: a line has none, and they are left out. */
bool keys_cleaned(struct keys *keys);

/* Whether a pasted text was longer than KEYS_PASTE_MAX since the last call. Nothing of it is handed over. */
bool keys_dropped(struct keys *keys);

/* Forget all, as the terminal does with what was typed before Ctrl-C. */
void keys_clear(struct keys *keys);

/* The same, and of a pasted text whose beginning is there also the rest, once it comes: it was typed ahead, too. */
void keys_discard(struct keys *keys);

#endif
