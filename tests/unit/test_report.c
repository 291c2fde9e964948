/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What people and programs read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "load/report.h"

static struct report report(bool json, const char *host, size_t size)
{
    struct place spec = {.port = 5188};
    struct report report;

    snprintf(spec.host, sizeof spec.host, "%s", host);
    report_init(&report, json, &spec, size);
    struct addr peer = {.len = sizeof peer.sa.v4};
    peer.sa.v4.sin_family = AF_INET;
    peer.sa.v4.sin_port = htons(5188);
    peer.sa.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    report_connected(&report, &peer, 112499);
    return report;
}

static void expect(const char *text, size_t len, const char *expected)
{
    assert_string_equal(text, expected);
    assert_int_equal(len, strlen(expected));
}

static void the_connection(void **state)
{
    char text[REPORT_MAX];
    struct report r = report(false, "localhost", 64);

    (void)state;
    expect(text, report_connect(&r, text),
           "PING localhost:5188 (127.0.0.1:5188): 64 bytes a message\n"
           "connected to 127.0.0.1:5188 in 0.112 ms\n");
    r = report(false, "::1", 1);
    expect(text, report_connect(&r, text),
           "PING [::1]:5188 (127.0.0.1:5188): 1 byte a message\n"
           "connected to 127.0.0.1:5188 in 0.112 ms\n");
}

static const struct {
    const char *host, *json;
} hosts[] = {
    {"a\"b\\c\n\x7f", "a\\u0022b\\u005cc\\u000a\\u007f"},
    {"m\u00fcnchen \u65e5\u672c \U0001f600", "m\u00fcnchen \u65e5\u672c \U0001f600"},
    {"\xc2\x9b\u202e\U000e0041", "\\u009b\\u202e\\udb40\\udc41"}, /* valid, and does things to a screen */
    {"\x80x\xff", "\\ufffdx\\ufffd"},
    {"\xc0\xaf", "\\ufffd\\ufffd"},            /* overlong */
    {"\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd"}, /* a surrogate */
    {"\xc3", "\\ufffd"},                       /* cut off */
    {"", ""},
};

static void a_host_in_json_is_what_was_asked_for(void **state)
{
    char text[REPORT_MAX], expected[REPORT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        struct report r = report(true, hosts[i].host, 64);
        snprintf(expected, sizeof expected,
                 "{\"event\":\"connect\",\"host\":\"%s\",\"port\":5188,\"ip\":\"127.0.0.1\",\"size\":64,"
                 "\"connect_ns\":112499}\n",
                 hosts[i].json);
        expect(text, report_connect(&r, text), expected);
    }
}

static void a_host_does_nothing_to_a_terminal(void **state)
{
    struct report r = report(false, "\x1b[2Jm\u00fc\n", 64);
    char text[REPORT_MAX];

    (void)state;
    expect(text, report_connect(&r, text),
           "PING \\x1b[2Jm\u00fc\\n:5188 (127.0.0.1:5188): 64 bytes a message\n"
           "connected to 127.0.0.1:5188 in 0.112 ms\n");
}

/* A scope is the name of an interface, and that may be nearly anything. */
static void the_scope_of_an_address_in_json_is_quoted(void **state)
{
    char text[REPORT_MAX];
    struct report r = report(true, "h", 64);

    (void)state;
    snprintf(r.ip, sizeof r.ip, "%s", "fe80::1%q\"\\x");
    report_connect(&r, text);
    assert_non_null(strstr(text, ",\"ip\":\"fe80::1%q\\u0022\\u005cx\","));
}

static void the_longest_host_in_json_is_whole(void **state)
{
    char host[PLACE_HOST_MAX], text[REPORT_MAX];

    (void)state;
    memset(host, 0x80, sizeof host - 1);
    host[sizeof host - 1] = '\0';
    struct report r = report(true, host, 64);
    size_t len = report_connect(&r, text);
    int count = 0;
    for (const char *p = text; (p = strstr(p, "\\ufffd")); p++)
        count++;
    assert_int_equal(count, PLACE_HOST_MAX - 1);
    assert_string_equal(text + len - 2, "}\n");
}

