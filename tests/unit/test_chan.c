/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two who speak TLS as we do understand each other, however their bytes are cut; nothing is lost, and only
 * as much waits as may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/err.h"
#include "net/chan.h"
#include "pair.h"

#define FLIGHT_MAX 4096

static void check_agreement(struct pair *pair)
{
    uint8_t exported[2][HASH_BYTES];

    for (int role = 0; role < 2; role++) {
        assert_true(chan_is_open(pair->chans[role]));
        assert_true(id_equal(chan_peer(pair->chans[role]), key_id(pair->keys[!role])));
        assert_int_equal(chan_export(pair->chans[role], exported[role]), 0);
        assert_string_equal(chan_why(pair->chans[role]), "");
    }
    assert_memory_equal(exported[0], exported[1], HASH_BYTES);
    pair_talk(pair, CHAN_CALLER, "hello");
    pair_talk(pair, CHAN_LISTENER, "hello yourself");
    assert_int_equal(ERR_peek_error(), 0);
}

/* The first of all: in the other programs nothing is there before the first channel. */
static void what_all_share_may_be_there_before(void **state)
{
    struct pair pair;

    (void)state;
    for (int role = 0; role < 2; role++) {
        chan_prepare(role);
        chan_prepare(role);
    }
    assert_int_equal(ERR_peek_error(), 0);
    pair_init(&pair);
    pair_shake(&pair, SIZE_MAX);
    check_agreement(&pair);
    pair_done(&pair);
}

static void both_sides_know_each_other(void **state)
{
    struct pair pair;
    uint8_t exported[HASH_BYTES];

    (void)state;
    pair_init(&pair);
    for (int role = 0; role < 2; role++) {
        char byte;
        assert_null(chan_peer(pair.chans[role]));
        assert_false(chan_is_open(pair.chans[role]));
        assert_int_equal(chan_export(pair.chans[role], exported), -ERR_TLS);
        assert_int_equal(chan_write(pair.chans[role], "x", 1), 0);
        assert_int_equal(chan_read(pair.chans[role], &byte, 1), -EAGAIN);
        chan_close(pair.chans[role]); /* nothing to say goodbye to */
    }
    pair_shake(&pair, SIZE_MAX);
    check_agreement(&pair);
    pair_done(&pair);
    chan_free(NULL);
}

static void the_listener_says_nothing_unasked(void **state)
{
    struct pair pair;
    size_t len;

    (void)state;
    pair_init(&pair);
    chan_output(pair.chans[CHAN_LISTENER], &len);
    assert_int_equal(len, 0);
    chan_output(pair.chans[CHAN_CALLER], &len);
    assert_in_range(len, 100, 512);
    pair_done(&pair);
}

static void a_handshake_may_come_in_steps_of_any_size(void **state)
{
    (void)state;
    for (size_t step = 1; step < 64; step += step < 8 ? 1 : 5) {
        struct pair pair;
        pair_init(&pair);
        pair_shake(&pair, step);
        check_agreement(&pair);
        pair_done(&pair);
    }
}

/* Hand over the bytes in two pieces. */
static int hand_over(struct chan *chan, const uint8_t *bytes, size_t len, size_t split)
{
    size_t first = split < len ? split : len;
    int result = chan_input(chan, bytes, first);

    return result < 0 ? result : chan_input(chan, bytes + first, len - first);
}

/* Each of the three flights is cut once, after split bytes. Returns the length of the longest. */
static size_t shake_split(size_t split)
{
    struct pair pair;
    uint8_t flight[FLIGHT_MAX];
    size_t longest = 0;

    pair_init(&pair);
    for (int turn = 0; turn < 3; turn++) {
        enum chan_role from = turn == 1 ? CHAN_LISTENER : CHAN_CALLER;
        size_t len;
        pair_take(&pair, from, flight, sizeof flight, &len);
        assert_int_equal(hand_over(pair.chans[!from], flight, len, split), 0);
        longest = len > longest ? len : longest;
    }
    check_agreement(&pair);
    pair_done(&pair);
    return longest;
}

static void a_handshake_may_be_cut_anywhere(void **state)
{
    (void)state;
    size_t longest = shake_split(0);
    for (size_t split = 1; split < longest; split++)
        shake_split(split);
}

/* What stands in OpenSSL's queue because of something else is neither taken for an error of ours nor for
 * the reason of one. */
