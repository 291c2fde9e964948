/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A ticket survives being wrapped, grouped and shouted, but no change; and a proof is of one connection between two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/secret.h"
#include "vectors.h"
#include "wire/ticket.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static struct ticket ticket_of(const struct vectors *v)
{
    struct ticket ticket = {0};

    for (int i = 0; i < v->count; i++) {
        if (strcmp(v->names[i], "place") == 0)
            ticket.places[ticket.count++] = vectors_place(v->values[i]);
    }
    vectors_exactly(v, "listener", ticket.listener.bytes, ID_BYTES);
    vectors_exactly(v, "secret", ticket.secret, TICKET_SECRET_BYTES);
    return ticket;
}

/* That of three places, and its text. */
static struct ticket first_ticket(char text[static TICKET_TEXT_MAX])
{
    struct vectors v;

    vectors_open(&v, "ticket.txt");
    assert_true(vectors_next(&v));
    struct ticket ticket = ticket_of(&v);
    snprintf(text, TICKET_TEXT_MAX, "%s", vectors_text(&v, "text"));
    vectors_close(&v);
    return ticket;
}

static void expect(const struct ticket *got, const struct ticket *ticket)
{
    assert_int_equal(got->count, ticket->count);
    for (int i = 0; i < ticket->count; i++) {
        assert_string_equal(got->places[i].host, ticket->places[i].host);
        assert_int_equal(got->places[i].port, ticket->places[i].port);
    }
    assert_true(id_equal(&got->listener, &ticket->listener));
    assert_memory_equal(got->secret, ticket->secret, TICKET_SECRET_BYTES);
}

static void refuse(const char *text, int error)
{
    static const struct ticket none;
    struct ticket got;

    memset(&got, 0xff, sizeof got);
    int result = ticket_parse(text, &got);
    if (result != error)
        fail_msg("%d for \"%s\"", result, text);
    assert_memory_equal(&got, &none, sizeof none);
}

static void it_is_that_of_the_document(void **state)
{
    char text[TICKET_TEXT_MAX];
    uint8_t bytes[TICKET_BYTES_MAX], decoded[TICKET_BYTES_MAX];
    struct vectors v;
    int count = 0;

    (void)state;
    vectors_open(&v, "ticket.txt");
    for (; vectors_next(&v); count++) {
        struct ticket ticket = ticket_of(&v), got;
        const char *want = vectors_text(&v, "text");
        assert_int_equal(ticket_print(&ticket, text), 0);
        assert_string_equal(text, want);
        assert_int_equal(ticket_parse(want, &got), 0);
        expect(&got, &ticket);
        assert_true(ticket_looks_like(want));
        size_t len = vectors_bytes(&v, "bytes", bytes, sizeof bytes);
        assert_int_equal(base32_decode(text + 8, strlen(text + 8), decoded, sizeof decoded), len);
        assert_memory_equal(decoded, bytes, len);
    }
    vectors_close(&v);
    assert_int_equal(count, 3);
}

static void it_may_be_wrapped_grouped_and_shouted(void **state)
{
    static const char *const between[] = {" ", "\n", "\r\n", "\t", "\v\f", "     "};
    char text[TICKET_TEXT_MAX], changed[4 * TICKET_TEXT_MAX];
    struct ticket ticket = first_ticket(text), got;

    (void)state;
    for (size_t i = 0; i < COUNT(between); i++) {
        for (size_t at = 0; at <= strlen(text); at++) {
            snprintf(changed, sizeof changed, "%.*s%s%s", (int)at, text, between[i], text + at);
            assert_int_equal(ticket_parse(changed, &got), 0);
            expect(&got, &ticket);
            snprintf(changed, sizeof changed, "%.*s-%s", (int)at, text, text + at);
            if (at >= 8)
                assert_int_equal(ticket_parse(changed, &got), 0);
            else
                refuse(changed, -ERR_TICKET);
        }
    }
    for (char *at = text; *at; at++) {
        *at = (char)toupper((unsigned char)*at);
        assert_int_equal(ticket_parse(text, &got), 0);
        expect(&got, &ticket);
        assert_true(ticket_looks_like(text));
    }
}

