/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a peer's frames mean does not depend on how the connection cuts them, and whatever is no proper frame at its place
 * ends the session.
 *
 * Events are written down as text: "<hello>" is a message, "[bytes]" a piece of a stream, "$" its end, "!" that the peer
 * left, "#" that it broke the protocol, "%" that the connection was cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "wire/frame.h"
#include "wire/session.h"

enum { MAX = SESSION_MESSAGE_MAX, PIECE = SESSION_PIECE_MAX, PAYLOAD = SESSION_PAYLOAD_MAX };

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* A conversation: the peer's side of it, and what has been told so far. */
struct talk {
    struct session session;
    struct buf told;
};

static void begin(struct talk *talk, enum session_mode mode)
{
    session_init(&talk->session, mode);
    buf_init(&talk->told, (size_t)64 << 20);
}

static void finish(struct talk *talk)
{
    session_done(&talk->session);
    buf_done(&talk->told);
}

static void write_bytes(struct talk *talk, const char *begin, const struct wire_event *event, const char *end)
{
    buf_append(&talk->told, begin, 1);
    buf_append(&talk->told, event->text, event->len);
    buf_append(&talk->told, end, 1);
}

/* Write down the next event. Returns false if there is none now. */
static bool listen_once(struct talk *talk)
{
    struct wire_event event;

    memset(&event, 0xff, sizeof event);
    if (!session_next(&talk->session, 5, &event))
        return false;
    switch (event.kind) {
    case WIRE_TEXT:
        assert_true(event.first && event.last);
        assert_true(event.len <= SESSION_MESSAGE_MAX);
        write_bytes(talk, "<", &event, ">");
        break;
    case WIRE_DATA:
        assert_true(event.len > 0);
        write_bytes(talk, "[", &event, "]");
        break;
    case WIRE_EOF:
        buf_append(&talk->told, "$", 1);
        break;
    case WIRE_LEFT:
        buf_append(&talk->told, "!", 1);
        break;
    case WIRE_BROKEN:
        assert_true(event.error == -ERR_PROTOCOL || event.error == -ERR_CUT);
        buf_append(&talk->told, event.error == -ERR_CUT ? "%" : "#", 1);
        assert_false(session_next(&talk->session, 5, &event));
        assert_int_equal(session_room(&talk->session), 0);
        return false;
    }
    return true;
}

static void listen_all(struct talk *talk)
{
    while (listen_once(talk))
        ;
    assert_true(talk->session.ended || talk->session.broken ||
                session_room(&talk->session) >= SESSION_ROOM_MIN);
    assert_true(session_wake_ms(&talk->session) == INT64_MAX);
}

/* The peer says len bytes; what it has said before is listened to first if there is no room. */
static void say(struct talk *talk, const void *bytes, size_t len)
{
    const uint8_t *rest = bytes;

    while (len > 0 && !talk->session.broken) {
        size_t room = session_room(&talk->session);
        size_t step = len < room ? len : room;
        if (step == 0)
            listen_once(talk);
        assert_int_equal(session_input(&talk->session, rest, step, 5), 0);
        rest += step;
        len -= step;
    }
}

static void expect(const struct talk *talk, const void *told, size_t len)
{
    if (buf_len(&talk->told) != len || (len > 0 && memcmp(buf_bytes(&talk->told), told, len) != 0))
        fail_msg("told \"%.*s\", not \"%.*s\"", (int)buf_len(&talk->told),
                 (const char *)buf_bytes(&talk->told), (int)len, (const char *)told);
}

/* When what was said is listened to; it does not matter. */
enum ear { AT_ONCE, ONE_EACH, AT_THE_END, EARS };

/* A goodbye of ours before the peer says anything, which makes its answer one. */
enum manners { SILENT, LEAVING };

struct setting {
    enum session_mode mode;
    enum manners manners;
    enum ear ear;
};

/* Everything that the peer says, cut at the given places (ascending), then the end of the connection. */
static void run(struct talk *talk, struct setting setting, const uint8_t *bytes, size_t len,
                const size_t *cuts, size_t count)
{
    size_t at = 0;

    begin(talk, setting.mode);
    if (setting.manners == LEAVING)
        session_leave(&talk->session);
    for (size_t i = 0; i <= count; i++) {
        size_t next = i < count ? cuts[i] : len;
        say(talk, bytes + at, next - at);
        at = next;
        if (setting.ear == ONE_EACH)
            listen_once(talk);
        if (setting.ear == AT_ONCE)
            listen_all(talk);
    }
    session_end(&talk->session);
    listen_all(talk);
    assert_int_equal(session_room(&talk->session), 0);
    assert_int_equal(session_input(&talk->session, (const uint8_t *)"x", 1, 5), -ERR_FULL);
    assert_false(listen_once(talk));
}

