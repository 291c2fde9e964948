/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The greeting: every frame in every state of both roles, in every length; and what we decide at a wrong time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "greeters.h"

/* --- what may not come */

/* Which of the frames of a greeting, but REFUSE, a side takes in a state. */
static bool is_due(enum greeting_state state, uint8_t type, bool has_ticket)
{
    switch (type) {
    case FRAME_HELLO:
        return state == GREETING_AWAITS_HELLO;
    case FRAME_PROOF:
    case FRAME_COMMIT:
        return state == GREETING_AWAITS_CLAIM;
    case FRAME_NONCE:
        return state == GREETING_AWAITS_ANSWER && !has_ticket;
    case FRAME_REVEAL:
        return state == GREETING_AWAITS_REVEAL;
    case FRAME_WELCOME:
        return state == GREETING_AWAITS_ANSWER || state == GREETING_REVEALED;
    case FRAME_REFUSE:
        return state < GREETING_DECLINED;
    case FRAME_READY:
        return state == GREETING_AWAITS_READY;
    default:
        return type >= FRAME_EXTENSIBLE && state != GREETING_OVER;
    }
}

/* A frame that is right but for when it comes, and then one that would be right. */
static void try_type(enum greeting_role role, enum greeting_state at, uint8_t type, bool has_ticket)
{
    uint8_t payload[8192];
    struct greeting g;
    enum greeting_event event;

    greeters_bring(&g, role, at, has_ticket);
    size_t len = greeters_payload(&g, type, payload);
    int result = greeters_tell(&g, type, payload, len, &event);
    if (at == GREETING_DECLINED || is_due(at, type, has_ticket)) {
        assert_int_equal(result, 0);
        assert_int_equal(event == GREETING_NONE,
                         at == GREETING_DECLINED || type == FRAME_HELLO || type >= FRAME_EXTENSIBLE);
    } else {
        if (result != -ERR_PROTOCOL)
            fail_msg("role %d takes a frame of type %d in state %d", (int)role, type, (int)at);
        assert_int_equal(event, GREETING_NONE);
        assert_int_equal(greeters_tell(&g, FRAME_EXTENSIBLE, "", 0, &event), -ERR_PROTOCOL);
        assert_int_equal(greeters_tell(&g, FRAME_REFUSE, "\1", 1, &event), -ERR_PROTOCOL);
    }
    greeting_done(&g);
}

static void no_frame_comes_at_another_time(void **state)
{
    (void)state;
    for (int role = GREETING_CALLER; role <= (int)GREETING_LISTENER; role++) {
        for (int at = GREETING_AWAITS_HELLO; at < (int)GREETING_BROKEN; at++) {
            for (int has_ticket = 0; has_ticket <= 1; has_ticket++) {
                for (int type = 0; type <= 0xff && greeters_has(role, at, has_ticket); type++)
                    try_type(role, at, (uint8_t)type, has_ticket);
            }
        }
    }
}

static void no_frame_has_another_length(void **state)
{
    (void)state;
    for (int at = GREETING_AWAITS_HELLO; at < (int)GREETING_DECLINED; at++) {
        enum greeting_role role =
            greeters_has(GREETING_LISTENER, at, false) ? GREETING_LISTENER : GREETING_CALLER;
        for (uint8_t type = FRAME_HELLO; type <= FRAME_READY; type++) {
            uint8_t payload[8192] = {0};
            struct greeting g;
            enum greeting_event event;
            greeters_bring(&g, role, at, false);
            size_t whole = greeters_payload(&g, type, payload);
            greeting_done(&g);
            if (!is_due(at, type, false))
                continue;
            for (size_t len = 0; len <= whole + 40; len++) {
                uint8_t *exact = malloc(len + !len);
                assert_non_null(exact);
                memcpy(exact, payload, len);
                greeters_bring(&g, role, at, false);
                bool fits = len == whole || (type == FRAME_HELLO && len > whole);
                assert_int_equal(greeters_tell(&g, type, exact, len, &event), fits ? 0 : -ERR_PROTOCOL);
                greeting_done(&g);
                free(exact);
            }
        }
    }
}