static void errors_of_others_do_not_matter(void **state)
{
    struct pair pair;
    char heard[16];

    (void)state;
    pair_init(&pair);
    for (int turn = 0; turn < 3; turn++) {
        ERR_raise(ERR_LIB_X509, 1);
        assert_int_equal(pair_carry(&pair, turn % 2 ? CHAN_LISTENER : CHAN_CALLER, 100), 0);
    }
    for (int turn = 0; turn < 4; turn++) {
        struct chan *from = pair.chans[turn % 2];
        struct chan *to = pair.chans[!(turn % 2)];
        ERR_raise(ERR_LIB_X509, 1);
        assert_int_equal(chan_write(from, "hello", 5), 5);
        ERR_raise(ERR_LIB_X509, 1);
        assert_int_equal(pair_carry(&pair, turn % 2, 10), 0);
        ERR_raise(ERR_LIB_X509, 1);
        assert_int_equal(chan_read(to, heard, sizeof heard), 5);
        ERR_raise(ERR_LIB_X509, 1);
        assert_int_equal(chan_read(to, heard, sizeof heard), -EAGAIN);
    }
    ERR_raise(ERR_LIB_X509, 1);
    assert_int_equal(chan_input(pair.chans[0], "\x17\x03\x03\x00\x20 not sealed, and 32 bytes long. ", 37),
                     0);
    assert_int_equal(chan_read(pair.chans[0], heard, sizeof heard), -ERR_TLS);
    assert_string_equal(chan_why(pair.chans[0]), "a record that was changed on its way");
    ERR_clear_error();
    pair_done(&pair);
}

static void every_connection_has_a_secret_of_its_own(void **state)
{
    uint8_t exported[2][HASH_BYTES];

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct pair pair;
        pair_init(&pair);
        pair_shake(&pair, SIZE_MAX);
        assert_int_equal(chan_export(pair.chans[CHAN_CALLER], exported[i]), 0);
        pair_done(&pair);
    }
    assert_memory_not_equal(exported[0], exported[1], HASH_BYTES);
}

/* Everyone's first try is two terminals on one machine. */
static void one_may_talk_to_oneself(void **state)
{
    struct pair pair;

    (void)state;
    assert_int_equal(key_new(&pair.keys[CHAN_CALLER]), 0);
    pair.keys[CHAN_LISTENER] = pair.keys[CHAN_CALLER];
    for (enum chan_role role = CHAN_CALLER; role <= CHAN_LISTENER; role++)
        assert_int_equal(
            chan_new(&pair.chans[role], &(struct chan_config){.role = role, .key = pair.keys[CHAN_CALLER]}),
            0);
    pair_shake(&pair, SIZE_MAX);
    check_agreement(&pair);
    pair.keys[CHAN_LISTENER] = NULL;
    pair_done(&pair);
}

static uint8_t pattern(size_t offset)
{
    return (uint8_t)(offset * 31 + offset / 251);
}

/* What is written here comes out there, up to total bytes, in pieces of these sizes. */
static void stream(size_t total, size_t write_step, size_t carry_step, size_t read_step)
{
    struct pair pair;
    uint8_t *bytes = malloc(total);
    uint8_t *heard = malloc(read_step);
    size_t written = 0;
    size_t read = 0;

    assert_true(bytes && heard);
    for (size_t i = 0; i < total; i++)
        bytes[i] = pattern(i);
    pair_init(&pair);
    pair_shake(&pair, SIZE_MAX);
    while (read < total) {
        size_t waiting;
        size_t rest = total - written;
        written +=
            chan_write(pair.chans[CHAN_CALLER], bytes + written, rest < write_step ? rest : write_step);
        chan_output(pair.chans[CHAN_CALLER], &waiting);
        assert_in_range(waiting, 0, CHAN_OUTPUT_MAX);
        assert_int_equal(pair_carry(&pair, CHAN_CALLER, carry_step), 0);
        assert_in_range(chan_room(pair.chans[CHAN_LISTENER]), 0, CHAN_INPUT_MAX);
        ssize_t count = chan_read(pair.chans[CHAN_LISTENER], heard, read_step);
        assert_true(count > 0 || count == -EAGAIN);
        assert_true(count != -EAGAIN || chan_room(pair.chans[CHAN_LISTENER]) > CHAN_RECORD_MAX);
        if (count > 0)
            assert_memory_equal(heard, bytes + read, count);
        read += count > 0 ? (size_t)count : 0;
    }
    assert_int_equal(read, total);
    assert_int_equal(chan_read(pair.chans[CHAN_LISTENER], heard, read_step), -EAGAIN);
    pair_done(&pair);
    free(heard);
    free(bytes);
}

static void every_byte_arrives_in_order(void **state)
{
    static const size_t sizes[] = {1,     2,     16383, 16384, 16385,  32767,  32768,
                                   32769, 65535, 65536, 65537, 262144, 1048576};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        stream(sizes[i], SIZE_MAX, SIZE_MAX, 65536);
        stream(sizes[i], 1000, 1460, 4096);
        stream(sizes[i], SIZE_MAX, 700, 100);
    }
}

