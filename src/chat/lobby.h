/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may take the seat: listens, lets one caller at a time in, and turns the others away.
 *
 * Whoever comes while the seat is taken is told so in one line and hung up on, in order, so that the line arrives; whoever
 * is not allowed to come is reset without a word. */
#ifndef YODEL_CHAT_LOBBY_H
#define YODEL_CHAT_LOBBY_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/addr.h"
#include "net/cidr.h"

#define LOBBY_LISTENERS_MAX 16

/* How long somebody who was turned away may take to hang up. */
#define LOBBY_LEAVING_MS 2000

/* So many who were turned away may still be there. Then the first of them is cut off for the next, but not before it had
 * a moment to read the line and to hang up: meanwhile the next one waits. */
#define LOBBY_LEAVING_MAX 16
#define LOBBY_MOMENT_MS 100

/* What happens at the door is told at most so often: callers can be many. */
#define LOBBY_NEWS_MS 5000
#define LOBBY_NEWS_MAX 160

/* What callers are told when the seat is taken, and how `yodel call` knows that it was turned away. */
#define LOBBY_BUSY "yodel: busy: somebody else is talking here (try again later)"

#define LOBBY_POLL_MAX (LOBBY_LISTENERS_MAX + LOBBY_LEAVING_MAX)

struct lobby {
    int listeners[LOBBY_LISTENERS_MAX];
    int count;
    const struct cidr *allowed; /* NULL: everybody */
    int allowed_count;
    struct {
        int fd; /* -1: free */
        int64_t until_ms;
    } leaving[LOBBY_LEAVING_MAX];
    int64_t full_ms;    /* until when nobody is accepted: too many are leaving; 0: they are not */
    int64_t pause_ms;   /* the same because descriptors ran out */
    int error;          /* why, a negative error; 0: never */
    uint64_t busy;      /* how many were turned away because the seat was taken */
    uint64_t forbidden; /* how many because of where they came from */
    struct addr last;   /* where the last of both came from */
    uint64_t told;      /* of how many lobby_news() has told */
    int told_error;     /* of which error */
    int64_t news_ms;    /* when it tells again */
};

/* Listen on count (1 to LOBBY_LISTENERS_MAX) addresses, which are updated to what was bound. allowed, of allowed_count
 * networks, stays valid. Returns 0, or -errno: addrs[lobby->count] then is what could not be bound. */
int lobby_open(struct lobby *lobby, struct addr *addrs, int count, const struct cidr *allowed,
               int allowed_count);
void lobby_close(struct lobby *lobby);

/* What to poll before lobby_step(). Returns how many were filled in. */
int lobby_pollfds(const struct lobby *lobby, struct pollfd fds[static LOBBY_POLL_MAX]);

/* When to call lobby_step() though no descriptor is ready; INT64_MAX: never. */
int64_t lobby_wake_ms(const struct lobby *lobby);

/* Turn away and hang up on whom it is time for. Returns the descriptor of somebody who takes the seat, the caller's own, with
 * their address in *peer; or -EAGAIN: nobody, or the seat is taken. */
int lobby_step(struct lobby *lobby, bool taken, int64_t now_ms, struct addr *peer);

/* What is to be told of those who were turned away or have to wait, since the last time, in one line without an end. Returns
 * whether there is something. */
bool lobby_news(struct lobby *lobby, int64_t now_ms, char text[static LOBBY_NEWS_MAX]);

#endif
