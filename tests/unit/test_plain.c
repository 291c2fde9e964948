/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of bytes: what comes of them does not depend on how the network cuts them, and nothing is lost.
 *
 * Events are written down as text: "<goodbye>" is a message, "<good~" its beginning, "-bye>" its end, "-b~" what
 * stands between, and "!" that the peer left. */
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
#include "base/text.h"
#include "wire/plain.h"

enum { MAX = PLAIN_LINE_MAX };

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* A conversation: the peer's side of it, and what has been told so far. */
struct talk {
    struct plain plain;
    struct buf told;
    size_t events;
};

static void begin(struct talk *talk)
{
    plain_init(&talk->plain);
    buf_init(&talk->told, (size_t)64 << 20);
    talk->events = 0;
}

static void finish(struct talk *talk)
{
    plain_done(&talk->plain);
    buf_done(&talk->told);
}

/* Write down the next event. Returns false if there is none now. */
static bool listen_once(struct talk *talk, int64_t now_ms)
{
    struct wire_event event;

    memset(&event, 0xff, sizeof event);
    if (!plain_next(&talk->plain, now_ms, &event))
        return false;
    talk->events++;
    if (event.kind == WIRE_LEFT)
        return buf_append(&talk->told, "!", 1) == 0;
    assert_int_equal(event.kind, WIRE_TEXT);
    assert_true(event.len <= PLAIN_LINE_MAX);
    assert_null(event.len ? memchr(event.text, '\n', event.len) : NULL);
    buf_append(&talk->told, event.first ? "<" : "-", 1);
    buf_append(&talk->told, event.text, event.len);
    buf_append(&talk->told, event.last ? ">" : "~", 1);
    return true;
}

static void listen_all(struct talk *talk, int64_t now_ms)
{
    while (listen_once(talk, now_ms))
        ;
    assert_true(talk->plain.ended || plain_room(&talk->plain) >= PLAIN_ROOM_MIN);
}

