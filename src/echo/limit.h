/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How many connections each client host has: exact, bounded, allocated once. Pure. */
#ifndef YODEL_ECHO_LIMIT_H
#define YODEL_ECHO_LIMIT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct limit;

/* A table for up to max_hosts different hosts at once, of which none may have more than per_host (1 or more)
 * connections. Returns NULL if there is no memory. seed: random, so that nobody can choose hosts that collide. */
struct limit *limit_new(uint32_t max_hosts, uint32_t per_host, uint64_t seed);
void limit_free(struct limit *limit);

/* Count one more connection of host. Returns whether it is within the limit; if not, nothing is counted. The caller
 * never counts more than max_hosts connections at once. */
bool limit_take(struct limit *limit, const struct in6_addr *host);

/* Count one less. */
void limit_drop(struct limit *limit, const struct in6_addr *host);

/* How many connections host has. */
uint32_t limit_count(const struct limit *limit, const struct in6_addr *host);

#endif
