/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The greeting: both roles against each other and against the document. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/err.h"
#include "greeters.h"
#include "vectors.h"

static const uint8_t wrong_secret[TICKET_SECRET_BYTES] = "a secret of 16 b";

/* --- the document */

/* What a side of a record knows before. */
static struct greeting_config config_of(const struct vectors *v, enum greeting_role role,
                                        const struct hello *hello, uint8_t *secret)
{
    bool is_caller = role == GREETING_CALLER;
    struct greeting_config config = {.role = role, .hello = hello};

    vectors_exactly(v, is_caller ? "caller-id" : "listener-id", config.own.bytes, ID_BYTES);
    vectors_exactly(v, is_caller ? "listener-id" : "caller-id", config.peer.bytes, ID_BYTES);
    vectors_exactly(v, "exporter", config.exporter, HASH_BYTES);
    if (vectors_text(v, "caller-nonce"))
        vectors_exactly(v, is_caller ? "caller-nonce" : "listener-nonce", config.nonce, HASH_BYTES);
    if (vectors_text(v, "secret")) {
        vectors_exactly(v, "secret", secret, TICKET_SECRET_BYTES);
        config.secret = is_caller ? secret : NULL;
    }
    return config;
}

/* The HELLO that a side of a record says. */
static struct hello hello_of(const struct vectors *v, const char *side)
{
    uint8_t bytes[8192];
    struct frame frame;
    struct hello hello;
    size_t len = vectors_bytes(v, side, bytes, sizeof bytes);

    assert_int_equal(frame_get(bytes, len, FRAME_GREETING_MAX, &frame), len);
    assert_int_equal(hello_get(frame.payload, frame.len, &hello), 0);
    return hello;
}

/* What the user of a side decides in the way of a record. */
static void decide(struct greeting *g, enum greeting_event event, const char *way, const uint8_t *secret)
{
    if (event == GREETING_ASKS && strcmp(way, "number") == 0)
        greeting_compare(g);
    else if (event == GREETING_ASKS && strcmp(way, "key") == 0)
        greeting_welcome(g, GREETING_BY_KEY);
    else if (event == GREETING_ASKS && greeting_proves(g, secret) && strcmp(way, "ticket") == 0)
        greeting_welcome(g, GREETING_BY_TICKET);
    else if (event == GREETING_ASKS && greeting_proves(g, secret))
        greeting_refuse(g, REFUSE_TICKET_USED);
    else if (event == GREETING_NUMBER && g->role == GREETING_LISTENER)
        greeting_welcome(g, GREETING_BY_NUMBER);
    else if (event == GREETING_WELCOMED)
        greeting_ready(g);
}

/* One side of a record: hears the other's frames, and must say its own, each when its turn has come. */
static enum greeting_event play(const struct vectors *v, enum greeting_role role)
{
    const char *own = role == GREETING_CALLER ? "caller" : "listener", *way = vectors_text(v, "way");
    uint8_t secret[TICKET_SECRET_BYTES] = {0}, bytes[8192], said[8192];
    struct hello hello = hello_of(v, own);
    struct greeting_config config = config_of(v, role, &hello, secret);
    struct greeting g;
    enum greeting_event event = GREETING_NONE;

    assert_int_equal(greeting_init(&g, &config), 0);
    for (int i = 0; i < v->count; i++) {
        if (strcmp(v->names[i], "caller") != 0 && strcmp(v->names[i], "listener") != 0)
            continue;
        size_t len = vectors_unhex(v->values[i], bytes, sizeof bytes);
        if (strcmp(v->names[i], own) == 0) {
            assert_int_equal(greeters_take(&g, said), len);
            assert_memory_equal(said, bytes, len);
            continue;
        }
        assert_int_equal(
            greeters_tell(&g, bytes[4], bytes + FRAME_HEADER_BYTES, len - FRAME_HEADER_BYTES, &event), 0);
        decide(&g, event, way, secret);
    }
    assert_int_equal(greeters_take(&g, said), 0);
    assert_string_equal(g.number, vectors_text(v, "number") ? vectors_text(v, "number") : "");
    greeting_done(&g);
    return event;
}

static void greetings_are_those_of_the_document(void **state)
{
    struct vectors v;
    int count = 0;

    (void)state;
    vectors_open(&v, "greeting.txt");
    for (; vectors_next(&v); count++) {
        bool refused = strcmp(vectors_text(&v, "way"), "refused") == 0;
        assert_int_equal(play(&v, GREETING_CALLER), refused ? GREETING_REFUSED : GREETING_WELCOMED);
        assert_int_equal(play(&v, GREETING_LISTENER), refused ? GREETING_ASKS : GREETING_READY);
    }
    vectors_close(&v);
    assert_int_equal(count, 4);
}