#define TALK SESSION_TALK, SILENT
#define STREAM SESSION_STREAM, SILENT
#define PARTING SESSION_TALK, LEAVING
#define ENDING SESSION_STREAM, LEAVING

#define CASE(setting, input, told)                                                                           \
    {                                                                                                        \
        setting, input, sizeof(input) - 1, told, sizeof(told) - 1                                            \
    }

#define TEXT_HI "\0\0\0\x03\x10\x03hi"
#define TEXT_EMPTY "\0\0\0\x01\x10\x03"
#define DATA_HI "\0\0\0\x02\x11hi"
#define END "\0\0\0\0\x12"
#define BYE "\0\0\0\0\x13"
#define BYE_ACK "\0\0\0\0\x14"
#define UNKNOWN "\0\0\0\x03\x80new"

static const struct {
    enum session_mode mode;
    enum manners manners;
    const char *input;
    size_t len;
    const char *told;
    size_t told_len;
} cases[] = {
    /* Messages, whole and in pieces. */
    CASE(TALK, TEXT_HI BYE, "<hi>!"),
    CASE(TALK, TEXT_HI TEXT_EMPTY TEXT_HI BYE, "<hi><><hi>!"),
    CASE(TALK, "\0\0\0\x06\x10\x03\0\n\xff\x1b>" BYE, "<\0\n\xff\x1b>>!"),
    CASE(TALK,
         "\0\0\0\x03\x10\x01on\0\0\0\x02\x10\x02"
         "e" BYE,
         "<one>!"),
    CASE(TALK,
         "\0\0\0\x02\x10\x01"
         "a\0\0\0\x02\x10\0b\0\0\0\x02\x10\x02"
         "c" TEXT_HI BYE,
         "<abc><hi>!"),
    CASE(TALK, "\0\0\0\x01\x10\x01\0\0\0\x01\x10\0\0\0\0\x01\x10\x02" TEXT_HI BYE, "<><hi>!"),
    CASE(TALK,
         "\0\0\0\x02\x10\x01"
         "a" UNKNOWN "\0\0\0\x02\x10\x02"
         "b" BYE,
         "<ab>!"),
    /* A stream. */
    CASE(STREAM, DATA_HI DATA_HI END BYE, "[hi][hi]$!"),
    CASE(STREAM, END BYE, "$!"),
    CASE(STREAM, DATA_HI BYE, "[hi]!"),
    /* What nobody knows yet. */
    CASE(TALK, UNKNOWN "\0\0\0\0\xff" TEXT_HI UNKNOWN BYE UNKNOWN, "<hi>!"),
    CASE(STREAM, UNKNOWN DATA_HI UNKNOWN END UNKNOWN BYE, "[hi]$!"),
    /* Goodbyes: the peer's, its answer to ours, both at once. */
    CASE(TALK, BYE, "!"),
    CASE(PARTING, TEXT_HI BYE_ACK, "<hi>!"),
    CASE(PARTING, TEXT_HI BYE BYE_ACK, "<hi>!"),
    CASE(PARTING, TEXT_HI BYE, "<hi>!"),
    CASE(ENDING, DATA_HI BYE_ACK, "[hi]!"),
    CASE(ENDING, DATA_HI END BYE BYE_ACK, "[hi]$!"),
    /* An end without one. */
    CASE(TALK, "", "%"),
    CASE(TALK, TEXT_HI, "<hi>%"),
    CASE(TALK, TEXT_HI "\0", "<hi>%"),
    CASE(TALK, TEXT_HI "\0\0\0\x03\x10\x03h", "<hi>%"),
    CASE(TALK, "\0\0\0\x03\x10\x01hi", "%"),
    CASE(TALK, "\0\0\0\0", "%"),
    CASE(STREAM, DATA_HI END, "[hi]$%"),
    CASE(STREAM, DATA_HI "\0\0\0\x02\x11h", "[hi]%"),
    CASE(PARTING, TEXT_HI, "<hi>%"),
    CASE(TALK, UNKNOWN, "%"),
    /* A goodbye that was not followed by all that it should be still is one. */
    CASE(TALK, BYE "\0\0", "!"),
    CASE(PARTING, BYE "\0\0\0", "!"),
    /* Flags out of order, or unknown ones, or none. */
    CASE(TALK, TEXT_HI "\0\0\0\x02\x10\0x", "<hi>#"),
    CASE(TALK, TEXT_HI "\0\0\0\x02\x10\x02x", "<hi>#"),
    CASE(TALK,
         "\0\0\0\x02\x10\x01"
         "a\0\0\0\x02\x10\x01"
         "b",
         "#"),
    CASE(TALK,
         "\0\0\0\x02\x10\x01"
         "a" TEXT_HI,
         "#"),
    CASE(TALK, "\0\0\0\x02\x10\x07x", "#"),
    CASE(TALK, "\0\0\0\x02\x10\x83x", "#"),
    CASE(TALK, "\0\0\0\0\x10", "#"),
    /* Goodbye amid a message, twice, unasked, with something in it. */
    CASE(TALK,
         "\0\0\0\x02\x10\x01"
         "a" BYE,
         "#"),
    CASE(PARTING,
         "\0\0\0\x02\x10\x01"
         "a" BYE_ACK,
         "#"),
    CASE(TALK, BYE BYE, "!#"),
    CASE(TALK, BYE_ACK, "#"),
    CASE(TALK, BYE BYE_ACK, "!#"),
    CASE(PARTING, BYE_ACK BYE, "!#"),
    CASE(PARTING, BYE_ACK BYE_ACK, "!#"),
    CASE(PARTING, BYE BYE_ACK BYE_ACK, "!#"),
    CASE(TALK, "\0\0\0\x01\x13x", "#"),
    CASE(PARTING, "\0\0\0\x01\x14x", "#"),
    CASE(STREAM, "\0\0\0\x01\x12x", "#"),
    /* Something after it. */
    CASE(TALK, BYE TEXT_HI, "!#"),
    CASE(PARTING, BYE_ACK TEXT_HI, "!#"),
    CASE(STREAM, BYE DATA_HI, "!#"),
    CASE(STREAM, BYE END, "!#"),
    CASE(ENDING, BYE_ACK DATA_HI, "!#"),
    CASE(ENDING, BYE_ACK END, "!#"),
    CASE(STREAM, END DATA_HI, "$#"),
    CASE(STREAM, END END, "$#"),
    CASE(STREAM, "\0\0\0\0\x11", "#"),
    /* The other mode. */
    CASE(TALK, DATA_HI, "#"),
    CASE(TALK, END, "#"),
    CASE(STREAM, TEXT_HI, "#"),
    /* Frames of the greeting, types that nobody may skip, too much at once. */
    CASE(TALK, TEXT_HI "\0\0\0\0\x08", "<hi>#"),
    CASE(TALK, "\0\0\0\x01\x07\x01", "#"),
    CASE(TALK, "\0\0\0\0\x00", "#"),
    CASE(TALK, "\0\0\0\0\x15", "#"),
    CASE(TALK, "\0\0\0\0\x7f", "#"),
    CASE(TALK, "\0\x01\0\x01", "#"),
    CASE(TALK, "\xff\xff\xff\xff\x80", "#"),
    CASE(TALK, TEXT_HI "GET / HTTP/1.1\r\n", "<hi>#"),
};

