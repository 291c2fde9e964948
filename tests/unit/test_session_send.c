/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is said leaves as frames, whole or not at all, within bounds; and two sessions that talk with each other, in any
 * order and at any pace, lose nothing and both know when they are done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "wire/session.h"

enum { MAX = SESSION_MESSAGE_MAX, PIECE = SESSION_PIECE_MAX };

#define COUNT(table) (sizeof(table) / sizeof *(table))

static int send_text(struct session *session, const char *text)
{
    return session_send(session, (const uint8_t *)text, strlen(text));
}

static void expect_output(const struct session *session, const char *bytes, size_t len)
{
    size_t waiting = 0;
    const uint8_t *output = session_output(session, &waiting);

    assert_int_equal(waiting, len);
    if (len > 0)
        assert_memory_equal(output, bytes, len);
}

#define EXPECT_OUTPUT(session, bytes) expect_output(session, bytes, sizeof(bytes) - 1)

static void what_is_said_leaves_as_frames(void **state)
{
    struct session session;

    (void)state;
    session_init(&session, SESSION_TALK);
    EXPECT_OUTPUT(&session, "");
    assert_int_equal(send_text(&session, "hi"), 0);
    assert_int_equal(session_send(&session, NULL, 0), 0);
    session_leave(&session);
    EXPECT_OUTPUT(&session, "\0\0\0\x03\x10\x03hi\0\0\0\x01\x10\x03\0\0\0\0\x13");
    session_sent(&session, 1);
    EXPECT_OUTPUT(&session, "\0\0\x03\x10\x03hi\0\0\0\x01\x10\x03\0\0\0\0\x13");
    session_sent(&session, 18);
    EXPECT_OUTPUT(&session, "");
    session_done(&session);

    session_init(&session, SESSION_STREAM);
    assert_int_equal(session_data(&session, (const uint8_t *)"hi", 2), 2);
    assert_int_equal(session_data(&session, NULL, 0), 0);
    session_eof(&session);
    session_eof(&session);
    assert_int_equal(session_data(&session, (const uint8_t *)"x", 1), 0);
    session_leave(&session);
    session_leave(&session);
    session_eof(&session);
    EXPECT_OUTPUT(&session, "\0\0\0\x02\x11hi\0\0\0\0\x12\0\0\0\0\x13");
    session_done(&session);
}

/* The length of a frame that fits one record of TLS, and of the next one of a message or stream of len bytes. */
static void long_ones_leave_in_pieces_that_fit_a_record(void **state)
{
    static const size_t lengths[] = {PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 1, MAX};
    uint8_t *text = malloc(MAX);

    (void)state;
    for (size_t i = 0; i < MAX; i++)
        text[i] = (uint8_t)(i * 5 / 3);
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct session session;
        size_t waiting, at = 0;
        session_init(&session, SESSION_TALK);
        assert_int_equal(session_send(&session, text, lengths[i]), 0);
        for (const uint8_t *frame; (frame = session_output(&session, &waiting)), waiting > 0;) {
            size_t len = (size_t)frame[2] << 8 | frame[3];
            assert_int_equal(frame[0] << 8 | frame[1], 0);
            assert_true(len > 1 && 5 + len <= 16384 && 5 + len <= waiting);
            assert_int_equal(frame[4], 0x10);
            assert_int_equal(frame[5], (at == 0) | (at + len - 1 == lengths[i]) << 1);
            assert_memory_equal(frame + 6, text + at, len - 1);
            at += len - 1;
            session_sent(&session, 5 + len);
        }
        assert_int_equal(at, lengths[i]);
        session_done(&session);
    }
    free(text);
}

