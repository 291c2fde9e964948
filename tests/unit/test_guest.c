/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Guests in line: first come, first served, round and round. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "echo/guest.h"

static void who_came_first_is_served_first(void **state)
{
    struct guests guests;
    int pushed = 0, popped = 0;

    (void)state;
    assert_int_equal(guests_open(&guests, 5), 0);
    for (int round = 0; round < 20; round++) {
        while (guests.len < (uint32_t)(1 + round % 5)) {
            struct guest guest = {.fd = pushed++};
            guests_push(&guests, &guest);
        }
        while (guests.len > (uint32_t)(round % 3)) {
            assert_int_equal(guests_first(&guests)->fd, popped++);
            guests_pop(&guests);
        }
    }
    assert_int_equal(pushed - popped, guests.len);
    free(guests.ring); /* the door keeps it to its end */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_came_first_is_served_first),
    };
    return cmocka_run_group_tests_name("guest", tests, NULL, NULL);
}
