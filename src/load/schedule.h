/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When a message is due. Pure: the clock is passed in.
 *
 * Open loop: message n is due at start + (n - 1) * interval, whatever became of those before; a sender
 * that was held up finds all the messages that it missed due at once, each with the time at which it
 * should have gone. Closed loop (interval 0): a message is due when the one before is settled. */
#ifndef YODEL_LOAD_SCHEDULE_H
#define YODEL_LOAD_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULE_NEVER INT64_MAX

struct schedule {
    int64_t interval_ns;
    uint64_t count; /* messages in all, 0: no end */
    uint64_t taken; /* messages taken so far */
    int64_t due_ns; /* when the next is due, or SCHEDULE_NEVER */
};

/* interval_ns >= 0; the first message is due at start_ns. */
void schedule_init(struct schedule *schedule, int64_t interval_ns, uint64_t count, int64_t start_ns);

/* When the next message is due: SCHEDULE_NEVER after the last, or in a closed loop until the one before is
 * settled. */
int64_t schedule_due_ns(const struct schedule *schedule);

/* Take the due message. Returns its number, from 1. */
uint64_t schedule_take(struct schedule *schedule);

/* The last message taken was answered or given up at now_ns. */
void schedule_settled(struct schedule *schedule, int64_t now_ns);

/* Leave out the times that passed before now_ns but the last: the program itself had been stopped, and a
 * burst would measure nothing. No message is left out, only its time moves. Returns how many were left
 * out. */
uint64_t schedule_skip(struct schedule *schedule, int64_t now_ns);

/* Whether all messages were taken. */
bool schedule_over(const struct schedule *schedule);

#endif
