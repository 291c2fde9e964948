/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What became of the messages of a run. Pure.
 *
 * Every message that was sent is in the end exactly one of received, late, corrupted or lost. */
#ifndef YODEL_LOAD_OUTCOME_H
#define YODEL_LOAD_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load/hist.h"

struct outcome {
    uint64_t sent;        /* at least the first byte of it */
    uint64_t received;    /* came back as it was sent, and in time */
    uint64_t late;        /* came back as it was sent, after the wait */
    uint64_t corrupted;   /* came back otherwise than it was sent */
    uint64_t unsent;      /* were due, but the peer did not keep up */
    uint64_t stray_bytes; /* that came though nothing was owed */
    uint64_t skipped;     /* times to send that passed while the sender itself could not */
    int64_t elapsed_ns;   /* from the first message until the end */
    struct hist *rtt;     /* of received and late */
};

/* outcome_done() frees what outcome_init() made. */
void outcome_init(struct outcome *outcome);
void outcome_done(struct outcome *outcome);

/* Count a reply with wrong bytes that differ, rtt_ns after its message; within wait_ns it is in time. */
void outcome_reply(struct outcome *outcome, int64_t rtt_ns, int64_t wait_ns, uint64_t wrong);

/* Messages that never came back. */
uint64_t outcome_lost(const struct outcome *outcome);

/* Whether something was sent and all of it came back right, in time, and nothing else. */
bool outcome_clean(const struct outcome *outcome);

#endif
