/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/watch.h"

/* An idle deadline must be kept within a second, and two looks may pass until it is noticed. */
#define IDLE_INTERVAL_MAX_MS 250
#define DEAD_INTERVAL_MAX_MS 10000

void watch_init(struct watch *watch, int64_t now_ms)
{
    watch->active_ms = now_ms;
    watch->unanswered_ms = 0;
    watch->seen = 0;
    watch->patient = false;
}

static int64_t quarter(int64_t ms, int64_t max)
{
    int64_t part = ms / 4;

    return part < 1 ? 1 : part > max ? max : part;
}

int64_t watch_interval_ms(const struct watch_rules *rules)
{
    int64_t idle = rules->idle_ms ? quarter(rules->idle_ms, IDLE_INTERVAL_MAX_MS) : INT64_MAX;
    int64_t dead = rules->dead_ms ? quarter(rules->dead_ms, DEAD_INTERVAL_MAX_MS) : INT64_MAX;

    return idle < dead ? idle : dead;
}

enum watch_verdict watch_judge(struct watch *watch, const struct watch_rules *rules,
                               const struct sock_progress *progress, int64_t now_ms)
{
    uint32_t seen = (uint32_t)(progress->received + progress->acked);

    if (seen != watch->seen) {
        watch->seen = seen;
        watch->active_ms = now_ms;
    }
    if (!progress->unanswered)
        watch->unanswered_ms = 0;
    else if (!watch->unanswered_ms || now_ms - progress->unheard_ms > watch->unanswered_ms)
        watch->unanswered_ms = now_ms; /* another one: the peer was heard since the first */
    if (rules->dead_ms && progress->unanswered > 1 && now_ms - watch->unanswered_ms >= rules->dead_ms)
        return WATCH_DEAD;
    watch->patient = rules->dead_ms && progress->outstanding;
    if (rules->idle_ms && now_ms - watch->active_ms >= rules->idle_ms)
        return WATCH_IDLE;
    return progress->outstanding ? WATCH_AGAIN : WATCH_SETTLED;
}

enum watch_verdict watch_look(struct watch *watch, const struct watch_rules *rules, int fd, int64_t now_ms)
{
    struct sock_progress progress;
    bool was_patient = watch->patient;

    if (sock_progress(fd, &progress) < 0)
        return WATCH_AGAIN;
    enum watch_verdict verdict = watch_judge(watch, rules, &progress, now_ms);
    if (watch->patient != was_patient)
        sock_set_user_timeout(fd, watch->patient ? 0 : rules->dead_ms);
    return verdict;
}
