/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes on their way: first in, first out, never more than the maximum, and cheap in any step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"

/* The sanitizer, if there is one, leaves a failed allocation to the program. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void fill(uint8_t *bytes, size_t len, size_t offset)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)((i + offset) * 31 + (i + offset) / 256 + 7);
}

/* Append the count bytes of the pattern that stand at offset, step at a time. */
static void append(struct buf *buf, size_t offset, size_t count, size_t step)
{
    uint8_t piece[4096];

    while (count > 0) {
        size_t len = count < step ? count : step;
        fill(piece, len, offset);
        assert_int_equal(buf_append(buf, piece, len), 0);
        offset += len;
        count -= len;
    }
}

/* What the buffer holds is the pattern's bytes from begin to end. */
static void check(const struct buf *buf, size_t begin, size_t end)
{
    assert_int_equal(buf_len(buf), end - begin);
    assert_int_equal(buf_space(buf), buf->max - (end - begin));
    uint8_t *expected = malloc(end - begin + 1);
    fill(expected, end - begin, begin);
    if (end > begin)
        assert_memory_equal(buf_bytes(buf), expected, end - begin);
    free(expected);
}

static void a_new_buffer_allocates_nothing(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 100);
    assert_null(buf.bytes);
    assert_int_equal(buf_len(&buf), 0);
    assert_int_equal(buf_space(&buf), 100);
    buf_consume(&buf, 0);
    assert_null(buf.bytes);
    buf_done(&buf);
    buf_done(&buf);
}

static void a_buffer_that_is_done_may_be_used_again(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 100);
    append(&buf, 0, 100, 7);
    buf_done(&buf);
    assert_null(buf.bytes);
    check(&buf, 0, 0);
    append(&buf, 0, 100, 7);
    check(&buf, 0, 100);
    buf_done(&buf);
}

/* Fill to within free bytes of the maximum, with taken bytes consumed before that, then append len. */
static const struct {
    size_t max, taken, free, len;
    int result;
} bounds[] = {
    {1, 0, 1, 1, 0},
    {1, 0, 1, 2, -ERR_FULL},
    {1, 0, 0, 1, -ERR_FULL},
    {1, 1, 1, 1, 0},
    {1, 1, 0, 1, -ERR_FULL},
    {100, 0, 0, 0, 0},
    {100, 0, 10, 10, 0},
    {100, 0, 10, 11, -ERR_FULL},
    {100, 90, 10, 10, 0},
    {100, 90, 10, 11, -ERR_FULL},
    {4096, 0, 4096, 4096, 0},
    {4096, 0, 4096, 4097, -ERR_FULL},
    {4096, 1000, 96, 96, 0},
    {4096, 1000, 96, 97, -ERR_FULL},
    {4096, 4096, 96, 97, -ERR_FULL},
    {70000, 69999, 1, 1, 0},
    {70000, 69999, 1, 2, -ERR_FULL},
    {70000, 69999, 0, 4096, -ERR_FULL},
    {70000, 0, 4096, SIZE_MAX, -ERR_FULL},
};

static void the_maximum_is_exact_and_a_refusal_changes_nothing(void **state)
{
    static uint8_t piece[4097];

    (void)state;
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        struct buf buf;
        size_t begin = bounds[i].taken, end = bounds[i].taken + bounds[i].max - bounds[i].free;
        buf_init(&buf, bounds[i].max);
        append(&buf, 0, begin, 1000);
        buf_consume(&buf, begin);
        append(&buf, begin, end - begin, 1000);
        fill(piece, sizeof piece, end);
        assert_int_equal(buf_append(&buf, piece, bounds[i].len), bounds[i].result);
        if (!bounds[i].result)
            end += bounds[i].len;
        check(&buf, begin, end);
        if (bounds[i].result)
            assert_null(buf_reserve(&buf, bounds[i].len));
        check(&buf, begin, end);
        buf_done(&buf);
    }
}