/* What a caller takes, and what a listener sends. */
static bool how_fits(int how, bool has_ticket, bool is_self, bool has_number)
{
    if (is_self || how == GREETING_YOURSELF)
        return is_self && how == GREETING_YOURSELF;
    if (has_number || how == GREETING_BY_NUMBER)
        return has_number && how == GREETING_BY_NUMBER;
    return how == GREETING_BY_KEY || (how == GREETING_BY_TICKET && has_ticket);
}

static void a_welcome_fits_what_was_said(void **state)
{
    (void)state;
    for (int how = 0; how <= 0xff; how++) {
        for (int way = 0; way < 5; way++) {
            bool has_ticket = way == 1 || way == 3, is_self = way >= 2 && way <= 3, has_number = way == 4;
            uint8_t payload = (uint8_t)how, bytes[8192];
            struct greeters both;
            enum greeting_event event;
            greeters_begin(&both, has_ticket, is_self);
            greeters_talk(&both);
            if (has_number)
                greeting_compare(&both.listener);
            greeters_talk(&both);
            greeting_welcome(&both.listener, how);
            assert_int_equal(greeters_take(&both.listener, bytes), 6);
            bool fits = how_fits(how, has_ticket, is_self, has_number);
            assert_int_equal(bytes[4], fits ? FRAME_WELCOME : FRAME_REFUSE);
            assert_int_equal(bytes[5], fits ? how : REFUSE_DECLINED);
            assert_int_equal(greeters_tell(&both.caller, FRAME_WELCOME, &payload, 1, &event),
                             fits ? 0 : -ERR_PROTOCOL);
            assert_int_equal(event, fits ? GREETING_WELCOMED : GREETING_NONE);
            greeters_end(&both);
        }
    }
}

static void oneself_gets_no_nonce(void **state)
{
    struct greeters both;
    enum greeting_event event;

    (void)state;
    greeters_begin(&both, false, true);
    greeters_talk(&both);
    assert_int_equal(greeters_tell(&both.caller, FRAME_NONCE, greeters_id('n').bytes, 32, &event),
                     -ERR_PROTOCOL);
    greeters_end(&both);
}

static void another_nonce_than_the_promised_one_is_refused(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < 256; bit++) {
        struct greeting g;
        struct id nonce = greeters_id('m');
        enum greeting_event event;
        greeters_bring(&g, GREETING_LISTENER, GREETING_AWAITS_REVEAL, false);
        nonce.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(greeters_tell(&g, FRAME_REVEAL, nonce.bytes, 32, &event), -ERR_PROTOCOL);
        assert_string_equal(g.number, "");
        assert_true(greeting_is_exchanging(&g));
        greeting_welcome(&g, GREETING_BY_NUMBER);
        assert_int_equal(g.state, GREETING_BROKEN);
        greeting_done(&g);
    }
}

static void another_version_is_told(void **state)
{
    (void)state;
    for (int role = GREETING_CALLER; role <= (int)GREETING_LISTENER; role++) {
        struct greeting g;
        uint8_t bytes[8192], last[8192] = {0};
        enum greeting_event event;
        greeters_bring(&g, role, GREETING_AWAITS_HELLO, false);
        assert_int_equal(greeters_tell(&g, FRAME_HELLO, "\2anything", 9, &event), -ERR_RANGE);
        assert_int_equal(event, GREETING_NONE);
        for (size_t len = 0; (len = greeters_take(&g, bytes)) > 0;)
            memcpy(last, bytes, len);
        assert_memory_equal(last, "\0\0\0\1\7\10", 6);
        assert_int_equal(greeters_tell(&g, FRAME_COMMIT, greeters_id('x').bytes, 32, &event), -ERR_RANGE);
        greeting_done(&g);
    }
}

static void all_that_one_side_may_say_is_bounded(void **state)
{
    static const uint8_t zeros[FRAME_GREETING_MAX];
    struct greeting g;
    enum greeting_event event;

    (void)state;
    greeters_bring(&g, GREETING_LISTENER, GREETING_AWAITS_HELLO, false);
    for (size_t at = 0; at < GREETING_BYTES_MAX; at += 1024)
        assert_int_equal(greeters_tell(&g, 0xff, zeros, 1024 - FRAME_HEADER_BYTES, &event), 0);
    assert_int_equal(greeters_tell(&g, 0x80, zeros, 0, &event), -ERR_PROTOCOL);
    greeting_done(&g);
    greeters_bring(&g, GREETING_CALLER, GREETING_AWAITS_ANSWER, false);
    int result = 0;
    size_t said = 0;
    for (; result == 0; said += FRAME_HEADER_BYTES)
        result = greeters_tell(&g, 0x80, zeros, 0, &event);
    assert_int_equal(result, -ERR_PROTOCOL);
    assert_in_range(said, GREETING_BYTES_MAX - 100, GREETING_BYTES_MAX + FRAME_HEADER_BYTES);
    greeting_done(&g);
}