static void a_full_queue_takes_a_message_whole_or_not_at_all(void **state)
{
    uint8_t *text = calloc(1, MAX + 1);
    struct session session;
    size_t before, after;

    (void)state;
    session_init(&session, SESSION_TALK);
    assert_int_equal(session_send(&session, text, MAX + 1), -ERR_RANGE);
    assert_int_equal(session_send(&session, text, MAX), 0);
    assert_int_equal(session_send(&session, text, MAX), 0);
    session_output(&session, &before);
    assert_int_equal(session_send(&session, text, 0), -ERR_FULL);
    assert_int_equal(session_send(&session, text, MAX), -ERR_FULL);
    session_output(&session, &after);
    assert_int_equal(before, after);
    /* A goodbye finds room always. */
    session_leave(&session);
    session_output(&session, &after);
    assert_int_equal(after, before + 5);
    assert_int_equal(session_send(&session, text, 0), -EPIPE);
    session_done(&session);

    session_init(&session, SESSION_TALK);
    assert_int_equal(session_send(&session, text, MAX), 0);
    assert_int_equal(session_send(&session, text, MAX), 0);
    session_sent(&session, 100);
    assert_int_equal(session_send(&session, text, 100 - 6 + 1), -ERR_FULL);
    assert_int_equal(session_send(&session, text, 100 - 6), 0);
    /* The peer's goodbye too is answered, though nothing leaves. */
    assert_int_equal(session_input(&session, (const uint8_t *)"\0\0\0\0\x13", 5, 0), 0);
    struct wire_event event;
    assert_true(session_next(&session, 0, &event));
    assert_int_equal(event.kind, WIRE_LEFT);
    session_output(&session, &after);
    assert_int_equal(after, before + 5);
    assert_int_equal(session_send(&session, text, 0), -EPIPE);
    session_leave(&session); /* nobody is there to answer */
    session_output(&session, &before);
    assert_int_equal(after, before);
    session_done(&session);
    free(text);
}

static void a_stream_waits_within_its_bound(void **state)
{
    static const size_t steps[] = {1, 7, PIECE - 1, PIECE, PIECE + 1, 100000};
    uint8_t *bytes = calloc(1, 100000);

    (void)state;
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct session session;
        size_t waiting, taken = 0, some;
        session_init(&session, SESSION_STREAM);
        while ((some = session_data(&session, bytes, steps[i])) > 0)
            taken += some;
        session_output(&session, &waiting);
        assert_true(waiting <= SESSION_STREAM_MAX && waiting > SESSION_STREAM_MAX - 6);
        assert_true(taken > 0 && (steps[i] < PIECE || taken > 60000));
        session_sent(&session, 6);
        assert_true(session_data(&session, bytes, steps[i]) > 0);
        /* The end of it finds room always. */
        session_eof(&session);
        session_leave(&session);
        session_output(&session, &some);
        assert_true(some > 10);
        session_done(&session);
    }
    free(bytes);
}

/* --- both ends */

/* One end, and what it has heard: a message is "<text>", of a stream only its bytes, "$" is its end, "!" goodbye. */
struct end {
    struct session session;
    struct buf heard;
    bool left;
    bool broken;
};

static void open_end(struct end *end, enum session_mode mode)
{
    *end = (struct end){0};
    session_init(&end->session, mode);
    buf_init(&end->heard, (size_t)32 << 20);
}

static void close_end(struct end *end)
{
    session_done(&end->session);
    buf_done(&end->heard);
}

static bool listen_once(struct end *end)
{
    struct wire_event event;

    if (!session_next(&end->session, 0, &event))
        return false;
    if (event.kind == WIRE_TEXT)
        buf_append(&end->heard, "<", 1);
    if (event.kind == WIRE_TEXT || event.kind == WIRE_DATA)
        buf_append(&end->heard, event.text, event.len);
    if (event.kind == WIRE_TEXT)
        buf_append(&end->heard, ">", 1);
    if (event.kind == WIRE_EOF)
        buf_append(&end->heard, "$", 1);
    end->left |= event.kind == WIRE_LEFT;
    end->broken |= event.kind == WIRE_BROKEN;
    return true;
}

