/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections per host: exact against a plain list, through millions of comings and goings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "echo/limit.h"

static struct in6_addr host(unsigned number)
{
    struct in6_addr address = {0};

    address.s6_addr[10] = address.s6_addr[11] = 0xff;
    address.s6_addr[12] = 10;
    address.s6_addr[14] = (uint8_t)(number >> 8);
    address.s6_addr[15] = (uint8_t)number;
    return address;
}

static void a_host_has_as_many_as_it_may_and_no_more(void **state)
{
    struct limit *limit = limit_new(8, 3, 42);
    struct in6_addr one = host(1), two = host(2);

    (void)state;
    assert_non_null(limit);
    for (int i = 0; i < 3; i++)
        assert_true(limit_take(limit, &one));
    assert_false(limit_take(limit, &one));
    assert_int_equal(limit_count(limit, &one), 3);
    assert_true(limit_take(limit, &two));
    limit_drop(limit, &one);
    assert_true(limit_take(limit, &one));
    assert_false(limit_take(limit, &one));
    limit_free(limit);
}

static void dropping_a_stranger_changes_nothing(void **state)
{
    struct limit *limit = limit_new(8, 3, 42);
    struct in6_addr one = host(1), two = host(2);

    (void)state;
    assert_true(limit_take(limit, &one));
    limit_drop(limit, &two);
    assert_int_equal(limit_count(limit, &one), 1);
    assert_int_equal(limit_count(limit, &two), 0);
    limit_free(limit);
}

/* Small tables collide a lot: every removal must leave the others to be found. */
static void counts_stay_exact_through_comings_and_goings(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 20; seed++) {
        enum { HOSTS = 500, MOST = 120 };
        struct limit *limit = limit_new(MOST, 4, seed * UINT64_C(0x123456789abcdef));
        unsigned counts[HOSTS] = {0};
        unsigned total = 0;
        srand(seed);
        for (int step = 0; step < 50000; step++) {
            unsigned n = (unsigned)rand() % HOSTS;
            struct in6_addr address = host(n);
            if (total < MOST && rand() % 2) {
                assert_int_equal(limit_take(limit, &address), counts[n] < 4);
                total += counts[n] < 4;
                counts[n] += counts[n] < 4;
            } else if (counts[n]) {
                limit_drop(limit, &address);
                counts[n]--;
                total--;
            }
            assert_int_equal(limit_count(limit, &address), counts[n]);
        }
        for (unsigned n = 0; n < HOSTS; n++) {
            struct in6_addr address = host(n);
            assert_int_equal(limit_count(limit, &address), counts[n]);
        }
        limit_free(limit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_has_as_many_as_it_may_and_no_more),
        cmocka_unit_test(dropping_a_stranger_changes_nothing),
        cmocka_unit_test(counts_stay_exact_through_comings_and_goings),
    };
    return cmocka_run_group_tests_name("limit", tests, NULL, NULL);
}
