/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the two come together: the peer calls us, or we call the peer. */
#ifndef YODEL_CHAT_MEET_H
#define YODEL_CHAT_MEET_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "chat/arrival.h"
#include "chat/lobby.h"
#include "chat/rendezvous.h"
#include "net/reach.h"

#define MEET_NEWS_MAX NEWS_MAX
#define MEET_POLL_MAX (LOBBY_POLL_MAX + REACH_POLL_MAX + RENDEZVOUS_POLL_MAX)

struct meet {
    struct lobby *lobby;        /* NULL: nobody can call us. Goes on turning others away while we talk */
    struct reach *reach;        /* in plain: NULL: we call nobody. Set to NULL once it has come to its end */
    struct rendezvous *private; /* NULL: in plain */
    const char *name;           /* of whom we call, as the user wrote it; NULL: we only listen */
    bool keep;                  /* the lobby lets the next one in after the peer has left */
    int error; /* why the peer could not be reached, a negative error; 0: it was, or we do not call */
    bool told; /* that it is tried again */
};

/* What to poll before meet_step(). Returns how many were filled in. */
int meet_pollfds(const struct meet *meet, struct pollfd fds[static MEET_POLL_MAX]);

/* When to call meet_step() though no descriptor is ready; INT64_MAX: never. */
int64_t meet_wake_ms(const struct meet *meet);

/* Do what can be done. taken: there is a peer. Returns 1, and *arrival is the caller's: a peer, or in private perhaps the same one with a new
 * connection; 0; or the error because of which nobody will come (meet->error, meet->private->status). */
int meet_step(struct meet *meet, bool taken, int64_t now_ms, struct arrival *arrival);

/* What is to be told of those who are not the peer, or of the peer who is not there yet, since the last time, in one line without an
 * end. Returns whether there is something; then ask again. */
bool meet_news(struct meet *meet, int64_t now_ms, char text[static MEET_NEWS_MAX]);

#endif
