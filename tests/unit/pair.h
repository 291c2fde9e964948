/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A caller and a listener, and the wire between them. */
#ifndef YODEL_TESTS_PAIR_H
#define YODEL_TESTS_PAIR_H

#include <stddef.h>
#include <stdint.h>

#include "net/chan.h"

struct pair {
    struct key *keys[2]; /* by enum chan_role */
    struct chan *chans[2];
};

/* Two keys of their own, and two chans that let everybody in. */
void pair_init(struct pair *pair);
void pair_done(struct pair *pair);

/* Carry what from has to say to the other side, step bytes at a time, as long as there is room for it.
 * Returns what chan_input() returned last. */
int pair_carry(struct pair *pair, enum chan_role from, size_t step);

/* Carry in both directions until nobody has anything to say; both must be open then. */
void pair_shake(struct pair *pair, size_t step);

/* All that a side has to say, taken from it: *len bytes, at most max. */
void pair_take(struct pair *pair, enum chan_role from, uint8_t *bytes, size_t max, size_t *len);

/* Carry text and check that it arrives, whole. */
void pair_talk(struct pair *pair, enum chan_role from, const char *text);

#endif