static void numbers_are_those_of_the_document(void **state)
{
    static const struct hello hello = {.mode = HELLO_TALK, .name_len = 1, .name = "x"};
    struct vectors v;
    int count = 0;

    (void)state;
    vectors_open(&v, "number.txt");
    for (; vectors_next(&v); count++) {
        struct greeters both;
        struct greeting_config caller = {.role = GREETING_CALLER, .hello = &hello}, listener;
        uint8_t commit[HASH_BYTES];
        vectors_exactly(&v, "exporter", caller.exporter, HASH_BYTES);
        vectors_exactly(&v, "listener", caller.peer.bytes, ID_BYTES);
        vectors_exactly(&v, "caller", caller.own.bytes, ID_BYTES);
        vectors_exactly(&v, "caller-nonce", caller.nonce, HASH_BYTES);
        vectors_exactly(&v, "commit", commit, HASH_BYTES);
        listener = caller;
        listener.role = GREETING_LISTENER;
        listener.own = caller.peer;
        listener.peer = caller.own;
        vectors_exactly(&v, "listener-nonce", listener.nonce, HASH_BYTES);
        memset(&both, 0, sizeof both);
        assert_int_equal(greeting_init(&both.caller, &caller), 0);
        assert_int_equal(greeting_init(&both.listener, &listener), 0);
        greeters_talk(&both);
        assert_memory_equal(both.listener.claim, commit, HASH_BYTES);
        greeting_compare(&both.listener);
        greeters_talk(&both);
        assert_string_equal(both.told, "aNn");
        assert_string_equal(both.caller.number, vectors_text(&v, "number"));
        assert_string_equal(both.listener.number, vectors_text(&v, "number"));
        greeters_end(&both);
    }
    vectors_close(&v);
    assert_int_equal(count, 4);
}

/* --- both roles against each other */

static void everybody_knows(const struct greeters *both, const char *told)
{
    assert_string_equal(both->told, told);
    assert_string_equal(both->caller.hello.name, "anna");
    assert_string_equal(both->listener.hello.name, "anna");
    assert_int_equal(both->listener.hello.place_count, 1);
}

static void a_known_key_comes_in(void **state)
{
    struct greeters both;

    (void)state;
    for (int has_ticket = 0; has_ticket <= 1; has_ticket++) {
        greeters_begin(&both, has_ticket, false);
        greeters_talk(&both);
        assert_int_equal(both.listener.has_proof, has_ticket);
        greeting_welcome(&both.listener, GREETING_BY_KEY);
        greeters_talk(&both);
        assert_int_equal(both.caller.how, GREETING_BY_KEY);
        greeting_ready(&both.caller);
        greeters_talk(&both);
        everybody_knows(&both, "aWr");
        greeters_end(&both);
    }
}

static void a_ticket_comes_in_and_only_with_its_secret(void **state)
{
    struct greeters both;

    (void)state;
    greeters_begin(&both, true, false);
    assert_false(greeting_proves(&both.listener, (const uint8_t *)GREETERS_SECRET));
    greeters_talk(&both);
    assert_true(greeting_proves(&both.listener, (const uint8_t *)GREETERS_SECRET));
    assert_false(greeting_proves(&both.listener, wrong_secret));
    assert_false(greeting_proves(&both.caller, (const uint8_t *)GREETERS_SECRET));
    greeting_welcome(&both.listener, GREETING_BY_TICKET);
    greeters_talk(&both);
    assert_int_equal(both.caller.how, GREETING_BY_TICKET);
    greeting_ready(&both.caller);
    greeters_talk(&both);
    everybody_knows(&both, "aWr");
    greeters_end(&both);
}

static void a_commitment_proves_nothing(void **state)
{
    struct greeters both;
    struct id nonce = greeters_id('m');

    (void)state;
    greeters_begin(&both, false, false);
    greeters_talk(&both);
    assert_false(greeting_proves(&both.listener, (const uint8_t *)GREETERS_SECRET));
    assert_false(greeting_proves(&both.listener, nonce.bytes));
    greeters_end(&both);
}

