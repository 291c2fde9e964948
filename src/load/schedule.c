/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "load/schedule.h"

void schedule_init(struct schedule *schedule, int64_t interval_ns, uint64_t count, int64_t start_ns)
{
    *schedule = (struct schedule){.interval_ns = interval_ns, .count = count, .due_ns = start_ns};
}

int64_t schedule_due_ns(const struct schedule *schedule)
{
    return schedule->due_ns;
}

bool schedule_over(const struct schedule *schedule)
{
    return schedule->count > 0 && schedule->taken >= schedule->count;
}

uint64_t schedule_take(struct schedule *schedule)
{
    schedule->taken++;
    if (schedule_over(schedule) || schedule->interval_ns == 0 ||
        schedule->due_ns > SCHEDULE_NEVER - schedule->interval_ns)
        schedule->due_ns = SCHEDULE_NEVER;
    else
        schedule->due_ns += schedule->interval_ns;
    return schedule->taken;
}

void schedule_settled(struct schedule *schedule, int64_t now_ns)
{
    if (schedule->interval_ns == 0 && !schedule_over(schedule))
        schedule->due_ns = now_ns;
}

uint64_t schedule_skip(struct schedule *schedule, int64_t now_ns)
{
    if (schedule->interval_ns == 0 || now_ns < schedule->due_ns)
        return 0;
    int64_t times = (now_ns - schedule->due_ns) / schedule->interval_ns;
    schedule->due_ns += times * schedule->interval_ns;
    return (uint64_t)times;
}
