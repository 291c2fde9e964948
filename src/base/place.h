/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A host and a port as people write them; names are not looked up yet. */
#ifndef YODEL_BASE_PLACE_H
#define YODEL_BASE_PLACE_H

#include <stdint.h>

/* The longest host name of the DNS, and a NUL (RFC 1035, 2.3.4). */
#define PLACE_HOST_MAX 256

struct place {
    char host[PLACE_HOST_MAX]; /* without brackets; "*" for all */
    uint16_t port;
};

#endif
