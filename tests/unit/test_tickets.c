/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A ticket lets one key in, as often as it asks, for as long as it lives; and nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "chat/tickets.h"
#include "wire/frame.h"

static const struct id listener = {{1}}, anna = {{2}}, eve = {{3}};
static const uint8_t exporter[HASH_BYTES] = {4};

/* The greeting of a caller who has come with this secret, as the listener has it when it is asked. */
static void come(struct greeting *g, const struct id *caller, const uint8_t *secret)
{
    struct hello hello = {.mode = HELLO_TALK, .name_len = 4, .name = "anna"};
    struct greeting_config config = {
        .role = GREETING_LISTENER, .own = listener, .peer = *caller, .hello = &hello};
    enum greeting_event event;
    uint8_t proof[HASH_BYTES];
    struct buf out;

    memcpy(config.exporter, exporter, sizeof exporter);
    assert_int_equal(greeting_init(g, &config), 0);
    buf_init(&out, 4096);
    assert_int_equal(hello_put(&out, &hello), 0);
    struct frame frame;
    assert_true(frame_get(buf_bytes(&out), buf_len(&out), FRAME_GREETING_MAX, &frame) > 0);
    assert_int_equal(greeting_frame(g, &frame, &event), 0);
    ticket_prove(secret, exporter, &listener, caller, proof);
    frame = (struct frame){FRAME_PROOF, proof, sizeof proof};
    assert_int_equal(greeting_frame(g, &frame, &event), 0);
    assert_int_equal(event, GREETING_ASKS);
    buf_done(&out);
}

static enum tickets_answer check(const struct tickets *tickets, const struct id *caller,
                                 const uint8_t *secret, int64_t now_ms, int *which)
{
    struct greeting g;

    come(&g, caller, secret);
    enum tickets_answer answer = tickets_check(tickets, &g, caller, now_ms, which);
    greeting_done(&g);
    return answer;
}

static void a_ticket_is_good_for_one_key_as_often_as_it_comes(void **state)
{
    uint8_t secret[TICKET_SECRET_BYTES];
    struct tickets tickets;
    int which = -1;

    (void)state;
    tickets_init(&tickets);
    assert_false(tickets_is_open(&tickets, 0));
    tickets_issue(&tickets, 1000, secret);
    assert_true(tickets_is_open(&tickets, 0));
    assert_int_equal(check(&tickets, &eve, secret, 0, &which), TICKETS_GOOD);
    assert_int_equal(check(&tickets, &anna, secret, 0, &which), TICKETS_GOOD); /* to look does not burn it */
    tickets_burn(&tickets, which, &anna);
    assert_false(tickets_is_open(&tickets, 0));
    assert_int_equal(check(&tickets, &anna, secret, 0, &which), TICKETS_GOOD);
    assert_int_equal(check(&tickets, &anna, secret, 5000, &which), TICKETS_GOOD); /* her answer was lost */
    which = -1;
    assert_int_equal(check(&tickets, &eve, secret, 0, &which), TICKETS_USED);
    assert_true(id_equal(&tickets.list[which].by, &anna));
    tickets_done(&tickets);
}

static void a_ticket_ends_at_its_time(void **state)
{
    uint8_t secret[TICKET_SECRET_BYTES];
    struct tickets tickets;
    int which;

    (void)state;
    tickets_init(&tickets);
    tickets_issue(&tickets, 1000, secret);
    assert_int_equal(check(&tickets, &anna, secret, 999, &which), TICKETS_GOOD);
    assert_true(tickets_is_open(&tickets, 999));
    assert_int_equal(check(&tickets, &anna, secret, 1000, &which), TICKETS_EXPIRED);
    assert_false(tickets_is_open(&tickets, 1000));
}

static void a_wrong_proof_is_wrong_and_burns_nothing(void **state)
{
    uint8_t secret[TICKET_SECRET_BYTES], wrong[TICKET_SECRET_BYTES];
    struct tickets tickets;
    int which;

    (void)state;
    tickets_init(&tickets);
    tickets_issue(&tickets, 1000, secret);
    for (int bit = 0; bit < TICKET_SECRET_BYTES * 8; bit++) {
        memcpy(wrong, secret, sizeof wrong);
        wrong[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(check(&tickets, &eve, wrong, 0, &which), TICKETS_WRONG);
    }
    assert_int_equal(check(&tickets, &anna, secret, 0, &which), TICKETS_GOOD);
}

static void the_oldest_is_forgotten_and_each_has_its_own_secret(void **state)
{
    uint8_t secrets[TICKETS_MAX + 2][TICKET_SECRET_BYTES];
    uint8_t hashes[TICKETS_MAX][HASH_BYTES];
    struct tickets tickets;
    int which;

    (void)state;
    tickets_init(&tickets);
    for (int i = 0; i < TICKETS_MAX + 2; i++)
        tickets_issue(&tickets, 1000, secrets[i]);
    for (int i = 0; i < TICKETS_MAX + 2; i++) {
        assert_int_equal(check(&tickets, &anna, secrets[i], 0, &which), i < 2 ? TICKETS_WRONG : TICKETS_GOOD);
        if (i < 2)
            continue;
        assert_int_equal(which, i - 2);
        tickets_hash(&tickets, which, hashes[which]);
        for (int j = 0; j < which; j++)
            assert_memory_not_equal(hashes[which], hashes[j], HASH_BYTES);
    }
}

static void done_wipes_the_secrets(void **state)
{
    static const struct tickets empty;
    uint8_t secret[TICKET_SECRET_BYTES];
    struct tickets tickets;

    (void)state;
    tickets_init(&tickets);
    tickets_issue(&tickets, 1000, secret);
    tickets_done(&tickets);
    assert_memory_equal(tickets.list, empty.list, sizeof empty.list);
    assert_int_equal(tickets.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_is_good_for_one_key_as_often_as_it_comes),
        cmocka_unit_test(a_ticket_ends_at_its_time),
        cmocka_unit_test(a_wrong_proof_is_wrong_and_burns_nothing),
        cmocka_unit_test(the_oldest_is_forgotten_and_each_has_its_own_secret),
        cmocka_unit_test(done_wipes_the_secrets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