/* Move at most so many bytes from one end to the other. Returns how many. */
static size_t move(struct end *from, struct end *to, size_t most)
{
    size_t len, room = session_room(&to->session);
    const uint8_t *bytes = session_output(&from->session, &len);

    len = len < most ? len : most;
    len = len < room ? len : room;
    assert_int_equal(session_input(&to->session, bytes, len, 0), 0);
    session_sent(&from->session, len);
    return len;
}

/* Until nothing moves any more. */
static void pump(struct end *a, struct end *b, size_t step)
{
    bool moved = true;

    while (moved) {
        moved = listen_once(a);
        moved |= listen_once(b);
        moved |= move(a, b, step) > 0;
        moved |= move(b, a, step) > 0;
    }
}

static void expect_heard(const struct end *end, const char *text)
{
    assert_int_equal(buf_len(&end->heard), strlen(text));
    if (*text)
        assert_memory_equal(buf_bytes(&end->heard), text, strlen(text));
    assert_false(end->broken);
}

static void one_says_goodbye_and_both_are_done(void **state)
{
    struct end a, b;

    (void)state;
    for (size_t step = 1; step < 40; step++) {
        open_end(&a, SESSION_TALK);
        open_end(&b, SESSION_TALK);
        send_text(&a.session, "one");
        send_text(&b.session, "uno");
        send_text(&a.session, "two");
        session_leave(&a.session);
        assert_false(session_settled(&a.session) || session_settled(&b.session));
        pump(&a, &b, step);
        expect_heard(&a, "<uno>");
        expect_heard(&b, "<one><two>");
        assert_true(a.left && b.left);
        assert_true(session_settled(&a.session) && session_settled(&b.session));
        session_end(&a.session);
        session_end(&b.session);
        pump(&a, &b, step);
        assert_true(!a.broken && !b.broken);
        assert_true(session_settled(&a.session) && session_settled(&b.session));
        close_end(&a);
        close_end(&b);
    }
}

static void both_say_goodbye_at_once_and_nothing_is_lost(void **state)
{
    struct end a, b;

    (void)state;
    for (size_t step = 1; step < 40; step++) {
        open_end(&a, SESSION_TALK);
        open_end(&b, SESSION_TALK);
        send_text(&a.session, "adieu");
        send_text(&b.session, "addio");
        session_leave(&a.session);
        session_leave(&b.session);
        pump(&a, &b, step);
        expect_heard(&a, "<addio>");
        expect_heard(&b, "<adieu>");
        assert_true(a.left && b.left);
        assert_true(session_settled(&a.session) && session_settled(&b.session));
        close_end(&a);
        close_end(&b);
    }
}

/* Who leaves is answered only when all before was asked for; what the other one says meanwhile still comes. */
/* What comes next can be seen without taking it. */
static void data_is_seen_ahead_and_nothing_else(void **state)
{
    static const uint8_t frames[] = "\0\0\0\3\x11"
                                    "abc"
                                    "\0\0\0\2\x11"
                                    "de"
                                    "\0\0\0\0\x12"
                                    "\0\0\0\0\x13";
    static const struct {
        size_t whole; /* so many bytes must have come */
        ssize_t ahead;
        enum wire_kind kind;
    } steps[] = {{8, 3, WIRE_DATA}, {15, 2, WIRE_DATA}, {20, 0, WIRE_EOF}, {25, 0, WIRE_LEFT}};
    struct session session;
    struct wire_event event;
    size_t at = 0, len;

    (void)state;
    session_init(&session, SESSION_STREAM);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        for (; at < steps[i].whole; at++) {
            assert_int_equal(session_ahead(&session), -EAGAIN);
            assert_int_equal(session_input(&session, frames + at, 1, 0), 0);
        }
        assert_int_equal(session_ahead(&session), steps[i].ahead);
        assert_int_equal(session_ahead(&session), steps[i].ahead);
        session_output(&session, &len);
        assert_int_equal(len, 0); /* a goodbye that was only seen is not answered */
        assert_true(session_next(&session, 0, &event));
        assert_int_equal(event.kind, steps[i].kind);
        if (event.kind == WIRE_DATA)
            assert_int_equal(event.len, steps[i].ahead);
    }
    session_output(&session, &len);
    assert_int_equal(len, 5);
    assert_int_equal(session_ahead(&session), -EAGAIN);
    session_done(&session);
    /* A length that breaks the protocol is known before the frame is whole. */
    session_init(&session, SESSION_STREAM);
    assert_int_equal(session_input(&session, (const uint8_t *)"\xff\xff\xff\xff", 4, 0), 0);
    assert_int_equal(session_ahead(&session), 0);
    session_done(&session);
    /* And so is data that may not come. */
    session_init(&session, SESSION_STREAM);
    assert_int_equal(session_input(&session, (const uint8_t *)"\0\0\0\0\x12\0\0\0\1\x11x", 11, 0), 0);
    assert_true(session_next(&session, 0, &event));
    assert_int_equal(event.kind, WIRE_EOF);
    assert_int_equal(session_ahead(&session), 0);
    session_done(&session);
}