static void strangers_get_the_same_number(void **state)
{
    struct greeters both;

    (void)state;
    greeters_begin(&both, false, false);
    greeters_talk(&both);
    assert_false(greeting_is_exchanging(&both.listener));
    greeting_compare(&both.listener);
    assert_true(greeting_is_exchanging(&both.listener));
    assert_false(greeting_is_exchanging(&both.caller));
    greeters_talk(&both);
    everybody_knows(&both, "aNn");
    assert_true(greeting_is_exchanging(&both.caller));
    assert_int_equal(strlen(both.caller.number), 14);
    assert_string_equal(both.caller.number, both.listener.number);
    greeting_welcome(&both.listener, GREETING_BY_NUMBER);
    assert_false(greeting_is_exchanging(&both.listener));
    greeters_talk(&both);
    assert_false(greeting_is_exchanging(&both.caller));
    assert_int_equal(both.caller.how, GREETING_BY_NUMBER);
    greeting_ready(&both.caller);
    greeters_talk(&both);
    everybody_knows(&both, "aNnWr");
    greeters_end(&both);
}

static void one_is_welcome_to_oneself_in_one_way(void **state)
{
    struct greeters both;

    (void)state;
    for (int has_ticket = 0; has_ticket <= 1; has_ticket++) {
        greeters_begin(&both, has_ticket, true);
        greeters_talk(&both);
        greeting_welcome(&both.listener, GREETING_YOURSELF);
        greeters_talk(&both);
        assert_int_equal(both.caller.how, GREETING_YOURSELF);
        greeting_ready(&both.caller);
        greeters_talk(&both);
        everybody_knows(&both, "aWr");
        greeters_end(&both);
    }
    greeters_begin(&both, false, true);
    greeters_talk(&both);
    greeting_compare(&both.listener);
    greeters_talk(&both);
    assert_string_equal(both.told, "aX");
    greeters_end(&both);
}

/* Either side refuses, in any of its states. */
static void a_refusal_comes_at_any_time(void **state)
{
    (void)state;
    for (int role = GREETING_CALLER; role <= (int)GREETING_LISTENER; role++) {
        for (int at = GREETING_AWAITS_HELLO; at < (int)GREETING_DECLINED; at++) {
            struct greeting g;
            uint8_t bytes[8192], last[8192] = {0};
            enum greeting_event event;
            bool exchanging =
                at == GREETING_AWAITS_REVEAL || at == GREETING_COMPARES || at == GREETING_REVEALED;
            if (!greeters_has(role, at, false))
                continue;
            greeters_bring(&g, role, at, false);
            assert_int_equal(greeters_tell(&g, FRAME_REFUSE, "\2", 1, &event), 0);
            assert_int_equal(event, GREETING_REFUSED);
            assert_int_equal(g.code, REFUSE_DECLINED);
            assert_int_equal(greeting_is_exchanging(&g), exchanging);
            assert_int_equal(greeters_tell(&g, FRAME_REFUSE, "\2", 1, &event), -ERR_PROTOCOL);
            greeting_done(&g);
            greeters_bring(&g, role, at, false);
            greeting_refuse(&g, REFUSE_BUSY);
            greeting_refuse(&g, REFUSE_DECLINED);
            assert_int_equal(greeters_tell(&g, FRAME_TEXT, "", 0, &event), 0);
            assert_int_equal(event, GREETING_NONE);
            for (size_t len = 0; (len = greeters_take(&g, bytes)) > 0;)
                memcpy(last, bytes, len);
            assert_memory_equal(last, "\0\0\0\1\7\1", 6);
            greeting_done(&g);
        }
    }
}

static void all_codes_are_taken_and_have_words(void **state)
{
    (void)state;
    for (int code = 0; code <= 0xff; code++) {
        struct greeting g;
        enum greeting_event event;
        uint8_t payload = (uint8_t)code;
        greeters_bring(&g, GREETING_CALLER, GREETING_AWAITS_ANSWER, true);
        assert_int_equal(greeters_tell(&g, FRAME_REFUSE, &payload, 1, &event), code == 0 ? -ERR_PROTOCOL : 0);
        assert_int_equal(g.code, code);
        assert_true(strlen(greeting_refusal_text(payload)) > 5);
        assert_int_equal(strcmp(greeting_refusal_text(payload), "it said no") == 0, code == 0 || code > 9);
        greeting_done(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greetings_are_those_of_the_document),
        cmocka_unit_test(numbers_are_those_of_the_document),
        cmocka_unit_test(a_known_key_comes_in),
        cmocka_unit_test(a_ticket_comes_in_and_only_with_its_secret),
        cmocka_unit_test(a_commitment_proves_nothing),
        cmocka_unit_test(strangers_get_the_same_number),
        cmocka_unit_test(one_is_welcome_to_oneself_in_one_way),
        cmocka_unit_test(a_refusal_comes_at_any_time),
        cmocka_unit_test(all_codes_are_taken_and_have_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
