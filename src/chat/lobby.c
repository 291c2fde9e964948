/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "chat/lobby.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "net/sock.h"

/* One turn accepts so many, so that a flood of callers does not keep the loop from the peer. */
#define ACCEPT_MAX 16

#define PAUSE_MS 1000

#define RECEIVE_MAX (64 << 10)

static const char busy_line[] = LOBBY_BUSY "\n";

int lobby_open(struct lobby *lobby, struct addr *addrs, int count, const struct cidr *allowed,
               int allowed_count)
{
    memset(lobby, 0, sizeof *lobby);
    lobby->allowed = allowed;
    lobby->allowed_count = allowed_count;
    for (int i = 0; i < LOBBY_LEAVING_MAX; i++)
        lobby->leaving[i].fd = -1;
    for (; lobby->count < count; lobby->count++) {
        int fd = sock_listen(&addrs[lobby->count], 0);
        if (fd < 0)
            return fd;
        lobby->listeners[lobby->count] = fd;
    }
    return 0;
}

void lobby_close(struct lobby *lobby)
{
    for (int i = 0; i < lobby->count; i++)
        close(lobby->listeners[i]);
    for (int i = 0; i < LOBBY_LEAVING_MAX; i++)
        if (lobby->leaving[i].fd >= 0)
            close(lobby->leaving[i].fd);
    lobby->count = 0;
}

/* Whether somebody can be accepted. */
static bool is_open(const struct lobby *lobby)
{
    return lobby->pause_ms == 0 && lobby->full_ms == 0;
}

int lobby_pollfds(const struct lobby *lobby, struct pollfd fds[static LOBBY_POLL_MAX])
{
    int count = 0;

    for (int i = 0; i < lobby->count && is_open(lobby); i++)
        fds[count++] = (struct pollfd){.fd = lobby->listeners[i], .events = POLLIN};
    for (int i = 0; i < LOBBY_LEAVING_MAX; i++)
        if (lobby->leaving[i].fd >= 0)
            fds[count++] = (struct pollfd){.fd = lobby->leaving[i].fd, .events = POLLIN};
    return count;
}

int64_t lobby_wake_ms(const struct lobby *lobby)
{
    int64_t wake_ms = lobby->pause_ms ? lobby->pause_ms : INT64_MAX;

    if (lobby->full_ms && lobby->full_ms < wake_ms)
        wake_ms = lobby->full_ms;
    if (lobby->busy + lobby->forbidden != lobby->told && lobby->news_ms < wake_ms)
        wake_ms = lobby->news_ms;
    for (int i = 0; i < LOBBY_LEAVING_MAX; i++)
        if (lobby->leaving[i].fd >= 0 && lobby->leaving[i].until_ms < wake_ms)
            wake_ms = lobby->leaving[i].until_ms;
    return wake_ms;
}

static bool is_allowed(const struct lobby *lobby, const struct addr *peer)
{
    struct in6_addr host;

    addr_host(peer, &host);
    for (int i = 0; i < lobby->allowed_count; i++)
        if (cidr_holds(&lobby->allowed[i], &host))
            return true;
    return lobby->allowed == NULL;
}

static void hang_up(struct lobby *lobby, int i)
{
    close(lobby->leaving[i].fd);
    lobby->leaving[i].fd = -1;
}

/* The place that is free, or that of whoever has been leaving for longest. */
static int first_place(const struct lobby *lobby)
{
    int first = 0;

    for (int i = 0; i < LOBBY_LEAVING_MAX; i++) {
        if (lobby->leaving[i].fd < 0)
            return i;
        if (lobby->leaving[i].until_ms < lobby->leaving[first].until_ms)
            first = i;
    }
    return first;
}

/* Until when there is no place for another one who leaves; 0: there is. */
static int64_t full_until_ms(const struct lobby *lobby, int64_t now_ms)
{
    int first = first_place(lobby);
    int64_t moment_ms = lobby->leaving[first].until_ms - LOBBY_LEAVING_MS + LOBBY_MOMENT_MS;

    return lobby->leaving[first].fd >= 0 && now_ms < moment_ms ? moment_ms : 0;
}

