/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whoever changes what is on its way gets no text in, none out, and is found out: a record that was
 * changed, left out, repeated, put in another place, cut, or sent back to where it came from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/err.h"
#include "net/chan.h"
#include "pair.h"

#define FLIGHT_MAX 4096
#define HEADER_BYTES 5
#define RECORDS 4

/* What is sealed, and what is heard of it. */
static const char *const texts[RECORDS] = {"one", "the second one", "...", "last of all"};

struct wire {
    uint8_t bytes[FLIGHT_MAX];
    size_t len;
    size_t begin[RECORDS + 1]; /* of each record */
};

static void append(struct wire *wire, const struct wire *from, size_t record)
{
    size_t len = from->begin[record + 1] - from->begin[record];

    memcpy(wire->bytes + wire->len, from->bytes + from->begin[record], len);
    wire->len += len;
}

/* Two who are open, and what one of them has sealed for the other: a record a text. */
static struct wire seal(struct pair *pair, enum chan_role from)
{
    struct wire wire = {.len = 0};

    pair_init(pair);
    pair_shake(pair, SIZE_MAX);
    for (size_t i = 0; i < RECORDS; i++) {
        size_t len;
        assert_int_equal(chan_write(pair->chans[from], texts[i], strlen(texts[i])), strlen(texts[i]));
        pair_take(pair, from, wire.bytes + wire.len, sizeof wire.bytes - wire.len, &len);
        wire.begin[i] = wire.len;
        wire.len += len;
    }
    wire.begin[RECORDS] = wire.len;
    return wire;
}

/* Hear what is on the wire: exactly the first count texts, then result, for ever. */
static void hear(struct chan *chan, const uint8_t *bytes, size_t len, size_t count, int result)
{
    char heard[64];

    assert_int_equal(chan_input(chan, bytes, len), 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(chan_read(chan, heard, sizeof heard), strlen(texts[i]));
        assert_memory_equal(heard, texts[i], strlen(texts[i]));
    }
    memset(heard, 0, sizeof heard);
    assert_int_equal(chan_read(chan, heard, sizeof heard), result);
    for (size_t i = 0; i < sizeof heard; i++)
        assert_int_equal(heard[i], 0);
    assert_int_equal(ERR_peek_error(), 0);
    if (result == -EAGAIN)
        return;
    assert_true(*chan_why(chan));
    assert_int_equal(chan_read(chan, heard, sizeof heard), result);
    assert_int_equal(chan_input(chan, "x", 1), result);
    assert_int_equal(chan_write(chan, "x", 1), 0);
}

static void what_is_not_changed_is_heard(void **state)
{
    (void)state;
    for (enum chan_role from = CHAN_CALLER; from <= CHAN_LISTENER; from++) {
        struct pair pair;
        struct wire wire = seal(&pair, from);
        hear(pair.chans[!from], wire.bytes, wire.len, RECORDS, -EAGAIN);
        pair_done(&pair);
    }
}

/* Every bit of the second record, its header included. A length that was made larger waits for more. */
static void a_bit_that_is_flipped_ends_it(void **state)
{
    struct pair pair;
    struct wire wire = seal(&pair, CHAN_CALLER);
    size_t bits = 8 * (wire.begin[2] - wire.begin[1]);

    (void)state;
    pair_done(&pair);
    for (size_t bit = 0; bit < bits; bit++) {
        enum chan_role from = bit % 2 ? CHAN_CALLER : CHAN_LISTENER;
        wire = seal(&pair, from);
        uint8_t *record = wire.bytes + wire.begin[1];
        record[bit / 8] ^= (uint8_t)(1 << bit % 8);
        size_t claimed = HEADER_BYTES + ((size_t)record[3] << 8 | record[4]);
        bool is_longer =
            claimed > wire.len - wire.begin[1] && claimed <= CHAN_RECORD_MAX + 256 + HEADER_BYTES;
        hear(pair.chans[!from], wire.bytes, wire.len, 1, is_longer ? -EAGAIN : -ERR_TLS);
        pair_done(&pair);
    }
}

/* Which records go on the wire, and how many of them are heard. */
static const struct {
    const char *order;
    size_t heard;
} orders[] = {
    {"123", 0},  {"023", 1},  {"013", 2},   {"1", 0},    {"3", 0},    {"0023", 1}, {"00", 1},
    {"0113", 2}, {"0120", 3}, {"01233", 4}, {"1023", 0}, {"0213", 1}, {"0132", 2}, {"3210", 0},
};

static void what_is_left_out_repeated_or_moved_ends_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        for (enum chan_role from = CHAN_CALLER; from <= CHAN_LISTENER; from++) {
            struct pair pair;
            struct wire wire = seal(&pair, from);
            struct wire other = {.len = 0};
            for (const char *record = orders[i].order; *record; record++)
                append(&other, &wire, (size_t)(*record - '0'));
            hear(pair.chans[!from], other.bytes, other.len, orders[i].heard, -ERR_TLS);
            pair_done(&pair);
        }
    }
}

/* It only waits, and never takes it for a goodbye. */
static void what_is_cut_is_never_heard(void **state)
{
    struct pair pair;

    (void)state;
    struct wire wire = seal(&pair, CHAN_CALLER);
    size_t len = wire.len;
    pair_done(&pair);
    for (size_t cut = 0; cut < len; cut++) {
        size_t whole = 0;
        wire = seal(&pair, CHAN_CALLER);
        while (wire.begin[whole + 1] <= cut)
            whole++;
        hear(pair.chans[CHAN_LISTENER], wire.bytes, cut, whole, -EAGAIN);
        pair_done(&pair);
    }
}

