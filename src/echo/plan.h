/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the descriptors that a process may have are divided. Pure. */
#ifndef YODEL_ECHO_PLAN_H
#define YODEL_ECHO_PLAN_H

#include <stdbool.h>
#include <stdint.h>

struct plan_given {
    uint32_t descriptors; /* that each process may have (RLIMIT_NOFILE) */
    uint32_t listeners;
    uint32_t workers;   /* 1 where each connection has a child of its own */
    bool pooled;        /* whether a worker holds many connections */
    uint32_t max_asked; /* connections at once that were asked for; 0: as many as possible */
};

struct plan {
    uint32_t per_worker;    /* connections that one worker can have */
    uint32_t in_flight_max; /* that the door holds for one worker until it confirms them */
    uint32_t max_conns;
};

/* Returns 0; -EMFILE if there are too few descriptors to begin with; -ERR_RANGE if more connections were
 * asked for than all workers can have (per_worker is set then). */
int plan_make(const struct plan_given *given, struct plan *plan);

#endif