static void frames_are_events_however_they_are_cut(void **state)
{
    struct talk talk;
    size_t cuts[2];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const uint8_t *input = (const uint8_t *)cases[i].input;
        for (int ear = 0; ear < EARS; ear++) {
            const struct setting setting = {cases[i].mode, cases[i].manners, (enum ear)ear};
            for (cuts[0] = 0; cuts[0] <= cases[i].len; cuts[0]++) {
                for (cuts[1] = cuts[0]; cuts[1] <= cases[i].len; cuts[1]++) {
                    run(&talk, setting, input, cases[i].len, cuts, 2);
                    expect(&talk, cases[i].told, cases[i].told_len);
                    finish(&talk);
                }
            }
        }
    }
}

/* What is known from the first bytes of a frame is not waited for. */
static void a_frame_that_is_too_long_is_known_by_its_length(void **state)
{
    static const struct {
        const char *input;
        size_t len;
        const char *told;
    } lengths[] = {
        {"\0\x01\0\0\x80", 5, ""}, /* 65536 bytes may come */
        {"\0\x01\0\x01", 4, "#"},
        {"\x7f\xff\xff\xff", 4, "#"},
        {"\x80\0\0\0", 4, "#"},
    };
    struct talk talk;

    (void)state;
    for (size_t i = 0; i < COUNT(lengths); i++) {
        begin(&talk, SESSION_TALK);
        say(&talk, lengths[i].input, lengths[i].len);
        listen_all(&talk);
        expect(&talk, lengths[i].told, strlen(lengths[i].told));
        finish(&talk);
    }
}

