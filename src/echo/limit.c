/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A hash table with open addressing and linear probing, at most half full; removal closes the gap, so that no
 * tombstones pile up in a service that runs for years. */
#include "echo/limit.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    struct in6_addr host;
    uint32_t count; /* 0: free */
};

struct limit {
    uint64_t seed;
    uint32_t per_host;
    uint32_t mask;
    struct entry entries[];
};

struct limit *limit_new(uint32_t max_hosts, uint32_t per_host, uint64_t seed)
{
    uint64_t size = 16;

    while (size < 2 * (uint64_t)max_hosts)
        size *= 2;
    struct limit *limit = calloc(1, sizeof *limit + size * sizeof *limit->entries);
    if (!limit)
        return NULL;
    limit->seed = seed;
    limit->per_host = per_host;
    limit->mask = (uint32_t)(size - 1);
    return limit;
}

void limit_free(struct limit *limit)
{
    free(limit);
}

/* Mix with multiplications by odd constants, keyed by the seed. */
static uint32_t home_of(const struct limit *limit, const struct in6_addr *host)
{
    uint64_t halves[2];

    memcpy(halves, host, sizeof halves);
    uint64_t hash = (halves[0] ^ limit->seed) * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 32;
    hash = (hash ^ halves[1]) * (UINT64_C(0xd6e8feb86659fd93) ^ (limit->seed & ~UINT64_C(1)));
    hash ^= hash >> 29;
    hash *= UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(hash >> 32) & limit->mask;
}

/* The host's entry, or the free one where it belongs. */
static uint32_t find(const struct limit *limit, const struct in6_addr *host)
{
    uint32_t at = home_of(limit, host);

    while (limit->entries[at].count && memcmp(&limit->entries[at].host, host, sizeof *host) != 0)
        at = (at + 1) & limit->mask;
    return at;
}

bool limit_take(struct limit *limit, const struct in6_addr *host)
{
    struct entry *entry = &limit->entries[find(limit, host)];

    if (entry->count >= limit->per_host)
        return false;
    entry->host = *host;
    entry->count++;
    return true;
}

void limit_drop(struct limit *limit, const struct in6_addr *host)
{
    uint32_t gap = find(limit, host);

    if (!limit->entries[gap].count || --limit->entries[gap].count)
        return;
    for (uint32_t at = (gap + 1) & limit->mask; limit->entries[at].count; at = (at + 1) & limit->mask) {
        uint32_t home = home_of(limit, &limit->entries[at].host);
        /* Entries stay reachable from their home: move one back only if the gap lies on its way. */
        if (((at - home) & limit->mask) >= ((at - gap) & limit->mask)) {
            limit->entries[gap] = limit->entries[at];
            limit->entries[at].count = 0;
            gap = at;
        }
    }
}

uint32_t limit_count(const struct limit *limit, const struct in6_addr *host)
{
    return limit->entries[find(limit, host)].count;
}