/* The peer says len bytes; what it has said before is listened to first if there is no room. */
static void say(struct talk *talk, const void *bytes, size_t len, int64_t now_ms)
{
    const uint8_t *rest = bytes;

    while (len > 0) {
        size_t room = plain_room(&talk->plain);
        size_t step = len < room ? len : room;
        if (step == 0)
            assert_true(listen_once(talk, now_ms));
        assert_int_equal(plain_input(&talk->plain, rest, step, now_ms), 0);
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

/* When what was said is listened to; without waiting it does not matter. */
enum ear { AT_ONCE, ONE_EACH, AT_THE_END, EARS };

/* Everything that the peer says, cut at the given places (ascending), then its end. */
static void run(struct talk *talk, const uint8_t *bytes, size_t len, const size_t *cuts, size_t count,
                enum ear ear)
{
    size_t at = 0;

    begin(talk);
    for (size_t i = 0; i <= count; i++) {
        size_t next = i < count ? cuts[i] : len;
        say(talk, bytes + at, next - at, 5);
        at = next;
        if (ear == ONE_EACH)
            listen_once(talk, 5);
        if (ear == AT_ONCE)
            listen_all(talk, 5);
    }
    plain_end(&talk->plain);
    listen_all(talk, 5);
    assert_true(plain_wake_ms(&talk->plain) == INT64_MAX);
    assert_int_equal(plain_room(&talk->plain), 0);
    assert_int_equal(plain_input(&talk->plain, (const uint8_t *)"x", 1, 5), -ERR_FULL);
    assert_false(listen_once(talk, 5000));
}

#define CASE(input, told)                                                                                    \
    {                                                                                                        \
        input, sizeof(input) - 1, told, sizeof(told) - 1                                                     \
    }

static const struct {
    const char *input;
    size_t len;
    const char *told;
    size_t told_len;
} cases[] = {
    CASE("", "!"),
    CASE("hello\n", "<hello>!"),
    CASE("hello\r\n", "<hello>!"),
    CASE("hello", "<hello>!"),
    CASE("a\nb\nc", "<a><b><c>!"),
    CASE("a\r\nb\nc\r\n", "<a><b><c>!"),
    CASE("\n", "<>!"),
    CASE("\r\n", "<>!"),
    CASE("\n\n\r\n\n", "<><><><>!"),
    CASE("a\n\nb\n", "<a><><b>!"),
    CASE("\r", "<\r>!"),
    CASE("a\r", "<a\r>!"),
    CASE("a\rb\n", "<a\rb>!"),
    CASE("a\r\r\n", "<a\r>!"),
    CASE("\r\r\r\n\r", "<\r\r><\r>!"),
    CASE("\n\ra\n", "<><\ra>!"),
    CASE("a\0b\n\0\n\0", "<a\0b><\0><\0>!"),
    CASE("\x1b[31m\x9b\x7f\n", "<\x1b[31m\x9b\x7f>!"),
    CASE("\xe2\x82\xac\n\xf0\x9f\x98\x80\n", "<\xe2\x82\xac><\xf0\x9f\x98\x80>!"),
    CASE("\xe2\x82\nx\xf0\x9f\x98", "<\xe2\x82><x\xf0\x9f\x98>!"),
    CASE("\xff\xfe\n\x80\n\xc0\xaf", "<\xff\xfe><\x80><\xc0\xaf>!"),
    CASE("  two  words \t\n", "<  two  words \t>!"),
    CASE("<fake>!\n", "<<fake>!>!"),
};

static void lines_are_messages_however_they_are_cut(void **state)
{
    struct talk talk;
    size_t cuts[2];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const uint8_t *input = (const uint8_t *)cases[i].input;
        for (int ear = 0; ear < EARS; ear++) {
            run(&talk, input, cases[i].len, cuts, 0, ear);
            expect(&talk, cases[i].told, cases[i].told_len);
            finish(&talk);
            for (cuts[0] = 0; cuts[0] <= cases[i].len; cuts[0]++) {
                for (cuts[1] = cuts[0]; cuts[1] <= cases[i].len; cuts[1]++) {
                    run(&talk, input, cases[i].len, cuts, 2, ear);
                    expect(&talk, cases[i].told, cases[i].told_len);
                    finish(&talk);
                }
            }
        }
    }
}

static void every_byte_but_the_end_of_the_line_is_text(void **state)
{
    struct talk talk;

    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        const uint8_t input[] = {'a', (uint8_t)byte, 'b', (uint8_t)byte, '\n'};
        const uint8_t told[] = {'<', 'a', (uint8_t)byte, 'b', (uint8_t)byte, '>', '!'};
        for (size_t cut = 0; cut <= sizeof input; cut++) {
            run(&talk, input, sizeof input, &cut, 1, AT_ONCE);
            if (byte == '\n')
                expect(&talk, "<a><b><>!", 9);
            else if (byte == '\r')
                expect(&talk, "<a\rb>!", 6);
            else
                expect(&talk, told, sizeof told);
            finish(&talk);
        }
    }
}

/* At a time of an invented clock: what the peer says (NULL: nothing, "EOF": its end), what is told then, and when to ask
 * again (-1: never). */
struct step {
    int64_t now_ms;
    const char *said;
    const char *told;
    int64_t wake_ms;
};

