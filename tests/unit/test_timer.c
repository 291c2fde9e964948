/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deadlines come out in order, whatever order they went in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdlib.h>

#include "echo/timer.h"

#define NODES 200

static void nothing_is_due_in_an_empty_queue(void **state)
{
    struct timer timer;

    (void)state;
    timer_init(&timer);
    assert_true(timer_next(&timer) == INT64_MAX);
    assert_null(timer_pop(&timer, INT64_MAX));
}

static void deadlines_fall_due_in_order(void **state)
{
    struct timer timer;
    struct timer_node nodes[NODES] = {0};
    int64_t last = 0;
    int count = 0;

    (void)state;
    srand(1);
    timer_init(&timer);
    for (int round = 0; round < 5; round++) /* also setting anew what is set */
        for (int i = 0; i < NODES; i++)
            timer_set(&timer, &nodes[i], rand() % 1000 + 1);
    for (int64_t now = 0; now <= 1000; now++) {
        struct timer_node *node;
        while ((node = timer_pop(&timer, now))) {
            assert_true(node->due_ms == now);
            assert_true(node->due_ms >= last);
            last = node->due_ms;
            count++;
        }
    }
    assert_int_equal(count, NODES);
    assert_true(timer_next(&timer) == INT64_MAX);
}

static void equal_deadlines_keep_their_order(void **state)
{
    struct timer timer;
    struct timer_node nodes[3] = {0};

    (void)state;
    timer_init(&timer);
    for (int i = 0; i < 3; i++)
        timer_set(&timer, &nodes[i], 5);
    assert_null(timer_pop(&timer, 4));
    for (int i = 0; i < 3; i++)
        assert_ptr_equal(timer_pop(&timer, 5), &nodes[i]);
}

static void a_cancelled_deadline_never_falls_due(void **state)
{
    struct timer timer;
    struct timer_node nodes[3] = {0};

    (void)state;
    timer_init(&timer);
    timer_cancel(&nodes[0]); /* not set: nothing happens */
    for (int i = 0; i < 3; i++)
        timer_set(&timer, &nodes[i], i);
    timer_cancel(&nodes[1]);
    timer_cancel(&nodes[1]);
    assert_ptr_equal(timer_pop(&timer, 9), &nodes[0]);
    assert_ptr_equal(timer_pop(&timer, 9), &nodes[2]);
    assert_null(timer_pop(&timer, 9));
}

static void a_node_moves_from_one_queue_to_another(void **state)
{
    struct timer a, b;
    struct timer_node node = {0};

    (void)state;
    timer_init(&a);
    timer_init(&b);
    timer_set(&a, &node, 1);
    timer_set(&b, &node, 2);
    assert_true(timer_next(&a) == INT64_MAX);
    assert_ptr_equal(timer_pop(&b, 2), &node);
}

static void sleeping_fits_what_poll_takes(void **state)
{
    (void)state;
    assert_int_equal(timer_sleep(INT64_MAX, 0), -1);
    assert_int_equal(timer_sleep(5, 5), 0);
    assert_int_equal(timer_sleep(4, 5), 0);
    assert_int_equal(timer_sleep(12, 5), 7);
    assert_int_equal(timer_sleep(INT64_C(1) << 40, 0), INT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_due_in_an_empty_queue),
        cmocka_unit_test(deadlines_fall_due_in_order),
        cmocka_unit_test(equal_deadlines_keep_their_order),
        cmocka_unit_test(a_cancelled_deadline_never_falls_due),
        cmocka_unit_test(a_node_moves_from_one_queue_to_another),
        cmocka_unit_test(sleeping_fits_what_poll_takes),
    };
    return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}