/* A change of keys is a record of its own, behind which everything goes on. */
static void keys_are_changed_in_time(void **state)
{
    static const size_t sealed = 1 + CHAN_SEAL_BYTES;
    struct pair pair;
    uint8_t bytes[64];
    uint64_t changes = 0;

    (void)state;
    pair_init(&pair);
    pair_shake(&pair, SIZE_MAX);
    for (uint64_t i = 0; i < 2 * CHAN_REKEY_RECORDS + 2; i++) {
        uint8_t heard = 0;
        uint8_t said = (uint8_t)i;
        size_t len;
        if (chan_write(pair.chans[CHAN_CALLER], &said, 1) != 1)
            fail();
        pair_take(&pair, CHAN_CALLER, bytes, sizeof bytes, &len);
        changes += len != sealed;
        if (len != sealed && i != CHAN_REKEY_RECORDS && i != 2 * CHAN_REKEY_RECORDS)
            fail_msg("%zu bytes in record %zu", len, (size_t)i);
        if (chan_input(pair.chans[CHAN_LISTENER], bytes, len) != 0 ||
            chan_read(pair.chans[CHAN_LISTENER], &heard, 1) != 1 || heard != said)
            fail_msg("record %zu: %s", (size_t)i, chan_why(pair.chans[CHAN_LISTENER]));
    }
    assert_int_equal(changes, 2);
    pair_talk(&pair, CHAN_LISTENER, "still there?");
    pair_talk(&pair, CHAN_CALLER, "yes");
    pair_done(&pair);
}

static void a_full_output_takes_no_more(void **state)
{
    static uint8_t bytes[CHAN_OUTPUT_MAX];
    struct pair pair;
    size_t len;

    (void)state;
    pair_init(&pair);
    pair_shake(&pair, SIZE_MAX);
    struct chan *chan = pair.chans[CHAN_CALLER];
    assert_int_equal(chan_write(chan, bytes, sizeof bytes), 4 * CHAN_RECORD_MAX);
    chan_output(chan, &len);
    assert_int_equal(len, CHAN_OUTPUT_MAX);
    assert_int_equal(chan_write(chan, bytes, 1), 0);
    chan_sent(chan, CHAN_RECORD_MAX + CHAN_SEAL_BYTES - 1);
    assert_int_equal(chan_write(chan, bytes, CHAN_RECORD_MAX), 0);
    assert_int_equal(chan_write(chan, bytes, CHAN_RECORD_MAX - 1), CHAN_RECORD_MAX - 1);
    assert_int_equal(chan_write(chan, bytes, 0), 0);
    chan_output(chan, &len);
    assert_int_equal(len, CHAN_OUTPUT_MAX);
    chan_close(chan); /* has room of its own */
    chan_output(chan, &len);
    assert_in_range(len, CHAN_OUTPUT_MAX + 1, CHAN_OUTPUT_MAX + CHAN_ALERTS_MAX);
    pair_done(&pair);
}

static void more_than_there_is_room_for_is_not_taken_in(void **state)
{
    static uint8_t bytes[CHAN_INPUT_MAX + 1];
    struct pair pair;

    (void)state;
    pair_init(&pair);
    for (int role = 0; role < 2; role++) {
        assert_int_equal(chan_room(pair.chans[role]), CHAN_HANDSHAKE_MAX);
        assert_int_equal(chan_input(pair.chans[role], bytes, CHAN_HANDSHAKE_MAX + 1), -ERR_FULL);
    }
    pair_shake(&pair, SIZE_MAX);
    for (int role = 0; role < 2; role++) {
        assert_int_equal(chan_room(pair.chans[role]), CHAN_INPUT_MAX);
        assert_int_equal(chan_input(pair.chans[role], bytes, CHAN_INPUT_MAX + 1), -ERR_FULL);
    }
    check_agreement(&pair);
    pair_done(&pair);
}

/* What the caller writes with the end of its handshake arrives with it. */
static void text_may_come_with_the_end_of_the_handshake(void **state)
{
    struct pair pair;
    char heard[32];

    (void)state;
    for (size_t step = 1; step < 2000; step += 37) {
        pair_init(&pair);
        pair_carry(&pair, CHAN_CALLER, SIZE_MAX);
        pair_carry(&pair, CHAN_LISTENER, SIZE_MAX);
        assert_int_equal(chan_write(pair.chans[CHAN_CALLER], "at once", 7), 7);
        assert_int_equal(pair_carry(&pair, CHAN_CALLER, step), 0);
        assert_int_equal(chan_read(pair.chans[CHAN_LISTENER], heard, sizeof heard), 7);
        assert_memory_equal(heard, "at once", 7);
        pair_done(&pair);
    }
}

