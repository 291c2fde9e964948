/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Seats: each id once, in its child's range, and walked through completely. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>

#include "echo/seat.h"

static void every_seat_is_given_once_and_then_none(void **state)
{
    struct seats seats;
    bool seen[12] = {false};

    (void)state;
    assert_int_equal(seats_open(&seats, 3, 4), 0);
    for (uint32_t child = 0; child < 3; child++) {
        for (int i = 0; i < 4; i++) {
            uint32_t id = seats_take(&seats, child, 100);
            assert_in_range(id, child * 4, child * 4 + 3);
            assert_false(seen[id]);
            seen[id] = true;
        }
        assert_int_equal(seats_take(&seats, child, 100), SEAT_NONE);
    }
    free(seats.ranges); /* the door keeps it to its end */
}

static void a_freed_seat_comes_back_with_an_empty_tally(void **state)
{
    struct seats seats;

    (void)state;
    assert_int_equal(seats_open(&seats, 1, 2), 0);
    uint32_t id = seats_take(&seats, 0, 100);
    tally_add(&seats.tallies[id].in, 5);
    tally_add(&seats.tallies[id].in, 6);
    assert_int_equal(tally_read(&seats.tallies[id].in), 11);
    seats_free(&seats, id);
    assert_int_equal(seats_take(&seats, 0, 101), id);
    assert_int_equal(tally_read(&seats.tallies[id].in), 0);
    assert_int_equal(seats.table[id].pid, 101);
    free(seats.ranges);
}

static void walking_meets_all_that_are_in_use_and_may_free_them(void **state)
{
    struct seats seats;
    uint32_t ids[6];
    int met = 0;

    (void)state;
    assert_int_equal(seats_open(&seats, 2, 6), 0);
    for (int i = 0; i < 6; i++)
        ids[i] = seats_take(&seats, 1, 100);
    seats_take(&seats, 0, 100); /* another child's: not met */
    seats_free(&seats, ids[0]);
    seats_free(&seats, ids[3]);
    for (uint32_t id = SEAT_NONE; (id = seats_next(&seats, 1, id)) != SEAT_NONE; met++)
        seats_free(&seats, id);
    assert_int_equal(met, 4);
    assert_int_equal(seats_next(&seats, 1, SEAT_NONE), SEAT_NONE);
    assert_int_not_equal(seats_next(&seats, 0, SEAT_NONE), SEAT_NONE);
    free(seats.ranges);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_seat_is_given_once_and_then_none),
        cmocka_unit_test(a_freed_seat_comes_back_with_an_empty_tally),
        cmocka_unit_test(walking_meets_all_that_are_in_use_and_may_free_them),
    };
    return cmocka_run_group_tests_name("seat", tests, NULL, NULL);
}
