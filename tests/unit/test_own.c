/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which of a machine's addresses are told to others, and in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "net/own.h"

#define PORT 5188
#define TEXT_MAX 1024

static struct addr addr_of(const char *host)
{
    struct addr addr = {.len = sizeof addr.sa.v4};

    if (inet_pton(AF_INET, host, &addr.sa.v4.sin_addr) == 1) {
        addr.sa.v4.sin_family = AF_INET;
        addr.sa.v4.sin_port = htons(PORT);
        return addr;
    }
    assert_int_equal(inet_pton(AF_INET6, host, &addr.sa.v6.sin6_addr), 1);
    addr.sa.v6.sin6_family = AF_INET6;
    addr.sa.v6.sin6_port = htons(PORT);
    addr.len = sizeof addr.sa.v6;
    return addr;
}

static void the_whole_internet_reaches_public_addresses_only(void **state)
{
    static const char *const public[] = {
        "1.1.1.1",      "9.255.255.255",   "11.0.0.0",        "100.63.255.255",
        "100.128.0.0",  "172.15.255.255",  "172.32.0.0",      "192.167.255.255",
        "192.169.0.0",  "223.255.255.255", "169.253.255.255", "2000::1",
        "2a02:8000::1", "3ffe::1",         "::ffff:1.1.1.1",  "198.17.255.255"};
    static const char *const not_public[] = {"0.0.0.0",
                                             "10.0.0.0",
                                             "10.255.255.255",
                                             "100.64.0.0",
                                             "100.127.255.255",
                                             "127.0.0.1",
                                             "169.254.1.1",
                                             "172.16.0.0",
                                             "172.31.255.255",
                                             "192.0.0.1",
                                             "192.0.2.1",
                                             "192.168.0.0",
                                             "192.168.255.255",
                                             "198.18.0.0",
                                             "198.19.255.255",
                                             "198.51.100.7",
                                             "203.0.113.255",
                                             "224.0.0.1",
                                             "255.255.255.255",
                                             "240.0.0.1",
                                             "::",
                                             "::1",
                                             "::2",
                                             "fe80::1",
                                             "fec0::1",
                                             "fc00::1",
                                             "fdff::1",
                                             "ff02::1",
                                             "2001:db8::1",
                                             "3fff:0fff::1",
                                             "1fff::1",
                                             "4000::1",
                                             "64:ff9b::1",
                                             "::ffff:10.0.0.1"};

    (void)state;
    for (size_t i = 0; i < sizeof public / sizeof *public; i++) {
        struct addr addr = addr_of(public[i]);
        if (!own_is_public(&addr))
            fail_msg("%s is public", public[i]);
    }
    for (size_t i = 0; i < sizeof not_public / sizeof *not_public; i++) {
        struct addr addr = addr_of(not_public[i]);
        if (own_is_public(&addr))
            fail_msg("%s is not public", not_public[i]);
    }
}

/* Read words: an address, with a "~" before it if it is passing, with a "*" if it is favoured. */
static int read_found(const char *words, struct own_found *found)
{
    char copy[TEXT_MAX], *rest = copy;
    int count = 0;

    snprintf(copy, sizeof copy, "%s", words);
    for (const char *word = strtok_r(rest, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        bool passing = *word == '~', favoured = *word == '*';
        found[count] = (struct own_found){
            .addr = addr_of(word + (passing || favoured)), .passing = passing, .favoured = favoured};
        count++;
    }
    return count;
}

static const char *choose(const char *words, int max, char text[static TEXT_MAX])
{
    struct own_found found[32];
    struct addr out[32];
    char one[ADDR_TEXT_MAX];
    int count = own_choose(found, read_found(words, found), out, max);
    size_t len = 0;

    assert_in_range(count, 0, max);
    *text = '\0';
    for (int i = 0; i < count; i++) {
        assert_int_equal(addr_port(&out[i]), PORT);
        len +=
            (size_t)snprintf(text + len, TEXT_MAX - len, "%s%s", i ? " " : "", addr_print_host(&out[i], one));
    }
    return text;
}

static void the_best_address_goes_first(void **state)
{
    static const struct {
        const char *found, *told;
        int max;
    } cases[] = {
        {"", "", 8},
        {"127.0.0.1 ::1", "127.0.0.1 ::1", 8},
        {"127.0.0.1 10.0.0.1 ::1", "10.0.0.1", 8},
        {"127.0.0.1 fe80::1 ::1", "127.0.0.1 ::1", 8},
        {"fe80::1", "", 8},
        {"127.0.0.1 169.254.7.7 fe80::1", "169.254.7.7", 8},
        {"169.254.7.7 10.0.0.1", "10.0.0.1", 8},
        {"169.254.7.7 fd00::1", "fd00::1", 8},
        /* every kind, from the worst */
        {"::1 127.0.0.1 fe80::1 169.254.1.1 100.64.0.1 fd00::1 192.168.0.1 1.1.1.1 2a00::1",
         "2a00::1 1.1.1.1 192.168.0.1 fd00::1 100.64.0.1", 8},
        {"::1 127.0.0.1 fe80::1 169.254.1.1 100.64.0.1 fd00::1 192.168.0.1 1.1.1.1 2a00::1",
         "2a00::1 1.1.1.1", 2},
        /* the given order within a kind, what is favoured before it */
        {"10.0.0.2 172.16.0.1 192.168.0.9 10.0.0.1", "10.0.0.2 172.16.0.1 192.168.0.9 10.0.0.1", 8},
        {"10.0.0.2 172.16.0.1 *192.168.0.9 10.0.0.1", "192.168.0.9 10.0.0.2 172.16.0.1 10.0.0.1", 8},
        {"10.0.0.2 1.1.1.1 *100.64.0.9", "1.1.1.1 10.0.0.2 100.64.0.9", 8},
        /* temporary and deprecated addresses only where there is no other of the kind */
        {"~2a00::7 2a00::1", "2a00::1", 8},
        {"~2a00::7 ~2a00::8 1.1.1.1", "2a00::7 2a00::8 1.1.1.1", 8},
        {"~2a00::7 2a00::1 2a00::2 ~fd00::7", "2a00::1 2a00::2 fd00::7", 8},
        {"~2a00::7 fd00::1", "2a00::7 fd00::1", 8},
        /* each once */
        {"10.0.0.1 10.0.0.1 ::ffff:10.0.0.1", "10.0.0.1", 8},
        {"2a00::1 2a00::1", "2a00::1", 8},
        {"10.0.0.1", "", 0},
        {"0.0.0.0 :: ff02::1 224.0.0.1", "", 8},
    };
    char text[TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(choose(cases[i].found, cases[i].max, text), cases[i].told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_internet_reaches_public_addresses_only),
        cmocka_unit_test(the_best_address_goes_first),
    };
    return cmocka_run_group_tests_name("own", tests, NULL, NULL);
}
