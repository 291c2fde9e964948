/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The vectors of RFC 4648, section 10, in lower case; what is written is read back; nothing else is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <string.h>

#include "base/base32.h"
#include "base/err.h"

static const struct {
    const char *bytes, *text;
} vectors[] = {
    {"", ""},
    {"f", "my"},
    {"fo", "mzxq"},
    {"foo", "mzxw6"},
    {"foob", "mzxw6yq"},
    {"fooba", "mzxw6ytb"},
    {"foobar", "mzxw6ytboi"},
};

static void the_vectors_of_the_standard_hold(void **state)
{
    char text[32];
    uint8_t bytes[32];

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        size_t len = strlen(vectors[i].bytes);
        size_t characters = strlen(vectors[i].text);
        assert_int_equal(base32_encode((const uint8_t *)vectors[i].bytes, len, text), characters);
        assert_string_equal(text, vectors[i].text);
        assert_int_equal(BASE32_CHARACTERS(len), characters);
        assert_int_equal(base32_decode(text, characters, bytes, sizeof bytes), len);
        assert_memory_equal(bytes, vectors[i].bytes, len);
    }
}

static void what_is_written_is_read_back_in_any_case(void **state)
{
    uint8_t bytes[65] = {0};
    uint8_t again[65];
    char text[BASE32_CHARACTERS(65) + 1];

    (void)state;
    for (size_t len = 0; len <= sizeof bytes; len++) {
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)(i * 89 + len * 7);
        size_t characters = base32_encode(bytes, len, text);
        assert_int_equal(strlen(text), characters);
        for (size_t i = 0; i < characters; i += 3)
            text[i] = (char)toupper((unsigned char)text[i]);
        assert_int_equal(base32_decode(text, characters, again, len), len);
        assert_memory_equal(again, bytes, len);
        if (len > 0)
            assert_int_equal(base32_decode(text, characters, again, len - 1), -ERR_FULL);
    }
}

static void only_32_characters_are_understood(void **state)
{
    char text[] = "aaaaaaaa";
    uint8_t bytes[5];

    (void)state;
    for (int character = 0; character < 256; character++) {
        int known =
            character && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ234567", character);
        for (size_t i = 0; i < 8; i++) {
            memset(text, 'a', 8);
            text[i] = (char)character;
            assert_int_equal(base32_decode(text, 8, bytes, sizeof bytes), known ? 5 : -ERR_SYNTAX);
        }
    }
}

/* Two texts of the same bytes would make two names of one thing. */
static const char *const broken[] = {"a",     "aaa",     "aaaaaa",   "aaaaaaaaa", "mz", "mzxr",
                                     "mzxw7", "mzxw6yr", "my======", "m y",       "m-y"};

static void each_text_has_one_form(void **state)
{
    uint8_t bytes[16];

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_int_equal(base32_decode(broken[i], strlen(broken[i]), bytes, sizeof bytes), -ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_standard_hold),
        cmocka_unit_test(what_is_written_is_read_back_in_any_case),
        cmocka_unit_test(only_32_characters_are_understood),
        cmocka_unit_test(each_text_has_one_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
