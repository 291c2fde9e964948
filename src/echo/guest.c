/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "echo/guest.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int guests_open(struct guests *guests, uint32_t size)
{
    *guests = (struct guests){.ring = calloc(size, sizeof *guests->ring), .size = size};
    return guests->ring ? 0 : -ENOMEM;
}

void guests_push(struct guests *guests, const struct guest *guest)
{
    assert(guests->len < guests->size);
    guests->ring[(guests->start + guests->len++) % guests->size] = *guest;
}

const struct guest *guests_first(const struct guests *guests)
{
    return &guests->ring[guests->start];
}

void guests_pop(struct guests *guests)
{
    guests->start = (guests->start + 1) % guests->size;
    guests->len--;
}
