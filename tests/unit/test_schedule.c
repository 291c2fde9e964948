/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages are due when they are due, whatever became of those before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/units.h"
#include "load/schedule.h"

static void an_open_loop_does_not_wait_for_answers(void **state)
{
    struct schedule schedule;

    (void)state;
    schedule_init(&schedule, 100, 4, 1000);
    for (uint64_t i = 0; i < 4; i++) {
        assert_false(schedule_over(&schedule));
        assert_true(schedule_due_ns(&schedule) == 1000 + 100 * (int64_t)i);
        assert_true(schedule_take(&schedule) == i + 1);
        schedule_settled(&schedule, 5555);
    }
    assert_true(schedule_over(&schedule));
    assert_true(schedule_due_ns(&schedule) == SCHEDULE_NEVER);
}

static void a_closed_loop_does(void **state)
{
    struct schedule schedule;

    (void)state;
    schedule_init(&schedule, 0, 2, 1000);
    assert_true(schedule_due_ns(&schedule) == 1000);
    assert_true(schedule_take(&schedule) == 1);
    assert_true(schedule_due_ns(&schedule) == SCHEDULE_NEVER);
    schedule_settled(&schedule, 1700);
    assert_true(schedule_due_ns(&schedule) == 1700);
    assert_true(schedule_take(&schedule) == 2);
    schedule_settled(&schedule, 1900);
    assert_true(schedule_due_ns(&schedule) == SCHEDULE_NEVER);
    assert_true(schedule_over(&schedule));
}

static void without_a_count_there_is_no_end(void **state)
{
    struct schedule schedule;

    (void)state;
    schedule_init(&schedule, 1, 0, 0);
    for (int i = 0; i < 100000; i++)
        schedule_take(&schedule);
    assert_false(schedule_over(&schedule));
    assert_true(schedule_due_ns(&schedule) == 100000);
}

static void the_longest_interval_does_not_overflow(void **state)
{
    struct schedule schedule;

    (void)state;
    schedule_init(&schedule, UNITS_DURATION_MAX_NS, 0, INT64_C(1) << 50);
    for (int i = 0; i < 10; i++) {
        int64_t before = schedule_due_ns(&schedule);
        schedule_take(&schedule);
        assert_true(schedule_due_ns(&schedule) >= before);
    }
    assert_true(schedule_due_ns(&schedule) == SCHEDULE_NEVER);
}

static void skipping_leaves_out_times_and_no_message(void **state)
{
    struct schedule schedule;

    (void)state;
    schedule_init(&schedule, 100, 0, 1000);
    schedule_take(&schedule);
    assert_true(schedule_skip(&schedule, 1099) == 0); /* not yet due */
    assert_true(schedule_due_ns(&schedule) == 1100);
    assert_true(schedule_skip(&schedule, 1199) == 0);
    assert_true(schedule_due_ns(&schedule) == 1100);
    assert_true(schedule_skip(&schedule, 1749) == 6);
    assert_true(schedule_due_ns(&schedule) == 1700);
    assert_true(schedule_take(&schedule) == 2);
    assert_true(schedule_due_ns(&schedule) == 1800);
    schedule_init(&schedule, 0, 0, 1000);
    assert_true(schedule_skip(&schedule, 5000) == 0); /* a closed loop has no times */
    schedule_init(&schedule, 100, 1, 1000);
    schedule_take(&schedule);
    assert_true(schedule_skip(&schedule, 5000) == 0); /* nor has one that is over */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_loop_does_not_wait_for_answers),
        cmocka_unit_test(a_closed_loop_does),
        cmocka_unit_test(without_a_count_there_is_no_end),
        cmocka_unit_test(the_longest_interval_does_not_overflow),
        cmocka_unit_test(skipping_leaves_out_times_and_no_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
