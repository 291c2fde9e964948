/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Secrets differ, compare and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "base/secret.h"

/* Each of a kilobyte's bits is once 1 and once 0 in 64 draws, but for a chance of 2^-50. */
static void random_bytes_reach_every_bit_and_no_further(void **state)
{
    uint8_t bytes[1024 + 2];
    uint8_t ones[1024] = {0};
    uint8_t zeros[1024] = {0};

    (void)state;
    for (int draw = 0; draw < 64; draw++) {
        memset(bytes, 0xa5, sizeof bytes);
        secret_random(bytes + 1, 1024);
        assert_int_equal(bytes[0], 0xa5);
        assert_int_equal(bytes[1025], 0xa5);
        for (size_t i = 0; i < 1024; i++) {
            ones[i] |= bytes[i + 1];
            zeros[i] |= (uint8_t)~bytes[i + 1];
        }
    }
    for (size_t i = 0; i < 1024; i++) {
        assert_int_equal(ones[i], 0xff);
        assert_int_equal(zeros[i], 0xff);
    }
    secret_random(bytes, 0);
}

static void wiped_bytes_are_zero_and_their_neighbours_are_not(void **state)
{
    uint8_t bytes[34];

    (void)state;
    memset(bytes, 0xa5, sizeof bytes);
    secret_wipe(bytes + 1, 32);
    assert_int_equal(bytes[0], 0xa5);
    assert_int_equal(bytes[33], 0xa5);
    for (size_t i = 1; i < 33; i++)
        assert_int_equal(bytes[i], 0);
    secret_wipe(bytes, 0);
    assert_int_equal(bytes[0], 0xa5);
}

static void every_bit_makes_a_difference(void **state)
{
    uint8_t a[32];
    uint8_t b[32];

    (void)state;
    secret_random(a, sizeof a);
    memcpy(b, a, sizeof a);
    assert_true(secret_equal(a, b, sizeof a));
    for (size_t bit = 0; bit < 8 * sizeof a; bit++) {
        b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(secret_equal(a, b, sizeof a));
        assert_true(secret_equal(a, b, bit / 8));
        b[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(secret_equal(a, b, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_bytes_reach_every_bit_and_no_further),
        cmocka_unit_test(wiped_bytes_are_zero_and_their_neighbours_are_not),
        cmocka_unit_test(every_bit_makes_a_difference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
