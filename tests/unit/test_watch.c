/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Idle and dead peers, judged by made-up counters and a made-up clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/watch.h"

static const struct watch_rules idle_1s = {.idle_ms = 1000};
static const struct watch_rules dead_2s = {.dead_ms = 2000};
static const struct watch_rules both = {.idle_ms = 5000, .dead_ms = 2000};

static void the_interval_keeps_the_idle_deadline_within_a_second(void **state)
{
    static const struct {
        struct watch_rules rules;
        int64_t interval_ms;
    } cases[] = {
        {{0, 0}, INT64_MAX}, {{1000, 0}, 250},         {{100, 0}, 25},
        {{1, 0}, 1},         {{3600000, 0}, 250},      {{0, 120000}, 10000},
        {{0, 2000}, 500},    {{3600000, 120000}, 250}, {{3600000, 400}, 100},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(watch_interval_ms(&cases[i].rules) == cases[i].interval_ms);
}

static void who_sends_is_not_idle(void **state)
{
    struct watch watch;
    struct sock_progress progress = {0};

    (void)state;
    watch_init(&watch, 0);
    for (int64_t now = 250; now < 10000; now += 250) {
        progress.received += now % 1000 == 0; /* a byte a second */
        progress.acked = progress.received;
        assert_int_equal(watch_judge(&watch, &idle_1s, &progress, now), WATCH_SETTLED);
    }
}

static void who_acknowledges_slowly_is_not_idle(void **state)
{
    struct watch watch;
    struct sock_progress progress = {.received = 100000, .outstanding = true};

    (void)state;
    watch_init(&watch, 0);
    for (int64_t now = 250; now < 60000; now += 250) {
        if (now % 750 == 0)
            progress.acked += 10;
        assert_int_equal(watch_judge(&watch, &idle_1s, &progress, now), WATCH_AGAIN);
    }
}

static void who_does_nothing_is_idle_in_time(void **state)
{
    struct watch watch;
    struct sock_progress progress = {.received = 5, .acked = 5};

    (void)state;
    watch_init(&watch, 0);
    assert_int_equal(watch_judge(&watch, &idle_1s, &progress, 300),
                     WATCH_SETTLED); /* its bytes are news now */
    assert_int_equal(watch_judge(&watch, &idle_1s, &progress, 1299), WATCH_SETTLED);
    assert_int_equal(watch_judge(&watch, &idle_1s, &progress, 1300), WATCH_IDLE);
}

static void who_never_said_anything_is_idle_too(void **state)
{
    struct watch watch;
    struct sock_progress progress = {0};

    (void)state;
    watch_init(&watch, 77);
    assert_int_equal(watch_judge(&watch, &idle_1s, &progress, 1076), WATCH_SETTLED);
    assert_int_equal(watch_judge(&watch, &idle_1s, &progress, 1077), WATCH_IDLE);
}

static void the_counters_may_wrap(void **state)
{
    struct watch watch;
    struct sock_progress progress = {.received = UINT32_MAX, .acked = 0};

    (void)state;
    watch_init(&watch, 0);
    watch_judge(&watch, &idle_1s, &progress, 0);
    progress.received++;
    assert_int_equal(watch_judge(&watch, &idle_1s, &progress, 900), WATCH_SETTLED);
    assert_int_equal(watch_judge(&watch, &idle_1s, &progress, 1800), WATCH_SETTLED);
    assert_int_equal(watch_judge(&watch, &idle_1s, &progress, 1900), WATCH_IDLE);
}

static void who_answers_probes_is_waited_for(void **state)
{
    struct watch watch;
    struct sock_progress progress = {.received = 9, .outstanding = true};

    (void)state;
    watch_init(&watch, 0);
    for (int64_t now = 500; now < 60000; now += 500) {
        progress.unheard_ms = (uint32_t)(now % 20000); /* a probe every 20 s, answered */
        assert_int_equal(watch_judge(&watch, &dead_2s, &progress, now), WATCH_AGAIN);
        assert_true(watch.patient);
    }
}

static void a_probe_that_is_under_way_is_not_unanswered_yet(void **state)
{
    struct watch watch;
    struct sock_progress progress = {.outstanding = true, .unheard_ms = 30000};

    (void)state;
    watch_init(&watch, 0);
    assert_int_equal(watch_judge(&watch, &dead_2s, &progress, 40000), WATCH_AGAIN);
    progress.unanswered = 1; /* sent this moment, though nothing was heard for long before */
    progress.unheard_ms = 30500;
    assert_int_equal(watch_judge(&watch, &dead_2s, &progress, 40500), WATCH_AGAIN);
    progress.unanswered = 0;
    progress.unheard_ms = 100;
    assert_int_equal(watch_judge(&watch, &dead_2s, &progress, 41000), WATCH_AGAIN);
    progress.unanswered = 1;
    progress.unheard_ms = 30000;
    assert_int_equal(watch_judge(&watch, &dead_2s, &progress, 71000), WATCH_AGAIN);
}

static void each_look_may_meet_another_probe_under_way(void **state)
{
    struct watch watch;
    struct sock_progress progress = {.outstanding = true, .unanswered = 1, .unheard_ms = 400};

    (void)state;
    watch_init(&watch, 0);
    for (int64_t now = 500; now < 60000; now += 500)
        assert_int_equal(watch_judge(&watch, &dead_2s, &progress, now), WATCH_AGAIN);
}

static void who_answers_nothing_any_more_is_dead(void **state)
{
    struct watch watch;
    struct sock_progress progress = {.outstanding = true, .unanswered = 1, .unheard_ms = 100};

    (void)state;
    watch_init(&watch, 0);
    for (int64_t now = 500; now < 2500; now += 500, progress.unheard_ms += 500, progress.unanswered++)
        assert_int_equal(watch_judge(&watch, &dead_2s, &progress, now), WATCH_AGAIN);
    assert_int_equal(watch_judge(&watch, &dead_2s, &progress, 2500), WATCH_DEAD);
}

static void one_lost_probe_kills_nobody(void **state)
{
    struct watch watch;
    struct sock_progress progress = {.outstanding = true, .unanswered = 1, .unheard_ms = 100};

    (void)state;
    watch_init(&watch, 0);
    for (int64_t now = 500; now < 20000; now += 500, progress.unheard_ms += 500)
        assert_int_equal(watch_judge(&watch, &dead_2s, &progress, now), WATCH_AGAIN);
    progress.unanswered = 2;
    assert_int_equal(watch_judge(&watch, &dead_2s, &progress, 20000), WATCH_DEAD);
}

static void the_kernel_is_patient_only_while_something_is_outstanding(void **state)
{
    struct watch watch;
    struct sock_progress progress = {.outstanding = true};

    (void)state;
    watch_init(&watch, 0);
    watch_judge(&watch, &dead_2s, &progress, 500);
    assert_true(watch.patient);
    watch_judge(&watch, &idle_1s, &progress, 600);
    assert_false(watch.patient); /* without --dead-timeout it is the system's business */
    watch_judge(&watch, &dead_2s, &progress, 700);
    progress.outstanding = false;
    assert_int_equal(watch_judge(&watch, &dead_2s, &progress, 1000), WATCH_SETTLED);
    assert_false(watch.patient);
}

static void who_never_reads_is_idle_in_the_end(void **state)
{
    struct watch watch;
    struct sock_progress progress = {.received = 9, .outstanding = true};

    (void)state;
    watch_init(&watch, 0);
    assert_int_equal(watch_judge(&watch, &both, &progress, 250), WATCH_AGAIN);
    assert_int_equal(watch_judge(&watch, &both, &progress, 5249), WATCH_AGAIN);
    assert_int_equal(watch_judge(&watch, &both, &progress, 5250), WATCH_IDLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_interval_keeps_the_idle_deadline_within_a_second),
        cmocka_unit_test(who_sends_is_not_idle),
        cmocka_unit_test(who_acknowledges_slowly_is_not_idle),
        cmocka_unit_test(who_does_nothing_is_idle_in_time),
        cmocka_unit_test(who_never_said_anything_is_idle_too),
        cmocka_unit_test(the_counters_may_wrap),
        cmocka_unit_test(who_answers_probes_is_waited_for),
        cmocka_unit_test(a_probe_that_is_under_way_is_not_unanswered_yet),
        cmocka_unit_test(each_look_may_meet_another_probe_under_way),
        cmocka_unit_test(who_answers_nothing_any_more_is_dead),
        cmocka_unit_test(one_lost_probe_kills_nobody),
        cmocka_unit_test(the_kernel_is_patient_only_while_something_is_outstanding),
        cmocka_unit_test(who_never_reads_is_idle_in_the_end),
    };
    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
