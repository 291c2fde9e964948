/* SPDX-License-Identifier: GPL-3.0-or-later */
/* News: in order and whole, and strangers cannot flood the user with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "chat/news.h"

static char text[NEWS_MAX];

static void lines_come_out_in_the_order_in_which_they_were_said(void **state)
{
    struct news news;

    (void)state;
    news_init(&news);
    assert_int_equal(news_wake_ms(&news), INT64_MAX);
    assert_false(news_next(&news, 0, text));
    for (int round = 0; round < 3; round++) { /* around the ring */
        for (int i = 0; i < NEWS_LINES - 1; i++)
            news_say(&news, "%d %s", i, "said");
        assert_int_equal(news_wake_ms(&news), 0);
        for (int i = 0; i < NEWS_LINES - 1; i++) {
            assert_true(news_next(&news, 0, text));
            assert_int_equal(*text, '0' + i);
            assert_string_equal(text + 1, " said");
        }
        assert_false(news_next(&news, 0, text));
    }
}

static void what_does_not_fit_is_cut_and_what_is_too_much_is_dropped(void **state)
{
    char longer[NEWS_MAX + 100];
    struct news news;

    (void)state;
    news_init(&news);
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    for (int i = 0; i < NEWS_LINES + 3; i++)
        news_say(&news, "%d%s", i % 10, longer);
    for (int i = 0; i < NEWS_LINES; i++) {
        assert_true(news_next(&news, 0, text));
        assert_int_equal(*text, '0' + i);
        assert_int_equal(strlen(text), NEWS_MAX - 1);
    }
    assert_false(news_next(&news, 0, text));
}

static void strangers_are_told_of_at_most_every_pause_with_their_number(void **state)
{
    struct news news;

    (void)state;
    news_init(&news);
    news_of_stranger(&news, "%s", "first");
    assert_true(news_next(&news, 1000, text));
    assert_string_equal(text, "first");
    assert_int_equal(news_wake_ms(&news), INT64_MAX);
    for (int i = 0; i < 100; i++)
        news_of_stranger(&news, "number %d", i);
    assert_int_equal(news_wake_ms(&news), 1000 + NEWS_PAUSE_MS);
    assert_false(news_next(&news, 1000 + NEWS_PAUSE_MS - 1, text));
    assert_true(news_next(&news, 1000 + NEWS_PAUSE_MS, text));
    assert_string_equal(text, "number 99 (and 99 more like this)");
    assert_false(news_next(&news, 1000 + 2 * NEWS_PAUSE_MS, text));
}

static void strangers_do_not_hold_up_what_matters(void **state)
{
    struct news news;

    (void)state;
    news_init(&news);
    news_of_stranger(&news, "a stranger");
    assert_true(news_next(&news, 0, text));
    news_of_stranger(&news, "another");
    news_say(&news, "what matters");
    assert_int_equal(news_wake_ms(&news), 0);
    assert_true(news_next(&news, 1, text));
    assert_string_equal(text, "what matters");
    assert_false(news_next(&news, 1, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_out_in_the_order_in_which_they_were_said),
        cmocka_unit_test(what_does_not_fit_is_cut_and_what_is_too_much_is_dropped),
        cmocka_unit_test(strangers_are_told_of_at_most_every_pause_with_their_number),
        cmocka_unit_test(strangers_do_not_hold_up_what_matters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