struct verdict {
    struct chan *own; /* the judge's side */
    int calls;
    int result;
    struct id id;
    size_t said; /* how much waited in its output then */
    bool knew_peer;
};

static int judge(void *context, const struct id *peer)
{
    struct verdict *verdict = context;

    verdict->calls++;
    verdict->id = *peer;
    chan_output(verdict->own, &verdict->said);
    verdict->knew_peer = chan_peer(verdict->own) && id_equal(chan_peer(verdict->own), peer);
    return verdict->result;
}

/* Both sides have a judge; result is what that of one says. */
static void begin_judged(struct pair *pair, struct verdict verdicts[static 2], enum chan_role who, int result)
{
    for (enum chan_role role = CHAN_CALLER; role <= CHAN_LISTENER; role++) {
        verdicts[role] = (struct verdict){.result = role == who ? result : 0};
        assert_int_equal(key_new(&pair->keys[role]), 0);
        struct chan_config config = {role, pair->keys[role], judge, &verdicts[role]};
        assert_int_equal(chan_new(&pair->chans[role], &config), 0);
        verdicts[role].own = pair->chans[role];
    }
}

static void each_judge_is_asked_once(void **state)
{
    (void)state;
    for (size_t step = 1; step < 2000; step += 199) {
        struct pair pair;
        struct verdict verdicts[2];
        begin_judged(&pair, verdicts, CHAN_CALLER, 0);
        pair_shake(&pair, step);
        check_agreement(&pair);
        for (int role = 0; role < 2; role++) {
            assert_int_equal(verdicts[role].calls, 1);
            assert_true(verdicts[role].knew_peer);
            assert_true(id_equal(&verdicts[role].id, key_id(pair.keys[!role])));
        }
        assert_int_equal(verdicts[CHAN_CALLER].said, 0);
        pair_done(&pair);
    }
}

static bool holds(const uint8_t *bytes, size_t len, const uint8_t *piece, size_t piece_len)
{
    return memmem(bytes, len, piece, piece_len) != NULL;
}

/* The caller's certificate never goes out, not even sealed: there is no room for it in what does. */
static void a_caller_that_meets_the_wrong_key_does_not_show_its_own(void **state)
{
    struct pair pair;
    struct verdict verdicts[2];
    uint8_t flight[FLIGHT_MAX];
    size_t len;
    char byte;

    (void)state;
    begin_judged(&pair, verdicts, CHAN_CALLER, -ERR_STRANGER);
    pair_carry(&pair, CHAN_CALLER, SIZE_MAX);
    assert_int_equal(pair_carry(&pair, CHAN_LISTENER, SIZE_MAX), -ERR_STRANGER);
    struct chan *caller = pair.chans[CHAN_CALLER];
    assert_int_equal(chan_input(caller, "x", 1), -ERR_STRANGER);
    assert_int_equal(chan_read(caller, &byte, 1), -ERR_STRANGER);
    assert_int_equal(chan_room(caller), 0);
    assert_int_equal(chan_write(caller, "x", 1), 0);
    assert_false(chan_is_open(caller));
    assert_true(id_equal(chan_peer(caller), key_id(pair.keys[CHAN_LISTENER])));
    assert_string_equal(chan_why(caller), "a key that is not accepted");
    pair_take(&pair, CHAN_CALLER, flight, sizeof flight, &len);
    assert_in_range(len, 1, KEY_CERTIFICATE_BYTES - 1);
    assert_false(holds(flight, len, key_certificate(pair.keys[CHAN_CALLER]) + 100, 16));
    struct chan *listener = pair.chans[CHAN_LISTENER];
    assert_int_equal(chan_input(listener, flight, len), -ERR_REFUSED);
    assert_string_equal(chan_why(listener), "one that does not accept our key");
    assert_int_equal(verdicts[CHAN_LISTENER].calls, 0);
    assert_null(chan_peer(listener));
    pair_done(&pair);
}

/* The caller's side is complete before the listener has seen its certificate: the refusal comes with its
 * first read. */
