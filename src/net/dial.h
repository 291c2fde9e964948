/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connecting to the first of several addresses that answers: Happy Eyeballs (RFC 8305).
 *
 * The addresses are tried in their order. The next attempt begins DIAL_ATTEMPT_DELAY_MS after the one
 * before, or at once when one fails; the first that succeeds wins and the others are closed. A state machine
 * of non-blocking sockets: poll dial_pollfds() until dial_wake_ns()
 * and call dial_step(). net/reach does, and can wait. */
#ifndef YODEL_NET_DIAL_H
#define YODEL_NET_DIAL_H

#include <poll.h>
#include <stdint.h>

#include "net/addr.h"

/* More addresses than this are not tried. */
#define DIAL_MAX 16

/* The Connection Attempt Delay that RFC 8305, section 8, recommends. */
#define DIAL_ATTEMPT_DELAY_MS 250

struct dial_attempt {
    struct addr addr;
    int fd;           /* while it is under way, else -1 */
    int error;        /* why it failed, a negative error; 0: not begun, under way, given up, or the winner */
    int64_t began_ns; /* just before connect(); 0: not begun */
};

struct dial {
    struct dial_attempt attempts[DIAL_MAX];
    int count;
    int begun;           /* attempts begun so far */
    int64_t next_ns;     /* when the next begins */
    int64_t deadline_ns; /* when those that have not succeeded are over */
    int winner;          /* index of the attempt that succeeded, or -1 */
    int64_t took_ns;     /* from the winner's connect() until it was seen to be connected */
};

/* Prepare to try count (1 to DIAL_MAX) addresses until deadline_ns on clock_ns()'s clock. Opens nothing
 * yet. */
void dial_init(struct dial *dial, const struct addr *addrs, int count, int64_t deadline_ns);

/* Do what can be done at now_ns. Returns the connected descriptor, which is the caller's: non-blocking,
 * close-on-exec, with TCP_NODELAY and with urgent bytes as bytes of the stream; -EINPROGRESS while attempts are under way; or when all of them failed
 * the most telling of their errors, -errno or one of these: -ERR_TIMEOUT, the deadline passed; -ERR_SELF,
 * nobody listens there and the socket met itself (RFC 9293, 3.5: simultaneous open). */
int dial_step(struct dial *dial, int64_t now_ns);

/* What to poll meanwhile. Returns how many were filled in (0 to DIAL_MAX). */
int dial_pollfds(const struct dial *dial, struct pollfd fds[static DIAL_MAX]);

/* When to call dial_step() though no descriptor is ready. */
int64_t dial_wake_ns(const struct dial *dial);

/* Close what is under way. Not needed once dial_step() returned a descriptor or a final error. */
void dial_abandon(struct dial *dial);

#endif
