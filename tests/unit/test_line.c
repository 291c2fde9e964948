/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Foreign text as one line: all of it, or its beginning and dots. What holds of rows holds of it, see test_rows.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <string.h>

#include "term/text.h"

static const struct {
    int columns;
    const char *text;
    const char *row;
    int width;
} lines[] = {
    {10, "", "", 0},
    {10, "Ada", "Ada", 3},
    {10, "1234567890", "1234567890", 10},
    {10, "12345678901", "123456789\u2026", 10},
    {10, "one two three", "one two t\u2026", 10},
    {10, "one\ntwo", "one^Jtwo", 8},
    {10, "one\r\n", "one^M^J", 7},
    {10, "\u65e5\u672c\u8a9e\u65e5\u672c", "\u65e5\u672c\u8a9e\u65e5\u672c", 10},
    {10, "\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e", "\u65e5\u672c\u8a9e\u65e5\u2026", 9},
    {10, "abc\u202edefghij", "abc\u2026", 4},
    {10, "123456789e\u0301", "123456789e\u0301", 10},
    {10, "12345678\t", "12345678\u2192 ", 10},
    {10, "12345678\tx", "12345678\u2026", 9},
    {1, "ab", "\u2026", 1},
    {1, "\u65e5", "?", 1},
};

static void a_line_is_one_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct text_look look = {.columns = lines[i].columns};
        struct buf out;
        buf_init(&out, 4096);
        buf_append(&out, "|", 1);
        int width = text_line((const uint8_t *)lines[i].text, strlen(lines[i].text), &look, &out);
        buf_append(&out, "", 1);
        assert_string_equal(buf_bytes(&out) + 1, lines[i].row);
        assert_int_equal(width, lines[i].width);
        buf_done(&out);
    }
}

static void a_line_that_is_cut_leaves_reverse_video(void **state)
{
    struct text_look look = {.columns = 10, .colours = true};
    static const char row[] = "\x1b[7m<FF><FF>\x1b[27m\u2026";
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    assert_int_equal(text_line((const uint8_t *)"\xff\xff\xff", 3, &look, &out), 9);
    assert_int_equal(buf_len(&out), strlen(row));
    assert_memory_equal(buf_bytes(&out), row, strlen(row));
    buf_done(&out);
}

static int use_utf8(void **state)
{
    (void)state;
    return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_one_row),
        cmocka_unit_test(a_line_that_is_cut_leaves_reverse_video),
    };
    return cmocka_run_group_tests_name("line", tests, use_utf8, NULL);
}
