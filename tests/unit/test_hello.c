/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HELLO: what goes in comes out, its end is open, and nothing else is one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "vectors.h"
#include "wire/frame.h"
#include "wire/hello.h"

/* From a copy of exactly that length. */
static int get(const uint8_t *payload, size_t len, struct hello *hello)
{
    uint8_t *exact = malloc(len + !len);

    assert_non_null(exact);
    memcpy(exact, payload, len);
    memset(hello, 0xff, sizeof *hello);
    int result = hello_get(exact, len, hello);
    free(exact);
    return result;
}

/* The HELLO of a record. */
static struct hello hello_of(const struct vectors *v)
{
    struct hello hello = {.mode = (uint8_t)strtoul(vectors_text(v, "mode"), NULL, 10),
                          .features = (uint32_t)strtoul(vectors_text(v, "features"), NULL, 16)};

    hello.name_len = (uint8_t)vectors_bytes(v, "name", (uint8_t *)hello.name, HELLO_NAME_MAX);
    for (int i = 0; i < v->count; i++) {
        if (strcmp(v->names[i], "place") == 0)
            hello.places[hello.place_count++] = vectors_place(v->values[i]);
    }
    return hello;
}

static void expect(const struct hello *got, const struct hello *hello)
{
    assert_int_equal(got->mode, hello->mode);
    assert_int_equal(got->features, hello->features);
    assert_int_equal(got->name_len, hello->name_len);
    assert_memory_equal(got->name, hello->name, (size_t)hello->name_len + 1);
    assert_int_equal(got->place_count, hello->place_count);
    for (int i = 0; i < hello->place_count; i++) {
        assert_string_equal(got->places[i].host, hello->places[i].host);
        assert_int_equal(got->places[i].port, hello->places[i].port);
    }
}

static void check_hello(const struct hello *hello, const uint8_t *payload, size_t len)
{
    struct buf out;
    struct frame frame;
    struct hello got;

    buf_init(&out, FRAME_HEADER_BYTES + FRAME_GREETING_MAX);
    assert_int_equal(hello_put(&out, hello), 0);
    assert_int_equal(frame_get(buf_bytes(&out), buf_len(&out), FRAME_GREETING_MAX, &frame), buf_len(&out));
    assert_int_equal(frame.type, FRAME_HELLO);
    assert_int_equal(frame.len, len);
    assert_memory_equal(frame.payload, payload, len);
    buf_done(&out);
    assert_int_equal(get(payload, len, &got), 0);
    expect(&got, hello);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(get(payload, cut, &got), -ERR_PROTOCOL);
}

static void it_is_that_of_the_document(void **state)
{
    uint8_t payload[FRAME_GREETING_MAX];
    struct vectors v;
    struct hello hello, first = {0};
    int good = 0, longer = 0, bad = 0;

    (void)state;
    vectors_open(&v, "hello.txt");
    while (vectors_next(&v)) {
        if (vectors_text(&v, "bad")) {
            size_t len = vectors_bytes(&v, "bad", payload, sizeof payload);
            assert_int_equal(get(payload, len, &hello), -ERR_PROTOCOL);
            bad++;
        } else if (vectors_text(&v, "longer")) {
            size_t len = vectors_bytes(&v, "longer", payload, sizeof payload);
            assert_int_equal(get(payload, len, &hello), 0);
            expect(&hello, &first);
            longer++;
        } else {
            hello = hello_of(&v);
            size_t len = vectors_bytes(&v, "payload", payload, sizeof payload);
            check_hello(&hello, payload, len);
            if (good++ == 0)
                first = hello;
        }
    }
    vectors_close(&v);
    assert_int_equal(good, 4);
    assert_int_equal(longer, 1);
    assert_int_equal(bad, 7);
}

static void of_another_version_nothing_else_is_looked_at(void **state)
{
    uint8_t payload[2] = {0, 0xff};
    struct hello hello;

    (void)state;
    for (int version = 0; version <= 0xff; version++) {
        payload[0] = (uint8_t)version;
        for (size_t len = 1; len <= sizeof payload; len++)
            assert_int_equal(get(payload, len, &hello), version == 1 ? -ERR_PROTOCOL : -ERR_RANGE);
    }
}

static void put_and_expect(const struct hello *hello, int result, int places)
{
    struct buf out;
    struct frame frame;
    struct hello got;

    buf_init(&out, FRAME_HEADER_BYTES + FRAME_GREETING_MAX);
    assert_int_equal(hello_put(&out, hello), result);
    assert_int_equal(buf_len(&out) > 0, result == 0);
    if (result == 0) {
        assert_int_equal(frame_get(buf_bytes(&out), buf_len(&out), FRAME_GREETING_MAX, &frame),
                         buf_len(&out));
        assert_int_equal(get(frame.payload, frame.len, &got), 0);
        assert_int_equal(got.place_count, places);
    }
    buf_done(&out);
}

static void what_has_no_form_is_left_out_or_an_error(void **state)
{
    struct hello hello = {.mode = HELLO_TALK, .name_len = 1, .name = "x"};

    (void)state;
    put_and_expect(&hello, 0, 0);
    hello.name_len = 0;
    put_and_expect(&hello, -ERR_RANGE, 0);
    hello.name_len = HELLO_NAME_MAX + 1;
    put_and_expect(&hello, -ERR_RANGE, 0);
    hello.name_len = HELLO_NAME_MAX;
    put_and_expect(&hello, 0, 0);
    hello.place_count = HELLO_PLACES_MAX + 1;
    put_and_expect(&hello, -ERR_RANGE, 0);
    hello.place_count = -1;
    put_and_expect(&hello, -ERR_RANGE, 0);
    hello.place_count = 3;
    hello.places[0] = vectors_place("* 5188");
    hello.places[1] = vectors_place("192.0.2.7 5188");
    hello.places[2] = vectors_place("192.0.2.8 0");
    put_and_expect(&hello, 0, 1);
    /* 16 of the longest names are more than 4096 bytes; 15 and an address are not. */
    hello.place_count = HELLO_PLACES_MAX;
    for (int i = 0; i < HELLO_PLACES_MAX; i++) {
        snprintf(hello.places[i].host, sizeof hello.places[i].host, "%060d.%060d.%060d.%070d", 0, 0, 0, 0);
        memset(hello.places[i].host + 183, 'a', 63);
        memcpy(hello.places[i].host + 183 + 63, ".abcdef", 8);
        hello.places[i].port = 7;
    }
    assert_int_equal(strlen(hello.places[0].host), 253);
    put_and_expect(&hello, 0, HELLO_PLACES_MAX - 1);
    hello.places[4] = vectors_place("192.0.2.7 5188");
    put_and_expect(&hello, 0, HELLO_PLACES_MAX);
}

static void a_buffer_without_room_gets_nothing(void **state)
{
    struct hello hello = {.mode = HELLO_TALK, .name_len = 1, .name = "x"};
    struct buf out;

    (void)state;
    buf_init(&out, FRAME_HEADER_BYTES + 8);
    assert_int_equal(hello_put(&out, &hello), -ERR_FULL);
    assert_int_equal(buf_len(&out), 0);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_that_of_the_document),
        cmocka_unit_test(of_another_version_nothing_else_is_looked_at),
        cmocka_unit_test(what_has_no_form_is_left_out_or_an_error),
        cmocka_unit_test(a_buffer_without_room_gets_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