static void growing_keeps_every_byte(void **state)
{
    static const size_t steps[] = {1, 2, 3, 1000, 1024, 4095, 4096};

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct buf buf;
        buf_init(&buf, 300000);
        append(&buf, 0, 300000, steps[i]);
        check(&buf, 0, 300000);
        buf_consume(&buf, 299999);
        check(&buf, 299999, 300000);
        buf_done(&buf);
    }
}

static void little_takes_little(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 1 << 20);
    for (size_t len = 1; len <= 200000; len++) {
        append(&buf, len - 1, 1, 1);
        assert_true(buf.size <= 1024 || buf.size < 2 * len);
    }
    buf_done(&buf);
}

static void what_is_filled_in_place_belongs_to_the_buffer(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 10000);
    append(&buf, 0, 3, 3);
    uint8_t *room = buf_reserve(&buf, 5000);
    assert_non_null(room);
    memset(room, 0xff, 5000);
    fill(room, 2000, 3);
    check(&buf, 0, 3);
    buf_commit(&buf, 2000);
    check(&buf, 0, 2003);
    buf_commit(&buf, 0);
    check(&buf, 0, 2003);
    assert_non_null(buf_reserve(&buf, 10000 - 2003));
    assert_null(buf_reserve(&buf, 10000 - 2002));
    assert_non_null(buf_reserve(&buf, 0));
    check(&buf, 0, 2003);
    buf_done(&buf);
}

static void room_for_nothing_is_no_refusal(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 1);
    assert_non_null(buf_reserve(&buf, 0));
    assert_int_equal(buf_append(&buf, NULL, 0), 0);
    check(&buf, 0, 0);
    append(&buf, 0, 1, 1);
    assert_non_null(buf_reserve(&buf, 0));
    assert_int_equal(buf_append(&buf, NULL, 0), 0);
    check(&buf, 0, 1);
    buf_done(&buf);
}

static void an_empty_buffer_gives_back_what_it_had_beyond_64_kib(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 1 << 20);
    append(&buf, 0, 1 << 20, 4096);
    assert_true(buf.size >= 1 << 20);
    buf_consume(&buf, (1 << 20) - 1);
    check(&buf, (1 << 20) - 1, 1 << 20);
    buf_consume(&buf, 1);
    assert_int_equal(buf.size, BUF_KEEP);
    const uint8_t *kept = buf.bytes;
    for (int i = 0; i < 10; i++) {
        append(&buf, 0, BUF_KEEP, 4096);
        check(&buf, 0, BUF_KEEP);
        buf_consume(&buf, BUF_KEEP);
        assert_ptr_equal(buf.bytes, kept);
    }
    buf_done(&buf);
}

/* Keep `held` bytes in a buffer while many times as many pass through it, a few at a time, and count how many are
 * moved for that: a change of where the first byte lies moves all that are there. */
static size_t moved_for(size_t max, size_t held, size_t step, size_t through)
{
    struct buf buf;
    size_t moved = 0, offset = held;

    buf_init(&buf, max);
    append(&buf, 0, held, 4096);
    while (offset < held + through) {
        const uint8_t *bytes = buf_bytes(&buf);
        buf_consume(&buf, step);
        append(&buf, offset, step, step);
        if (buf_bytes(&buf) != bytes + step)
            moved += buf_len(&buf);
        offset += step;
    }
    check(&buf, offset - held, offset);
    assert_true(buf.size <= max + max / 2);
    buf_done(&buf);
    return moved;
}

static void consuming_costs_the_same_for_each_byte_however_full_the_buffer(void **state)
{
    static const size_t max = 100000;
    static const size_t held[] = {1, 2, 1000, 40000, 66000, 67000, 90000, 99999, 100000};
    static const size_t step[] = {1, 7, 1000};

    (void)state;
    for (size_t i = 0; i < sizeof held / sizeof *held; i++)
        for (size_t j = 0; j < sizeof step / sizeof *step; j++)
            if (step[j] <= held[i])
                assert_true(moved_for(max, held[i], step[j], 10 * max) <= 2 * 10 * max + 2 * max);
}

