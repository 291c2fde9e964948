/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What joins characters is left out, all else stays as it is, wherever the bytes are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "term/joiners.h"

#define ZWJ "\342\200\215"
#define TEXT_STYLE "\357\270\216"
#define EMOJI_STYLE "\357\270\217"
#define WOMAN "\360\237\221\251"
#define LAPTOP "\360\237\222\273"
#define HEART "\342\235\244"

static const struct {
    const char *in, *out;
} cases[] = {
    {"", ""},
    {"plain\r\n\033[K", "plain\r\n\033[K"},
    {WOMAN ZWJ LAPTOP, WOMAN LAPTOP},
    {HEART EMOJI_STYLE "x" HEART TEXT_STYLE, HEART "x" HEART},
    {ZWJ ZWJ EMOJI_STYLE, ""},
    {"\342\200\214\342\200\216", "\342\200\214\342\200\216"}, /* the neighbours of ZWJ */
    {"\357\270\215\357\270\220", "\357\270\215\357\270\220"}, /* and of the selectors */
    {"\342\342\200\215x", "\342x"},
    {"\342\200\342\200\215\357", "\342\200"}, /* the last byte may go on */
    {"\357\357\270\357\270\217x", "\357\357\270x"},
};

static size_t drop(const char *in, size_t len, size_t first, char *out)
{
    struct joiners joiners = {0};
    size_t written = joiners_drop(&joiners, in, first, out);

    assert_true(written <= first);
    return written + joiners_drop(&joiners, in + first, len - first, out + written);
}

static void joiners_are_left_out_wherever_the_text_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t len = strlen(cases[i].in);
        for (size_t first = 0; first <= len; first++) {
            char out[64 + JOINERS_HELD_MAX];
            assert_int_equal(drop(cases[i].in, len, first, out), strlen(cases[i].out));
            assert_memory_equal(out, cases[i].out, strlen(cases[i].out));
        }
    }
}

static void what_was_held_back_comes_with_the_rest(void **state)
{
    (void)state;
    struct joiners joiners = {0};
    char out[1 + JOINERS_HELD_MAX];

    assert_int_equal(joiners_drop(&joiners, "\342", 1, out), 0);
    assert_int_equal(joiners_drop(&joiners, "\200", 1, out), 0);
    assert_int_equal(joiners_drop(&joiners, "\246", 1, out), 3);
    assert_memory_equal(out, "\342\200\246", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joiners_are_left_out_wherever_the_text_is_cut),
        cmocka_unit_test(what_was_held_back_comes_with_the_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