static void a_reply(void **state)
{
    const struct flow_reply good = {.event = FLOW_REPLY, .seq = 7};
    const struct flow_reply bad = {
        .event = FLOW_REPLY, .seq = 8, .wrong = 3, .where = 17, .got = 0x41, .expected = 0x61};
    struct report people = report(false, "h", 64), json = report(true, "h", 64);
    char text[REPORT_MAX];

    (void)state;
    expect(text, report_reply(&people, text, &good, 45499, false),
           "64 bytes from 127.0.0.1:5188: seq=7 time=0.045 ms\n");
    expect(text, report_reply(&people, text, &good, INT64_C(12345678500), true),
           "64 bytes from 127.0.0.1:5188: seq=7 time=12345.679 ms (late)\n");
    expect(
        text, report_reply(&people, text, &bad, 999999, false),
        "64 bytes from 127.0.0.1:5188: seq=8 time=1.000 ms CORRUPTED: 3 bytes wrong, the first at offset 17: "
        "0x41 instead of 0x61\n");
    expect(text, report_reply(&json, text, &good, 45499, true),
           "{\"event\":\"reply\",\"seq\":7,\"rtt_ns\":45499,\"late\":true,\"corrupted\":false}\n");
    expect(text, report_reply(&json, text, &bad, 1, false),
           "{\"event\":\"reply\",\"seq\":8,\"rtt_ns\":1,\"late\":false,\"corrupted\":true,\"wrong_bytes\":3,"
           "\"wrong_at\":17,\"got\":65,\"expected\":97}\n");
}

static void silence_and_strays(void **state)
{
    struct report people = report(false, "h", 64), json = report(true, "h", 64);
    const uint8_t banner[] = "220 hi\r\n";
    char text[REPORT_MAX];

    (void)state;
    expect(text, report_missed(&people, text, 3, true, INT64_C(10000000000)),
           "no reply to seq=3 within 10s\n");
    expect(text, report_missed(&people, text, 3, false, 250000000),
           "seq=3 could not be sent within 250ms: the peer does not keep up\n");
    expect(text, report_missed(&json, text, 3, false, 1),
           "{\"event\":\"missed\",\"seq\":3,\"sent\":false}\n");
    expect(text, report_stray(&people, text, banner, 8, true),
           "8 bytes from 127.0.0.1:5188 that nobody asked for (it speaks first): \"220 hi\\r\\n\"\n");
    expect(text, report_stray(&people, text, banner, 1, false),
           "1 byte from 127.0.0.1:5188 that nobody asked for: \"2\"\n");
    expect(text, report_stray(&json, text, banner, 8, true), "{\"event\":\"stray\",\"bytes\":8}\n");
}

static void what_a_stranger_sends_is_bounded_and_harmless(void **state)
{
    struct report people = report(false, "h", 64);
    char text[REPORT_MAX], expected[REPORT_MAX] = "256 bytes from 127.0.0.1:5188 that nobody asked for: \"";
    uint8_t bytes[256];

    (void)state;
    expect(
        text, report_stray(&people, text, (const uint8_t *)"a\0\t\\\x1b[2J\x7f\xff\xc3\xa9", 12, false),
        "12 bytes from 127.0.0.1:5188 that nobody asked for: \"a\\x00\\t\\\\\\x1b[2J\\x7f\\xff\xc3\xa9\"\n");
    for (int i = 0; i < 256; i++)
        bytes[i] = 0x80;
    for (int i = 0; i < 40; i++)
        strcat(expected, "\\x80");
    strcat(expected, "\"...\n");
    expect(text, report_stray(&people, text, bytes, 256, false), expected);
}

