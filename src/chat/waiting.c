/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "chat/waiting.h"

#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "net/sock.h"

void waiting_init(struct waiting *waiting, const struct handshake_config *config)
{
    memset(waiting, 0, sizeof *waiting);
    waiting->config = *config;
    waiting->begin_ms = INT64_MAX;
    for (int i = 0; i < WAITING_MAX; i++)
        handshake_init(&waiting->slots[i].handshake);
}

static void cut_off(int fd)
{
    sock_set_abort(fd, true);
    close(fd);
}

/* Forget one of those who are parked. */
static void unpark(struct waiting *waiting, int at)
{
    waiting->parked_count--;
    memmove(&waiting->parked[at], &waiting->parked[at + 1],
            (size_t)(waiting->parked_count - at) * sizeof waiting->parked[0]);
}

void waiting_done(struct waiting *waiting)
{
    for (int i = 0; i < WAITING_MAX; i++)
        handshake_drop(&waiting->slots[i].handshake);
    for (int i = 0; i < waiting->parked_count; i++)
        cut_off(waiting->parked[i].fd);
    waiting->parked_count = 0;
}

/* Whoever waits for the user has proven something, and there is a limit for those, too: they keep nobody out. */
static int served_from(const struct waiting *waiting, const struct addr *peer)
{
    struct in6_addr host, other;
    int count = 0;

    addr_host(peer, &host);
    for (int i = 0; i < WAITING_MAX; i++) {
        const struct waiting_slot *slot = &waiting->slots[i];
        const struct handshake *h = &slot->handshake;
        bool proves = slot->stage == WAITING_PROVING || slot->stage == WAITING_WELCOME;
        if (h->fd < 0 || h->over || !proves)
            continue;
        addr_host(&h->peer, &other);
        count += memcmp(&host, &other, sizeof host) == 0;
    }
    return count;
}

/* A slot that is free, or that of somebody who has been told why and only has to hang up. */
static struct waiting_slot *free_slot(struct waiting *waiting)
{
    struct waiting_slot *leaving = NULL;

    for (int i = 0; i < WAITING_MAX; i++) {
        struct waiting_slot *slot = &waiting->slots[i];
        if (slot->handshake.fd < 0)
            return slot;
        if (slot->handshake.shut && (!leaving || slot->order < leaving->order))
            leaving = slot;
    }
    return leaving;
}

#define STEP_MS (1000 / WAITING_RATE)

/* When one more may begin. */
static int64_t next_begin_ms(const struct waiting *waiting)
{
    return waiting->full_ms - (WAITING_BURST - 1) * STEP_MS;
}

/* Returns whether it is served now, or was found to be gone. */
static bool serve(struct waiting *waiting, int fd, const struct addr *peer, int64_t now_ms)
{
    if (now_ms < next_begin_ms(waiting) || served_from(waiting, peer) >= WAITING_SOURCE_MAX)
        return false;
    struct waiting_slot *slot = free_slot(waiting);
    if (!slot)
        return false;
    waiting->full_ms = (waiting->full_ms > now_ms ? waiting->full_ms : now_ms) + STEP_MS;
    handshake_drop(&slot->handshake);
    slot->stage = WAITING_PROVING;
    slot->order = ++waiting->orders;
    handshake_begin(&slot->handshake, &waiting->config, fd, peer, now_ms);
    return true;
}

static int parked_from(const struct waiting *waiting, const struct addr *peer)
{
    struct in6_addr host, other;
    int count = 0;

    addr_host(peer, &host);
    for (int i = 0; i < waiting->parked_count; i++) {
        addr_host(&waiting->parked[i].peer, &other);
        count += memcmp(&host, &other, sizeof host) == 0;
    }
    return count;
}

/* The last one of the source that has most. */
static int most_pushing(const struct waiting *waiting)
{
    int found = 0, most = 0;

    for (int i = 0; i < waiting->parked_count; i++) {
        int count = parked_from(waiting, &waiting->parked[i].peer);
        if (count >= most) {
            most = count;
            found = i;
        }
    }
    return found;
}