static const struct step stories[][16] = {
    /* A prompt without an end, its rest, and what follows. */
    {{1000, "login: ", "", 1200},
     {1199, NULL, "", 1200},
     {1200, NULL, "<login: ~", -1},
     {9000, "me\nnext\n", "-me><next>", -1}},
    /* Whoever goes on talking is waited for. */
    {{0, "a", "", 200}, {199, "b", "", 399}, {398, "c", "", 598}, {598, NULL, "<abc~", -1}},
    /* The end of the line alone only ends it; the next one is an empty message. */
    {{0, "a", "", 200}, {200, NULL, "<a~", -1}, {300, "\n", "->", -1}, {301, "\n", "<>", -1}},
    {{0, "a", "", 200}, {200, NULL, "<a~", -1}, {300, "\r\n", "->", -1}, {301, "\r\n", "<>", -1}},
    /* CR waits for its LF. */
    {{0, "a\r", "", 200}, {200, NULL, "<a~", 400}, {399, "\n", "->", -1}},
    {{0, "a\r", "", 200}, {200, NULL, "<a~", 400}, {400, NULL, "-\r~", -1}, {500, "\n", "->", -1}},
    {{0, "a\r", "", 200}, {200, NULL, "<a~", 400}, {300, "b", "", 500}, {500, NULL, "-\rb~", -1}},
    {{0, "\r", "", 200}, {200, NULL, "<\r~", -1}, {300, "\n", "->", -1}},
    {{0, "a\r\r", "", 200}, {200, NULL, "<a\r~", 400}, {300, "\n", "->", -1}},
    /* A character waits for its rest, */
    {{0, "a\xe2", "", 200},
     {200, NULL, "<a~", 400},
     {300, "\x82", "", 500},
     {400, "\xac\n", "-\xe2\x82\xac>", -1}},
    {{0, "a\xe2\x82", "", 200},
     {200, NULL, "<a~", 400},
     {300, "\xac", "", 500},
     {500, NULL, "-\xe2\x82\xac~", -1}},
    {{0, "\xf0\x9f\x98\x80\xf0\x9f\x98", "", 200}, {200, NULL, "<\xf0\x9f\x98\x80~", 400}},
    {{0, "\xc3", "", 200}, {199, "\xa9", "", 399}, {399, NULL, "<\xc3\xa9~", -1}},
    /* which does not come, */
    {{0, "a\xe2\x82", "", 200}, {200, NULL, "<a~", 400}, {400, NULL, "-\xe2\x82~", -1}},
    /* or is there already, */
    {{0, "a\xc3\xa9", "", 200}, {200, NULL, "<a\xc3\xa9~", -1}},
    {{0, "a\xe2\x82\xac", "", 200}, {200, NULL, "<a\xe2\x82\xac~", -1}},
    {{0, "\xf0\x9f\x98", "", 200}, {200, NULL, "<\xf0\x9f\x98~", -1}, {300, "\x80\n", "-\x80>", -1}},
    /* or cannot come: overlong, a surrogate, beyond the last, too many, none that it belongs to. */
    {{0, "a\xc0", "", 200}, {200, NULL, "<a\xc0~", -1}},
    {{0, "a\xe0\x9f", "", 200}, {200, NULL, "<a\xe0\x9f~", -1}},
    {{0, "a\xed\xa0", "", 200}, {200, NULL, "<a\xed\xa0~", -1}},
    {{0, "a\xf0\x8f\xbf", "", 200}, {200, NULL, "<a\xf0\x8f\xbf~", -1}},
    {{0, "a\xf4\x90", "", 200}, {200, NULL, "<a\xf4\x90~", -1}},
    {{0, "a\xf5", "", 200}, {200, NULL, "<a\xf5~", -1}},
    {{0, "a\xff", "", 200}, {200, NULL, "<a\xff~", -1}},
    {{0, "\xe2\x82\xac\x80", "", 200}, {200, NULL, "<\xe2\x82\xac\x80~", -1}},
    {{0, "a\x80\x80\x80", "", 200}, {200, NULL, "<a\x80\x80\x80~", -1}},
    /* The narrowest of those that can. */
    {{0, "a\xe0\xa0", "", 200}, {200, NULL, "<a~", 400}, {401, "\x80\n", "-\xe0\xa0\x80>", -1}},
    {{0, "a\xed\x9f", "", 200}, {200, NULL, "<a~", 400}, {401, "\xbf\n", "-\xed\x9f\xbf>", -1}},
    {{0, "a\xe0", "", 200}, {200, NULL, "<a~", 400}},
    {{0, "a\xf0", "", 200}, {200, NULL, "<a~", 400}},
    {{0, "a\xf0\x90\x80", "", 200}, {200, NULL, "<a~", 400}},
    {{0, "a\xf4\x8f\xbf", "", 200}, {200, NULL, "<a~", 400}},
    {{0, "a\xf4", "", 200}, {200, NULL, "<a~", 400}},
    {{0, "a\xc2", "", 200}, {200, NULL, "<a~", 400}},
    /* The peer's end waits for nothing. */
    {{0, "a\r", "", 200}, {10, "EOF", "<a\r>!", -1}},
    {{0, "a\xe2", "", 200}, {200, NULL, "<a~", 400}, {210, "EOF", "-\xe2>!", -1}},
    {{0, "a", "", 200}, {200, NULL, "<a~", -1}, {210, "EOF", "!", -1}, {900, NULL, "", -1}},
    {{0, "EOF", "!", -1}, {900, NULL, "", -1}},
    /* Whole lines do not wait, and what waits is not told earlier for their sake. */
    {{0, "a\nb", "<a>", 200}, {100, "\nc", "<b>", 300}, {300, NULL, "<c~", -1}},
    /* Nobody asked at the time. */
    {{0, "a", "", 200}, {1999, "b", "", 2000}, {9000, NULL, "<ab~", -1}},
    {{0, "a", "", 200}, {5000, "b", "<ab~", -1}, {5100, "c", "", 5300}},
    /* Byte by byte, for ever: but not for ever held. */
    {{0, "x", "", 200},
     {190, "x", "", 390},
     {380, "x", "", 580},
     {570, "x", "", 770},
     {760, "x", "", 960},
     {950, "x", "", 1150},
     {1140, "x", "", 1340},
     {1330, "x", "", 1530},
     {1520, "x", "", 1720},
     {1710, "x", "", 1910},
     {1900, "x", "", 2000},
     {2000, NULL, "<xxxxxxxxxxx~", -1},
     {2010, "y", "", 2210}},
    /* A line that ends begins the time of the next. */
    {{0, "a", "", 200}, {1900, "b\nc", "<ab>", 2100}, {2050, "d", "", 2250}},
    /* Nothing came. */
    {{0, "a", "", 200}, {100, "", "", 200}, {200, "", "<a~", -1}},
};