static void a_goodbye_is_answered_when_all_before_was_taken_in(void **state)
{
    struct end a, b;

    (void)state;
    open_end(&a, SESSION_TALK);
    open_end(&b, SESSION_TALK);
    send_text(&a.session, "last");
    session_leave(&a.session);
    move(&a, &b, SIZE_MAX);
    assert_int_equal(send_text(&b.session, "late"), 0);
    assert_true(listen_once(&b));
    expect_heard(&b, "<last>");
    assert_int_equal(send_text(&b.session, "later"), 0);
    move(&b, &a, SIZE_MAX);
    while (listen_once(&a))
        ;
    assert_false(a.left || session_settled(&a.session));
    assert_true(listen_once(&b));
    assert_true(b.left);
    assert_false(session_settled(&b.session)); /* the answer has not left */
    assert_int_equal(send_text(&b.session, "too late"), -EPIPE);
    pump(&a, &b, SIZE_MAX);
    expect_heard(&a, "<late><later>");
    assert_true(session_settled(&a.session) && session_settled(&b.session));
    close_end(&a);
    close_end(&b);
}

/* Cut at each byte: a message comes whole or not at all, and only a complete goodbye is one. */
static void wherever_it_is_cut_nothing_is_taken_for_an_end(void **state)
{
    static const char said[] = "\0\0\0\x04\x10\x03one\0\0\0\x04\x10\x03two\0\0\0\0\x13";
    struct end a;

    (void)state;
    for (size_t cut = 0; cut < sizeof said; cut++) {
        open_end(&a, SESSION_TALK);
        assert_int_equal(session_input(&a.session, (const uint8_t *)said, cut, 0), 0);
        session_end(&a.session);
        while (listen_once(&a))
            ;
        assert_int_equal(buf_len(&a.heard), cut < 9 ? 0 : cut < 18 ? 5 : 10);
        assert_int_equal(a.broken, cut < sizeof said - 1);
        assert_int_equal(a.left, cut == sizeof said - 1);
        assert_false(session_settled(&a.session));
        close_end(&a);
    }
}

/* Our goodbye crossed the peer's, and the connection ended: what was said last may not have arrived. */
static void an_answer_that_never_came_settles_nothing(void **state)
{
    struct end a;

    (void)state;
    for (int leaving = 0; leaving < 2; leaving++) {
        open_end(&a, SESSION_TALK);
        if (leaving)
            session_leave(&a.session);
        assert_int_equal(session_input(&a.session, (const uint8_t *)"\0\0\0\0\x13", 5, 0), 0);
        assert_true(listen_once(&a));
        assert_true(a.left);
        assert_false(session_settled(&a.session));
        size_t len;
        session_output(&a.session, &len);
        session_sent(&a.session, len);
        assert_int_equal(session_settled(&a.session), !leaving);
        session_end(&a.session);
        assert_false(listen_once(&a));
        assert_int_equal(session_settled(&a.session), !leaving);
        close_end(&a);
    }
}

