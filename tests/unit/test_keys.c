/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was typed is handed over whole, in order, and as soon as the line editor need not wait for the rest of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "term/keys.h"

#define PASTE(text) "\033[200~" text "\033[201~"

/* Hand over what is ready. Returns how many bytes. */
static size_t take(struct keys *keys, char *out)
{
    size_t len = 0;

    for (int key; (key = keys_get(keys)) >= 0;)
        out[len++] = (char)key;
    assert_false(keys_ready(keys));
    return len;
}

static const struct {
    const char *typed;
    const char *ready; /* how much of it is handed over before anything else comes */
} cases[] = {
    {"a", "a"},
    {"abc\r", "abc\r"},
    {"\033", "\033"},                 /* a key of its own in vi mode */
    {"\033[A\033OA", "\033[A\033OA"}, /* arrows */
    {"\033[2~", "\033[2~"},           /* Insert */
    {"\033[20~", "\033[20~"},         /* F9 */
    {"x\033[", "x"},                  /* may become a paste */
    {"\033[200", ""},
    {"\033[200~", ""},
    {"\033[200~text\n", ""},
    {"\033[200~text\033[201", ""},
    {PASTE("text"), PASTE("text")},
    {PASTE("") "y", PASTE("") "y"},
    {PASTE("a\033[200~b") "y", PASTE("a\033[200~b") "y"},
    {"a" PASTE("one") "b" PASTE("two") "c\033[200~three", "a" PASTE("one") "b" PASTE("two") "c"},
    {"\033\033[200~x", "\033"}, /* Meta and a paste */
    {"\344", ""},               /* characters cut off at every place */
    {"\344\275", ""},
    {"\344\275\240", "\344\275\240"},
    {"x\303", "x"},
    {"\360\237\221", ""},
    {"\360\237\221\250", "\360\237\221\250"},
    {"\340\240", ""},
    {"\355\237", ""},
    {"\364\217", ""},
    {"\377", "\377"}, /* what no character begins with */
    {"\300", "\300"},
    {"\200", "\200"},
    {"\340\200", "\340\200"}, /* overlong */
    {"\355\240", "\355\240"}, /* a surrogate */
    {"\364\220", "\364\220"}, /* beyond Unicode */
    {"\344a", "\344a"},       /* the rest does not come */
};

static void what_is_complete_is_handed_over(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct keys keys;
        char out[256] = "";
        keys_init(&keys);
        keys_put(&keys, cases[i].typed, strlen(cases[i].typed));
        size_t len = take(&keys, out);
        if (len != strlen(cases[i].ready) || memcmp(out, cases[i].ready, len) != 0)
            fail_msg("case %zu: %zu bytes handed over, not %zu", i, len, strlen(cases[i].ready));
        keys_done(&keys);
    }
}

static void cut_at_every_byte_nothing_is_lost(void **state)
{
    static const char typed[] =
        "a\344\275\240\033[A" PASTE("one\ntwo \360\237\221\250") "b\033" PASTE("x") "\377\303\251c";
    size_t whole = sizeof typed - 1;

    (void)state;
    for (size_t first = 0; first <= whole; first++) {
        for (size_t second = first; second <= whole; second++) {
            struct keys keys;
            char out[sizeof typed];
            keys_init(&keys);
            keys_put(&keys, typed, first);
            size_t len = take(&keys, out);
            keys_put(&keys, typed + first, second - first);
            len += take(&keys, out + len);
            keys_put(&keys, typed + second, whole - second);
            len += take(&keys, out + len);
            assert_int_equal(len, whole);
            assert_memory_equal(out, typed, whole);
            keys_done(&keys);
        }
    }
}

