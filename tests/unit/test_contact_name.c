/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a contact may be called, and what becomes of other names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/contact_name.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

#define FOUR "abcd"
#define SIXTEEN FOUR FOUR FOUR FOUR
#define SIXTY SIXTEEN SIXTEEN SIXTEEN FOUR FOUR FOUR

static void valid_names_are_kept(void **state)
{
    static const char *const names[] = {
        "a",
        "anna",
        "Anna",
        "ANNA-2",
        "anna_b",
        "7",
        "a-",
        "a,b",
        "a+b",
        "a@b",
        "localhost2",
        "xlocalhost",
        "yourself2",
        "\xc3\xa5sa",
        "\xe3\x81\x93\xe3\x82\x93",
        "\xf0\x9f\x90\x90",
        "e\xcc\x81",
        SIXTY FOUR,
    };

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        char clean[CONTACT_NAME_MAX + 1];
        assert_true(contact_name_is_valid(names[i]));
        contact_name_clean(names[i], clean);
        assert_string_equal(clean, names[i]);
    }
}

/* The user may have reasons. */
static void what_a_stranger_may_not_propose_the_user_may_choose(void **state)
{
    static const struct {
        const char *proposed, *clean;
    } cases[] = {
        {"o'neill", "o-neill"},
        {"\"quoted\"", "quoted"},
        {"$(reboot)", "reboot"},
        {"`reboot`", "reboot"},
        {"a;reboot", "a-reboot"},
        {"a&&b||c", "a-b-c"},
        {"~root", "root"},
        {"a>b<c", "a-b-c"},
        {"*", "peer"},
        {"a=b", "a-b"},
        {"50%", "50"},
        {"#1", "1"},
        {"!!", "peer"},
        {"{a,b}", "a,b"},
        {"yourself", "peer"},
        {"YourSelf", "peer"},
        {"\xc3\xa5$HOME", "\xc3\xa5-HOME"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char clean[CONTACT_NAME_MAX + 1];
        assert_true(contact_name_is_valid(cases[i].proposed));
        contact_name_clean(cases[i].proposed, clean);
        assert_string_equal(clean, cases[i].clean);
    }
}

static void other_names_are_made_valid(void **state)
{
    static const struct {
        const char *proposed, *clean;
    } cases[] = {
        {"", "peer"},
        {"-", "peer"},
        {"...", "peer"},
        {" \t\n", "peer"},
        {"localhost", "peer"},
        {"LocalHost", "peer"},
        {" localhost. ", "peer"},
        {" YourSelf ", "peer"},
        {"-anna", "anna"},
        {"--help", "help"},
        {"anna b", "anna-b"},
        {" anna  b ", "anna-b"},
        {"192.0.2.1:5188", "192-0-2-1-5188"},
        {"[::1]:7", "1-7"},
        {"yodel://abc", "yodel-abc"},
        {"../../etc/passwd", "etc-passwd"},
        {"back\\slash", "back-slash"},
        {"\x1b[2Janna\x07", "2Janna"},
        {"a\x7f"
         "b",
         "a-b"},
        {"a\xff\xfe"
         "b",
         "a-b"},
        {"a\xc3", "a"},
        {"a\xc0\xaf"
         "b",
         "a-b"}, /* overlong */
        {"a\xed\xa0\x80"
         "b",
         "a-b"}, /* a surrogate */
        {"a\xc2\xa0"
         "b",
         "a-b"}, /* no-break space */
        {"\xe3\x80\x80"
         "a\xe3\x80\x80"
         "b",
         "a-b"}, /* ideographic space */
        {"a\xe3\x85\xa4"
         "b",
         "a-b"},                                      /* a filler */
        {"an\xe2\x80\x8bna", "anna"},                 /* zero width space */
        {"an\xe2\x80\xaena", "anna"},                 /* right-to-left override */
        {"\xe2\x9d\xa4\xef\xb8\x8f", "\xe2\x9d\xa4"}, /* a variation selector */
        {"anna\xf3\xa0\x81\xa1", "anna"},             /* a tag */
        {"an\xc2\x85na", "anna"},                     /* a C1 control */
        {"\xe2\x80\xae", "peer"},
        {SIXTY FOUR "x", SIXTY FOUR},
        {SIXTY "abc\xc3\xa5", SIXTY "abc"}, /* does not fit by one byte */
        {SIXTY "abc def", SIXTY "abc"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char clean[CONTACT_NAME_MAX + 1];
        assert_false(contact_name_is_valid(cases[i].proposed));
        contact_name_clean(cases[i].proposed, clean);
        assert_string_equal(clean, cases[i].clean);
        assert_true(contact_name_is_valid(clean));
    }
}

/* Whatever the bytes are, the result is valid, and cleaning it again changes nothing. */
static void any_bytes_become_a_valid_name(void **state)
{
    (void)state;
    srand(1);
    for (int round = 0; round < 50000; round++) {
        char proposed[101], clean[CONTACT_NAME_MAX + 1], again[CONTACT_NAME_MAX + 1];
        int len = rand() % 100;
        for (int i = 0; i < len; i++)
            proposed[i] = (char)(rand() % 4 ? "-. ab\xe2\x80\xae\xc3\xa5"[rand() % 10] : 1 + rand() % 255);
        proposed[len] = '\0';
        contact_name_clean(proposed, clean);
        assert_true(contact_name_is_valid(clean));
        contact_name_clean(clean, again);
        assert_string_equal(again, clean);
    }
}

static void numbers_leave_names_valid(void **state)
{
    static const struct {
        const char *name;
        int number;
        const char *numbered;
    } cases[] = {
        {"anna", 2, "anna-2"},
        {"anna", 9999999, "anna-9999999"},
        {SIXTY FOUR, 2, SIXTEEN SIXTEEN SIXTEEN FOUR FOUR "-2"},
        {SIXTEEN SIXTEEN SIXTEEN FOUR "abc\xc3\xa5" FOUR, 2, SIXTEEN SIXTEEN SIXTEEN FOUR "abc-2"},
        {SIXTEEN SIXTEEN SIXTEEN FOUR "ab\xc3\xa5" FOUR, 2, SIXTEEN SIXTEEN SIXTEEN FOUR "ab\xc3\xa5-2"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char numbered[CONTACT_NAME_MAX + 1];
        assert_true(contact_name_is_valid(cases[i].name));
        contact_name_number(cases[i].name, cases[i].number, numbered);
        assert_string_equal(numbered, cases[i].numbered);
        assert_true(contact_name_is_valid(numbered));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_names_are_kept),
        cmocka_unit_test(what_a_stranger_may_not_propose_the_user_may_choose),
        cmocka_unit_test(other_names_are_made_valid),
        cmocka_unit_test(any_bytes_become_a_valid_name),
        cmocka_unit_test(numbers_leave_names_valid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
