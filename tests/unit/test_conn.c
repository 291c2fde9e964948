/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The echo rule: every way in which a socket can take an input in pieces gives back the same bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/err.h"
#include "echo/conn.h"

static void fill(uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(i * 31 + i / 256 + 7);
}

/* Drain what is pending, step bytes at a time, to out. */
static size_t drain(struct conn *conn, uint8_t *out, size_t step)
{
    const uint8_t *bytes = NULL;
    size_t total = 0;
    size_t len;

    while ((len = conn_output(conn, &bytes)) > 0) {
        assert_int_equal(conn_want(conn), CONN_WRITE);
        size_t count = len < step ? len : step;
        memcpy(out + total, bytes, count);
        conn_sent(conn, count);
        total += count;
    }
    return total;
}

static void what_the_socket_took_is_not_kept(void **state)
{
    struct conn conn;
    uint8_t in[64];
    const uint8_t *bytes = NULL;

    (void)state;
    fill(in, sizeof in);
    conn_init(&conn);
    assert_int_equal(conn_want(&conn), CONN_READ);
    assert_int_equal(conn_input(&conn, in, sizeof in, sizeof in), 0);
    assert_int_equal(conn_output(&conn, &bytes), 0);
    assert_int_equal(conn_want(&conn), CONN_READ);
    assert_null(conn.tail);
    conn_done(&conn);
}

static void any_split_of_the_sending_gives_every_byte_once_and_in_order(void **state)
{
    struct conn conn;
    uint8_t in[97];
    uint8_t out[sizeof in];

    (void)state;
    fill(in, sizeof in);
    for (size_t sent = 0; sent < sizeof in; sent++) {
        for (size_t step = 1; step <= sizeof in - sent; step++) {
            conn_init(&conn);
            assert_int_equal(conn_input(&conn, in, sizeof in, sent), 0);
            memcpy(out, in, sent);
            assert_int_equal(drain(&conn, out + sent, step), sizeof in - sent);
            assert_memory_equal(out, in, sizeof in);
            assert_int_equal(conn_want(&conn), CONN_READ);
            conn_done(&conn);
        }
    }
}

static void nothing_is_read_while_something_is_pending(void **state)
{
    struct conn conn;
    uint8_t in[8] = {0};

    (void)state;
    conn_init(&conn);
    assert_int_equal(conn_input(&conn, in, sizeof in, 3), 0);
    assert_int_equal(conn_want(&conn), CONN_WRITE);
    assert_int_equal(conn_input(&conn, in, sizeof in, 0), -ERR_FULL);
    conn_sent(&conn, 4);
    assert_int_equal(conn_want(&conn), CONN_WRITE);
    conn_sent(&conn, 1);
    assert_int_equal(conn_want(&conn), CONN_READ);
    conn_done(&conn);
}

static void the_end_comes_after_the_last_byte(void **state)
{
    struct conn conn;
    uint8_t in[8] = {0};

    (void)state;
    conn_init(&conn);
    assert_int_equal(conn_input(&conn, in, sizeof in, 0), 0);
    conn_input_end(&conn);
    assert_int_equal(conn_want(&conn), CONN_WRITE);
    conn_sent(&conn, 7);
    assert_int_equal(conn_want(&conn), CONN_WRITE);
    conn_sent(&conn, 1);
    assert_int_equal(conn_want(&conn), CONN_DONE);
    conn_done(&conn);
}

static void the_largest_input_is_kept_whole_and_a_larger_one_refused(void **state)
{
    static uint8_t in[CONN_INPUT_MAX + 1];
    static uint8_t out[CONN_INPUT_MAX];
    struct conn conn;

    (void)state;
    fill(in, sizeof in);
    conn_init(&conn);
    assert_int_equal(conn_input(&conn, in, sizeof in, 0), -ERR_FULL);
    assert_int_equal(conn_input(&conn, in, 10, 11), -ERR_FULL);
    assert_int_equal(conn_input(&conn, in, CONN_INPUT_MAX, 0), 0);
    assert_int_equal(drain(&conn, out, 1000), CONN_INPUT_MAX);
    assert_memory_equal(out, in, CONN_INPUT_MAX);
    conn_done(&conn);
}

static void after_the_end_nothing_more_comes_in(void **state)
{
    struct conn conn;
    uint8_t in[1] = {0};

    (void)state;
    conn_init(&conn);
    conn_input_end(&conn);
    assert_int_equal(conn_want(&conn), CONN_DONE);
    assert_int_equal(conn_input(&conn, in, 1, 1), -ERR_FULL);
    conn_done(&conn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_socket_took_is_not_kept),
        cmocka_unit_test(any_split_of_the_sending_gives_every_byte_once_and_in_order),
        cmocka_unit_test(nothing_is_read_while_something_is_pending),
        cmocka_unit_test(the_end_comes_after_the_last_byte),
        cmocka_unit_test(the_largest_input_is_kept_whole_and_a_larger_one_refused),
        cmocka_unit_test(after_the_end_nothing_more_comes_in),
    };
    return cmocka_run_group_tests_name("conn", tests, NULL, NULL);
}