/* A paste that was begun must be there to its end before a byte of it is handed over, wherever it is cut: Readline would wait. */
static void a_paste_is_handed_over_whole(void **state)
{
    static const char typed[] = PASTE("one\ntwo");
    size_t whole = sizeof typed - 1;

    (void)state;
    for (size_t cut = 2; cut < whole; cut++) {
        struct keys keys;
        char out[sizeof typed];
        keys_init(&keys);
        keys_put(&keys, typed, cut);
        assert_int_equal(take(&keys, out), 0);
        keys_put(&keys, typed + cut, whole - cut);
        assert_int_equal(take(&keys, out), whole);
        keys_done(&keys);
    }
}

static void put_all(struct keys *keys, const char *bytes, size_t len)
{
    while (len > 0) {
        size_t room = keys_room(keys);
        assert_true(room > 0);
        size_t part = len < room ? len : room;
        part = part < 4096 ? part : 4096;
        keys_put(keys, bytes, part);
        bytes += part;
        len -= part;
    }
}

static void the_longest_paste_is_handed_over(void **state)
{
    struct keys keys;
    char *text = malloc(KEYS_PASTE_MAX);
    char *out = malloc(KEYS_PASTE_MAX + 16);

    (void)state;
    memset(text, 'x', KEYS_PASTE_MAX);
    keys_init(&keys);
    put_all(&keys, "\033[200~", 6);
    put_all(&keys, text, KEYS_PASTE_MAX - 1);
    put_all(&keys, "\033[201~", 6);
    assert_false(keys_dropped(&keys));
    assert_int_equal(take(&keys, out), KEYS_PASTE_MAX - 1 + 12);
    keys_done(&keys);
    free(text);
    free(out);
}

static void a_longer_paste_is_dropped_to_its_end(void **state)
{
    struct keys keys;
    char *text = malloc(3 * KEYS_PASTE_MAX);
    static const char end[] = "\033[201~";
    char out[16];

    (void)state;
    memset(text, '\n', 3 * KEYS_PASTE_MAX);
    for (size_t cut = 0; cut <= 6; cut++) { /* of the end's mark */
        keys_init(&keys);
        put_all(&keys, "a", 1);
        assert_int_equal(take(&keys, out), 1);
        put_all(&keys, "\033[200~", 6);
        put_all(&keys, text, 3 * KEYS_PASTE_MAX);
        assert_true(keys_dropped(&keys));
        assert_false(keys_dropped(&keys));
        put_all(&keys, end, cut);
        assert_int_equal(take(&keys, out), 0);
        put_all(&keys, end + cut, 6 - cut);
        put_all(&keys, "b", 1);
        assert_int_equal(take(&keys, out), 1);
        assert_int_equal(out[0], 'b');
        keys_done(&keys);
    }
    free(text);
}

/* A line has no NUL; what a terminal sends for a key may be one (Ctrl-@). */
static void only_the_nul_bytes_of_a_paste_are_left_out(void **state)
{
    static const char typed[] = "a\0b\033[200~\0c\0\0d\033[20\0\033[201~e\0f";
    static const char wanted[] = "a\0b\033[200~cd\033[20\033[201~e\0f";
    struct keys keys;
    char out[sizeof typed];

    (void)state;
    keys_init(&keys);
    keys_put(&keys, typed, sizeof typed - 1);
    assert_int_equal(take(&keys, out), sizeof wanted - 1);
    assert_memory_equal(out, wanted, sizeof wanted - 1);
    assert_true(keys_cleaned(&keys));
    assert_false(keys_cleaned(&keys));
    keys_put(&keys, "\0x" PASTE("y"), 15);
    assert_int_equal(take(&keys, out), 15);
    assert_false(keys_cleaned(&keys));
    keys_done(&keys);
}

static void clearing_forgets_a_paste_without_an_end(void **state)
{
    struct keys keys;
    char out[16];

    (void)state;
    keys_init(&keys);
    keys_put(&keys, "\033[200~text", 10);
    keys_clear(&keys);
    keys_put(&keys, "a", 1);
    assert_int_equal(take(&keys, out), 1);
    assert_int_equal(out[0], 'a');
    keys_done(&keys);
}