static void a_listener_refuses_and_the_caller_hears_it(void **state)
{
    struct pair pair;
    struct verdict verdicts[2];
    char byte;

    (void)state;
    begin_judged(&pair, verdicts, CHAN_LISTENER, -ERR_REFUSED);
    pair_carry(&pair, CHAN_CALLER, SIZE_MAX);
    assert_int_equal(pair_carry(&pair, CHAN_LISTENER, SIZE_MAX), 0);
    assert_true(chan_is_open(pair.chans[CHAN_CALLER]));
    assert_int_equal(pair_carry(&pair, CHAN_CALLER, SIZE_MAX), -ERR_REFUSED);
    assert_false(chan_is_open(pair.chans[CHAN_LISTENER]));
    assert_int_equal(pair_carry(&pair, CHAN_LISTENER, SIZE_MAX), 0);
    assert_int_equal(chan_read(pair.chans[CHAN_CALLER], &byte, 1), -ERR_REFUSED);
    assert_int_equal(chan_write(pair.chans[CHAN_CALLER], "x", 1), 0);
    assert_string_equal(chan_why(pair.chans[CHAN_CALLER]), "one that does not accept our key");
    assert_int_equal(ERR_peek_error(), 0);
    pair_done(&pair);
}

static void a_goodbye_comes_behind_what_was_said(void **state)
{
    struct pair pair;
    char heard[32];
    size_t len;

    (void)state;
    for (enum chan_role from = CHAN_CALLER; from <= CHAN_LISTENER; from++) {
        pair_init(&pair);
        pair_shake(&pair, SIZE_MAX);
        assert_int_equal(chan_write(pair.chans[from], "last words", 10), 10);
        chan_close(pair.chans[from]);
        chan_output(pair.chans[from], &len);
        chan_close(pair.chans[from]);
        size_t again;
        chan_output(pair.chans[from], &again);
        assert_int_equal(again, len);
        assert_int_equal(chan_write(pair.chans[from], "x", 1), 0);
        assert_int_equal(pair_carry(&pair, from, 1), 0);
        assert_int_equal(chan_read(pair.chans[!from], heard, sizeof heard), 10);
        assert_int_equal(chan_read(pair.chans[!from], heard, sizeof heard), 0);
        assert_int_equal(chan_read(pair.chans[!from], heard, sizeof heard), 0);
        assert_true(chan_room(pair.chans[!from]) > 0);
        assert_int_equal(chan_input(pair.chans[!from], "what follows is ignored", 23), 0);
        assert_int_equal(chan_read(pair.chans[!from], heard, sizeof heard), 0);
        /* the other direction is still open */
        assert_int_equal(chan_write(pair.chans[!from], "you too", 7), 7);
        chan_close(pair.chans[!from]);
        assert_int_equal(pair_carry(&pair, !from, SIZE_MAX), 0);
        assert_int_equal(chan_read(pair.chans[from], heard, sizeof heard), 7);
        assert_int_equal(chan_read(pair.chans[from], heard, sizeof heard), 0);
        assert_string_equal(chan_why(pair.chans[from]), "");
        pair_done(&pair);
    }
}

/* With what a machine could say about TLS, nothing of the above would work; so nobody may read it. */
static int configure_otherwise(void **state)
{
    static const char text[] = "openssl_conf = all\n[all]\nssl_conf = tls\n[tls]\nsystem_default = odd\n"
                               "[odd]\nCipherString = DEFAULT@SECLEVEL=5\n";
    char path[64];
    int fd = memfd_create("openssl.cnf", MFD_CLOEXEC);

    (void)state;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return write(fd, text, strlen(text)) < 0 || setenv("OPENSSL_CONF", path, 1) < 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_all_share_may_be_there_before),
        cmocka_unit_test(both_sides_know_each_other),
        cmocka_unit_test(the_listener_says_nothing_unasked),
        cmocka_unit_test(a_handshake_may_come_in_steps_of_any_size),
        cmocka_unit_test(a_handshake_may_be_cut_anywhere),
        cmocka_unit_test(errors_of_others_do_not_matter),
        cmocka_unit_test(every_connection_has_a_secret_of_its_own),
        cmocka_unit_test(one_may_talk_to_oneself),
        cmocka_unit_test(every_byte_arrives_in_order),
        cmocka_unit_test(keys_are_changed_in_time),
        cmocka_unit_test(a_full_output_takes_no_more),
        cmocka_unit_test(more_than_there_is_room_for_is_not_taken_in),
        cmocka_unit_test(text_may_come_with_the_end_of_the_handshake),
        cmocka_unit_test(each_judge_is_asked_once),
        cmocka_unit_test(a_caller_that_meets_the_wrong_key_does_not_show_its_own),
        cmocka_unit_test(a_listener_refuses_and_the_caller_hears_it),
        cmocka_unit_test(a_goodbye_comes_behind_what_was_said),
    };

    return cmocka_run_group_tests(tests, configure_otherwise, NULL);
}