static void a_line_without_an_end_comes_after_a_short_wait(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(stories); i++) {
        struct talk talk;
        begin(&talk);
        assert_true(plain_wake_ms(&talk.plain) == INT64_MAX);
        for (const struct step *step = stories[i]; step < stories[i] + 16 && step->told; step++) {
            if (step->said && !strcmp(step->said, "EOF"))
                plain_end(&talk.plain);
            else if (step->said)
                assert_int_equal(
                    plain_input(&talk.plain, (const uint8_t *)step->said, strlen(step->said), step->now_ms),
                    0);
            buf_consume(&talk.told, buf_len(&talk.told));
            listen_all(&talk, step->now_ms);
            expect(&talk, step->told, strlen(step->told));
            assert_true(plain_wake_ms(&talk.plain) == (step->wake_ms < 0 ? INT64_MAX : step->wake_ms));
        }
        finish(&talk);
    }
}

static void a_deadline_that_nobody_heeded_does_not_mix_up_the_lines(void **state)
{
    struct talk talk;

    (void)state;
    begin(&talk);
    say(&talk, "a\nb\nc", 5, 0);
    assert_true(listen_once(&talk, 9000));
    expect(&talk, "<a>", 3);
    assert_true(plain_wake_ms(&talk.plain) <= 9000);
    listen_all(&talk, 9000);
    expect(&talk, "<a><b><c~", 9);
    finish(&talk);
}

/* What a long line is made of, over and over. */
static const char *const stuff[] = {
    "x",
    "\r",
    "\xe2\x82\xac",
    "\xf0\x9f\x98\x80",
    "a\xf0\x9f\x98\x80",
    "\xe2",
    "\xf0\x9f\x98",
    "ab\xc3\xa9\xe2\x82\xac\r",
};

static const char *const line_ends[] = {"\n", "\r\n", "\r\r\n", "\nnext\n", "\r", ""};

static const size_t lengths[] = {MAX - 1, MAX, MAX + 1, MAX + 2, 2 * MAX, 2 * MAX + 1, 3 * MAX, 3 * MAX + 5};

#define LONGEST (3 * MAX + 64)

static size_t make_line(uint8_t *line, size_t len, const char *of, const char *end)
{
    size_t period = strlen(of);

    for (size_t i = 0; i < len; i++)
        line[i] = (uint8_t)of[i % period];
    memcpy(line + len, end, strlen(end));
    return len + strlen(end);
}

/* No valid character of the bytes crosses the place where they are cut. */
static void expect_no_character_across(const uint8_t *bytes, size_t len, size_t cut)
{
    uint32_t character = 0;

    for (size_t back = 1; back <= 3 && back <= cut; back++)
        assert_true(text_decode(bytes + cut - back, len - (cut - back), &character) <= back);
}

