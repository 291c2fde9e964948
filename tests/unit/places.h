/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Places to connect to, on loopback, all with the same port. */
#ifndef YODEL_TESTS_PLACES_H
#define YODEL_TESTS_PLACES_H

#include <stdbool.h>

#include "net/addr.h"

#define PLACES_MAX 4

struct places {
    int listeners[PLACES_MAX], fillers[PLACES_MAX];
    struct addr addrs[PLACES_MAX];
    int count;
    uint16_t port;
};

/* A place for each letter: 'a' answers, 'r' refuses (it is bound and does not listen), 'h' hangs (its backlog is full). The first is
 * 127.0.0.1, the second 127.0.0.2 and so on; one with a capital letter is ::1. */
void places_open(struct places *places, const char *kinds);

void places_close(struct places *places);

/* Their hosts, in order, separated by spaces. Returns text. */
const char *places_hosts(const struct places *places, char text[static PLACES_MAX * ADDR_TEXT_MAX]);

/* Whether there is IPv6 here. */
bool places_have_ipv6(void);

#endif
