/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An id has one text, and what is one character off is another id or none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <string.h>

#include "base/err.h"
#include "base/id.h"

#define SAMPLE "aaaq-eaye-aucq-mbya-ijbg-w2lp-ob3x-s6t2-pn6h-27d5-pz7x-66px-7h5a"

static void zeros_and_ones_are_known(void **state)
{
    struct id id;
    char text[ID_TEXT_MAX];

    (void)state;
    memset(&id, 0, sizeof id);
    assert_string_equal(id_print(&id, text),
                        "aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa");
    memset(&id, 0xff, sizeof id);
    assert_string_equal(id_print(&id, text),
                        "7777-7777-7777-7777-7777-7777-7777-7777-7777-7777-7777-7777-777q");
    assert_int_equal(strlen(text), ID_TEXT_MAX - 1);
}

static void every_bit_comes_back(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < 8 * ID_BYTES; bit++) {
        struct id id = {{0}};
        struct id again;
        char text[ID_TEXT_MAX];
        id.bytes[bit / 8] = (uint8_t)(1 << bit % 8);
        assert_int_equal(id_parse(id_print(&id, text), &again), 0);
        assert_true(id_equal(&id, &again));
        assert_memory_equal(&id, &again, sizeof id);
    }
}

static void case_and_dashes_do_not_matter(void **state)
{
    static const char *const texts[] = {
        "AAAQ-EAYE-AUCQ-MBYA-IJBG-W2LP-OB3X-S6T2-PN6H-27D5-PZ7X-66PX-7H5A",
        "aaaqeayeaucqmbyaijbgw2lpob3xs6t2pn6h27d5pz7x66px7h5a",
        "-aaaqeaye--aucqmbyaijbgw2lpob3xs6t2pn6h27d5pz7x66px7h5A-",
    };
    struct id id;
    struct id other;
    char text[ID_TEXT_MAX];

    (void)state;
    assert_int_equal(id_parse(SAMPLE, &id), 0);
    assert_string_equal(id_print(&id, text), SAMPLE);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(id_parse(texts[i], &other), 0);
        assert_true(id_equal(&id, &other));
    }
}

static void what_is_no_id_is_refused_and_changes_nothing(void **state)
{
    static const char *const texts[] = {
        "",
        "-",
        "aaaq",
        "aaaq-eaye-aucq-mbya-ijbg-w2lp-ob3x-s6t2-pn6h-27d5-pz7x-66px-7h5",
        "aaaq-eaye-aucq-mbya-ijbg-w2lp-ob3x-s6t2-pn6h-27d5-pz7x-66px-7h5aa",
        "aaaq-eaye-aucq-mbya-ijbg-w2lp-ob3x-s6t2-pn6h-27d5-pz7x-66px-7h5b", /* spare bits */
        "aaaq-eaye-aucq-mbya-ijbg-w2lp-ob3x-s6t2-pn6h-27d5-pz7x-66px-7h51",
        "aaaq eaye-aucq-mbya-ijbg-w2lp-ob3x-s6t2-pn6h-27d5-pz7x-66px-7h5a",
        "aaaq-eaye-aucq-mbya-ijbg-w2lp-ob3x-s6t2-pn6h-27d5-pz7x-66px-7h5a\n",
    };
    struct id id;
    struct id before;

    (void)state;
    memset(&id, 0x5a, sizeof id);
    before = id;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(id_parse(texts[i], &id), -ERR_SYNTAX);
        assert_memory_equal(&id, &before, sizeof id);
    }
}

static void one_character_off_is_another_id(void **state)
{
    struct id id;

    (void)state;
    assert_int_equal(id_parse(SAMPLE, &id), 0);
    for (size_t i = 0; i < strlen(SAMPLE); i++) {
        char text[] = SAMPLE;
        struct id other;
        if (text[i] == '-')
            continue;
        text[i] = text[i] == 'a' ? 'i' : 'a';
        int result = id_parse(text, &other);
        assert_true(result == -ERR_SYNTAX || (result == 0 && !id_equal(&id, &other)));
    }
}

static void the_smaller_one_is_the_same_on_both_sides(void **state)
{
    struct id low = {{0}};
    struct id high = {{0}};

    (void)state;
    low.bytes[ID_BYTES - 1] = 0x7f;
    high.bytes[ID_BYTES - 1] = 0x80;
    assert_true(id_compare(&low, &high) < 0);
    assert_true(id_compare(&high, &low) > 0);
    assert_int_equal(id_compare(&low, &low), 0);
    low.bytes[0] = 1;
    assert_true(id_compare(&low, &high) > 0);
    assert_false(id_equal(&low, &high));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeros_and_ones_are_known),
        cmocka_unit_test(every_bit_comes_back),
        cmocka_unit_test(case_and_dashes_do_not_matter),
        cmocka_unit_test(what_is_no_id_is_refused_and_changes_nothing),
        cmocka_unit_test(one_character_off_is_another_id),
        cmocka_unit_test(the_smaller_one_is_the_same_on_both_sides),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