static void say_frame(struct talk *talk, uint8_t type, const uint8_t *payload, size_t len)
{
    const uint8_t header[] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len,
                              type};

    say(talk, header, sizeof header);
    say(talk, payload, len);
}

static void say_text(struct talk *talk, uint8_t flags, const uint8_t *text, size_t len)
{
    uint8_t *payload = malloc(1 + len);

    payload[0] = flags;
    if (len > 0)
        memcpy(payload + 1, text, len);
    say_frame(talk, FRAME_TEXT, payload, 1 + len);
    free(payload);
}

static void longest_frames_are_taken_and_no_longer_ones(void **state)
{
    uint8_t *payload = malloc(FRAME_PAYLOAD_MAX);
    struct talk talk;

    (void)state;
    memset(payload, 3, FRAME_PAYLOAD_MAX);
    for (size_t len = PAYLOAD; len <= PAYLOAD + 1; len++) {
        begin(&talk, SESSION_TALK);
        for (int i = 0; i < 40; i++)
            say_frame(&talk, 0x80, payload, FRAME_PAYLOAD_MAX);
        for (int i = 0; i < 3; i++)
            say_frame(&talk, FRAME_TEXT, payload, len);
        listen_all(&talk);
        assert_int_equal(buf_len(&talk.told), len == PAYLOAD ? 3 * (PAYLOAD - 1 + 2) : 1);
        finish(&talk);

        begin(&talk, SESSION_STREAM);
        for (int i = 0; i < 40; i++)
            say_frame(&talk, FRAME_DATA, payload, len);
        listen_all(&talk);
        assert_int_equal(buf_len(&talk.told), len == PAYLOAD ? 40 * (PAYLOAD + 2) : 1);
        finish(&talk);
    }
    free(payload);
}

/* Messages about the limit, in pieces of a length. */
static void a_message_of_the_longest_kind_is_taken_and_no_longer_one(void **state)
{
    static const size_t steps[] = {1000, 10000, PIECE};
    uint8_t *text = malloc(MAX + 1);

    (void)state;
    for (size_t i = 0; i < MAX + 1; i++)
        text[i] = (uint8_t)(i * 7 / 3);
    for (size_t i = 0; i < COUNT(steps); i++) {
        for (size_t len = MAX - 1; len <= MAX + 1; len++) {
            struct talk talk;
            begin(&talk, SESSION_TALK);
            for (size_t at = 0, some; at < len; at += some) {
                some = len - at < steps[i] ? len - at : steps[i];
                say_text(&talk, (uint8_t)((at == 0) | (at + some == len) << 1), text + at, some);
                listen_all(&talk);
            }
            if (len > MAX) {
                expect(&talk, "#", 1);
            } else {
                assert_int_equal(buf_len(&talk.told), len + 2);
                assert_memory_equal(buf_bytes(&talk.told) + 1, text, len);
                say_text(&talk, 3, text, 1); /* and there is room for the next */
                listen_all(&talk);
                assert_int_equal(buf_len(&talk.told), len + 2 + 3);
            }
            finish(&talk);
        }
    }
    free(text);
}