/* As a stream is pumped: all of it, then the end, then goodbye once the other's has come too. */
static void feed(struct end *end, const uint8_t *bytes, size_t len, size_t *at)
{
    *at += session_data(&end->session, bytes + *at, len - *at);
    if (*at == len)
        session_eof(&end->session);
    size_t heard = buf_len(&end->heard);
    if (*at == len && heard > 0 && buf_bytes(&end->heard)[heard - 1] == '$')
        session_leave(&end->session);
}

static void streams_arrive_whole_both_ways(void **state)
{
    static const size_t steps[] = {1, 3, 1000, 16383, 16384, 1 << 20};
    size_t len = 300000;
    uint8_t *bytes = malloc(len);

    (void)state;
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(i % 31 + (i >> 10)) | 0x80; /* no '$' */
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct end a, b;
        size_t a_at = 0, b_at = 0, b_len = i % 2 ? len / 3 : 0;
        bool moved = true;
        open_end(&a, SESSION_STREAM);
        open_end(&b, SESSION_STREAM);
        while (moved) {
            feed(&a, bytes, len, &a_at);
            feed(&b, bytes, b_len, &b_at);
            moved = listen_once(&a);
            moved |= listen_once(&b);
            moved |= move(&a, &b, steps[i]) > 0;
            moved |= move(&b, &a, steps[i]) > 0;
            assert_true(a.session.in.size + a.session.out.size < (size_t)512 << 10);
        }
        assert_int_equal(buf_len(&b.heard), len + 1);
        assert_memory_equal(buf_bytes(&b.heard), bytes, len);
        assert_int_equal(buf_len(&a.heard), b_len + 1);
        assert_true(session_settled(&a.session) && session_settled(&b.session));
        assert_true(a.left && b.left && !a.broken && !b.broken);
        close_end(&a);
        close_end(&b);
    }
    free(bytes);
}

/* Whoever does not listen is not filled up: it takes in so much, and the rest stays with who says it. */
static void a_peer_that_does_not_listen_stops_the_sender(void **state)
{
    uint8_t *text = calloc(1, MAX);
    struct end a, b;
    size_t moved = 0, sent = 0, some;

    (void)state;
    open_end(&a, SESSION_TALK);
    open_end(&b, SESSION_TALK);
    while (session_send(&a.session, text, MAX / 4) == 0)
        sent++;
    while ((some = move(&a, &b, 4096)) > 0)
        moved += some;
    assert_true(moved < (size_t)256 << 10);
    while (session_send(&a.session, text, MAX / 4) == 0)
        sent++;
    assert_true(a.session.out.size <= SESSION_QUEUE_MAX + SESSION_QUEUE_MAX / 2 + 64);
    pump(&a, &b, 4096);
    assert_int_equal(buf_len(&b.heard), sent * (MAX / 4 + 2));
    close_end(&a);
    close_end(&b);
    free(text);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_leaves_as_frames),
        cmocka_unit_test(long_ones_leave_in_pieces_that_fit_a_record),
        cmocka_unit_test(a_full_queue_takes_a_message_whole_or_not_at_all),
        cmocka_unit_test(a_stream_waits_within_its_bound),
        cmocka_unit_test(one_says_goodbye_and_both_are_done),
        cmocka_unit_test(data_is_seen_ahead_and_nothing_else),
        cmocka_unit_test(both_say_goodbye_at_once_and_nothing_is_lost),
        cmocka_unit_test(a_goodbye_is_answered_when_all_before_was_taken_in),
        cmocka_unit_test(wherever_it_is_cut_nothing_is_taken_for_an_end),
        cmocka_unit_test(an_answer_that_never_came_settles_nothing),
        cmocka_unit_test(streams_arrive_whole_both_ways),
        cmocka_unit_test(a_peer_that_does_not_listen_stops_the_sender),
    };

    return cmocka_run_group_tests_name("session_send", tests, NULL, NULL);
}
