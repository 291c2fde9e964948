/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "chat/meet.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"

/* So many are taken in at once: a flood of them is not to keep the loop from the peer. */
#define ARRIVALS_MAX 16

int meet_pollfds(const struct meet *meet, struct pollfd fds[static MEET_POLL_MAX])
{
    int count = meet->lobby ? lobby_pollfds(meet->lobby, fds) : 0;

    if (meet->reach)
        count += reach_pollfds(meet->reach, fds + count);
    if (meet->private)
        count += rendezvous_pollfds(meet->private, fds + count);
    return count;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t meet_wake_ms(const struct meet *meet)
{
    int64_t wake_ms = meet->lobby ? lobby_wake_ms(meet->lobby) : INT64_MAX;

    if (meet->reach && reach_wake_ns(meet->reach) != INT64_MAX)
        wake_ms = earlier(wake_ms, (reach_wake_ns(meet->reach) + NS_PER_MS - 1) / NS_PER_MS);
    if (meet->private)
        wake_ms = earlier(wake_ms, rendezvous_wake_ms(meet->private));
    return wake_ms;
}

/* Whoever comes takes the seat, if it is free. */
static int step_plain(struct meet *meet, bool taken, int64_t now_ms, struct arrival *arrival)
{
    int result = -EAGAIN;

    *arrival = (struct arrival){.fd = -1};
    if (meet->reach) {
        result = reach_step(meet->reach, clock_ns());
        if (result == -EINPROGRESS)
            return 0;
        arrival->peer = meet->reach->peer;
        meet->reach = NULL;
    } else if (meet->lobby) {
        result = lobby_step(meet->lobby, taken, now_ms, &arrival->peer);
    }
    if (result == -EAGAIN)
        return 0;
    arrival->fd = result;
    meet->error = result < 0 ? result : 0;
    return result < 0 ? result : 1;
}

/* Whoever comes has to prove who it is. */
static int step_private(struct meet *meet, bool taken, int64_t now_ms, struct arrival *arrival)
{
    struct addr peer;
    int fd;

    for (int i = 0;
         meet->lobby && i < ARRIVALS_MAX && (fd = lobby_step(meet->lobby, false, now_ms, &peer)) >= 0; i++)
        answering_add(&meet->private->answering, fd, &peer, now_ms);
    if (rendezvous_step(meet->private, taken, now_ms, arrival))
        return 1;
    return meet->private->status ? -ERR_REFUSED : 0;
}

int meet_step(struct meet *meet, bool taken, int64_t now_ms, struct arrival *arrival)
{
    return meet->private ? step_private(meet, taken, now_ms, arrival)
                         : step_plain(meet, taken, now_ms, arrival);
}

bool meet_news(struct meet *meet, int64_t now_ms, char text[static MEET_NEWS_MAX])
{
    if (meet->private && news_next(&meet->private->news, now_ms, text))
        return true;
    if (meet->reach && meet->reach->tries > 0 && !meet->told) {
        meet->told = true;
        snprintf(text, MEET_NEWS_MAX, "%s: %s; trying again until somebody is there", meet->name,
                 err_text(meet->reach->error));
        return true;
    }
    return meet->lobby && lobby_news(meet->lobby, now_ms, text);
}
