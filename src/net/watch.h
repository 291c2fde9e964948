/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Is a connection still alive, and is its peer still doing something?
 *
 * Idle: the peer neither sent nor acknowledged a byte for idle_ms. Readiness does not tell: a slow
 * steady reader makes no write event for many seconds while it acknowledges all the time (measured), so the
 * kernel's own counters decide.
 * Dead: more than one retransmission or probe was left unanswered, and dead_ms passed since the first. (One alone can be
 * lost on a way that works.) The kernel has such a rule (sock_set_patience()), but its clock starts when the peer's window
 * becomes too small for the next segment, and goes on though the peer answers every probe: it gives up peers that are
 * alive and merely do not read, or read slowly (measured). So the kernel's rule is for the time until the first look;
 * while anything is outstanding after that, the rule is applied here.
 *
 * A connection with traffic is looked at every watch_interval_ms(). Once everything is acknowledged
 * it is settled: nothing can happen without a byte being received. */
#ifndef YODEL_NET_WATCH_H
#define YODEL_NET_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "net/sock.h"

struct watch_rules {
    int64_t idle_ms; /* 0: never */
    int64_t dead_ms; /* 0: the system's own, which is hours */
};

/* Of one connection. */
struct watch {
    int64_t active_ms;     /* when the peer was last known to do something */
    int64_t unanswered_ms; /* since when it is known to leave unanswered what was sent; 0: it does not */
    uint32_t seen;         /* low bits of what it had sent and acknowledged at the last look */
    bool patient;          /* the kernel was told to wait for it */
};

enum watch_verdict {
    WATCH_SETTLED, /* look again only for the idle deadline: active_ms + idle_ms */
    WATCH_AGAIN,   /* look again after the interval */
    WATCH_IDLE,
    WATCH_DEAD,
};

void watch_init(struct watch *watch, int64_t now_ms);

/* How often to look at a connection with traffic, in milliseconds. Short enough for the idle
 * deadline to be kept within a second, long where only dead_ms matters. INT64_MAX: never. */
int64_t watch_interval_ms(const struct watch_rules *rules);

/* Judge by what the kernel knows now (now_ms > 0). Pure. watch->patient tells what the kernel should be told. */
enum watch_verdict watch_judge(struct watch *watch, const struct watch_rules *rules,
                               const struct sock_progress *progress, int64_t now_ms);

/* Ask the kernel about fd, judge, and tell the kernel. An unreadable socket is WATCH_AGAIN: its
 * own error will be seen by whoever reads it. */
enum watch_verdict watch_look(struct watch *watch, const struct watch_rules *rules, int fd, int64_t now_ms);

#endif
