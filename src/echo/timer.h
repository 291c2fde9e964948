/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deadlines in the order in which they fall due. Pure: the clock is passed in.
 *
 * A queue is for deadlines that are set in about the order in which they fall due (all of the same delay), as
 * time-outs are: setting one then costs the same however many there are. */
#ifndef YODEL_ECHO_TIMER_H
#define YODEL_ECHO_TIMER_H

#include <stdint.h>

/* Embedded in what has the deadline. All zero: not set. */
struct timer_node {
    struct timer_node *prev;
    struct timer_node *next;
    int64_t due_ms;
};

struct timer {
    struct timer_node ring; /* next: the first to fall due; prev: the last */
};

void timer_init(struct timer *timer);

/* Set node's deadline, in this queue and no other. */
void timer_set(struct timer *timer, struct timer_node *node, int64_t due_ms);

/* Take the deadline back, whichever queue it is in. */
void timer_cancel(struct timer_node *node);

/* The first node whose deadline is now or earlier, no longer set; NULL if there is none. */
struct timer_node *timer_pop(struct timer *timer, int64_t now_ms);

/* When the first deadline falls due, INT64_MAX if there is none. */
int64_t timer_next(const struct timer *timer);

/* How long to sleep for a deadline, in the form that epoll_wait() and poll() take: -1 is for ever. */
int timer_sleep(int64_t due_ms, int64_t now_ms);

#endif
