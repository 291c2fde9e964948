/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages and status lines look different whatever is in them, and text goes on under text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "term/entry.h"

static const struct {
    const char *what;
    struct entry entry;
    const char *text;
    struct text_look look;
    const char *rows;
} cases[] = {
    {"a message",
     {.kind = ENTRY_OWN, .time = "14:03", .name = "anna", .name_columns = 9},
     "hello",
     {.columns = 40},
     "14:03 anna       hello\n"},
    {"wrapped under the text, a column less than the terminal has",
     {.kind = ENTRY_PEER, .time = "14:03", .name = "192.0.2.7", .name_columns = 9},
     "one two three four five six seven",
     {.columns = 40},
     "14:03 192.0.2.7  one two three four \n"
     "                 five six seven\n"},
    {"a word that is longer than a row",
     {.kind = ENTRY_OWN, .time = "14:03", .name = "a", .name_columns = 1},
     "xxxxxxxxxxxxxxxxxxxxxxxxxxx",
     {.columns = 20},
     "14:03 a  xxxxxxxxxx\n         xxxxxxxxxx\n         xxxxxxx\n"},
    {"lines of a message",
     {.kind = ENTRY_OWN, .time = "14:03", .name = "a", .name_columns = 1},
     "one\n\ntwo",
     {.columns = 40},
     "14:03 a  one\n\n         two\n"},
    {"what goes on",
     {.kind = ENTRY_PEER, .time = "14:03", .name = "a", .name_columns = 1, .more = true},
     "rest of it",
     {.columns = 20},
     "14:03 a  \342\200\246 rest of \n           it\n"},
    {"an empty message",
     {.kind = ENTRY_PEER, .time = "14:03", .name = "a", .name_columns = 1},
     "",
     {.columns = 20},
     "14:03 a  \n"},
    {"a status",
     {.kind = ENTRY_STATUS, .time = "14:03"},
     "192.0.2.7 left, and this is long",
     {.columns = 30},
     "-- 14:03 192.0.2.7 left, and \n         this is long\n"},
    {"a name that is too long is cut",
     {.kind = ENTRY_PEER, .time = "14:03", .name = "2001:db8::1", .name_columns = 6},
     "x",
     {.columns = 40},
     "14:03 2001:\342\200\246  x\n"},
    {"a name that would be something else",
     {.kind = ENTRY_OWN, .time = "14:03", .name = "a\n\033[m", .name_columns = 9},
     "x",
     {.columns = 40},
     "14:03 a^J^[[m    x\n"},
    {"a text that would be a status",
     {.kind = ENTRY_PEER, .time = "14:03", .name = "a", .name_columns = 1},
     "x\r-- 14:03 b left\342\200\250-- 14:03 c left",
     {.columns = 80},
     "14:03 a  x^M-- 14:03 b left<U+2028>-- 14:03 c left\n"},
    {"a terminal too narrow for its names",
     {.kind = ENTRY_PEER, .time = "14:03", .name = "abc", .name_columns = 3},
     "one two three",
     {.columns = 12},
     "14:03 abc\n  one two \n  three\n"},
    {"a terminal that has become narrow",
     {.kind = ENTRY_PEER, .time = "14:03", .name = "2001:db8::1", .name_columns = 26, .more = true},
     "one two three",
     {.columns = 40},
     "14:03 2001:db8::1\n  \342\200\246 one two three\n"},
    {"a status on a narrow terminal",
     {.kind = ENTRY_STATUS, .time = "14:03"},
     "you left",
     {.columns = 12},
     "-- 14:03 \n  you left\n"},
    {"colours",
     {.kind = ENTRY_PEER, .time = "14:03", .name = "a", .name_columns = 3},
     "x\033y",
     {.columns = 40, .colours = true},
     "\033[2m14:03 \033[0m\033[1;32ma\033[0m    x\033[7m^[\033[27my\033[0m\n"},
    {"colours of a status",
     {.kind = ENTRY_ERROR, .time = "14:03"},
     "x",
     {.columns = 40, .colours = true},
     "\033[1;31m-- 14:03 x\033[0m\n"},
};

