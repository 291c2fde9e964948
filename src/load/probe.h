/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loop of one connection that is measured: sends when a message is due, receives, gives up.
 *
 * A round trip starts just before the send() that took the message's first byte and ends just after the
 * recv() that brought its last. A message that could not go when it was due, because the peer did not read
 * those before, starts when it was due (otherwise a stalled peer would look fast: coordinated omission).
 * Receiving never waits for sending, nor sending for receiving. */
#ifndef YODEL_LOAD_PROBE_H
#define YODEL_LOAD_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load/flow.h"
#include "load/outcome.h"

/* Messages that may be out and unanswered. At this many the peer counts as one that does not keep up. */
#define PROBE_OUTSTANDING_MAX 16384

/* After the deadline, or after wake_fd became readable, nothing is sent any more but replies may come for
 * twice the longest round trip so far, and no longer than this. */
#define PROBE_GRACE_MAX_NS INT64_C(1000000000)

struct probe_plan {
    size_t size;  /* of a message, 1 to FLOW_SIZE_MAX */
    uint64_t key; /* of the payload; another for each connection, so that mixed up clients are noticed */
    int64_t interval_ns; /* 0: the next as soon as the last came back */
    uint64_t count;      /* 0: no end */
    int64_t wait_ns;     /* for a reply */
    int64_t deadline_ns; /* of the whole run, on clock_ns()'s clock; INT64_MAX: none */
};

/* How a run ended. */
enum probe_end {
    PROBE_COUNT,       /* everything was sent, and answered or given up */
    PROBE_DEADLINE,    /* the deadline passed */
    PROBE_INTERRUPTED, /* wake_fd became readable */
    PROBE_CLOSED,      /* the peer closed the connection */
    PROBE_RESET,       /* the peer reset it */
    PROBE_BROKEN,      /* it failed otherwise: see *error */
    PROBE_MUTE,        /* a listener's function failed: see *error */
};

/* Who is told what happens while it happens. Each returns 0, or a negative error which ends the run. */
struct probe_listener {
    /* A reply: of FLOW_REPLY. late: after the wait. */
    int (*reply)(void *context, const struct flow_reply *reply, int64_t rtt_ns, bool late);
    /* The wait for seq is over; sent: it had been sent, and its reply may still come. */
    int (*missed)(void *context, uint64_t seq, bool sent);
    /* Bytes that nobody asked for; once for those between two messages. spontaneous: before anything was
     * sent. */
    int (*stray)(void *context, const uint8_t *bytes, size_t len, bool spontaneous);
    /* The peer answers, but it is no echo service (flow_foreign()): bytes is how its answer begins. Once. */
    int (*foreign)(void *context, const uint8_t *bytes, size_t len);
    /* What was told may wait for somebody who reads it: the descriptor to poll for POLLOUT before flush(), or
     * -1. */
    int (*pending)(void *context);
    int (*flush)(void *context);
    void *context;
};

/* Run plan on the connected, non-blocking fd, which stays the caller's, until it ends. wake_fd is a
 * signalfd() or the like: one record is read from it when it becomes readable; the second time the run
 * ends without grace. outcome is added to. *error is 0, or what belongs to PROBE_BROKEN and PROBE_MUTE. */
enum probe_end probe_run(int fd, int wake_fd, const struct probe_plan *plan,
                         const struct probe_listener *listener, struct outcome *outcome, int *error);

#endif