/* What was typed ahead of a question does not answer it. */
static void what_is_discarded_does_not_come_back(void **state)
{
    static const struct {
        const char *before, *after;
        const char *handed; /* of what came after */
    } discards[] = {
        {"", "y\r", "y\r"},
        {"yes\r", "y\r", "y\r"},
        {"\344\275", "y\r", "y\r"},
        {PASTE("yes\r"), "y\r", "y\r"},
        {"a" PASTE("yes\r") "b", "y\r", "y\r"},
        {"\033[200~one\r", "y\r\033[201~n\r", "n\r"},
        {"\033[200~one\r\033[20", "1~y\r", "y\r"},
        {"\033[200~one\r\033[20", "no\r\033[201~y\r", "y\r"},
        {"x" PASTE("one") "z\033[200~", "y\r\033[201~", ""},
        {"x\033",
         "[200~y\r"
         "\033[201~",
         PASTE("y\r")}, /* a paste, and not an answer */
        {"x\033[20", "0~y\r\033[201~", PASTE("y\r")},
        {"x\033[20", "~", "\033[20~"},
        {"\033", "y\r", "\033y\r"},
        {"\033\033[200~x", "y\r\033[201~n", "n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof discards / sizeof *discards; i++) {
        for (size_t at = 0; at <= strlen(discards[i].after); at++) {
            struct keys keys;
            char out[256] = "";
            keys_init(&keys);
            keys_put(&keys, discards[i].before, strlen(discards[i].before));
            keys_discard(&keys);
            keys_put(&keys, discards[i].after, at);
            keys_put(&keys, discards[i].after + at, strlen(discards[i].after) - at);
            size_t len = take(&keys, out);
            if (len != strlen(discards[i].handed) || memcmp(out, discards[i].handed, len) != 0)
                fail_msg("case %zu: %.*s", i, (int)len, out);
            assert_false(keys_dropped(&keys));
            keys_done(&keys);
        }
    }
}

/* The same when the ESC before it has been handed over, and NUL bytes are still found in what comes after. */
static void what_was_handed_over_before_is_known(void **state)
{
    struct keys keys;
    char out[256];

    (void)state;
    keys_init(&keys);
    keys_put(&keys, "\033", 1);
    assert_int_equal(take(&keys, out), 1);
    keys_put(&keys, "[200~x", 6);
    keys_discard(&keys);
    keys_put(&keys, "y\r\033[201~", 8);
    assert_int_equal(take(&keys, out), 0);
    keys_put(&keys, "\033[200~a\0b\033[201~", 15);
    assert_int_equal(take(&keys, out), 14);
    assert_memory_equal(out, PASTE("ab"), 14);
    assert_true(keys_cleaned(&keys));
    keys_put(&keys, "\033", 1);
    assert_int_equal(take(&keys, out), 1);
    keys_put(&keys, "[200~x", 6);
    keys_discard(&keys);
    keys_put(&keys, "y", 1);
    keys_discard(&keys); /* again */
    keys_put(&keys, "y\r\033[201~[200~z", 14);
    assert_int_equal(take(&keys, out), 6); /* no ESC before it: no paste */
    assert_memory_equal(out, "[200~z", 6);
    keys_put(&keys, "a\0b", 3);
    assert_int_equal(take(&keys, out), 3);
    assert_false(keys_cleaned(&keys));
    keys_done(&keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_complete_is_handed_over),
        cmocka_unit_test(cut_at_every_byte_nothing_is_lost),
        cmocka_unit_test(a_paste_is_handed_over_whole),
        cmocka_unit_test(the_longest_paste_is_handed_over),
        cmocka_unit_test(a_longer_paste_is_dropped_to_its_end),
        cmocka_unit_test(only_the_nul_bytes_of_a_paste_are_left_out),
        cmocka_unit_test(clearing_forgets_a_paste_without_an_end),
        cmocka_unit_test(what_is_discarded_does_not_come_back),
        cmocka_unit_test(what_was_handed_over_before_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