/* The line has len bytes, text of them before its end: it comes in as few pieces as possible. */
static void expect_pieces(const uint8_t *line, size_t len, size_t text)
{
    struct wire_event event = {.last = false};
    struct plain plain;
    size_t fed = 0, told = 0;

    plain_init(&plain);
    while (!event.last) {
        size_t room = plain_room(&plain);
        size_t step = len - fed < room ? len - fed : room;
        assert_int_equal(plain_input(&plain, line + fed, step, 0), 0);
        fed += step;
        assert_true(plain_next(&plain, 0, &event));
        assert_int_equal(event.first, told == 0);
        assert_true(event.len <= text - told && !memcmp(event.text, line + told, event.len));
        told += event.len;
        assert_int_equal(event.last, told == text);
        assert_in_range(event.len, event.last ? 1 : MAX - 3, MAX);
        expect_no_character_across(line, len, told);
    }
    assert_int_equal(event.first, text <= MAX);
    assert_int_equal(fed, len);
    assert_false(plain_next(&plain, 0, &event));
    plain_done(&plain);
}

static void a_long_line_comes_whole_or_in_pieces_and_nothing_of_it_is_lost(void **state)
{
    uint8_t *line = malloc(LONGEST);

    (void)state;
    for (size_t i = 0; i < COUNT(lengths); i++) {
        for (size_t j = 0; j < COUNT(stuff); j++) {
            size_t len = make_line(line, lengths[i], stuff[j], i % 2 ? "\n" : "\r\n");
            size_t text = len - 1;
            text -= line[text - 1] == '\r';
            expect_pieces(line, len, text);
        }
    }
    free(line);
}

/* Ascending, many of them close together. */
static size_t random_cuts(size_t *cuts, size_t most, size_t len)
{
    size_t count = 0;

    for (size_t at = 0; count < most; count++) {
        at += (size_t)rand() % (rand() % 4 ? 10 : len / 10 + 1);
        if (at > len)
            break;
        cuts[count] = at;
    }
    return count;
}

static void expect_same(const struct talk *a, const struct talk *b)
{
    assert_int_equal(a->events, b->events);
    assert_int_equal(buf_len(&a->told), buf_len(&b->told));
    assert_memory_equal(buf_bytes(&a->told), buf_bytes(&b->told), buf_len(&a->told));
}

static void a_cut_at_the_end_of_a_line_of_the_longest_kind_changes_nothing(void **state)
{
    uint8_t *line = malloc(LONGEST);

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < COUNT(line_ends); j++) {
            size_t len = make_line(line, lengths[i], "x", line_ends[j]);
            struct talk whole, cut;
            run(&whole, line, len, NULL, 0, AT_ONCE);
            for (size_t at = lengths[i] - 2; at <= len; at++) {
                run(&cut, line, len, &at, 1, AT_ONCE);
                expect_same(&cut, &whole);
                finish(&cut);
            }
            finish(&whole);
        }
    }
    free(line);
}

static void random_cuts_of_random_lines_change_nothing(void **state)
{
    static size_t cuts[1000];
    uint8_t *lines = malloc(2 * LONGEST);

    (void)state;
    srand(1);
    for (int round = 0; round < 60; round++) {
        size_t len = 0;
        for (int i = 0; i < 2; i++) {
            size_t text = rand() % 2 ? lengths[(size_t)rand() % COUNT(lengths)] : (size_t)rand() % 3000;
            len += make_line(lines + len, text, stuff[(size_t)rand() % COUNT(stuff)],
                             line_ends[(size_t)rand() % COUNT(line_ends)]);
        }
        struct talk whole, cut;
        run(&whole, lines, len, NULL, 0, AT_ONCE);
        run(&cut, lines, len, cuts, random_cuts(cuts, COUNT(cuts), len), (enum ear)(round % EARS));
        expect_same(&cut, &whole);
        finish(&whole);
        finish(&cut);
    }
    free(lines);
}

