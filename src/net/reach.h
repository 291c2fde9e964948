/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reaching a peer by its name: look the name up, connect to the first of its addresses that answers, and, if asked to, try
 * again until somebody is there.
 *
 * A state machine like net/dial, which it uses: a program with a loop of its own polls reach_pollfds() until
 * reach_wake_ns() and calls reach_step(); others call reach_wait(). Nothing here waits for the resolver.
 *
 * With retry a try that failed is followed by the next after REACH_PAUSE_FIRST_MS, twice as much, and so on up to
 * REACH_PAUSE_MAX_MS; each looks the name up anew, as it may be known by then, or mean another address. Only a lookup that took longer than
 * its try is not begun again but waited for, so that there is never more than one. It goes on for ever, except when every
 * address failed for a reason that no time mends: this process has no descriptors or memory left, or may not
 * do it, or the address is none that can be connected to. */
#ifndef YODEL_NET_REACH_H
#define YODEL_NET_REACH_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/addr.h"
#include "net/dial.h"
#include "net/resolve.h"

#define REACH_POLL_MAX DIAL_MAX

/* Often enough to be there soon after the other side, and not a burden for it. The second is the first doubled a few
 * times. */
#define REACH_PAUSE_FIRST_MS 250
#define REACH_PAUSE_MAX_MS 1000

struct reach_plan {
    struct place spec;
    enum addr_family family;
    int64_t timeout_ns; /* of one try, from its lookup to the connection; more than 0 */
    bool retry;
};

enum reach_state { REACH_PAUSE, REACH_LOOKUP, REACH_DIAL, REACH_OVER };

struct reach {
    struct reach_plan plan;
    enum reach_state state;
    int tries;           /* that have failed */
    int error;           /* why the last one did, as reach_step() would return it; 0: none has */
    bool expired;        /* the last one's time was over */
    int64_t next_ns;     /* in a pause: when it is over */
    int64_t deadline_ns; /* of the try: this one, or the last */
    struct addr peer;    /* who was reached */
    struct resolve resolve;
    struct dial dial; /* of the try: what became of each address. count is 0 until the name was looked up */
};

/* Prepare the first try. Opens nothing yet. */
void reach_init(struct reach *reach, const struct reach_plan *plan, int64_t now_ns);

/* Do what can be done at now_ns. Returns the connected descriptor, which is the caller's, as that of dial_step(); -EINPROGRESS; or
 * why it is over: an error of dial_step() or addr_resolve_dial(), -ERR_TIMEOUT also if the lookup took too long, or
 * -errno if it could not begin. After a descriptor or a final error it is not called again. */
int reach_step(struct reach *reach, int64_t now_ns);

/* What to poll meanwhile. Returns how many were filled in (0 to REACH_POLL_MAX). */
int reach_pollfds(const struct reach *reach, struct pollfd fds[static REACH_POLL_MAX]);

/* When to call reach_step() though no descriptor is ready. */
int64_t reach_wake_ns(const struct reach *reach);

/* Give up, in any state, without waiting; see resolve_abandon(). Not needed once reach_step() returned a descriptor or a final
 * error. */
void reach_abandon(struct reach *reach);

/* Block until the outcome. Returns as reach_step() but never -EINPROGRESS; -EINTR once wake_fd (or -1) is
 * readable; it is not read. */
int reach_wait(struct reach *reach, int wake_fd);

#endif
