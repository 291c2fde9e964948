/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What comes back is judged byte by byte, however it is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "load/flow.h"

#define KEY 42
#define LONG 1500 /* more than flow.c compares at once */
#define EVENTS 64

/* What flow_input() said, one entry for each reply and for each run of stray bytes. */
struct record {
    int count;
    struct flow_reply events[EVENTS];
    size_t stray;
};

static void feed(struct flow *flow, const uint8_t *bytes, size_t len, struct record *record)
{
    for (size_t taken = 0; taken < len;) {
        struct flow_reply reply;
        uint8_t *piece = malloc(len - taken); /* so that a sanitizer sees a read beyond the piece */
        memcpy(piece, bytes + taken, len - taken);
        size_t count = flow_input(flow, piece, len - taken, &reply);
        free(piece);
        assert_in_range(count, 1, len - taken);
        taken += count;
        if (reply.event == FLOW_STRAY)
            record->stray += count;
        if (reply.event == FLOW_REPLY) {
            assert_true(record->count < EVENTS);
            record->events[record->count++] = reply;
        }
    }
}

/* Send messages first to last whole, at 1000 * their number. Returns where the copy of what went out ends. */
static uint8_t *send_all(struct flow *flow, uint64_t first, uint64_t last, uint8_t *copy)
{
    for (uint64_t seq = first; seq <= last; seq++) {
        const uint8_t *bytes;
        size_t len;
        assert_true(flow_ready(flow));
        flow_begin(flow, seq);
        flow_stamp(flow, (int64_t)seq * 1000);
        while ((len = flow_output(flow, &bytes)) > 0) {
            size_t part = len > 3 ? len / 2 : len;
            memcpy(copy, bytes, part);
            copy += part;
            flow_sent(flow, part);
        }
    }
    return copy;
}

static void payload_is_harmless_and_never_the_same(void **state)
{
    static const size_t sizes[] = {1, 2, 7, 8, 9, 64, LONG};
    uint8_t one[LONG], other[LONG];
    struct flow flow;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t size = sizes[i];
        assert_int_equal(flow_init(&flow, size, KEY, 4), 0);
        send_all(&flow, 1, 1, one);
        send_all(&flow, 2, 2, other);
        flow_done(&flow);
        for (size_t at = 0; at + 1 < size; at++)
            assert_in_range(one[at], '!', '~');
        assert_int_equal(one[size - 1], '\n');
        if (size < 7)
            continue;
        assert_memory_not_equal(one, other, size - 1);
        assert_int_equal(flow_init(&flow, size, KEY + 1, 4), 0);
        send_all(&flow, 1, 1, other);
        flow_done(&flow);
        assert_memory_not_equal(one, other, size - 1);
    }
}

static void the_cut_does_not_change_the_answer(void **state)
{
    uint8_t stream[3 * 9 + 5];
    struct flow flow;

    (void)state;
    for (size_t size = 1; size <= 9; size++)
        for (size_t cut = 0; cut <= 3 * size + 5; cut++) {
            struct record record = {0};
            assert_int_equal(flow_init(&flow, size, KEY, 3), 0);
            uint8_t *end = send_all(&flow, 1, 3, stream);
            memset(end, 'x', 5);
            if (cut == 0) { /* byte by byte */
                for (size_t i = 0; i < 3 * size + 5; i++)
                    feed(&flow, stream + i, 1, &record);
            } else {
                feed(&flow, stream, cut, &record);
                feed(&flow, stream + cut, 3 * size + 5 - cut, &record);
            }
            assert_int_equal(record.count, 3);
            assert_int_equal(record.stray, 5);
            for (int i = 0; i < 3; i++) {
                assert_int_equal(record.events[i].seq, i + 1);
                assert_int_equal(record.events[i].start_ns, 1000 * (i + 1));
                assert_int_equal(record.events[i].wrong, 0);
            }
            flow_done(&flow);
        }
}

/* Flip one byte of two messages that are both out. */
static void check_flip(size_t size, size_t flip, size_t cut)
{
    uint8_t stream[2 * LONG];
    struct record record = {0};
    struct flow flow;

    assert_int_equal(flow_init(&flow, size, KEY, 2), 0);
    send_all(&flow, 1, 2, stream);
    uint8_t expected = stream[flip];
    stream[flip] ^= 0x81;
    feed(&flow, stream, cut, &record);
    feed(&flow, stream + cut, 2 * size - cut, &record);
    flow_done(&flow);
    assert_int_equal(record.count, 2);
    const struct flow_reply *hit = &record.events[flip / size];
    assert_int_equal(hit->wrong, 1);
    assert_int_equal(hit->where, flip % size);
    assert_int_equal(hit->expected, expected);
    assert_int_equal(hit->got, expected ^ 0x81);
    assert_int_equal(record.events[1 - flip / size].wrong, 0);
}

static void every_wrong_byte_is_found(void **state)
{
    static const size_t near[] = {1, 511, 512, 513, LONG - 1, LONG, LONG + 1, LONG + 512};

    (void)state;
    for (size_t flip = 0; flip < 2 * 13; flip++)
        for (size_t cut = 1; cut < 2 * 13; cut++)
            check_flip(13, flip, cut);
    for (size_t flip = 0; flip < 2 * LONG; flip++)
        for (size_t i = 0; i < sizeof near / sizeof *near; i++)
            check_flip(LONG, flip, near[i]);
}

