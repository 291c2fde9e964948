/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Foreign text: what is harmless stays, everything else is visible as an escape, and nothing is left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const char *show(const char *bytes, size_t len)
{
    static char out[512];
    size_t total = 0;

    for (size_t used = 0; used < len;) {
        size_t wrote = 0;
        used += text_unit((const uint8_t *)bytes + used, len - used, out + total, &wrote);
        assert_in_range(wrote, 1, TEXT_UNIT_MAX);
        total += wrote;
    }
    out[total] = '\0';
    return out;
}

static const struct {
    const char *bytes;
    const char *shown;
} cases[] = {
    {"plain ASCII ~", "plain ASCII ~"},
    {"\n\r\t\\", "\\n\\r\\t\\\\"},
    {"\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"},
    {"\a\b\x7f", "\\x07\\x08\\x7f"},
    {"h\u00e9llo \u65e5\u672c \U0001f600", "h\u00e9llo \u65e5\u672c \U0001f600"},
    {"\u00a0\u07ff\u0800", "\u00a0\u07ff\u0800"},
    {"\x9b"
     "31m",
     "\\x9b31m"}, /* C1, raw */
    {"\xc2\x9b"
     "31m",
     "\\xc2\\x9b31m"},                            /* C1, as UTF-8 */
    {"\xe2\x80\xae", "\\xe2\\x80\\xae"},          /* right-to-left override */
    {"\xe2\x81\xa6", "\\xe2\\x81\\xa6"},          /* left-to-right isolate */
    {"\xe2\x80\xa8", "\\xe2\\x80\\xa8"},          /* line separator */
    {"\xe2\x80\x8b", "\\xe2\\x80\\x8b"},          /* zero width space */
    {"\xef\xbb\xbf", "\\xef\\xbb\\xbf"},          /* byte order mark */
    {"\xc0\xaf", "\\xc0\\xaf"},                   /* overlong */
    {"\xe0\x80\xaf", "\\xe0\\x80\\xaf"},          /* overlong */
    {"\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf"}, /* overlong */
    {"\xed\xa0\x80", "\\xed\\xa0\\x80"},          /* surrogate */
    {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* above U+10FFFF */
    {"\xf3\xa0\x80\x81", "\\xf3\\xa0\\x80\\x81"}, /* tag character */
    {"\xff\xfe\x80", "\\xff\\xfe\\x80"},
    {"\xe6\x97", "\\xe6\\x97"},   /* cut off */
    {"\xe6\x97x", "\\xe6\\x97x"}, /* broken off */
    {"\xf0\x9f\x98", "\\xf0\\x9f\\x98"},
};

static void harmless_text_stays_and_the_rest_is_escaped(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(show(cases[i].bytes, strlen(cases[i].bytes)), cases[i].shown);
}

static void a_nul_is_shown(void **state)
{
    (void)state;
    assert_string_equal(show("a\0b", 3), "a\\x00b");
}

/* Every code point: what comes out is either the same bytes or escapes of each of them. */
static void no_character_does_anything_but_show(void **state)
{
    (void)state;
    for (uint32_t c = 0x80; c <= 0x10ffff; c++) {
        uint8_t bytes[4];
        size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        uint32_t rest = c;
        for (size_t i = len; i-- > 1; rest >>= 6)
            bytes[i] = (uint8_t)(0x80 | (rest & 0x3f));
        bytes[0] = (uint8_t)(rest | (len == 2 ? 0xc0 : len == 3 ? 0xe0 : 0xf0));
        const char *shown = show((const char *)bytes, len);
        if (strlen(shown) == len) {
            assert_memory_equal(shown, bytes, len);
            assert_true(c > 0x9f && (c < 0xd800 || c > 0xdfff));
        } else {
            char escaped[17];
            for (size_t i = 0; i < len; i++)
                snprintf(escaped + 4 * i, 5, "\\x%02x", bytes[i]);
            assert_string_equal(shown, escaped);
        }
    }
}

/* What is no character of UTF-8 (RFC 3629, section 3) has no length; of the others the number comes out. */
static void characters_are_decoded(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        uint32_t character;
    } decoded[] = {
        {"a", 1, 'a'},
        {"\x7f", 1, 0x7f},
        {"\xc2\x80", 2, 0x80},
        {"\xdf\xbfx", 2, 0x7ff},
        {"\xe0\xa0\x80", 3, 0x800},
        {"\xed\x9f\xbf", 3, 0xd7ff},
        {"\xee\x80\x80", 3, 0xe000},
        {"\xf0\x90\x80\x80", 4, 0x10000},
        {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
        {"\xed\xa0\x80", 0, 0},
        {"\xed\xbf\xbf", 0, 0},
        {"\xf4\x90\x80\x80", 0, 0},
        {"\xc1\xbf", 0, 0},
        {"\xe0\x9f\xbf", 0, 0},
        {"\xf0\x8f\xbf\xbf", 0, 0},
        {"\x80", 0, 0},
        {"\xc2", 0, 0},
        {"\xc2x", 0, 0},
        {"\xff", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof decoded / sizeof *decoded; i++) {
        const uint8_t *bytes = (const uint8_t *)decoded[i].bytes;
        uint32_t character = 0;
        assert_int_equal(text_decode(bytes, strlen(decoded[i].bytes), &character), decoded[i].len);
        if (decoded[i].len)
            assert_int_equal(character, decoded[i].character);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(harmless_text_stays_and_the_rest_is_escaped),
        cmocka_unit_test(a_nul_is_shown),
        cmocka_unit_test(characters_are_decoded),
        cmocka_unit_test(no_character_does_anything_but_show),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
