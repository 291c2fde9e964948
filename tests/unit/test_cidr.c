/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which addresses a rule holds, and that what is not exactly a rule is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "net/cidr.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* As addr_host() gives it: IPv4 in its mapped form. */
static struct in6_addr host(const char *text)
{
    struct in6_addr bytes;
    char mapped[64];

    snprintf(mapped, sizeof mapped, "%s%s", strchr(text, ':') ? "" : "::ffff:", text);
    if (inet_pton(AF_INET6, mapped, &bytes) != 1)
        fail_msg("%s is no address", text);
    return bytes;
}

static struct cidr rule(const char *text)
{
    struct cidr cidr;

    if (cidr_parse(text, &cidr) != 0)
        fail_msg("%s is no rule", text);
    return cidr;
}

static const struct {
    const char *rule, *host;
    bool held;
} meetings[] = {
    {"10.0.0.0/8", "10.0.0.0", true},
    {"10.0.0.0/8", "10.255.255.255", true},
    {"10.0.0.0/8", "11.0.0.0", false},
    {"10.0.0.0/8", "9.255.255.255", false},
    {"10.0.0.0/8", "::10.1.2.3", false}, /* IPv6, though it ends with the same bytes */
    {"192.168.128.0/17", "192.168.128.0", true},
    {"192.168.128.0/17", "192.168.255.1", true},
    {"192.168.128.0/17", "192.168.127.255", false},
    {"192.0.2.4/31", "192.0.2.5", true},
    {"192.0.2.4/31", "192.0.2.6", false},
    {"192.0.2.4/32", "192.0.2.4", true},
    {"192.0.2.4/32", "192.0.2.5", false},
    {"192.0.2.4", "192.0.2.4", true},
    {"192.0.2.4", "192.0.2.5", false},
    {"0.0.0.0/0", "255.255.255.255", true},
    {"0.0.0.0/0", "0.0.0.0", true},
    {"0.0.0.0/0", "::1", false},
    {"0.0.0.0/0", "::", false},
    {"::/0", "::1", true},
    {"::/0", "2001:db8::1", true},
    {"::/0", "127.0.0.1", false},
    {"::/1", "127.0.0.1", false},
    {"::/80", "127.0.0.1", false},
    {"8000::/1", "ffff::", true},
    {"8000::/1", "7fff::", false},
    {"2001:db8::/32", "2001:db8:ffff::1", true},
    {"2001:db8::/32", "2001:db9::", false},
    {"2001:db8::/32", "2001:db7:ffff::", false},
    {"fe80::/10", "febf::1", true},
    {"fe80::/10", "fec0::1", false},
    {"2001:db8::4/127", "2001:db8::5", true},
    {"2001:db8::4/127", "2001:db8::6", false},
    {"::1", "::1", true},
    {"::1", "::2", false},
    {"::1/128", "127.0.0.1", false},
    {"::ffff:0:0/96", "127.0.0.1", true},
    {"::ffff:0:0/96", "::1", false},
    {"::ffff:10.0.0.0/104", "10.9.9.9", true},
    {"::ffff:10.0.0.0/104", "11.9.9.9", false},
    {"::fffe:0:0/95", "127.0.0.1", false}, /* the mapped addresses are only a part of it */
    {"::fffe:0:0/95", "::fffe:1:1", true},
};

static void a_rule_holds_what_begins_like_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(meetings); i++) {
        struct cidr cidr = rule(meetings[i].rule);
        struct in6_addr other = host(meetings[i].host);
        if (cidr_holds(&cidr, &other) != meetings[i].held)
            fail_msg("%s and %s", meetings[i].rule, meetings[i].host);
    }
}

/* Whatever its length, a rule holds the host that differs in the last bit that does not count, and not the one that differs in
 * the last bit that counts. */
static void every_length_counts_to_the_bit(void **state)
{
    (void)state;
    for (int v4 = 0; v4 <= 1; v4++)
        for (int length = 0; length <= (v4 ? 32 : 128); length++) {
            char text[64];
            int bits = (v4 ? 96 : 0) + length;
            snprintf(text, sizeof text, "%s/%d", v4 ? "0.0.0.0" : "::", length);
            struct cidr cidr = rule(text);
            assert_int_equal(cidr.bits, bits);
            struct in6_addr inside = cidr.net, outside = cidr.net;
            if (bits < 128) {
                inside.s6_addr[bits / 8] ^= (uint8_t)(0x80 >> bits % 8);
                assert_true(cidr_holds(&cidr, &inside));
            }
            if (bits > 0) {
                outside.s6_addr[(bits - 1) / 8] ^= (uint8_t)(0x80 >> (bits - 1) % 8);
                assert_false(cidr_holds(&cidr, &outside));
            }
        }
}

