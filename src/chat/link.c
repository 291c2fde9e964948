/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "chat/link.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "net/sock.h"

/* Two records, of the longest kind: what a peer that has much to say sends at once. A call receives so much RECORDS_MAX times at most:
 * there are records with nothing in them. */
#define RECEIVE_MAX (2 * (CHAN_RECORD_MAX + CHAN_SEAL_BYTES))
#define RECORDS_MAX 8

void link_init(struct link *link)
{
    memset(link, 0, sizeof *link);
    link->fd = -1;
    link->look_ms = INT64_MAX;
}

void link_open(struct link *link, int fd, const struct addr *peer, int64_t dead_ms, int64_t now_ms)
{
    link_init(link);
    link->fd = fd;
    addr_print_host(peer, link->host);
    addr_print(peer, link->name);
    link->rules.dead_ms = LINK_PATIENCE(dead_ms);
    sock_set_patience(fd, link->rules.dead_ms);
    sock_set_abort(fd, true);
    watch_init(&link->watch, now_ms);
}

void link_secure(struct link *link, struct chan *chan)
{
    link->chan = chan;
    link->more = true;
}

static int text_of(int error)
{
    return error == ETIMEDOUT ? -ERR_TIMEOUT : -error;
}

/* Something is on its way: see that it arrives. */
static void look_after(struct link *link, int64_t now_ms)
{
    int64_t interval_ms = watch_interval_ms(&link->rules);

    if (link->look_ms == INT64_MAX && interval_ms != INT64_MAX)
        link->look_ms = now_ms + interval_ms;
}

/* How many bytes the channel has sealed and the network has not taken yet. */
static size_t sealed(const struct link *link)
{
    size_t len = 0;

    if (link->chan)
        chan_output(link->chan, &len);
    return len;
}

static ssize_t receive(struct link *link, void *bytes, size_t len)
{
    ssize_t count;

    do
        count = recv(link->fd, bytes, len, 0);
    while (count < 0 && errno == EINTR);
    if (count > 0)
        return count;
    if (count == 0 && link->broken == -EPIPE) /* a reset after the peer's end of file */
        return 0;
    if (link->broken) /* the kernel tells an error once */
        return link->broken;
    if (count < 0 && errno == EAGAIN)
        return -EAGAIN;
    return count < 0 ? text_of(errno) : 0;
}

static size_t transmit(struct link *link, const void *bytes, size_t len)
{
    ssize_t count;

    if (link->broken || len == 0)
        return 0;
    do
        count = send(link->fd, bytes, len, MSG_NOSIGNAL);
    while (count < 0 && errno == EINTR);
    if (count < 0 && errno != EAGAIN)
        link->broken = text_of(errno);
    if (count <= 0)
        return 0;
    link->sent += (uint64_t)count;
    return (size_t)count;
}

/* Send what the channel has sealed. */
static size_t flush(struct link *link)
{
    size_t len;
    const uint8_t *sealed = chan_output(link->chan, &len);
    size_t count = transmit(link, sealed, len);

    chan_sent(link->chan, count);
    return count;
}

/* One record after the other until there is something in them, but not for ever. */
static ssize_t receive_opened(struct link *link, void *bytes, size_t len)
{
    uint8_t raw[RECEIVE_MAX];

    link->more = true;
    for (int i = 0; i < RECORDS_MAX; i++) {
        ssize_t count = chan_read(link->chan, bytes, len);
        if (count != -EAGAIN)
            return count;
        size_t room = chan_room(link->chan);
        count = receive(link, raw, room < sizeof raw ? room : sizeof raw);
        if (count == -EAGAIN)
            link->more = false;
        if (count <= 0)
            return count == 0 ? -ERR_CUT : count;
        chan_input(link->chan, raw, (size_t)count); /* chan_read() tells what became of it */
        flush(link);
    }
    return -EAGAIN;
}

ssize_t link_recv(struct link *link, void *bytes, size_t len)
{
    return link->chan ? receive_opened(link, bytes, len) : receive(link, bytes, len);
}

size_t link_send(struct link *link, const void *bytes, size_t len, int64_t now_ms)
{
    size_t taken = link->chan && !link->broken ? chan_write(link->chan, bytes, len) : 0;
    size_t count = link->chan ? flush(link) : transmit(link, bytes, len);

    if (count > 0)
        look_after(link, now_ms);
    return link->chan ? taken : count;
}

bool link_waits(const struct link *link)
{
    return sealed(link) > 0 && !link->broken;
}

void link_shut(struct link *link, int64_t now_ms)
{
    if (link->chan) {
        chan_close(link->chan);
        flush(link);
        if (link_waits(link))
            return;
    }
    link->shut = shutdown(link->fd, SHUT_WR) == 0;
    if (!link->shut && link_check(link) == 0)
        link->broken = text_of(errno);
    look_after(link, now_ms);
}

size_t link_unacked(const struct link *link)
{
    return (size_t)sock_unacked(link->fd) + sealed(link);
}

size_t link_undelivered(const struct link *link)
{
    size_t unacked = link_unacked(link);

    return link->shut && unacked > 0 ? unacked - 1 : unacked;
}

int link_check(struct link *link)
{
    int error = link->broken ? 0 : sock_error(link->fd);

    if (error)
        link->broken = text_of(error);
    return link->broken;
}

bool link_missed(const struct link *link)
{
    struct sock_progress progress;

    if (link->sent == 0 || link_unacked(link))
        return link_undelivered(link) > 0;
    return sock_progress(link->fd, &progress) == 0 && progress.unanswered == 0;
}

bool link_lost(struct link *link, int64_t now_ms)
{
    link->look_ms = INT64_MAX;
    switch (watch_look(&link->watch, &link->rules, link->fd, now_ms)) {
    case WATCH_DEAD:
        return true;
    case WATCH_AGAIN:
        look_after(link, now_ms);
        return false;
    case WATCH_SETTLED:
    case WATCH_IDLE: /* without a rule for it */
        return false;
    }
    return false;
}

void link_close(struct link *link)
{
    if (link->fd < 0)
        return;
    sock_set_abort(link->fd, false);
    link_abort(link);
}

void link_abort(struct link *link)
{
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
    link->look_ms = INT64_MAX;
    chan_free(link->chan);
    link->chan = NULL;
}
