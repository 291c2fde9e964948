/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One in the middle, who ends the encryption on both sides with keys of its own, and therefore has two connections with an
 * exporter each: whatever it passes on, the numbers differ, and no proof is worth anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/err.h"
#include "base/secret.h"
#include "greeters.h"

#define RUNS 1000

static const struct hello hello = {.mode = HELLO_TALK, .name_len = 3, .name = "eve"};

static const uint8_t ticket[TICKET_SECRET_BYTES] = GREETERS_SECRET;

/* The victims, and what the one in the middle is to each of them. */
struct middle {
    struct greeters left;  /* the calling victim, and the listener that it believes to talk to */
    struct greeters right; /* the caller that the listening victim believes to talk to, and that victim */
};

static void connect_two(struct greeters *both, const struct id *caller, const struct id *listener,
                        bool has_ticket)
{
    struct greeting_config config = {
        .role = GREETING_CALLER, .own = *caller, .peer = *listener, .hello = &hello};

    memset(both, 0, sizeof *both);
    secret_random(config.exporter, sizeof config.exporter);
    secret_random(config.nonce, sizeof config.nonce);
    config.secret = has_ticket ? ticket : NULL;
    assert_int_equal(greeting_init(&both->caller, &config), 0);
    config.role = GREETING_LISTENER;
    config.own = *listener;
    config.peer = *caller;
    secret_random(config.nonce, sizeof config.nonce);
    assert_int_equal(greeting_init(&both->listener, &config), 0);
}

static void begin(struct middle *m, bool has_ticket)
{
    struct id caller, listener, to_caller, to_listener;

    secret_random(&caller, sizeof caller);
    secret_random(&listener, sizeof listener);
    secret_random(&to_caller, sizeof to_caller);
    secret_random(&to_listener, sizeof to_listener);
    connect_two(&m->left, &caller, &to_caller, has_ticket);
    connect_two(&m->right, &to_listener, &listener, has_ticket);
}

static void end(struct middle *m)
{
    greeters_end(&m->left);
    greeters_end(&m->right);
}

/* Pass on what one says, as it is, to the other. Returns the last result. */
static int pass(struct greeting *from, struct greeting *to)
{
    uint8_t bytes[8192];
    enum greeting_event event;
    int result = 0;

    for (size_t len = 0; result == 0 && (len = greeters_take(from, bytes)) > 0;)
        result = greeters_tell(to, bytes[4], bytes + FRAME_HEADER_BYTES, len - FRAME_HEADER_BYTES, &event);
    return result;
}

static void whoever_greets_both_gets_two_numbers(void **state)
{
    struct middle m;

    (void)state;
    for (int run = 0; run < RUNS; run++) {
        begin(&m, false);
        greeters_talk(&m.left);
        greeters_talk(&m.right);
        greeting_compare(&m.left.listener);
        greeting_compare(&m.right.listener);
        greeters_talk(&m.left);
        greeters_talk(&m.right);
        assert_string_equal(m.left.caller.number, m.left.listener.number);
        assert_string_equal(m.right.caller.number, m.right.listener.number);
        assert_string_not_equal(m.left.caller.number, m.right.listener.number);
        assert_int_equal(strlen(m.left.caller.number), 14);
        assert_int_equal(strlen(m.right.listener.number), 14);
        end(&m);
    }
}

static void whoever_uses_the_nonces_of_the_other_gets_two_numbers(void **state)
{
    struct middle m;

    (void)state;
    for (int run = 0; run < RUNS; run++) {
        struct id caller, listener;
        begin(&m, false);
        /* Both nonces are the same on both sides, as if it could choose them after it has seen them. */
        memcpy(m.left.listener.nonce, m.right.listener.nonce, sizeof m.left.listener.nonce);
        caller = m.right.caller.own;
        listener = m.right.caller.peer;
        greeting_done(&m.right.caller);
        struct greeting_config config = {
            .role = GREETING_CALLER, .own = caller, .peer = listener, .hello = &hello};
        memcpy(config.exporter, m.right.listener.exporter, sizeof config.exporter);
        memcpy(config.nonce, m.left.caller.nonce, sizeof config.nonce);
        assert_int_equal(greeting_init(&m.right.caller, &config), 0);
        greeters_talk(&m.left);
        greeters_talk(&m.right);
        greeting_compare(&m.left.listener);
        greeting_compare(&m.right.listener);
        greeters_talk(&m.left);
        greeters_talk(&m.right);
        assert_string_equal(m.right.caller.number, m.right.listener.number);
        assert_string_not_equal(m.left.caller.number, m.right.listener.number);
        end(&m);
    }
}

static void whoever_passes_everything_on_is_found_out(void **state)
{
    struct middle m;

    (void)state;
    for (int run = 0; run < RUNS; run++) {
        begin(&m, false);
        assert_int_equal(pass(&m.left.caller, &m.right.listener), 0);
        assert_int_equal(pass(&m.right.listener, &m.left.caller), 0);
        greeting_compare(&m.right.listener);
        assert_int_equal(pass(&m.right.listener, &m.left.caller), 0);
        assert_int_equal(strlen(m.left.caller.number), 14);
        assert_int_equal(pass(&m.left.caller, &m.right.listener), -ERR_PROTOCOL);
        assert_true(greeting_is_exchanging(&m.right.listener));
        assert_true(greeting_is_exchanging(&m.left.caller));
        end(&m);
    }
}

static void a_proof_that_is_passed_on_proves_nothing(void **state)
{
    struct middle m;

    (void)state;
    for (int run = 0; run < RUNS; run++) {
        begin(&m, true);
        assert_int_equal(pass(&m.left.caller, &m.right.listener), 0);
        assert_true(m.right.listener.has_proof);
        assert_false(greeting_proves(&m.right.listener, ticket));
        end(&m);
        /* The same exporter would not help, since the ids are in it, too. */
        begin(&m, true);
        memcpy(m.right.listener.exporter, m.left.caller.exporter, sizeof m.left.caller.exporter);
        assert_int_equal(pass(&m.left.caller, &m.right.listener), 0);
        assert_false(greeting_proves(&m.right.listener, ticket));
        end(&m);
    }
}

/* Whoever sends back what a victim says. */
static void a_mirror_is_nobody(void **state)
{
    struct middle m;
    enum greeting_event event;
    uint8_t bytes[8192];

    (void)state;
    for (int has_ticket = 0; has_ticket <= 1; has_ticket++) {
        begin(&m, has_ticket);
        assert_int_equal(pass(&m.left.caller, &m.left.caller), -ERR_PROTOCOL);
        assert_int_equal(pass(&m.right.listener, &m.right.listener), 0); /* its own HELLO */
        assert_int_equal(greeters_tell(&m.right.listener, FRAME_COMMIT, ticket, 16, &event), -ERR_PROTOCOL);
        end(&m);
    }
    begin(&m, false);
    greeters_talk(&m.right);
    greeting_compare(&m.right.listener);
    size_t len = greeters_take(&m.right.listener, bytes);
    assert_int_equal(greeters_tell(&m.right.listener, FRAME_REVEAL, bytes + 5, len - 5, &event),
                     -ERR_PROTOCOL);
    end(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_greets_both_gets_two_numbers),
        cmocka_unit_test(whoever_uses_the_nonces_of_the_other_gets_two_numbers),
        cmocka_unit_test(whoever_passes_everything_on_is_found_out),
        cmocka_unit_test(a_proof_that_is_passed_on_proves_nothing),
        cmocka_unit_test(a_mirror_is_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