static void no_change_is_overlooked(void **state)
{
    static const char others[] = "abcdefghijklmnopqrstuvwxyz234567018=!/:.,\x01\x80\xff";
    char text[TICKET_TEXT_MAX], changed[TICKET_TEXT_MAX + 2];

    (void)state;
    first_ticket(text);
    size_t len = strlen(text);
    for (size_t at = 0; at < len; at++) {
        for (const char *other = others; *other; other++) {
            memcpy(changed, text, len + 1);
            changed[at] = *other;
            if (*other != text[at])
                refuse(changed, -ERR_TICKET);
        }
        snprintf(changed, sizeof changed, "%.*s", (int)at, text); /* cut short */
        refuse(changed, -ERR_TICKET);
        snprintf(changed, sizeof changed, "%.*s%s", (int)at, text, text + at + 1); /* one left out */
        refuse(changed, -ERR_TICKET);
        snprintf(changed, sizeof changed, "%.*s%c%s", (int)at + 1, text, text[at], text + at + 1); /* twice */
        refuse(changed, -ERR_TICKET);
        memcpy(changed, text, len + 1);
        changed[at] = text[at + 1];
        changed[at + 1] = text[at];
        if (at + 1 < len && text[at] != text[at + 1])
            refuse(changed, -ERR_TICKET); /* two in the other order */
    }
    for (const char *other = others; *other; other++) {
        snprintf(changed, sizeof changed, "%s%c", text, *other);
        refuse(changed, -ERR_TICKET);
    }
}

/* len bytes and their check, as a ticket. */
static const char *sealed(uint8_t *bytes, size_t len)
{
    static char text[TICKET_TEXT_MAX + 100] = "yodel://";
    uint8_t hash[HASH_BYTES];

    hash_sha256(&(struct hash_part){bytes, len}, 1, hash);
    memcpy(bytes + len, hash, 4);
    base32_encode(bytes, len + 4, text + 8);
    return text;
}

static void a_right_check_does_not_make_a_ticket(void **state)
{
    uint8_t bytes[TICKET_BYTES_MAX + 20], copy[TICKET_BYTES_MAX + 20];
    struct vectors v;
    struct ticket got;

    (void)state;
    vectors_open(&v, "ticket.txt");
    assert_true(vectors_next(&v));
    size_t len = vectors_bytes(&v, "bytes", bytes, sizeof bytes) - 4;
    vectors_close(&v);
    assert_int_equal(ticket_parse(sealed(bytes, len), &got), 0);
    for (size_t cut = 2; cut < len; cut++) {
        memcpy(copy, bytes, cut);
        refuse(sealed(copy, cut), -ERR_TICKET);
    }
    memcpy(copy, bytes, len);
    copy[len] = 0;
    refuse(sealed(copy, len + 1), -ERR_TICKET);
    for (int count = 0; count <= 0xff; count++) {
        memcpy(copy, bytes, len);
        copy[1] = (uint8_t)count;
        if (count != 3)
            refuse(sealed(copy, len), -ERR_TICKET);
    }
    for (int version = 0; version <= 0xff; version++) {
        memcpy(copy, bytes, len);
        copy[0] = (uint8_t)version;
        if (version != 1)
            refuse(sealed(copy, len), -ERR_NEWER);
    }
    memcpy(copy, "\1", 2); /* no place at all, but everything else */
    memcpy(copy + 2, bytes + len - 48, 48);
    refuse(sealed(copy, 50), -ERR_TICKET);
    memcpy(copy, bytes, len);
    copy[2] = 5; /* a kind of place that there is not */
    refuse(sealed(copy, len), -ERR_TICKET);
}

static void a_text_of_any_length_is_read(void **state)
{
    char *text = malloc((size_t)1 << 20);

    (void)state;
    assert_non_null(text);
    for (size_t len = 0; len < 3 * TICKET_TEXT_MAX; len += 1 + len / 50) {
        memset(text, 'a', len);
        memcpy(text, "yodel://", len < 8 ? len : 8);
        text[len] = '\0';
        refuse(text, -ERR_TICKET);
    }
    memset(text, ' ', (size_t)1 << 20);
    first_ticket(text + 500000);
    text[1000000] = '\0';
    struct ticket got;
    assert_int_equal(ticket_parse(text, &got), 0);
    free(text);
}

