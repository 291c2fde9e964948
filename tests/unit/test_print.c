/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --print: every byte shown once and in order, in records that fit a pipe and never lose their name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "echo/print.h"

struct bench {
    int ends[2];
    struct stats_shared shared;
    struct print print;
    struct in6_addr host;
    char out[1 << 20];
};

static struct bench bench;

static void begin(enum print_mode mode, const char *host)
{
    char mapped[64];

    assert_int_equal(pipe2(bench.ends, O_CLOEXEC), 0);
    fcntl(bench.ends[0], F_SETFL, O_NONBLOCK);
    fcntl(bench.ends[0], F_SETPIPE_SZ, 1 << 20);
    atomic_store(&bench.shared.print_dropped, 0);
    bench.print.mode = mode;
    bench.print.shared = &bench.shared;
    sink_open(&bench.print.sink, bench.ends[1]);
    snprintf(mapped, sizeof mapped, strchr(host, ':') ? "%s" : "::ffff:%s", host);
    assert_int_equal(inet_pton(AF_INET6, mapped, &bench.host), 1);
}

static const char *shown(void)
{
    size_t total = 0;
    ssize_t count;

    while ((count = read(bench.ends[0], bench.out + total, sizeof bench.out - 1 - total)) > 0)
        total += (size_t)count;
    bench.out[total] = '\0';
    return bench.out;
}

static void end(void)
{
    if (bench.print.sink.fd != bench.ends[1])
        close(bench.print.sink.fd);
    close(bench.ends[0]);
    close(bench.ends[1]);
}

static void print(const char *text)
{
    print_bytes(&bench.print, &bench.host, 4000, 0, (const uint8_t *)text, strlen(text));
}

static void lines_end_where_the_client_ended_them(void **state)
{
    (void)state;
    begin(PRINT_TEXT, "127.0.0.1");
    print("one\ntwo\r\n\nthree");
    assert_string_equal(shown(), "127.0.0.1:4000 one\\n\n127.0.0.1:4000 two\\r\\n\n"
                                 "127.0.0.1:4000 \\n\n127.0.0.1:4000 three\n");
    end();
}

static void an_ipv6_client_stands_in_brackets(void **state)
{
    (void)state;
    begin(PRINT_TEXT, "2001:db8::1");
    print("x");
    assert_string_equal(shown(), "[2001:db8::1]:4000 x\n");
    end();
}

static void hex_shows_offset_bytes_and_text(void **state)
{
    (void)state;
    begin(PRINT_HEX, "127.0.0.1");
    print_bytes(&bench.print, &bench.host, 4000, 0x1f0, (const uint8_t *)"0123456789abcdef\n\xff", 18);
    assert_string_equal(
        shown(),
        "127.0.0.1:4000 000001f0  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  |0123456789abcdef|\n"
        "127.0.0.1:4000 00000200  0a ff                                            |..|\n");
    end();
}

/* Undo the escapes of all lines; each must begin with the name and have at most SINK_RECORD_MAX bytes. */
static size_t unescape(const char *text, const char *name, uint8_t *out)
{
    size_t total = 0;

    while (*text) {
        size_t len = strcspn(text, "\n");
        assert_in_range(len + 1, 1, SINK_RECORD_MAX);
        assert_memory_equal(text, name, strlen(name));
        const char *stop = text + len;
        for (text += strlen(name); text < stop;) {
            if (*text != '\\') {
                out[total++] = (uint8_t)*text++;
            } else if (text[1] == 'x') {
                char digits[3] = {text[2], text[3], '\0'};
                out[total++] = (uint8_t)strtoul(digits, NULL, 16);
                text += 4;
            } else {
                static const char from[] = "nrt\\", to[] = "\n\r\t\\";
                out[total++] = (uint8_t)to[strchr(from, text[1]) - from];
                text += 2;
            }
        }
        text++;
    }
    return total;
}

static void all_bytes_of_a_large_input_are_shown_in_order(void **state)
{
    static uint8_t in[60000], out[60000];

    (void)state;
    begin(PRINT_TEXT, "127.0.0.1");
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = i < 20000 ? 'a' : i < 40000 ? 0xff : (uint8_t)(i * 7 + i / 251);
    print_bytes(&bench.print, &bench.host, 4000, 0, in, sizeof in);
    assert_int_equal(atomic_load(&bench.shared.print_dropped), 0);
    assert_int_equal(unescape(shown(), "127.0.0.1:4000 ", out), sizeof in);
    assert_memory_equal(out, in, sizeof in);
    end();
}

static void a_full_pipe_drops_whole_records_and_counts_them(void **state)
{
    static uint8_t in[200000];
    static uint8_t out[sizeof bench.out];

    (void)state;
    begin(PRINT_TEXT, "127.0.0.1");
    memset(in, 'z', sizeof in);
    for (int i = 0; i < 8; i++)
        print_bytes(&bench.print, &bench.host, 4000, 0, in, sizeof in);
    uint64_t dropped = atomic_load(&bench.shared.print_dropped);
    assert_true(dropped > 0);
    size_t got = unescape(shown(), "127.0.0.1:4000 ", out);
    assert_true(got < 8 * sizeof in);
    /* A record carries no more than fits beside the name and the newline. */
    size_t each = SINK_RECORD_MAX - strlen("127.0.0.1:4000 ") - 1;
    assert_true(got + dropped * each >= 8 * sizeof in);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_end_where_the_client_ended_them),
        cmocka_unit_test(an_ipv6_client_stands_in_brackets),
        cmocka_unit_test(hex_shows_offset_bytes_and_text),
        cmocka_unit_test(all_bytes_of_a_large_input_are_shown_in_order),
        cmocka_unit_test(a_full_pipe_drops_whole_records_and_counts_them),
    };
    return cmocka_run_group_tests_name("print", tests, NULL, NULL);
}
