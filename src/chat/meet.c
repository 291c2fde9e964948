/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "chat/meet.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"

int meet_pollfds(const struct meet *meet, struct pollfd fds[static MEET_POLL_MAX])
{
    int count = meet->lobby ? lobby_pollfds(meet->lobby, fds) : 0;

    return meet->reach ? count + reach_pollfds(meet->reach, fds + count) : count;
}

int64_t meet_wake_ms(const struct meet *meet)
{
    int64_t lobby_ms = meet->lobby ? lobby_wake_ms(meet->lobby) : INT64_MAX;

    if (!meet->reach)
        return lobby_ms;
    int64_t reach_ns = reach_wake_ns(meet->reach);
    int64_t reach_ms = reach_ns == INT64_MAX ? INT64_MAX : (reach_ns + NS_PER_MS - 1) / NS_PER_MS;
    return reach_ms < lobby_ms ? reach_ms : lobby_ms;
}

int meet_step(struct meet *meet, bool taken, int64_t now_ms, struct addr *peer)
{
    if (meet->reach) {
        int result = reach_step(meet->reach, clock_ns());
        *peer = meet->reach->peer;
        if (result != -EINPROGRESS)
            meet->reach = NULL;
        if (result >= 0)
            return result;
        if (result != -EINPROGRESS) {
            meet->error = result;
            return result;
        }
    }
    return meet->lobby ? lobby_step(meet->lobby, taken, now_ms, peer) : -EAGAIN;
}

bool meet_news(struct meet *meet, int64_t now_ms, char text[static MEET_NEWS_MAX])
{
    if (meet->reach && meet->reach->tries > 0 && !meet->told) {
        meet->told = true;
        snprintf(text, MEET_NEWS_MAX, "%s: %s; trying again until somebody is there", meet->name,
                 err_text(meet->reach->error));
        return true;
    }
    return meet->lobby && lobby_news(meet->lobby, now_ms, text);
}