int waiting_add(struct waiting *waiting, int fd, const struct addr *peer, int64_t now_ms)
{
    int result = 0;

    if (waiting->parked_count == 0 && serve(waiting, fd, peer, now_ms))
        return 0;
    if (waiting->parked_count == WAITING_PARKED_MAX) {
        int last = most_pushing(waiting);
        cut_off(waiting->parked[last].fd);
        unpark(waiting, last);
        result = -ERR_FULL;
    }
    int at = waiting->parked_count++;
    waiting->parked[at].fd = fd;
    waiting->parked[at].peer = *peer;
    waiting->parked[at].until_ms = now_ms + HANDSHAKE_MS;
    return result;
}

/* Serve the next: of the sources that may be served the first of the one that has fewest. Returns whether somebody was. */
static bool serve_next(struct waiting *waiting, int64_t now_ms)
{
    int next = -1, fewest = WAITING_PARKED_MAX + 1;

    for (int i = 0; i < waiting->parked_count; i++) {
        const struct addr *peer = &waiting->parked[i].peer;
        int count = parked_from(waiting, peer);
        if (count < fewest && served_from(waiting, peer) < WAITING_SOURCE_MAX) {
            fewest = count;
            next = i;
        }
    }
    if (next < 0 || !serve(waiting, waiting->parked[next].fd, &waiting->parked[next].peer, now_ms))
        return false;
    unpark(waiting, next);
    return true;
}

/* Somebody waits for a slot: end the handshakes that had their time. Returns when to try again; INT64_MAX: when a slot becomes
 * free. */
static int64_t make_room(struct waiting *waiting, int64_t now_ms)
{
    int64_t again_ms = INT64_MAX;

    for (int i = 0; i < WAITING_MAX; i++) {
        struct handshake *h = &waiting->slots[i].handshake;
        int64_t stale_ms = h->until_ms - HANDSHAKE_MS + WAITING_GRACE_MS;
        if (h->fd < 0 || h->over || h->greets)
            continue;
        if (now_ms >= stale_ms) {
            handshake_drop(h);
            again_ms = now_ms;
        } else if (stale_ms < again_ms) {
            again_ms = stale_ms;
        }
    }
    return again_ms;
}

void waiting_serve(struct waiting *waiting, int64_t now_ms)
{
    for (int i = waiting->parked_count; i-- > 0;) {
        if (now_ms >= waiting->parked[i].until_ms) {
            cut_off(waiting->parked[i].fd);
            unpark(waiting, i);
        }
    }
    while (waiting->parked_count > 0 && serve_next(waiting, now_ms))
        ;
    waiting->begin_ms = INT64_MAX;
    if (waiting->parked_count > 0 && now_ms < next_begin_ms(waiting))
        waiting->begin_ms = next_begin_ms(waiting);
    else if (waiting->parked_count > 0)
        waiting->begin_ms = make_room(waiting, now_ms);
}

int waiting_pollfds(const struct waiting *waiting, struct pollfd fds[static WAITING_POLL_MAX])
{
    int count = 0;

    for (int i = 0; i < WAITING_MAX; i++) {
        const struct handshake *h = &waiting->slots[i].handshake;
        if (h->fd >= 0)
            fds[count++] = (struct pollfd){.fd = h->fd, .events = handshake_events(h)};
    }
    return count;
}

int64_t waiting_wake_ms(const struct waiting *waiting)
{
    int64_t wake_ms = INT64_MAX;

    for (int i = 0; i < WAITING_MAX; i++) {
        int64_t own_ms = handshake_wake_ms(&waiting->slots[i].handshake);
        wake_ms = own_ms < wake_ms ? own_ms : wake_ms;
    }
    for (int i = 0; i < waiting->parked_count; i++)
        wake_ms = waiting->parked[i].until_ms < wake_ms ? waiting->parked[i].until_ms : wake_ms;
    return waiting->begin_ms < wake_ms ? waiting->begin_ms : wake_ms;
}