/* A record that lost its end, with a header that says so. */
static void a_shorter_record_ends_it(void **state)
{
    struct pair pair;

    (void)state;
    struct wire wire = seal(&pair, CHAN_CALLER);
    size_t len = wire.begin[1] - HEADER_BYTES;
    pair_done(&pair);
    for (size_t shorter = 0; shorter < len; shorter++) {
        wire = seal(&pair, CHAN_CALLER);
        wire.bytes[3] = 0;
        wire.bytes[4] = (uint8_t)shorter;
        hear(pair.chans[CHAN_LISTENER], wire.bytes, HEADER_BYTES + shorter, 0, -ERR_TLS);
        pair_done(&pair);
    }
}

static void what_is_sent_back_ends_it(void **state)
{
    (void)state;
    for (enum chan_role from = CHAN_CALLER; from <= CHAN_LISTENER; from++) {
        struct pair pair;
        struct wire wire = seal(&pair, from);
        hear(pair.chans[from], wire.bytes, wire.len, 0, -ERR_TLS);
        pair_done(&pair);
    }
}

static void what_another_connection_said_ends_it(void **state)
{
    (void)state;
    for (enum chan_role from = CHAN_CALLER; from <= CHAN_LISTENER; from++) {
        struct pair pair;
        struct pair other;
        struct wire wire = seal(&pair, from);
        seal(&other, from);
        hear(other.chans[!from], wire.bytes, wire.len, 0, -ERR_TLS);
        pair_done(&pair);
        pair_done(&other);
    }
}

/* Records that anybody can make, without a key: an alert, a handshake, data, and one of an unknown type. */
static void what_is_not_sealed_ends_it(void **state)
{
    static const char *const records[] = {
        "\x15\x03\x03\x00\x02\x01\x00", /* close_notify */
        "\x15\x03\x03\x00\x02\x02\x28",
        "\x16\x03\x03\x00\x05\x18\x00\x00\x01\x01", /* KeyUpdate */
        "\x17\x03\x03\x00\x05hello",
        "\x14\x03\x03\x00\x01\x01",
        "\x18\x03\x03\x00\x03\x01\x00\x00",
        "\x80\x03\x03\x00\x01\x01",
        "plain text",
        "GET / HTTP/1.1\r\n\r\n",
    };
    static const uint8_t lengths[] = {7, 7, 10, 10, 6, 8, 6, 10, 18};

    (void)state;
    for (size_t i = 0; i < sizeof lengths; i++) {
        for (enum chan_role from = CHAN_CALLER; from <= CHAN_LISTENER; from++) {
            struct pair pair;
            struct wire wire = seal(&pair, from);
            memcpy(wire.bytes + wire.begin[1], records[i], lengths[i]);
            hear(pair.chans[!from], wire.bytes, wire.begin[1] + lengths[i], 1, -ERR_TLS);
            pair_done(&pair);
        }
    }
}

/* Carry three flights with one bit of one of them flipped. Returns whether it made no difference: the
 * version in the header of a first record means nothing. */
static bool shake_changed(size_t flight, size_t byte, unsigned bit, size_t *len)
{
    struct pair pair;
    uint8_t bytes[FLIGHT_MAX];
    uint8_t exported[2][HASH_BYTES] = {{0}, {1}};
    char heard[16];

    pair_init(&pair);
    for (size_t turn = 0; turn < 4; turn++) {
        enum chan_role from = turn % 2 ? CHAN_LISTENER : CHAN_CALLER;
        size_t taken;
        pair_take(&pair, from, bytes, sizeof bytes, &taken);
        if (turn == flight) {
            *len = taken;
            bytes[byte] ^= (uint8_t)(1 << bit);
        }
        chan_input(pair.chans[!from], bytes, taken);
    }
    bool open = chan_is_open(pair.chans[CHAN_LISTENER]) && chan_is_open(pair.chans[CHAN_CALLER]);
    if (open) {
        for (int role = 0; role < 2; role++) {
            chan_export(pair.chans[role], exported[role]);
            assert_true(id_equal(chan_peer(pair.chans[role]), key_id(pair.keys[!role])));
        }
        assert_memory_equal(exported[0], exported[1], HASH_BYTES);
    } else {
        assert_false(chan_is_open(pair.chans[CHAN_LISTENER]));
        assert_true(chan_read(pair.chans[CHAN_LISTENER], heard, sizeof heard) < 0);
        assert_true(chan_read(pair.chans[CHAN_CALLER], heard, sizeof heard) < 0);
    }
    assert_int_equal(ERR_peek_error(), 0);
    pair_done(&pair);
    return open;
}

static void a_handshake_that_was_changed_does_not_open(void **state)
{
    (void)state;
    for (size_t flight = 0; flight < 3; flight++) {
        size_t len = 1;
        size_t harmless = 0;
        for (size_t byte = 0; byte < len; byte++)
            harmless += shake_changed(flight, byte, byte % 8, &len);
        assert_in_range(len, 100, FLIGHT_MAX);
        assert_in_range(harmless, 0, 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_changed_is_heard),
        cmocka_unit_test(a_bit_that_is_flipped_ends_it),
        cmocka_unit_test(what_is_left_out_repeated_or_moved_ends_it),
        cmocka_unit_test(what_is_cut_is_never_heard),
        cmocka_unit_test(a_shorter_record_ends_it),
        cmocka_unit_test(what_is_sent_back_ends_it),
        cmocka_unit_test(what_another_connection_said_ends_it),
        cmocka_unit_test(what_is_not_sealed_ends_it),
        cmocka_unit_test(a_handshake_that_was_changed_does_not_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
