/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What became of the messages of a run. Pure.
 *
 * Every message that was sent is in the end exactly one of received, late, corrupted or lost. */
#ifndef YODEL_LOAD_TALLY_H
#define YODEL_LOAD_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load/hist.h"

struct tally {
    uint64_t sent;        /* at least the first byte of it */
    uint64_t received;    /* came back as it was sent, and in time */
    uint64_t late;        /* came back as it was sent, after the wait */
    uint64_t corrupted;   /* came back otherwise than it was sent */
    uint64_t unsent;      /* were due, but the peer had stopped reading */
    uint64_t stray_bytes; /* that came though nothing was owed */
    int64_t elapsed_ns;   /* from the first message until the end */
    struct hist *rtt;     /* of received and late */
};

/* tally_done() frees what tally_init() made. */
void tally_init(struct tally *tally);
void tally_done(struct tally *tally);

/* Count a reply with wrong bytes that differ, rtt_ns after its message; within wait_ns it is in time. */
void tally_reply(struct tally *tally, int64_t rtt_ns, int64_t wait_ns, uint64_t wrong);

/* Messages that never came back. */
uint64_t tally_lost(const struct tally *tally);

/* Whether something was sent and all of it came back right, in time, and nothing else. */
bool tally_clean(const struct tally *tally);

#endif
