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

static int served_from(const struct waiting *waiting, const struct addr *peer)
{
    struct in6_addr host, other;
    int count = 0;

    addr_host(peer, &host);
    for (int i = 0; i < WAITING_MAX; i++) {
        const struct handshake *h = &waiting->slots[i].handshake;
        if (h->fd < 0 || h->over)
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

/* Returns whether it is served now, or was found to be gone. */
static bool serve(struct waiting *waiting, int fd, const struct addr *peer, int64_t now_ms)
{
    if (served_from(waiting, peer) >= WAITING_SOURCE_MAX)
        return false;
    struct waiting_slot *slot = free_slot(waiting);
    if (!slot)
        return false;
    handshake_drop(&slot->handshake);
    slot->stage = WAITING_PROVING;
    slot->order = ++waiting->orders;
    handshake_begin(&slot->handshake, &waiting->config, fd, peer, now_ms);
    return true;
}

int waiting_add(struct waiting *waiting, int fd, const struct addr *peer, int64_t now_ms)
{
    if (waiting->parked_count == 0 && serve(waiting, fd, peer, now_ms))
        return 0;
    if (waiting->parked_count == WAITING_PARKED_MAX) {
        cut_off(fd);
        return -ERR_FULL;
    }
    int last = waiting->parked_count++;
    waiting->parked[last].fd = fd;
    waiting->parked[last].peer = *peer;
    waiting->parked[last].until_ms = now_ms + HANDSHAKE_MS;
    return 0;
}

void waiting_serve(struct waiting *waiting, int64_t now_ms)
{
    for (int i = 0; i < waiting->parked_count;) {
        if (serve(waiting, waiting->parked[i].fd, &waiting->parked[i].peer, now_ms)) {
            unpark(waiting, i);
        } else if (now_ms >= waiting->parked[i].until_ms) {
            cut_off(waiting->parked[i].fd);
            unpark(waiting, i);
        } else {
            i++;
        }
    }
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
    return wake_ms;
}
