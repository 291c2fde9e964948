/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An engine: what a child does with the connections that the door gives it.
 *
 * All engines keep the same rules, of conn.h and watch.h, and a client cannot tell them apart except by
 * speed. They share no read/write interface: waiting for readiness, for completion and blocking differ in kind. */
#ifndef YODEL_ECHO_ENGINE_H
#define YODEL_ECHO_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "echo/hand.h"
#include "echo/print.h"
#include "echo/stats.h"
#include "net/watch.h"

/* What the door tells a child at its birth. Everything in it stays valid as long as the child lives. */
struct engine_job {
    const struct watch_rules *rules;
    struct print *print;   /* NULL without --print */
    struct tally *tallies; /* of ids first to first + count - 1, shared with the door */
    uint32_t first;
    uint32_t count;
    int notes; /* the child's end of its Unix socket */

    /* For an engine with a child per connection: that connection, already the child's. */
    struct hand_note take;
    int fd; /* -1 for a pooled one */
};

struct engine {
    const char *name;
    bool pooled; /* a fixed set of children that serve many connections each, given by TAKE with non-blocking
                    descriptors; else a child per connection, with a blocking one */

    /* Serve until all is done (a child per connection) or the door has closed the notes (pooled). Returns the exit
     * status of the process. */
    int (*run)(const struct engine_job *job);
};

/* Close a connection the way its reason asks for. Accepted connections end with a reset (sock_set_abort() on the
 * listener), however they end, also with a child that is killed: no client takes an end for a complete answer. Only here it is
 * made an orderly one, after HAND_EOF and for an idle client that has everything. */
void engine_close(int fd, enum hand_reason reason);

extern const struct engine engine_fork;
extern const struct engine engine_epoll;

/* The engine of that name; "auto" is the one that the measurements favour. NULL if there is none. */
const struct engine *engine_find(const char *name);

#endif