static void wrong_bytes_are_counted_and_the_first_is_told(void **state)
{
    uint8_t stream[20];
    struct record record = {0};
    struct flow flow;

    (void)state;
    assert_int_equal(flow_init(&flow, 10, KEY, 1), 0);
    send_all(&flow, 1, 1, stream);
    stream[3] ^= 1;
    stream[4] ^= 1;
    stream[9] = 0;
    for (size_t i = 0; i < 10; i++)
        feed(&flow, stream + i, 1, &record);
    assert_int_equal(record.events[0].wrong, 3);
    assert_int_equal(record.events[0].where, 3);
    send_all(&flow, 2, 2, stream); /* and it does not stick */
    feed(&flow, stream, 10, &record);
    assert_int_equal(record.events[1].wrong, 0);
    flow_done(&flow);
}

static void nothing_can_come_back_before_it_went_out(void **state)
{
    const uint8_t *bytes;
    uint8_t copy[10];
    struct record record = {0};
    struct flow flow;

    (void)state;
    assert_int_equal(flow_init(&flow, 10, KEY, 2), 0);
    feed(&flow, (const uint8_t *)"hello", 5, &record);
    assert_int_equal(record.stray, 5);
    flow_begin(&flow, 1);
    flow_stamp(&flow, 1);
    assert_int_equal(flow_output(&flow, &bytes), 10);
    memcpy(copy, bytes, 10);
    flow_sent(&flow, 4);
    assert_false(flow_ready(&flow));
    feed(&flow, copy, 6, &record); /* the last two are too early */
    assert_int_equal(record.stray, 7);
    flow_sent(&flow, 6);
    feed(&flow, copy + 4, 6, &record);
    assert_int_equal(record.count, 1);
    assert_int_equal(record.events[0].wrong, 0);
    flow_done(&flow);
}

static void no_more_are_out_than_allowed(void **state)
{
    uint8_t stream[8];
    struct record record = {0};
    struct flow flow;

    (void)state;
    assert_int_equal(flow_init(&flow, 2, KEY, 2), 0);
    for (uint64_t seq = 1; seq < 20; seq += 2) { /* round the ring */
        send_all(&flow, seq, seq + 1, stream);
        assert_false(flow_ready(&flow));
        feed(&flow, stream, 3, &record);
        assert_true(flow_ready(&flow));
        feed(&flow, stream + 3, 1, &record);
    }
    assert_int_equal(record.count, 20);
    assert_int_equal(record.events[19].seq, 20);
    flow_done(&flow);
}

static void who_is_given_up_may_still_answer(void **state)
{
    uint8_t stream[12];
    struct record record = {0};
    uint64_t seq = 0;
    struct flow flow;

    (void)state;
    assert_int_equal(flow_init(&flow, 3, KEY, 4), 0);
    assert_true(flow_oldest_ns(&flow) == INT64_MAX);
    assert_false(flow_expire(&flow, INT64_MAX, &seq));
    send_all(&flow, 1, 3, stream);
    assert_int_equal(flow_waiting(&flow), 3);
    assert_int_equal(flow_oldest_ns(&flow), 1000);
    assert_false(flow_expire(&flow, 1000, &seq));
    assert_true(flow_expire(&flow, 2001, &seq));
    assert_int_equal(seq, 1);
    assert_true(flow_expire(&flow, 2001, &seq));
    assert_int_equal(seq, 2);
    assert_false(flow_expire(&flow, 2001, &seq));
    assert_int_equal(flow_waiting(&flow), 1);
    feed(&flow, stream, 3, &record);
    assert_int_equal(record.events[0].seq, 1);
    assert_int_equal(record.events[0].start_ns, 1000);
    assert_int_equal(flow_waiting(&flow), 1); /* that of 3, still */
    feed(&flow, stream + 3, 6, &record);
    assert_int_equal(flow_waiting(&flow), 0);
    assert_false(flow_expire(&flow, INT64_MAX, &seq));
    flow_done(&flow);
}

/* Whether a first reply that begins so is taken for another service's. */
static bool foreign(const void *bytes, size_t len, size_t spoilt)
{
    uint8_t stream[64];
    struct record record = {0};
    struct flow flow;

    assert_int_equal(flow_init(&flow, 64, KEY, 1), 0);
    send_all(&flow, 1, 1, stream);
    if (bytes)
        memcpy(stream, bytes, len);
    for (size_t i = 0; i < spoilt; i++)
        stream[i] ^= 1;
    feed(&flow, stream, len, &record);
    bool result = flow_foreign(&flow);
    if (bytes)
        assert_memory_equal(flow.first, bytes, len);
    flow_done(&flow);
    return result;
}

static void another_service_is_told_from_a_broken_echo(void **state)
{
    (void)state;
    assert_true(foreign("HTTP/1.1 400 Bad Request\r\n", 26, 0));
    assert_true(foreign("SSH-2.0-x\r\n", 11, 0));
    assert_true(foreign("220 ", 4, 0));
    assert_false(foreign("220", 3, 0)); /* too little to judge */
    assert_false(foreign(NULL, 64, 0));
    assert_false(foreign(NULL, 64, 1));
    assert_false(foreign(NULL, 64, 48));
    assert_true(foreign(NULL, 64, 49));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payload_is_harmless_and_never_the_same),
        cmocka_unit_test(the_cut_does_not_change_the_answer),
        cmocka_unit_test(every_wrong_byte_is_found),
        cmocka_unit_test(wrong_bytes_are_counted_and_the_first_is_told),
        cmocka_unit_test(nothing_can_come_back_before_it_went_out),
        cmocka_unit_test(no_more_are_out_than_allowed),
        cmocka_unit_test(who_is_given_up_may_still_answer),
        cmocka_unit_test(another_service_is_told_from_a_broken_echo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
