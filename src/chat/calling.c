/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "chat/calling.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"

void calling_init(struct calling *calling, const struct calling_plan *plan,
                  const struct handshake_config *config, int64_t now_ms)
{
    memset(calling, 0, sizeof *calling);
    calling->plan = *plan;
    calling->config = *config;
    calling->chosen = -1;
    for (int i = 0; i < plan->count; i++) {
        handshake_init(&calling->tries[i].handshake);
        calling->tries[i].next_ms = now_ms + i * CALLING_DELAY_MS;
    }
}

static void stop(struct calling_try *attempt)
{
    if (attempt->state == CALLING_REACH)
        reach_abandon(&attempt->reach);
    handshake_drop(&attempt->handshake);
}

void calling_pause(struct calling *calling, int64_t until_ms)
{
    for (int i = 0; i < calling->plan.count; i++) {
        struct calling_try *attempt = &calling->tries[i];
        if (attempt->state == CALLING_OVER)
            continue;
        stop(attempt);
        attempt->state = CALLING_PAUSE;
        attempt->next_ms = until_ms + i * CALLING_DELAY_MS;
    }
    calling->chosen = -1;
}

void calling_give_up(struct calling *calling, int which, int error, int64_t now_ms)
{
    struct calling_try *attempt = &calling->tries[which];

    if (attempt->state == CALLING_REACH)
        reach_abandon(&attempt->reach);
    attempt->error = error;
    attempt->state = calling->plan.retry && error != -ERR_SELF ? CALLING_PAUSE : CALLING_OVER;
    attempt->next_ms = now_ms + CALLING_PAUSE_MS;
    if (calling->chosen == which)
        calling->chosen = -1;
}

/* This is the one: the others need not be asked. */
static void choose(struct calling *calling, int which)
{
    calling->chosen = which;
    for (int i = 0; i < calling->plan.count; i++) {
        struct calling_try *other = &calling->tries[i];
        if (i == which || other->state == CALLING_OVER)
            continue;
        stop(other);
        other->state = CALLING_PAUSE; /* until that one is over */
        other->next_ms = 0;
    }
}

static void begin(struct calling *calling, int which)
{
    struct calling_try *attempt = &calling->tries[which];
    const struct reach_plan plan = {.spec = calling->plan.places[which],
                                    .family = calling->plan.family,
                                    .timeout_ns = calling->plan.timeout_ns,
                                    .retry = calling->plan.retry};

    handshake_drop(&attempt->handshake);
    reach_init(&attempt->reach, &plan, clock_ns());
    attempt->state = CALLING_REACH;
}

/* The next place need not wait for its turn when the one before is out of the question. */
static void hasten(struct calling *calling, int which, int64_t now_ms)
{
    for (int i = which + 1; i < calling->plan.count; i++)
        if (calling->tries[i].state == CALLING_PAUSE && !calling->tries[i].error) {
            calling->tries[i].next_ms = now_ms;
            return;
        }
}

static void reach_on(struct calling *calling, int which, int64_t now_ms)
{
    struct calling_try *attempt = &calling->tries[which];
    int tries = attempt->reach.tries;
    int fd = reach_step(&attempt->reach, clock_ns());

    if (attempt->reach.tries != tries) {
        attempt->error = attempt->reach.error;
        hasten(calling, which, now_ms);
    }
    if (fd == -EINPROGRESS)
        return;
    int error =
        fd < 0 ? fd
               : handshake_begin(&attempt->handshake, &calling->config, fd, &attempt->reach.peer, now_ms);
    attempt->state = CALLING_GREET;
    if (error)
        calling_give_up(calling, which, error, now_ms);
}

static enum calling_event greet_on(struct calling *calling, int which, int64_t now_ms)
{
    struct calling_try *attempt = &calling->tries[which];
    enum handshake_event event = handshake_step(&attempt->handshake, now_ms);

