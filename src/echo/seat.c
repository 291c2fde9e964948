/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "echo/seat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The free seats of a range: those below top that were freed, as a list, and all from top on. */
struct seat_range {
    uint32_t first_free;
    uint32_t top;
};

static void *reserve(size_t bytes, int sharing)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

int seats_open(struct seats *seats, uint32_t children, uint32_t per_child)
{
    size_t total = (size_t)children * per_child;

    seats->children = children;
    seats->per_child = per_child;
    seats->table = reserve(total * sizeof *seats->table, MAP_PRIVATE);
    seats->tallies = reserve(total * sizeof *seats->tallies, MAP_SHARED);
    seats->ranges = calloc(children, sizeof *seats->ranges);
    if (!seats->table || !seats->tallies || !seats->ranges)
        return -ENOMEM;
    for (uint32_t child = 0; child < children; child++) {
        seats->ranges[child].first_free = SEAT_NONE;
        seats->ranges[child].top = child * per_child;
    }
    return 0;
}

uint32_t seats_take(struct seats *seats, uint32_t child, pid_t pid)
{
    struct seat_range *range = &seats->ranges[child];
    uint32_t id = range->first_free;

    if (id != SEAT_NONE)
        range->first_free = (uint32_t)seats->table[id].fd;
    else if (range->top < (child + 1) * seats->per_child)
        id = range->top++;
    else
        return SEAT_NONE;
    seats->table[id].pid = pid;
    atomic_store_explicit(&seats->tallies[id].in, 0, memory_order_relaxed);
    atomic_store_explicit(&seats->tallies[id].out, 0, memory_order_relaxed);
    return id;
}

void seats_free(struct seats *seats, uint32_t id)
{
    struct seat_range *range = &seats->ranges[id / seats->per_child];

    seats->table[id].pid = 0;
    seats->table[id].fd = (int)range->first_free;
    range->first_free = id;
}

uint32_t seats_next(const struct seats *seats, uint32_t child, uint32_t id)
{
    uint32_t next = id == SEAT_NONE ? child * seats->per_child : id + 1;

    while (next < seats->ranges[child].top && !seats->table[next].pid)
        next++;
    return next < seats->ranges[child].top ? next : SEAT_NONE;
}