/* --- our own mistakes */

static void decisions_at_another_time_do_nothing(void **state)
{
    (void)state;
    for (int role = GREETING_CALLER; role <= (int)GREETING_LISTENER; role++) {
        for (int at = GREETING_AWAITS_HELLO; at < (int)GREETING_BROKEN; at++) {
            struct greeting g;
            size_t before = 0, after = 0;
            if (!greeters_has(role, at, false))
                continue;
            greeters_bring(&g, role, at, false);
            greeting_output(&g, &before);
            if (at != GREETING_DECIDES)
                greeting_compare(&g);
            if (at != GREETING_DECIDES && at != GREETING_COMPARES)
                greeting_welcome(&g, GREETING_BY_KEY);
            if (at != GREETING_ANSWERS)
                greeting_ready(&g);
            if (at >= GREETING_DECLINED)
                greeting_refuse(&g, REFUSE_BUSY);
            greeting_output(&g, &after);
            assert_int_equal(after, before);
            assert_int_equal(g.state, at);
            greeting_done(&g);
        }
    }
}

static void a_hello_without_a_form_is_an_error(void **state)
{
    struct hello hello = {.mode = HELLO_TALK};
    struct greeting_config config = {.role = GREETING_CALLER, .hello = &hello};
    struct greeting g;
    enum greeting_event event;

    (void)state;
    assert_int_equal(greeting_init(&g, &config), -ERR_RANGE);
    assert_int_equal(greeters_tell(&g, FRAME_REFUSE, "\1", 1, &event), -ERR_RANGE);
    greeting_done(&g);
}

static void the_longest_greeting_has_room(void **state)
{
    struct hello hello = {.mode = HELLO_TALK, .name_len = 64, .place_count = HELLO_PLACES_MAX};
    struct greeting_config config = {.role = GREETING_CALLER, .hello = &hello};
    struct greeting g;
    size_t len = 0;

    (void)state;
    memset(hello.name, 'x', 64);
    for (int i = 0; i < HELLO_PLACES_MAX; i++) {
        struct place *place = &hello.places[i];
        place->port = 7;
        for (size_t at = 0; at < 250; at++)
            place->host[at] = at % 50 == 49 ? '.' : 'a';
        place->host[249] = '\0';
    }
    config.own = greeters_id('c');
    assert_int_equal(greeting_init(&g, &config), 0);
    greeting_output(&g, &len);
    assert_in_range(len, 3800, FRAME_GREETING_MAX + FRAME_HEADER_BYTES + 37);
    greeting_refuse(&g, REFUSE_BUSY);
    size_t more = 0;
    greeting_output(&g, &more);
    assert_int_equal(more, len + 6);
    greeting_done(&g);
}

static void nothing_is_left_behind(void **state)
{
    static const struct greeting nothing;
    struct greeters both;

    (void)state;
    greeters_begin(&both, false, false);
    greeters_talk(&both);
    greeting_compare(&both.listener);
    greeters_talk(&both);
    greeters_end(&both);
    assert_memory_equal(&both.caller, &nothing, sizeof nothing);
    assert_memory_equal(&both.listener, &nothing, sizeof nothing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_frame_comes_at_another_time),
        cmocka_unit_test(no_frame_has_another_length),
        cmocka_unit_test(a_welcome_fits_what_was_said),
        cmocka_unit_test(oneself_gets_no_nonce),
        cmocka_unit_test(another_nonce_than_the_promised_one_is_refused),
        cmocka_unit_test(another_version_is_told),
        cmocka_unit_test(all_that_one_side_may_say_is_bounded),
        cmocka_unit_test(decisions_at_another_time_do_nothing),
        cmocka_unit_test(a_hello_without_a_form_is_an_error),
        cmocka_unit_test(the_longest_greeting_has_room),
        cmocka_unit_test(nothing_is_left_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
