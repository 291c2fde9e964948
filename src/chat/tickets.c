/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "chat/tickets.h"

#include <string.h>

#include "base/secret.h"

void tickets_init(struct tickets *tickets)
{
    memset(tickets, 0, sizeof *tickets);
}

void tickets_done(struct tickets *tickets)
{
    secret_wipe(tickets, sizeof *tickets);
}

void tickets_issue(struct tickets *tickets, int64_t until_ms, uint8_t secret[static TICKET_SECRET_BYTES])
{
    if (tickets->count == TICKETS_MAX)
        memmove(&tickets->list[0], &tickets->list[1], (size_t)(--tickets->count) * sizeof tickets->list[0]);
    int which = tickets->count++;
    memset(&tickets->list[which], 0, sizeof tickets->list[which]);
    secret_random(tickets->list[which].secret, TICKET_SECRET_BYTES);
    memcpy(secret, tickets->list[which].secret, TICKET_SECRET_BYTES);
    tickets->list[which].until_ms = until_ms;
}

enum tickets_answer tickets_check(const struct tickets *tickets, const struct greeting *greeting,
                                  const struct id *caller, int64_t now_ms, int *which)
{
    int found = -1;

    for (int i = 0; i < tickets->count; i++)
        if (greeting_proves(greeting, tickets->list[i].secret))
            found = i;
    if (found < 0)
        return TICKETS_WRONG;
    *which = found;
    if (tickets->list[found].used)
        return id_equal(&tickets->list[found].by, caller) ? TICKETS_GOOD : TICKETS_USED;
    return now_ms < tickets->list[found].until_ms ? TICKETS_GOOD : TICKETS_EXPIRED;
}

void tickets_hash(const struct tickets *tickets, int which, uint8_t hash[static HASH_BYTES])
{
    static const char label[] = "yodel/1 ticket used";
    const struct hash_part parts[] = {{label, sizeof label - 1},
                                      {tickets->list[which].secret, TICKET_SECRET_BYTES}};

    hash_sha256(parts, 2, hash);
}

void tickets_burn(struct tickets *tickets, int which, const struct id *caller)
{
    tickets->list[which].used = true;
    tickets->list[which].by = *caller;
}

bool tickets_is_open(const struct tickets *tickets, int64_t now_ms)
{
    for (int i = 0; i < tickets->count; i++)
        if (!tickets->list[i].used && now_ms < tickets->list[i].until_ms)
            return true;
    return false;
}