static void the_statistics(void **state)
{
    struct report people = report(false, "h", 64), json = report(true, "h", 64);
    struct outcome outcome;
    char text[REPORT_MAX];

    (void)state;
    outcome_init(&outcome);
    outcome.elapsed_ns = INT64_C(3004499999);
    expect(text, report_summary(&people, text, PROBE_COUNT, &outcome),
           "\n--- h:5188 echo statistics ---\n0 sent, 0 received, 0 late, 0 corrupted, 0% loss, 3.004 s\n");
    expect(text, report_summary(&json, text, PROBE_CLOSED, &outcome),
           "{\"event\":\"summary\",\"end\":\"closed\",\"sent\":0,\"received\":0,\"late\":0,\"corrupted\":0,"
           "\"lost\":0,"
           "\"unsent\":0,\"stray_bytes\":0,\"skipped\":0,\"elapsed_ns\":3004499999,\"connect_ns\":112499,"
           "\"rtt_min_ns\":null,"
           "\"rtt_mean_ns\":null,\"rtt_p50_ns\":null,\"rtt_p99_ns\":null,\"rtt_max_ns\":null}\n");
    outcome.sent = 6;
    outcome.unsent = 2;
    outcome.stray_bytes = 1;
    outcome.skipped = 7;
    outcome_reply(&outcome, 1000000, 5000000, 0);
    outcome_reply(&outcome, 2000000, 5000000, 0);
    outcome_reply(&outcome, 5000001, 5000000, 0);
    outcome_reply(&outcome, 1, 5000000, 4);
    outcome_reply(&outcome, 5000000, 5000000, 0);
    assert_int_equal(outcome.received, 3);
    assert_int_equal(outcome_lost(&outcome), 1);
    expect(text, report_summary(&people, text, PROBE_COUNT, &outcome),
           "\n--- h:5188 echo statistics ---\n6 sent, 3 received, 1 late, 1 corrupted, 16.66% loss, 2 could "
           "not be "
           "sent, 1 byte nobody asked for, 3.004 s\n"
           "left out 7 times to send: this program could not keep up, or was stopped\n"
           "round trip min/mean/p50/p99/max = 1.000/3.250/2.001/5.000/5.000 ms\n");
    expect(
        text, report_summary(&json, text, PROBE_INTERRUPTED, &outcome),
        "{\"event\":\"summary\",\"end\":\"interrupted\",\"sent\":6,\"received\":3,\"late\":1,\"corrupted\":1,"
        "\"lost\":1,\"unsent\":2,\"stray_bytes\":1,\"skipped\":7,\"elapsed_ns\":3004499999,\"connect_ns\":"
        "112499,"
        "\"rtt_min_ns\":1000000,\"rtt_mean_ns\":3250000,\"rtt_p50_ns\":2000895,\"rtt_p99_ns\":5000001,"
        "\"rtt_max_ns\":5000001}\n");
    outcome_done(&outcome);
}

static void some_loss_is_neither_none_nor_all(void **state)
{
    static const struct {
        uint64_t sent, received;
        const char *loss;
    } cases[] = {
        {4, 4, " 0% "},           {4, 0, " 100% "},      {4, 2, " 50% "},
        {3, 1, " 66.66% "},       {1000, 995, " 0.5% "}, {1000000, 999999, " 0.01% "},
        {1000000, 1, " 99.99% "}, {200, 189, " 5.5% "},  {10000, 9893, " 1.07% "},
    };
    struct report people = report(false, "h", 64);
    char text[REPORT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome outcome;
        outcome_init(&outcome);
        outcome.sent = cases[i].sent;
        outcome.received = cases[i].received;
        report_summary(&people, text, PROBE_COUNT, &outcome);
        assert_non_null(strstr(text, cases[i].loss));
        outcome_done(&outcome);
    }
}

static void clean_means_all_of_it(void **state)
{
    struct outcome outcome;

    (void)state;
    outcome_init(&outcome);
    assert_false(outcome_clean(&outcome));
    outcome.sent = outcome.received = 2;
    assert_true(outcome_clean(&outcome));
    outcome.unsent = 1;
    assert_false(outcome_clean(&outcome));
    outcome.unsent = 0;
    outcome.stray_bytes = 1;
    assert_false(outcome_clean(&outcome));
    outcome.stray_bytes = 0;
    outcome.received = outcome.late = 1;
    assert_false(outcome_clean(&outcome));
    outcome_done(&outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_connection),
        cmocka_unit_test(a_host_in_json_is_what_was_asked_for),
        cmocka_unit_test(a_host_does_nothing_to_a_terminal),
        cmocka_unit_test(the_scope_of_an_address_in_json_is_quoted),
        cmocka_unit_test(the_longest_host_in_json_is_whole),
        cmocka_unit_test(a_reply),
        cmocka_unit_test(silence_and_strays),
        cmocka_unit_test(what_a_stranger_sends_is_bounded_and_harmless),
        cmocka_unit_test(the_statistics),
        cmocka_unit_test(some_loss_is_neither_none_nor_all),
        cmocka_unit_test(clean_means_all_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