static void a_line_of_the_longest_kind_fed_byte_by_byte_takes_linear_time(void **state)
{
    struct plain plain;
    struct wire_event event;
    clock_t began = clock();

    (void)state;
    plain_init(&plain);
    for (size_t i = 0; i < MAX; i++) {
        assert_int_equal(plain_input(&plain, (const uint8_t *)"x", 1, 0), 0);
        assert_false(plain_next(&plain, 0, &event));
    }
    assert_int_equal(plain_input(&plain, (const uint8_t *)"\n", 1, 0), 0);
    assert_true(plain_next(&plain, 0, &event));
    assert_int_equal(event.len, MAX);
    /* A scan of all of it for each byte is 512 GiB: half a minute at the least. */
    assert_true(clock() - began < 5 * CLOCKS_PER_SEC);
    plain_done(&plain);
}

static void what_does_not_fit_is_the_callers_bug_and_changes_nothing(void **state)
{
    struct plain plain;
    struct wire_event event;
    uint8_t *bytes = calloc(1, 2 * MAX);

    (void)state;
    plain_init(&plain);
    size_t room = plain_room(&plain);
    assert_in_range(room, MAX + PLAIN_ROOM_MIN, 2 * MAX - 1);
    assert_int_equal(plain_input(&plain, bytes, room + 1, 0), -ERR_FULL);
    assert_false(plain_next(&plain, 0, &event));
    assert_int_equal(plain_input(&plain, bytes, room, 0), 0);
    assert_int_equal(plain_room(&plain), 0);
    assert_int_equal(plain_input(&plain, bytes, 1, 0), -ERR_FULL);
    assert_int_equal(plain_input(&plain, bytes, 0, 0), 0);
    assert_true(plain_next(&plain, 0, &event));
    assert_int_equal(event.len, MAX);
    assert_int_equal(plain_room(&plain), MAX);
    plain_done(&plain);
    free(bytes);
}

static void the_text_stays_valid_until_the_next_call(void **state)
{
    struct plain plain;
    struct wire_event event;

    (void)state;
    plain_init(&plain);
    plain_input(&plain, (const uint8_t *)"one\ntwo\n", 8, 0);
    assert_true(plain_next(&plain, 0, &event));
    size_t room = plain_room(&plain);
    assert_true(plain_wake_ms(&plain) != INT64_MAX);
    assert_memory_equal(event.text, "one", 3);
    assert_true(plain_next(&plain, 0, &event));
    assert_true(plain_room(&plain) > room);
    assert_true(plain_wake_ms(&plain) == INT64_MAX);
    assert_memory_equal(event.text, "two", 3);
    plain_done(&plain);
}

static void both_directions_know_nothing_of_each_other(void **state)
{
    struct talk talk;
    size_t len = 0;

    (void)state;
    begin(&talk);
    say(&talk, "half", 4, 0);
    assert_int_equal(plain_send(&talk.plain, (const uint8_t *)"mine", 4), 0);
    say(&talk, " a line\n", 8, 1);
    listen_all(&talk, 1);
    plain_end(&talk.plain);
    listen_all(&talk, 1);
    expect(&talk, "<half a line>!", 14);
    assert_int_equal(plain_send(&talk.plain, (const uint8_t *)"after", 5), 0);
    const uint8_t *sent = plain_output(&talk.plain, &len);
    assert_int_equal(len, 11);
    assert_memory_equal(sent, "mine\nafter\n", 11);
    finish(&talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_messages_however_they_are_cut),
        cmocka_unit_test(every_byte_but_the_end_of_the_line_is_text),
        cmocka_unit_test(a_line_without_an_end_comes_after_a_short_wait),
        cmocka_unit_test(a_deadline_that_nobody_heeded_does_not_mix_up_the_lines),
        cmocka_unit_test(a_long_line_comes_whole_or_in_pieces_and_nothing_of_it_is_lost),
        cmocka_unit_test(a_cut_at_the_end_of_a_line_of_the_longest_kind_changes_nothing),
        cmocka_unit_test(random_cuts_of_random_lines_change_nothing),
        cmocka_unit_test(a_line_of_the_longest_kind_fed_byte_by_byte_takes_linear_time),
        cmocka_unit_test(what_does_not_fit_is_the_callers_bug_and_changes_nothing),
        cmocka_unit_test(the_text_stays_valid_until_the_next_call),
        cmocka_unit_test(both_directions_know_nothing_of_each_other),
    };
    return cmocka_run_group_tests_name("plain", tests, NULL, NULL);
}
