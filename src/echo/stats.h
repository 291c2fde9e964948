/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is counted.
 *
 * A tally per connection lies in memory shared by the door and the child that serves it: the child alone writes,
 * the door alone reads. So the door knows what a child did that was killed, and no engine reports
 * bytes. Everything else the door counts itself. */
#ifndef YODEL_ECHO_STATS_H
#define YODEL_ECHO_STATS_H

#include <stdatomic.h>
#include <stdint.h>

#include "echo/hand.h"

/* Bytes of one connection. */
struct tally {
    _Atomic uint64_t in;
    _Atomic uint64_t out;
};

/* Shared by the door and all children. */
struct stats_shared {
    _Atomic uint64_t print_dropped; /* records of --print that found no room */
};

/* What connections did that are closed, in all or of one worker. */
struct stats {
    uint64_t accepted;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t closed[HAND_REASONS];
};

/* Add to a tally as its one writer: no locked instruction is needed. */
static inline void tally_add(_Atomic uint64_t *counter, uint64_t count)
{
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, now + count, memory_order_relaxed);
}

static inline uint64_t tally_read(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Count a connection that closed. */
void stats_close(struct stats *stats, const struct tally *tally, enum hand_reason reason);

#endif
