/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "echo/plan.h"

#include <errno.h>

#include "base/err.h"
#include "echo/seat.h"

/* Descriptors that a process needs besides its connections: standard ones, epoll, notes, signals, log and print, and
 * some for what the C library opens. */
#define RESERVED 16

/* More in flight would only make a worker that hangs keep more clients waiting. */
#define IN_FLIGHT_MAX 256

static uint32_t at_most(uint32_t value, uint32_t max)
{
    return value < max ? value : max;
}

int plan_make(const struct plan_given *given, struct plan *plan)
{
    uint32_t own = RESERVED + given->listeners + given->workers;

    if (given->descriptors < own + given->workers || given->descriptors <= RESERVED)
        return -EMFILE;
    plan->in_flight_max = at_most((given->descriptors - own) / given->workers, IN_FLIGHT_MAX);
    plan->per_worker = at_most(given->descriptors - RESERVED, SEAT_TOTAL_MAX / given->workers);
    /* Children of their own have descriptors of their own: only what was asked for bounds them. */
    if (!given->pooled && given->max_asked)
        plan->per_worker = given->max_asked;
    uint32_t most = given->workers * plan->per_worker;
    plan->max_conns = given->max_asked ? given->max_asked : most;
    return given->max_asked > most ? -ERR_RANGE : 0;
}