enum { MODEL_MAX = 20000, MODEL_STEPS = 20000 };

/* A FIFO that nobody can get wrong. */
struct model {
    uint8_t bytes[MODEL_MAX];
    size_t len;
};

static void model_append(struct model *model, const uint8_t *bytes, size_t len)
{
    memcpy(model->bytes + model->len, bytes, len);
    model->len += len;
}

static void model_consume(struct model *model, size_t len)
{
    model->len -= len;
    memmove(model->bytes, model->bytes + len, model->len);
}

static size_t some(size_t most)
{
    size_t range = rand() % 4 ? most / 50 : most;

    return (size_t)rand() % (range + 1);
}

/* One random step, the same for both. */
static void act(struct buf *buf, struct model *model)
{
    static uint8_t piece[MODEL_MAX + MODEL_MAX / 10];
    size_t len = some(sizeof piece);
    bool fits = len <= buf->max - model->len;

    switch (rand() % 4) {
    case 0:
        fill(piece, len, (size_t)rand());
        assert_int_equal(buf_append(buf, piece, len), fits ? 0 : -ERR_FULL);
        if (fits)
            model_append(model, piece, len);
        break;
    case 1: {
        uint8_t *room = buf_reserve(buf, len);
        assert_true(fits == (room != NULL));
        if (room) {
            fill(room, len, (size_t)rand());
            len = some(len);
            model_append(model, room, len);
            buf_commit(buf, len);
        }
        break;
    }
    default:
        len = some(model->len);
        buf_consume(buf, len);
        model_consume(model, len);
    }
}

static void any_order_of_steps_is_what_a_plain_array_says(void **state)
{
    static const size_t maxima[] = {1, 2, 3, 100, 1023, 1500, MODEL_MAX};
    static struct model model;

    (void)state;
    srand(1);
    for (size_t i = 0; i < sizeof maxima / sizeof *maxima; i++) {
        struct buf buf;
        buf_init(&buf, maxima[i]);
        model.len = 0;
        for (int step = 0; step < MODEL_STEPS; step++) {
            act(&buf, &model);
            assert_int_equal(buf_len(&buf), model.len);
            assert_int_equal(buf_space(&buf), maxima[i] - model.len);
            if (model.len > 0)
                assert_memory_equal(buf_bytes(&buf), model.bytes, model.len);
        }
        buf_done(&buf);
    }
}

static void out_of_memory_ends_the_process_with_a_message(void **state)
{
    int fds[2];
    int status = 0;
    char text[256] = "";

    (void)state;
    assert_int_equal(pipe(fds), 0);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct buf buf;
        dup2(fds[1], STDERR_FILENO);
        buf_init(&buf, SIZE_MAX / 4);
        buf_reserve(&buf, SIZE_MAX / 4);
        _exit(0);
    }
    close(fds[1]);
    size_t len = 0;
    ssize_t count;
    while ((count = read(fds[0], text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)count;
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_SYSTEM);
    assert_non_null(strstr(text, "yodel: out of memory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_buffer_allocates_nothing),
        cmocka_unit_test(a_buffer_that_is_done_may_be_used_again),
        cmocka_unit_test(the_maximum_is_exact_and_a_refusal_changes_nothing),
        cmocka_unit_test(growing_keeps_every_byte),
        cmocka_unit_test(little_takes_little),
        cmocka_unit_test(what_is_filled_in_place_belongs_to_the_buffer),
        cmocka_unit_test(room_for_nothing_is_no_refusal),
        cmocka_unit_test(an_empty_buffer_gives_back_what_it_had_beyond_64_kib),
        cmocka_unit_test(consuming_costs_the_same_for_each_byte_however_full_the_buffer),
        cmocka_unit_test(any_order_of_steps_is_what_a_plain_array_says),
        cmocka_unit_test(out_of_memory_ends_the_process_with_a_message),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
