/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two sides of a greeting, and what goes between them. */
#ifndef YODEL_TESTS_GREETERS_H
#define YODEL_TESTS_GREETERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/greeting.h"

#define GREETERS_SECRET "a secret of 16 B"

struct greeters {
    struct greeting caller, listener;
    char told[64]; /* the events, a letter each: a, n, r and x of the listener, N, W and X of the caller */
};

/* Some id, exporter or nonce: the same for the same letter. */
struct id greeters_id(char letter);

/* Both sides, before anything went: ids 'c' and 'l' (or both 'c': the same user), exporter 'e', nonces 'm' and 'n'. The caller has
 * a ticket or not. */
void greeters_begin(struct greeters *both, bool has_ticket, bool is_self);
void greeters_end(struct greeters *both);

/* Deliver all that either side has to say, until there is nothing more; no error may come. */
void greeters_talk(struct greeters *both);

/* Take the first frame of what a side has to say. Returns its length, with the header; 0: nothing. */
size_t greeters_take(struct greeting *g, uint8_t bytes[static 8192]);

/* Tell a side one frame. */
int greeters_tell(struct greeting *g, uint8_t type, const void *payload, size_t len,
                  enum greeting_event *event);

/* The payload of a right frame of that type towards a side in this state; what the peer would say. Returns the length. */
size_t greeters_payload(const struct greeting *g, uint8_t type, uint8_t payload[static 8192]);

/* A side alone in any state but GREETING_BROKEN, without an error so far; its peer is the other one of greeters_begin(). */
void greeters_bring(struct greeting *g, enum greeting_role role, enum greeting_state state, bool has_ticket);

/* Whether a role has that state. */
bool greeters_has(enum greeting_role role, enum greeting_state state, bool has_ticket);

#endif
