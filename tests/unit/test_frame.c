/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames come whole or not at all, and one that is too long is known by its first bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "vectors.h"
#include "wire/frame.h"

/* Read from a copy of exactly that length, so that reading behind the end is found. */
static int get(const uint8_t *bytes, size_t len, uint32_t max, struct frame *frame)
{
    uint8_t *exact = malloc(len + !len);

    assert_non_null(exact);
    memcpy(exact, bytes, len);
    int result = frame_get(exact, len, max, frame);
    if (result > 0)
        frame->payload = bytes + (frame->payload - exact);
    free(exact);
    return result;
}

static void check_frame(uint8_t type, const uint8_t *payload, size_t payload_len, const uint8_t *bytes,
                        size_t len)
{
    struct buf out;
    struct frame frame = {0};
    uint8_t more[256] = {0};

    buf_init(&out, 1000);
    assert_int_equal(frame_put(&out, type, payload_len ? payload : NULL, payload_len), 0);
    assert_int_equal(buf_len(&out), len);
    assert_memory_equal(buf_bytes(&out), bytes, len);
    buf_done(&out);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(get(bytes, cut, FRAME_PAYLOAD_MAX, &frame), 0);
    memcpy(more, bytes, len);
    assert_int_equal(get(more, len + 9, FRAME_PAYLOAD_MAX, &frame), len);
    assert_int_equal(get(bytes, len, (uint32_t)payload_len, &frame), len);
    assert_int_equal(frame.type, type);
    assert_int_equal(frame.len, payload_len);
    assert_ptr_equal(frame.payload, bytes + FRAME_HEADER_BYTES);
    if (payload_len > 0)
        assert_int_equal(get(bytes, len, (uint32_t)payload_len - 1, &frame), -ERR_PROTOCOL);
}

static void frames_are_those_of_the_document(void **state)
{
    uint8_t type = 0, payload[128], bytes[128];
    struct vectors v;
    int count = 0;

    (void)state;
    vectors_open(&v, "frame.txt");
    for (; vectors_next(&v); count++) {
        vectors_exactly(&v, "type", &type, 1);
        size_t payload_len = vectors_bytes(&v, "payload", payload, sizeof payload);
        size_t len = vectors_bytes(&v, "bytes", bytes, sizeof bytes);
        check_frame(type, payload, payload_len, bytes, len);
    }
    vectors_close(&v);
    assert_int_equal(count, 10);
}

static void one_that_is_too_long_is_known_by_its_first_bytes(void **state)
{
    static const struct {
        uint8_t bytes[4];
        uint32_t max;
        int result;
    } cases[] = {
        {{0, 0, 0x10, 0}, FRAME_GREETING_MAX, 0},
        {{0, 0, 0x10, 1}, FRAME_GREETING_MAX, -ERR_PROTOCOL},
        {{0, 0, 0x10, 1}, FRAME_PAYLOAD_MAX, 0},
        {{0, 1, 0, 0}, FRAME_PAYLOAD_MAX, 0},
        {{0, 1, 0, 1}, FRAME_PAYLOAD_MAX, -ERR_PROTOCOL},
        {{0, 1, 0, 1}, UINT32_MAX, -ERR_PROTOCOL},
        {{1, 0, 0, 0}, FRAME_PAYLOAD_MAX, -ERR_PROTOCOL},
        {{0x80, 0, 0, 0}, UINT32_MAX, -ERR_PROTOCOL},
        {{0xff, 0xff, 0xff, 0xff}, UINT32_MAX, -ERR_PROTOCOL},
    };
    struct frame frame;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(get(cases[i].bytes, 4, cases[i].max, &frame), cases[i].result);
        for (size_t cut = 0; cut < 4; cut++)
            assert_int_equal(get(cases[i].bytes, cut, cases[i].max, &frame), 0);
    }
}

static void a_frame_goes_whole_or_not_at_all(void **state)
{
    static uint8_t payload[FRAME_PAYLOAD_MAX + 1];
    struct buf out;
    struct frame frame;

    (void)state;
    buf_init(&out, FRAME_PAYLOAD_MAX + FRAME_HEADER_BYTES + 4);
    assert_int_equal(frame_put(&out, 0x80, payload, FRAME_PAYLOAD_MAX + 1), -ERR_RANGE);
    assert_int_equal(frame_put(&out, 0x80, payload, FRAME_PAYLOAD_MAX), 0);
    assert_int_equal(frame_put(&out, 0x80, NULL, 0), -ERR_FULL);
    assert_int_equal(buf_len(&out), FRAME_PAYLOAD_MAX + FRAME_HEADER_BYTES);
    assert_int_equal(frame_get(buf_bytes(&out), buf_len(&out), FRAME_PAYLOAD_MAX, &frame), buf_len(&out));
    assert_int_equal(frame.len, FRAME_PAYLOAD_MAX);
    buf_done(&out);
    buf_init(&out, FRAME_HEADER_BYTES);
    assert_int_equal(frame_put(&out, 0x80, payload, 1), -ERR_FULL);
    assert_int_equal(buf_len(&out), 0);
    assert_int_equal(frame_put(&out, 0x80, NULL, 0), 0);
    buf_done(&out);
}

static void only_the_extensible_range_is_skipped(void **state)
{
    (void)state;
    for (int type = 0; type <= 0xff; type++)
        assert_int_equal(frame_may_skip((uint8_t)type), type >= 0x80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_those_of_the_document),
        cmocka_unit_test(one_that_is_too_long_is_known_by_its_first_bytes),
        cmocka_unit_test(a_frame_goes_whole_or_not_at_all),
        cmocka_unit_test(only_the_extensible_range_is_skipped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
