/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections that were accepted and that no child has. */
#ifndef YODEL_ECHO_GUEST_H
#define YODEL_ECHO_GUEST_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* A connection, as the door knows it outside of its seat. */
struct guest {
    struct in6_addr host;
    uint16_t port;
    bool told;         /* its event=open is in the log */
    uint8_t tries;     /* how many children have had it */
    int fd;            /* the door's */
    int64_t opened_ms; /* when it was accepted */
};

/* Guests in line, first come first served: a ring of a fixed size. */
struct guests {
    struct guest *ring;
    uint32_t size;
    uint32_t start;
    uint32_t len;
};

/* Allocate for size guests. Returns 0 or -ENOMEM. */
int guests_open(struct guests *guests, uint32_t size);

/* Put one at the end. There must be room. */
void guests_push(struct guests *guests, const struct guest *guest);

/* The first in line, of at least one. Valid until it is popped. */
const struct guest *guests_first(const struct guests *guests);
void guests_pop(struct guests *guests);

#endif
