/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The connections that the door has let in: a table that is allocated once, and touched only as far as it is used.
 *
 * A seat's id is its place in the table. Each child (or all children with one connection each, together) has a range of
 * per_child ids of its own, so that the tallies that different processes write do not share cache lines. */
#ifndef YODEL_ECHO_SEAT_H
#define YODEL_ECHO_SEAT_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/types.h>

#include "echo/stats.h"

#define SEAT_NONE UINT32_MAX

/* The largest table: 4 million connections are about 200 MB. */
#define SEAT_TOTAL_MAX (UINT32_C(1) << 22)

struct seat {
    struct in6_addr host;
    uint64_t opened_ms : 43;
    uint64_t told : 1;  /* its event=open is in the log */
    uint64_t tries : 4; /* how many children have had it */
    uint64_t port : 16;
    int fd;    /* the door's copy until the child confirms, then -1; in a free seat the next free one */
    pid_t pid; /* the child; 0 in a free seat */
};

struct seats {
    struct seat *table;
    struct tally *tallies; /* one for each seat, in memory shared with the children */
    uint32_t per_child;
    uint32_t children;
    struct seat_range *ranges;
};

/* Allocate for children times per_child seats (at most SEAT_TOTAL_MAX). Returns 0 or -ENOMEM. */
int seats_open(struct seats *seats, uint32_t children, uint32_t per_child);

/* Take a free seat of a child for its process. Its tally is zero, everything else is the caller's to fill. Returns the id, or SEAT_NONE. */
uint32_t seats_take(struct seats *seats, uint32_t child, pid_t pid);
void seats_free(struct seats *seats, uint32_t id);

/* The next seat in use of child after id (SEAT_NONE: the first). Returns its id, or SEAT_NONE. */
uint32_t seats_next(const struct seats *seats, uint32_t child, uint32_t id);

#endif
