/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Idle and dead peers, judged by made-up counters and a made-up clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "echo/watch.h"

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

static void a_closed_window_that_answers_probes_is_waited_for(void **state)
{
    struct watch watch;
    struct sock_progress progress = {.received = 9, .outstanding = true, .window_closed = true};

    (void)state;
    watch_init(&watch, 0);
    for (int64_t now = 500; now < 60000; now += 500) {
        progress.unheard_ms = 1500;
        progress.probes = 1;
        assert_int_equal(watch_judge(&watch, &dead_2s, &progress, now), WATCH_AGAIN);
        assert_true(watch.patient);
    }
}

static void a_closed_window_that_answers_nothing_is_dead(void **state)
{
    struct watch watch;
    struct sock_progress progress = {.outstanding = true, .window_closed = true, .unheard_ms = 100};

    (void)state;
    watch_init(&watch, 0);
    assert_int_equal(watch_judge(&watch, &dead_2s, &progress, 500), WATCH_AGAIN);
    progress.unheard_ms = 5000; /* but no probe went unanswered yet */
    assert_int_equal(watch_judge(&watch, &dead_2s, &progress, 5000), WATCH_AGAIN);
    progress.probes = 1;
    progress.unheard_ms = 1999;
    assert_int_equal(watch_judge(&watch, &dead_2s, &progress, 5500), WATCH_AGAIN);
    progress.unheard_ms = 2000;
    assert_int_equal(watch_judge(&watch, &dead_2s, &progress, 6000), WATCH_DEAD);
}

static void an_open_window_is_the_kernels_business_again(void **state)
{
    struct watch watch;
    struct sock_progress progress = {.outstanding = true, .window_closed = true};

    (void)state;
    watch_init(&watch, 0);
    watch_judge(&watch, &dead_2s, &progress, 500);
    assert_true(watch.patient);
    progress.window_closed = false;
    progress.acked = 1;
    assert_int_equal(watch_judge(&watch, &dead_2s, &progress, 1000), WATCH_AGAIN);
    assert_false(watch.patient);
}

static void a_closed_window_is_idle_in_the_end(void **state)
{
    struct watch watch;
    struct sock_progress progress = {.received = 9, .outstanding = true, .window_closed = true};

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
        cmocka_unit_test(a_closed_window_that_answers_probes_is_waited_for),
        cmocka_unit_test(a_closed_window_that_answers_nothing_is_dead),
        cmocka_unit_test(an_open_window_is_the_kernels_business_again),
        cmocka_unit_test(a_closed_window_is_idle_in_the_end),
    };
    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