static void what_is_meant_to_be_one_is_told_from_a_host(void **state)
{
    static const struct {
        const char *text;
        bool looks;
    } cases[] = {
        {"yodel://abc", true}, {"YoDel://", true},    {" \n yodel://abc", true},
        {"yodel:", true},      {"yodel:abc", true},   {"yodel:/", true},
        {"yodel:5188x", true}, {"yodel:5188", false}, {"yodel", false},
        {"yode", false},       {"", false},           {"yodel.example:7", false},
        {"anna", false},       {"xyodel://", false},  {"[::1]:5188", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (ticket_looks_like(cases[i].text) != cases[i].looks)
            fail_msg("\"%s\"", cases[i].text);
    }
}

static void one_without_a_place_is_not_printed(void **state)
{
    char text[TICKET_TEXT_MAX];
    struct ticket ticket = first_ticket(text), got;

    (void)state;
    ticket.count = 0;
    assert_int_equal(ticket_print(&ticket, text), -ERR_RANGE);
    ticket.count = TICKET_PLACES_MAX + 1;
    assert_int_equal(ticket_print(&ticket, text), -ERR_RANGE);
    ticket.count = 2;
    ticket.places[0] = vectors_place("* 5188");
    assert_int_equal(ticket_print(&ticket, text), 0);
    assert_int_equal(ticket_parse(text, &got), 0);
    assert_int_equal(got.count, 1);
    assert_string_equal(got.places[0].host, ticket.places[1].host);
    ticket.places[1].port = 0;
    assert_int_equal(ticket_print(&ticket, text), -ERR_RANGE);
}

static void a_proof_is_of_one_secret_one_connection_and_two_keys(void **state)
{
    struct vectors v;
    int count = 0;

    (void)state;
    vectors_open(&v, "proof.txt");
    for (; vectors_next(&v); count++) {
        uint8_t secret[16], exporter[32], proof[32], want[32];
        struct id listener, caller;
        vectors_exactly(&v, "secret", secret, sizeof secret);
        vectors_exactly(&v, "exporter", exporter, sizeof exporter);
        vectors_exactly(&v, "listener", listener.bytes, sizeof listener.bytes);
        vectors_exactly(&v, "caller", caller.bytes, sizeof caller.bytes);
        vectors_exactly(&v, "proof", want, sizeof want);
        ticket_prove(secret, exporter, &listener, &caller, proof);
        assert_memory_equal(proof, want, sizeof want);
        ticket_prove(secret, exporter, &caller, &listener, proof);
        assert_memory_not_equal(proof, want, sizeof want);
        uint8_t *const inputs[] = {secret, exporter, listener.bytes, caller.bytes};
        const size_t lengths[] = {sizeof secret, sizeof exporter, ID_BYTES, ID_BYTES};
        for (size_t i = 0; i < COUNT(inputs); i++) {
            for (size_t bit = 0; bit < 8 * lengths[i]; bit++) {
                inputs[i][bit / 8] ^= (uint8_t)(1 << bit % 8);
                ticket_prove(secret, exporter, &listener, &caller, proof);
                assert_memory_not_equal(proof, want, sizeof want);
                inputs[i][bit / 8] ^= (uint8_t)(1 << bit % 8);
            }
        }
    }
    vectors_close(&v);
    assert_int_equal(count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_that_of_the_document),
        cmocka_unit_test(it_may_be_wrapped_grouped_and_shouted),
        cmocka_unit_test(no_change_is_overlooked),
        cmocka_unit_test(a_right_check_does_not_make_a_ticket),
        cmocka_unit_test(a_text_of_any_length_is_read),
        cmocka_unit_test(what_is_meant_to_be_one_is_told_from_a_host),
        cmocka_unit_test(one_without_a_place_is_not_printed),
        cmocka_unit_test(a_proof_is_of_one_secret_one_connection_and_two_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