    if (handshake_is_known(&attempt->handshake) && calling->chosen < 0)
        choose(calling, which);
    switch (event) {
    case HANDSHAKE_NUMBER:
        return CALLING_NUMBER;
    case HANDSHAKE_WELCOMED:
        return CALLING_WELCOMED;
    case HANDSHAKE_REFUSED:
        attempt->code = attempt->handshake.greeting.code;
        snprintf(attempt->why, sizeof attempt->why, "%s", greeting_refusal_text(attempt->code));
        calling_give_up(calling, which, -ERR_REFUSED, now_ms);
        return CALLING_FAILED;
    case HANDSHAKE_FAILED:
        snprintf(attempt->why, sizeof attempt->why, "%s", handshake_why(&attempt->handshake));
        calling_give_up(calling, which, attempt->handshake.error, now_ms);
        hasten(calling, which, now_ms);
        return CALLING_FAILED;
    case HANDSHAKE_NONE:
    case HANDSHAKE_ASKS:
    case HANDSHAKE_READY: /* of a listener */
        return CALLING_NONE;
    }
    return CALLING_NONE;
}

static enum calling_event step(struct calling *calling, int which, int64_t now_ms)
{
    struct calling_try *attempt = &calling->tries[which];

    if (attempt->state == CALLING_PAUSE && calling->chosen < 0 && now_ms >= attempt->next_ms)
        begin(calling, which);
    if (attempt->state == CALLING_REACH)
        reach_on(calling, which, now_ms);
    if (attempt->state == CALLING_GREET)
        return greet_on(calling, which, now_ms);
    if (attempt->handshake.over) /* is seen out */
        handshake_step(&attempt->handshake, now_ms);
    return CALLING_NONE;
}

enum calling_event calling_step(struct calling *calling, int64_t now_ms, int *which)
{
    int over = 0;

    for (int i = 0; i < calling->plan.count; i++) {
        enum calling_event event = step(calling, i, now_ms);
        *which = i;
        if (event != CALLING_NONE)
            return event;
        over += calling->tries[i].state == CALLING_OVER;
    }
    return over == calling->plan.count ? CALLING_ENDED : CALLING_NONE;
}

bool calling_is_known(const struct calling *calling, const struct id *peer)
{
    return calling->chosen >= 0 && handshake_is_known(&calling->tries[calling->chosen].handshake) &&
           id_equal(handshake_peer(&calling->tries[calling->chosen].handshake), peer);
}

int calling_pollfds(const struct calling *calling, struct pollfd fds[static CALLING_POLL_MAX])
{
    int count = 0;

    for (int i = 0; i < calling->plan.count; i++) {
        const struct calling_try *attempt = &calling->tries[i];
        if (attempt->state == CALLING_REACH)
            count += reach_pollfds(&attempt->reach, fds + count);
        else if (attempt->handshake.fd >= 0)
            fds[count++] =
                (struct pollfd){.fd = attempt->handshake.fd, .events = handshake_events(&attempt->handshake)};
    }
    return count;
}

int64_t calling_wake_ms(const struct calling *calling)
{
    int64_t wake_ms = INT64_MAX;

    for (int i = 0; i < calling->plan.count; i++) {
        const struct calling_try *attempt = &calling->tries[i];
        int64_t own_ms = handshake_wake_ms(&attempt->handshake);
        if (attempt->state == CALLING_PAUSE && calling->chosen < 0 && attempt->next_ms < own_ms)
            own_ms = attempt->next_ms;
        if (attempt->state == CALLING_REACH && reach_wake_ns(&attempt->reach) != INT64_MAX)
            own_ms = (reach_wake_ns(&attempt->reach) + NS_PER_MS - 1) / NS_PER_MS;
        wake_ms = own_ms < wake_ms ? own_ms : wake_ms;
    }
    return wake_ms;
}

void calling_done(struct calling *calling)
{
    for (int i = 0; i < calling->plan.count; i++) {
        if (calling->tries[i].state != CALLING_OVER)
            stop(&calling->tries[i]);
        handshake_drop(&calling->tries[i].handshake);
        calling->tries[i].state = CALLING_OVER;
    }
}
