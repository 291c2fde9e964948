/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "echo/timer.h"

#include <limits.h>
#include <stddef.h>

void timer_init(struct timer *timer)
{
    timer->ring.prev = timer->ring.next = &timer->ring;
}

void timer_set(struct timer *timer, struct timer_node *node, int64_t due_ms)
{
    timer_cancel(node);
    struct timer_node *before = timer->ring.prev;
    while (before != &timer->ring && before->due_ms > due_ms)
        before = before->prev;
    node->due_ms = due_ms;
    node->prev = before;
    node->next = before->next;
    before->next->prev = node;
    before->next = node;
}

void timer_cancel(struct timer_node *node)
{
    if (!node->next)
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = node->next = NULL;
}

struct timer_node *timer_pop(struct timer *timer, int64_t now_ms)
{
    struct timer_node *first = timer->ring.next;

    if (first == &timer->ring || first->due_ms > now_ms)
        return NULL;
    timer_cancel(first);
    return first;
}

int64_t timer_next(const struct timer *timer)
{
    return timer->ring.next == &timer->ring ? INT64_MAX : timer->ring.next->due_ms;
}

int timer_sleep(int64_t due_ms, int64_t now_ms)
{
    if (due_ms == INT64_MAX)
        return -1;
    if (due_ms <= now_ms)
        return 0;
    return due_ms - now_ms > INT_MAX ? INT_MAX : (int)(due_ms - now_ms);
}