/* Closing while something unread is there would be a reset, which can overtake the line. */
static void turn_away(struct lobby *lobby, int fd, int64_t now_ms)
{
    ssize_t sent = send(fd, busy_line, sizeof busy_line - 1, MSG_NOSIGNAL | MSG_DONTWAIT);

    (void)sent; /* a new connection has room for a line, or is broken */
    shutdown(fd, SHUT_WR);
    int at = first_place(lobby);
    if (lobby->leaving[at].fd >= 0)
        hang_up(lobby, at);
    lobby->leaving[at].fd = fd;
    lobby->leaving[at].until_ms = now_ms + LOBBY_LEAVING_MS;
}

/* Read away what those who were turned away still say. */
static void see_out(struct lobby *lobby, int64_t now_ms)
{
    uint8_t bytes[RECEIVE_MAX];

    for (int i = 0; i < LOBBY_LEAVING_MAX; i++) {
        int fd = lobby->leaving[i].fd;
        if (fd < 0)
            continue;
        ssize_t count = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        bool there = count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
        if (!there || now_ms >= lobby->leaving[i].until_ms)
            hang_up(lobby, i);
    }
}

static bool is_exhausted(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

/* Returns a descriptor that takes the seat, 0 if somebody was turned away, or -EAGAIN. */
static int accept_one(struct lobby *lobby, int listener, bool taken, int64_t now_ms, struct addr *peer)
{
    *peer = (struct addr){.len = sizeof peer->sa.storage};
    lobby->full_ms = taken ? full_until_ms(lobby, now_ms) : 0;
    if (lobby->full_ms)
        return -EAGAIN;
    int fd = accept4(listener, &peer->sa.any, &peer->len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0 && is_exhausted(errno)) {
        lobby->error = -errno;
        lobby->pause_ms = now_ms + PAUSE_MS;
        return -EAGAIN;
    }
    if (fd < 0) /* nobody; or one who is gone already (accept(2)): the next turn asks for the next */
        return -EAGAIN;
    bool allowed = is_allowed(lobby, peer);
    if (allowed && !taken)
        return fd;
    lobby->last = *peer;
    if (allowed) {
        lobby->busy++;
        turn_away(lobby, fd, now_ms);
    } else {
        lobby->forbidden++;
        sock_set_abort(fd, true);
        close(fd);
    }
    return 0;
}

int lobby_step(struct lobby *lobby, bool taken, int64_t now_ms, struct addr *peer)
{
    see_out(lobby, now_ms);
    if (now_ms >= lobby->pause_ms)
        lobby->pause_ms = 0;
    lobby->full_ms = 0;
    for (int i = 0; i < lobby->count; i++) {
        int result = 0;
        for (int n = 0; n < ACCEPT_MAX && result == 0 && is_open(lobby); n++)
            result = accept_one(lobby, lobby->listeners[i], taken, now_ms, peer);
        if (result > 0)
            return result;
    }
    return -EAGAIN;
}

bool lobby_news(struct lobby *lobby, int64_t now_ms, char text[static LOBBY_NEWS_MAX])
{
    uint64_t count = lobby->busy + lobby->forbidden - lobby->told;
    char name[ADDR_TEXT_MAX];

    if (lobby->error != lobby->told_error) {
        lobby->told_error = lobby->error;
        snprintf(text, LOBBY_NEWS_MAX, "callers have to wait: %s", err_text(lobby->error));
        return true;
    }
    if (count == 0 || now_ms < lobby->news_ms)
        return false;
    addr_print(&lobby->last, name);
    if (count == 1)
        snprintf(text, LOBBY_NEWS_MAX, "%s was turned away", name);
    else
        snprintf(text, LOBBY_NEWS_MAX, "%" PRIu64 " callers were turned away, the last of them %s", count,
                 name);
    lobby->told += count;
    lobby->news_ms = now_ms + LOBBY_NEWS_MS;
    return true;
}