/* What the peer may make us keep is bounded, however long nobody listens: it can send no more. */
static void nothing_is_kept_beyond_a_bound(void **state)
{
    uint8_t bytes[4096];
    struct talk talk;
    size_t said = 0;

    (void)state;
    memset(bytes, 0, sizeof bytes);
    begin(&talk, SESSION_TALK);
    for (size_t room; (room = session_room(&talk.session)) > 0; said += room) {
        room = room < sizeof bytes ? room : sizeof bytes;
        assert_int_equal(session_input(&talk.session, bytes, session_room(&talk.session) + 1, 5), -ERR_FULL);
        assert_int_equal(session_input(&talk.session, bytes, room, 5), 0);
    }
    assert_true(said < (size_t)256 << 10);
    assert_true(talk.session.in.size <= (size_t)256 << 10);
    finish(&talk);

    /* A message whose end never comes. */
    begin(&talk, SESSION_TALK);
    say_text(&talk, 1, bytes, 1);
    for (size_t i = 0; i < 300 && !talk.session.broken; i++) {
        say_text(&talk, 0, bytes, sizeof bytes);
        listen_all(&talk);
    }
    expect(&talk, "#", 1);
    assert_true(talk.session.message.size <= MAX + MAX / 2);
    finish(&talk);
}

/* Once all is told, nothing large stays allocated. */
static void a_long_message_leaves_nothing_behind(void **state)
{
    uint8_t *text = calloc(1, PIECE);
    struct talk talk;

    (void)state;
    begin(&talk, SESSION_TALK);
    for (int i = 0; i < 60; i++)
        say_text(&talk, (uint8_t)((i == 0) | (i == 59) << 1), text, PIECE);
    listen_all(&talk);
    assert_int_equal(buf_len(&talk.told), 60 * PIECE + 2);
    assert_true(talk.session.message.size <= BUF_KEEP);
    assert_true(talk.session.in.size <= BUF_KEEP);
    finish(&talk);
    free(text);
}

static double cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Seconds for len bytes of text, in pieces of some bytes each, that come byte by byte and are asked for each time. */
static double drip(size_t len, size_t piece)
{
    struct buf said;
    struct talk talk;
    uint8_t *payload = calloc(1, 1 + piece);

    buf_init(&said, 16 * len);
    for (size_t at = 0, some; at < len; at += some) {
        some = len - at < piece ? len - at : piece;
        payload[0] = (uint8_t)((at == 0) | (at + some == len) << 1);
        frame_put(&said, FRAME_TEXT, payload, 1 + some);
    }
    begin(&talk, SESSION_TALK);
    double began = cpu_seconds();
    for (size_t i = 0; i < buf_len(&said); i++) {
        say(&talk, buf_bytes(&said) + i, 1);
        listen_all(&talk);
    }
    double took = cpu_seconds() - began;
    assert_int_equal(buf_len(&talk.told), len + 2);
    finish(&talk);
    buf_done(&said);
    free(payload);
    return took;
}

/* Squared, the longer ones would take some 250 times as long; four times more than linear is for a machine that does
 * something else as well. */
static void time_is_linear_however_small_the_steps(void **state)
{
    static const size_t pieces[] = {10, 1000, PIECE};

    (void)state;
    for (size_t i = 0; i < COUNT(pieces); i++) {
        double some = drip(MAX / 16, pieces[i]);
        double all = drip(MAX, pieces[i]);
        if (all > 16 * 4 * some + 0.1)
            fail_msg("pieces of %zu: 1 MiB took %.3f s, a sixteenth of it %.3f s", pieces[i], all, some);
    }
}

/* Any bytes at all: nothing but a protocol error or a cut comes of them in the end, and nothing crashes. */
static void rubbish_ends_the_session(void **state)
{
    uint8_t bytes[4096];

    (void)state;
    srand(1);
    for (int round = 0; round < 300; round++) {
        struct talk talk;
        begin(&talk, round % 2 ? SESSION_TALK : SESSION_STREAM);
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)(rand() >> 8);
        bytes[0] |= 1;
        say(&talk, bytes, sizeof bytes);
        listen_all(&talk);
        expect(&talk, "#", 1);
        assert_false(session_settled(&talk.session));
        finish(&talk);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_events_however_they_are_cut),
        cmocka_unit_test(a_frame_that_is_too_long_is_known_by_its_length),
        cmocka_unit_test(longest_frames_are_taken_and_no_longer_ones),
        cmocka_unit_test(a_message_of_the_longest_kind_is_taken_and_no_longer_one),
        cmocka_unit_test(nothing_is_kept_beyond_a_bound),
        cmocka_unit_test(a_long_message_leaves_nothing_behind),
        cmocka_unit_test(time_is_linear_however_small_the_steps),
        cmocka_unit_test(rubbish_ends_the_session),
    };

    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
