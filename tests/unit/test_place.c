/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A place has one form as bytes, and nothing else is a place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/place.h"
#include "vectors.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static struct place place_of(const char *host, uint16_t port)
{
    struct place place = {.port = port};

    snprintf(place.host, sizeof place.host, "%s", host);
    return place;
}

static void check_place(const char *text, const uint8_t *bytes, size_t len)
{
    uint8_t put[PLACE_BYTES_MAX], more[PLACE_BYTES_MAX + 1] = {0};
    struct place place = vectors_place(text), got;

    assert_int_equal(place_put(&place, put), len);
    assert_memory_equal(put, bytes, len);
    memset(&got, 0xff, sizeof got);
    assert_int_equal(place_get(bytes, len, &got), len);
    assert_string_equal(got.host, place.host);
    assert_int_equal(got.port, place.port);
    memcpy(more, bytes, len);
    assert_int_equal(place_get(more, len + 1, &got), len);
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *exact = malloc(cut + !cut); /* so that reading behind the end is found */
        assert_non_null(exact);
        memcpy(exact, bytes, cut);
        assert_int_equal(place_get(exact, cut, &got), -ERR_SYNTAX);
        free(exact);
    }
}

static void places_and_bytes_are_those_of_the_document(void **state)
{
    uint8_t bytes[2 * PLACE_BYTES_MAX];
    struct vectors v;
    struct place place;
    int good = 0, bad = 0;

    (void)state;
    vectors_open(&v, "place.txt");
    while (vectors_next(&v)) {
        if (vectors_text(&v, "bad")) {
            size_t len = vectors_bytes(&v, "bad", bytes, sizeof bytes);
            if (place_get(bytes, len, &place) != -ERR_SYNTAX)
                fail_msg("%s is taken for a place", vectors_text(&v, "bad"));
            bad++;
        } else {
            size_t len = vectors_bytes(&v, "bytes", bytes, PLACE_BYTES_MAX);
            check_place(vectors_text(&v, "place"), bytes, len);
            good++;
        }
    }
    vectors_close(&v);
    assert_int_equal(good, 10);
    assert_int_equal(bad, 26);
}

static void what_is_no_place_has_no_bytes(void **state)
{
    static const char *const hosts[] = {"", "*", "fe80::1%lo", "[::1]", "127.1", "1.2.3", "01.2.3.4",
                                        "256.1.1.1", "7", "0x7f000001", "a.0X1f", "0x", "a.", ".", "-a", "a-",
                                        "a_b", "a b", "a/b", "a:b", "h\xc3\xb6st",
                                        /* 64 letters */
                                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    uint8_t bytes[PLACE_BYTES_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT(hosts); i++) {
        struct place place = place_of(hosts[i], 5188);
        if (place_put(&place, bytes) != 0)
            fail_msg("\"%s\" has bytes", hosts[i]);
    }
    struct place place = place_of("192.0.2.7", 0);
    assert_int_equal(place_put(&place, bytes), 0);
}

/* Names that look a little like numbers. */
static void hosts_have_the_kind_that_they_are(void **state)
{
    static const struct {
        const char *host;
        uint8_t kind;
        size_t len;
    } cases[] = {
        {"1.2.3.4", 4, 7},  {"::ffff:1.2.3.4", 6, 19},
        {"1.2.3.x", 1, 11}, {"3com", 1, 8},
        {"0xg", 1, 7},      {"1a", 1, 6},
        {"7.a", 1, 7},      {"0x1.a-b", 1, 11},
    };
    uint8_t bytes[PLACE_BYTES_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct place place = place_of(cases[i].host, 5188), got;
        assert_int_equal(place_put(&place, bytes), cases[i].len);
        assert_int_equal(bytes[0], cases[i].kind);
        assert_int_equal(place_get(bytes, cases[i].len, &got), cases[i].len);
        assert_string_equal(got.host, cases[i].host);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_and_bytes_are_those_of_the_document),
        cmocka_unit_test(what_is_no_place_has_no_bytes),
        cmocka_unit_test(hosts_have_the_kind_that_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