static void every_entry_has_its_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct entry entry = cases[i].entry;
        struct buf out;
        entry.text = (const uint8_t *)cases[i].text;
        entry.len = strlen(cases[i].text);
        buf_init(&out, 1 << 20);
        assert_int_equal(entry_print(&entry, &cases[i].look, &out), 0);
        if (buf_len(&out) != strlen(cases[i].rows) ||
            memcmp(buf_bytes(&out), cases[i].rows, buf_len(&out)) != 0)
            fail_msg("%s:\n%.*s", cases[i].what, (int)buf_len(&out), (const char *)buf_bytes(&out));
        buf_done(&out);
    }
}

/* Whatever is in a text, its rows after the first begin with the spaces that stand under the head. */
static void no_row_of_a_text_begins_at_the_left(void **state)
{
    const struct text_look look = {.columns = 40};
    uint8_t text[400];

    (void)state;
    srand(1);
    for (int round = 0; round < 2000; round++) {
        struct entry entry = {.kind = ENTRY_PEER,
                              .time = "14:03",
                              .name = "a",
                              .name_columns = 1,
                              .text = text,
                              .len = sizeof text};
        struct buf out;
        for (size_t i = 0; i < sizeof text; i++)
            text[i] = rand() % 3 ? (uint8_t)(' ' + rand() % 4) : (uint8_t)rand();
        buf_init(&out, 1 << 20);
        assert_int_equal(entry_print(&entry, &look, &out), 0);
        buf_append(&out, "", 1);
        char *row = (char *)(uintptr_t)buf_bytes(&out);
        assert_int_equal(strncmp(row, "14:03 a  ", 9), 0);
        while ((row = strchr(row, '\n')) && *++row)
            assert_true(*row == '\n' || strncmp(row, "         ", 9) == 0);
        buf_done(&out);
    }
}

/* Beyond the last column a terminal goes on at the left of the next row, where only the program begins. */
static void no_row_of_a_text_is_wider_than_the_terminal(void **state)
{
    static const uint8_t text[] = "-- 14:03 192.0.2.7 left-- 14:03 192.0.2.7 left \033\033\033\033";

    (void)state;
    for (int columns = 8; columns < 100; columns++) {
        for (int names = 0; names < 60; names++) {
            const struct text_look look = {.columns = columns};
            struct entry entry = {.kind = ENTRY_PEER,
                                  .time = "14:03",
                                  .name = "",
                                  .name_columns = names,
                                  .text = text,
                                  .len = sizeof text - 1,
                                  .more = names % 2};
            struct buf out;
            buf_init(&out, 1 << 20);
            assert_int_equal(entry_print(&entry, &look, &out), 0);
            const char *row = (const char *)buf_bytes(&out);
            const char *end = row + buf_len(&out);
            for (const char *next; row < end; row = next + 1) {
                next = memchr(row, '\n', (size_t)(end - row));
                assert_true(next - row < columns + (entry.more ? 2 : 0)); /* the mark: three bytes, a cell */
                assert_true(row == (const char *)buf_bytes(&out) || strncmp(row, "  ", 2) == 0);
            }
            buf_done(&out);
        }
    }
}

static void an_entry_without_room_is_told(void **state)
{
    const struct text_look look = {.columns = 40};
    static uint8_t text[100000];
    struct entry entry = {.kind = ENTRY_OWN, .time = "14:03", .name = "a", .name_columns = 1};
    struct buf out;

    (void)state;
    memset(text, 'x', sizeof text);
    entry.text = text;
    entry.len = sizeof text;
    buf_init(&out, 50000);
    assert_int_equal(entry_print(&entry, &look, &out), -ERR_FULL);
    assert_int_equal(buf_bytes(&out)[buf_len(&out) - 1], '\n');
    buf_done(&out);
}

static void a_name_takes_its_cells(void **state)
{
    (void)state;
    assert_int_equal(entry_name_columns("", 10), 0);
    assert_int_equal(entry_name_columns("anna", 0), 0); /* on a terminal of two columns */
    assert_int_equal(entry_name_columns("anna", 10), 4);
    assert_int_equal(entry_name_columns("\344\275\240\345\245\275", 10), 4);
    assert_int_equal(entry_name_columns("192.0.2.7 and more", 10), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_entry_has_its_rows),
        cmocka_unit_test(no_row_of_a_text_begins_at_the_left),
        cmocka_unit_test(no_row_of_a_text_is_wider_than_the_terminal),
        cmocka_unit_test(an_entry_without_room_is_told),
        cmocka_unit_test(a_name_takes_its_cells),
    };

    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
