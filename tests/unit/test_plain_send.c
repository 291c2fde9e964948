/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sending lines: whole or not at all, in order, however the socket takes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "wire/plain.h"

enum { MAX = PLAIN_LINE_MAX };

static const struct {
    const char *text;
    const char *sent;
} sendings[] = {
    {"hello", "hello\n"}, {"", "\n"},
    {"a\nb", "a\nb\n"},   {"a\n", "a\n"},
    {"a\n\n", "a\n\n"},   {"\n", "\n"},
    {"\n\na", "\n\na\n"}, {"a\r", "a\r\n"},
    {"//", "//\n"},       {"\x1b[31m", "\x1b[31m\n"},
};

static void each_line_of_a_message_is_ended(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sendings / sizeof *sendings; i++) {
        struct plain plain;
        size_t len = 1;
        plain_init(&plain);
        plain_output(&plain, &len);
        assert_int_equal(len, 0);
        const char *text = sendings[i].text;
        assert_int_equal(plain_send(&plain, *text ? (const uint8_t *)text : NULL, strlen(text)), 0);
        const uint8_t *sent = plain_output(&plain, &len);
        assert_int_equal(len, strlen(sendings[i].sent));
        assert_memory_equal(sent, sendings[i].sent, len);
        plain_done(&plain);
    }
}

static void messages_go_out_in_order_in_any_pieces(void **state)
{
    struct plain plain;
    struct buf sent;
    size_t len = 0;

    (void)state;
    for (size_t step = 1; step < 16; step++) {
        plain_init(&plain);
        buf_init(&sent, 100);
        assert_int_equal(plain_send(&plain, (const uint8_t *)"one\0", 4), 0);
        assert_int_equal(plain_send(&plain, (const uint8_t *)"two", 3), 0);
        for (int more = 1;; more--) {
            const uint8_t *bytes = plain_output(&plain, &len);
            if (len == 0)
                break;
            len = len < step ? len : step;
            buf_append(&sent, bytes, len);
            plain_sent(&plain, len);
            if (more > 0)
                assert_int_equal(plain_send(&plain, (const uint8_t *)"three", 5), 0);
        }
        assert_int_equal(buf_len(&sent), 15);
        assert_memory_equal(buf_bytes(&sent), "one\0\ntwo\nthree\n", 15);
        buf_done(&sent);
        plain_done(&plain);
    }
}

static void a_full_queue_takes_a_message_whole_or_not_at_all(void **state)
{
    struct plain plain;
    size_t len = 0;
    uint8_t *text = malloc(MAX + 1);

    (void)state;
    memset(text, 'x', MAX + 1);
    plain_init(&plain);
    assert_int_equal(plain_send(&plain, text, MAX + 1), -ERR_RANGE);
    assert_int_equal(plain_send(&plain, text, MAX), 0);
    assert_int_equal(plain_send(&plain, text, MAX), -ERR_FULL);
    assert_int_equal(plain_send(&plain, text, MAX - 1), -ERR_FULL);
    plain_output(&plain, &len);
    assert_int_equal(len, MAX + 1);
    assert_int_equal(plain_send(&plain, text, MAX + 1), -ERR_RANGE);
    assert_int_equal(plain_send(&plain, text, MAX - 2), 0);
    plain_output(&plain, &len);
    assert_int_equal(len, PLAIN_QUEUE_MAX);
    assert_int_equal(plain_send(&plain, text, 0), -ERR_FULL);
    plain_sent(&plain, 6);
    assert_int_equal(plain_send(&plain, text, 6), -ERR_FULL);
    text[5] = '\n';
    assert_int_equal(plain_send(&plain, text, 6), 0);
    plain_output(&plain, &len);
    assert_int_equal(len, PLAIN_QUEUE_MAX);
    plain_sent(&plain, len);
    assert_int_equal(plain_send(&plain, text, MAX), 0);
    plain_done(&plain);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_of_a_message_is_ended),
        cmocka_unit_test(messages_go_out_in_order_in_any_pieces),
        cmocka_unit_test(a_full_queue_takes_a_message_whole_or_not_at_all),
    };
    return cmocka_run_group_tests_name("plain_send", tests, NULL, NULL);
}
