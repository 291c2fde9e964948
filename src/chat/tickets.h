/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tickets that a listener has given out. Each lets one key in, once: that key may come again, for the answer may have been
 * lost. A wrong proof never burns a ticket. */
#ifndef YODEL_CHAT_TICKETS_H
#define YODEL_CHAT_TICKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/id.h"
#include "wire/greeting.h"
#include "wire/ticket.h"

/* So many are remembered, to tell who comes late; the oldest goes first. */
#define TICKETS_MAX 8

struct tickets {
    struct {
        uint8_t secret[TICKET_SECRET_BYTES];
        int64_t until_ms;
        bool used;
        struct id by;
    } list[TICKETS_MAX];
    int count;
};

void tickets_init(struct tickets *tickets);

/* Wipe them. */
void tickets_done(struct tickets *tickets);

/* Make a new one, valid until until_ms, and write its secret. */
void tickets_issue(struct tickets *tickets, int64_t until_ms, uint8_t secret[static TICKET_SECRET_BYTES]);

enum tickets_answer { TICKETS_GOOD, TICKETS_WRONG, TICKETS_USED, TICKETS_EXPIRED };

/* What the proof of a caller, greeting->peer, is worth now. *which is the ticket's number, unless it is wrong. */
enum tickets_answer tickets_check(const struct tickets *tickets, const struct greeting *greeting,
                                  const struct id *caller, int64_t now_ms, int *which);

/* What the store remembers of it: SHA-256 of its secret, with a label. */
void tickets_hash(const struct tickets *tickets, int which, uint8_t hash[static HASH_BYTES]);

/* It was used by caller. */
void tickets_burn(struct tickets *tickets, int which, const struct id *caller);

/* Whether one that nobody has used is still valid. */
bool tickets_is_open(const struct tickets *tickets, int64_t now_ms);

#endif