static const struct {
    const char *text;
    int error;
    const char *meant; /* with -ERR_RANGE: how it would be right */
} wrong[] = {
    {"", -ERR_SYNTAX, NULL},
    {"/", -ERR_SYNTAX, NULL},
    {"/8", -ERR_SYNTAX, NULL},
    {"*", -ERR_SYNTAX, NULL},
    {"localhost", -ERR_SYNTAX, NULL},
    {"10", -ERR_SYNTAX, NULL},
    {"10/8", -ERR_SYNTAX, NULL},
    {"10.0.0/8", -ERR_SYNTAX, NULL},
    {"10.0.0.0/", -ERR_SYNTAX, NULL},
    {"10.0.0.0/8/8", -ERR_SYNTAX, NULL},
    {"10.0.0.0/-1", -ERR_SYNTAX, NULL},
    {"10.0.0.0/+8", -ERR_SYNTAX, NULL},
    {"10.0.0.0/ 8", -ERR_SYNTAX, NULL},
    {"10.0.0.0/8 ", -ERR_SYNTAX, NULL},
    {" 10.0.0.0/8", -ERR_SYNTAX, NULL},
    {"10.0.0.0/x", -ERR_SYNTAX, NULL},
    {"10.0.0.0/999x", -ERR_SYNTAX, NULL},
    {"10.0.0.0/255.0.0.0", -ERR_SYNTAX, NULL},
    {"256.0.0.0/8", -ERR_SYNTAX, NULL},
    {"010.0.0.0/8", -ERR_SYNTAX, NULL},
    {"10.0.0.0:5188", -ERR_SYNTAX, NULL},
    {"[2001:db8::]/32", -ERR_SYNTAX, NULL},
    {"fe80::1%lo", -ERR_SYNTAX, NULL},
    {"2001:db8:::/32", -ERR_SYNTAX, NULL},
    {"1111:2222:3333:4444:5555:6666:255.255.255.2555", -ERR_SYNTAX, NULL},
    {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/8", -ERR_SYNTAX, NULL},
    {"10.0.0.0/33", -ERR_RANGE, NULL},
    {"10.0.0.0/128", -ERR_RANGE, NULL},
    {"10.0.0.0/4294967304", -ERR_RANGE, NULL},
    {"10.0.0.0/99999999999999999999999999", -ERR_RANGE, NULL},
    {"::/129", -ERR_RANGE, NULL},
    {"10.0.0.1/8", -ERR_RANGE, "10.0.0.0/8"},
    {"10.1.0.0/15", -ERR_RANGE, "10.0.0.0/15"},
    {"127.0.0.1/0", -ERR_RANGE, "0.0.0.0/0"},
    {"2001:db8::1/32", -ERR_RANGE, "2001:db8::/32"},
    {"::ffff:10.0.0.1/104", -ERR_RANGE, "10.0.0.0/8"},
    {"::ffff:10.0.0.1/8", -ERR_RANGE, "::/8"},
    {"2001:db8:8000::/32", -ERR_RANGE, "2001:db8::/32"},
};

static void what_is_no_rule_is_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct cidr cidr = {.bits = 77};
        char text[CIDR_TEXT_MAX];
        int error = cidr_parse(wrong[i].text, &cidr);
        if (error != wrong[i].error)
            fail_msg("'%s': %d", wrong[i].text, error);
        if (wrong[i].meant)
            assert_string_equal(cidr_print(&cidr, text), wrong[i].meant);
        else if (error == -ERR_RANGE)
            assert_int_equal(cidr.bits, -1);
    }
}

static void what_is_shown_is_read_back(void **state)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"10.0.0.0/8", "10.0.0.0/8"},
        {"10.0.0.0/08", "10.0.0.0/8"},
        {"192.0.2.4", "192.0.2.4/32"},
        {"0.0.0.0/0", "0.0.0.0/0"},
        {"::/0", "::/0"},
        {"2001:DB8::/32", "2001:db8::/32"},
        {"::1", "::1/128"},
        {"::ffff:192.0.2.4", "192.0.2.4/32"},
        {"::ffff:0:0/96", "0.0.0.0/0"},
        {"1111:2222:3333:4444:5555:6666:7777:8888", "1111:2222:3333:4444:5555:6666:7777:8888/128"},
        {"1111:2222:3333:4444:5555:6666:255.255.255.255", "1111:2222:3333:4444:5555:6666:ffff:ffff/128"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cidr cidr = rule(cases[i].text), again;
        char text[CIDR_TEXT_MAX];
        assert_string_equal(cidr_print(&cidr, text), cases[i].shown);
        again = rule(text);
        assert_int_equal(again.bits, cidr.bits);
        assert_memory_equal(&again.net, &cidr.net, sizeof cidr.net);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_holds_what_begins_like_it),
        cmocka_unit_test(every_length_counts_to_the_bit),
        cmocka_unit_test(what_is_no_rule_is_told_apart),
        cmocka_unit_test(what_is_shown_is_read_back),
    };
    return cmocka_run_group_tests_name("cidr", tests, NULL, NULL);
}
