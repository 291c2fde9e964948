/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One worker as the door sees it: a process that serves many connections, or, where each connection has a child of its own,
 * what all those children have in common. */
#ifndef YODEL_ECHO_WORKER_H
#define YODEL_ECHO_WORKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "echo/hand.h"
#include "echo/stats.h"

/* A worker that lived for at least this long is replaced at once. For one that did not, or cannot be
 * started, the time between two births doubles each time, up to the other. */
#define WORKER_RESPAWN_MS 100
#define WORKER_RESPAWN_MAX_MS 6400

struct worker {
    pid_t pid;          /* 0: none now, or not pooled */
    int notes;          /* the door's end */
    int child_notes;    /* the children's end, kept open where children are born at any time; else -1 */
    uint32_t conns;     /* seats in use */
    uint32_t in_flight; /* of these, not confirmed */
    int64_t spawned_ms; /* last, or last tried */
    int64_t respawn_ms; /* how long after that it may be tried again */
    int64_t shut_ms;    /* how long it is left alone after it last took no connection; 0 once it took one */
    int64_t shut_until_ms; /* none is given to it until then */
    uint64_t accepted;
    struct stats stats;
    int batch_len;
    struct hand_note batch[HAND_BATCH]; /* TAKEs to be sent */
};

/* Without a process and without notes. */
void worker_init(struct worker *worker);

/* Open its notes, waited for on epoll with data.u32 of key. *child_end is the caller's. Returns 0 or -errno. */
int worker_open_notes(struct worker *worker, int epoll, uint32_t key, int *child_end);

/* Close what is open of them and take them out of epoll: a child that was born this moment may still have a copy. */
void worker_close_notes(struct worker *worker, int epoll);

/* Say whether it failed, to be started or to live for WORKER_RESPAWN_MS. */
void worker_set_respawn(struct worker *worker, bool failed);

/* It did not take a connection: leave it alone, longer each time up to WORKER_SHUT_MAX_MS, until it takes one again. */
#define WORKER_SHUT_MIN_MS 100
#define WORKER_SHUT_MAX_MS 3200
void worker_shut(struct worker *worker, int64_t now_ms);

/* Wait until deadline_ms for its process to end by itself. */
void worker_await(struct worker *worker, int64_t deadline_ms);

/* Kill and collect its process, if it has one. */
void worker_end(struct worker *worker);

#endif
