/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who does not speak TLS is told by its first bytes, and a chan that meets it says so and keeps nothing of
 * it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/err.h"
#include "net/banner.h"
#include "net/chan.h"
#include "pair.h"

#define ANY 2

static const struct {
    int is_caller; /* or ANY */
    const char *bytes;
    const char *who;
} banners[] = {
    {true, "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", "an HTTP client"},
    {true, "POST /login HTTP/1.0\r\n", "an HTTP client"},
    {true, "OPTIONS * HTTP/1.1\r\n", "an HTTP client"},
    {true, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "an HTTP client"},
    {true, "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "an SSH client"},
    {true, "EHLO example.org\r\n", "an SMTP client"},
    {true, "PROXY TCP4 192.0.2.1 192.0.2.2 5 6\r\n", "the header of a proxy"},
    {false, "HTTP/1.1 400 Bad Request\r\n", "an HTTP server"},
    {false, "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "an SSH server"},
    {false, "220 mail.example.org ESMTP\r\n", "an SMTP server"},
    {false, "220 ProFTPD Server ready\r\n", "an FTP server"},
    {false, "+OK POP3 ready\r\n", "a POP3 server"},
    {false, "* OK IMAP4rev1 ready\r\n", "an IMAP server"},
    {false, "RFB 003.008\n", "a VNC server"},
    {ANY, "hello\n", "plain text"},
    {ANY, "h", "plain text"},
    {ANY, "\r\n", "plain text"},
    {ANY, "\x1b[A", "plain text"},
    {ANY, "gr\xc3\xbc\xc3\x9f dich\n", "plain text"},
    {ANY, "GETTING THERE", "plain text"},
    {ANY, "get / http/1.1", "plain text"},
    {ANY, "\x80\x2e\x01\x03\x01", "something that is not TLS"}, /* SSL 2 */
    {ANY, "\x05\x01\x01", "something that is not TLS"},         /* SOCKS 5 */
    {ANY, "\x01", "something that is not TLS"},
    {true, "HTTP/1.1 400 Bad Request\r\n", "plain text"},
    {false, "GET / HTTP/1.1\r\n", "plain text"},
};

static void each_is_told_by_its_first_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof banners / sizeof *banners; i++) {
        for (int is_caller = 0; is_caller < 2; is_caller++) {
            if (banners[i].is_caller != ANY && banners[i].is_caller != is_caller)
                continue;
            size_t len = strlen(banners[i].bytes);
            uint8_t *bytes = malloc(len); /* so that a sanitizer sees who reads on */
            memcpy(bytes, banners[i].bytes, len);
            assert_false(banner_is_tls(bytes[0]));
            assert_string_equal(banner_tell(is_caller, bytes, len), banners[i].who);
            for (size_t less = 1; less < len; less++)
                assert_true(*banner_tell(is_caller, bytes, less));
            free(bytes);
        }
    }
}

/* A NUL within the first bytes, and a binary byte behind those that are looked at. */
static void only_the_beginning_is_looked_at(void **state)
{
    uint8_t bytes[5000];

    (void)state;
    memset(bytes, 'a', sizeof bytes);
    bytes[4000] = 0;
    assert_string_equal(banner_tell(true, bytes, sizeof bytes), "plain text");
    bytes[3] = 0;
    assert_string_equal(banner_tell(true, bytes, sizeof bytes), "something that is not TLS");
}

static void meet(enum chan_role role, const uint8_t *bytes, size_t len, int error, const char *who)
{
    struct pair pair;
    size_t out_len;
    char byte;

    pair_init(&pair);
    struct chan *chan = pair.chans[role];
    assert_int_equal(chan_input(chan, bytes, len), error);
    assert_string_equal(chan_why(chan), who);
    assert_int_equal(chan_input(chan, "x", 1), error);
    assert_int_equal(chan_read(chan, &byte, 1), error);
    assert_false(chan_is_open(chan));
    chan_output(chan, &out_len);
    assert_true(role == CHAN_CALLER || out_len == 0); /* it would not understand */
    assert_int_equal(ERR_peek_error(), 0);
    pair_done(&pair);
}

static void a_chan_says_whom_it_has_met(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof banners / sizeof *banners; i++) {
        const uint8_t *bytes = (const uint8_t *)banners[i].bytes;
        if (banners[i].is_caller)
            meet(CHAN_LISTENER, bytes, strlen(banners[i].bytes), -ERR_NOT_TLS, banners[i].who);
        if (banners[i].is_caller != true)
            meet(CHAN_CALLER, bytes, strlen(banners[i].bytes), -ERR_NOT_TLS, banners[i].who);
    }
}

static void every_other_first_byte_ends_it_at_once(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        uint8_t first = (uint8_t)byte;
        if (banner_is_tls(first))
            continue;
        meet(CHAN_LISTENER, &first, 1, -ERR_NOT_TLS, banner_tell(true, &first, 1));
        meet(CHAN_CALLER, &first, 1, -ERR_NOT_TLS, banner_tell(false, &first, 1));
    }
    assert_true(banner_is_tls(21) && banner_is_tls(22));
}

/* What an echo service does to a caller, in pieces of any size, and with more of its own behind. */
static void an_echo_is_told(void **state)
{
    (void)state;
    for (size_t step = 1; step < 600; step += step < 16 ? 1 : 97) {
        struct pair pair;
        uint8_t hello[600];
        size_t len;
        int result = 0;
        pair_init(&pair);
        struct chan *caller = pair.chans[CHAN_CALLER];
        pair_take(&pair, CHAN_CALLER, hello, sizeof hello, &len);
        for (size_t at = 0; at < len && result == 0; at += step)
            result = chan_input(caller, hello + at, len - at < step ? len - at : step);
        assert_int_equal(result, -ERR_NOT_TLS);
        assert_string_equal(chan_why(caller), "an echo service");
        assert_int_equal(ERR_peek_error(), 0);
        pair_done(&pair);
    }
}

/* Two callers who have met each other, as behind a bad forwarding, are none. */
static void another_caller_is_no_echo(void **state)
{
    struct pair pair;
    struct pair other;
    uint8_t hello[600];
    size_t len;

    (void)state;
    pair_init(&pair);
    pair_init(&other);
    pair_take(&other, CHAN_CALLER, hello, sizeof hello, &len);
    assert_int_equal(chan_input(pair.chans[CHAN_CALLER], hello, len), -ERR_TLS);
    assert_string_not_equal(chan_why(pair.chans[CHAN_CALLER]), "an echo service");
    pair_done(&pair);
    pair_done(&other);
}

/* What begins like TLS and never gets anywhere. */
static const struct flood {
    const char *name;
    uint8_t bytes[16];
    size_t len;
} floods[] = {
    {"a message of 16 MiB", {22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff}, 9},
    {"a message of 1 MiB in small records", {22, 3, 1, 0, 5, 1, 0x10, 0, 0, 3}, 10},
    {"records of a byte", {22, 3, 1, 0, 1, 1}, 6},
    {"records of nothing", {22, 3, 1, 0, 0}, 5},
    {"warnings", {21, 3, 1, 0, 2, 1, 90}, 7},
    {"another type of message", {22, 3, 3, 0, 9, 20, 0, 0, 5, 1, 2, 3, 4, 5}, 14},
    {"changes of cipher", {22, 3, 1, 0, 1, 1}, 6},
};

static size_t allocated(void)
{
    return mallinfo2().uordblks + mallinfo2().hblkhd;
}

/* A sanitizer's malloc() tells nothing. */
static void skip_if_nothing_is_counted(void)
{
    if (allocated() > 0)
        return;
    print_message("# skip: malloc() does not tell what is allocated\n");
    skip();
}

/* 1 MiB, a kilobyte at a time, as long as the chan takes it. Returns how much it took. */
static size_t pour(struct chan *chan, const struct flood *flood)
{
    uint8_t bytes[1024];
    size_t taken = 0;

    for (size_t i = 0; i < 1024; i++) {
        for (size_t at = 0; at < sizeof bytes; at++)
            bytes[at] = flood->bytes[at % flood->len];
        size_t len = chan_room(chan) < sizeof bytes ? chan_room(chan) : sizeof bytes;
        if (len == 0 || chan_input(chan, bytes, len) < 0)
            break;
        taken += len;
    }
    return taken;
}

static void a_flood_is_ended_and_takes_no_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof floods / sizeof *floods; i++) {
        for (enum chan_role role = CHAN_CALLER; role <= CHAN_LISTENER; role++) {
            struct pair pair;
            char byte;
            pair_init(&pair);
            size_t before = allocated();
            size_t taken = pour(pair.chans[role], &floods[i]);
            size_t grown = allocated() - before;
            assert_in_range(taken, 0, CHAN_HANDSHAKE_MAX);
            assert_true((ssize_t)grown < (ssize_t)CHAN_STRANGER_BYTES);
            assert_int_equal(chan_read(pair.chans[role], &byte, 1), -ERR_TLS);
            assert_int_equal(chan_room(pair.chans[role]), 0);
            assert_true(*chan_why(pair.chans[role]));
            assert_int_equal(ERR_peek_error(), 0);
            pair_done(&pair);
        }
    }
}

/* A listener's cost for each of those who wait to be let in. */
static void a_caller_that_says_nothing_takes_little_memory(void **state)
{
    struct pair pair;
    struct chan *chans[16];
    size_t each;

    (void)state;
    skip_if_nothing_is_counted();
    pair_init(&pair);
    size_t before = allocated();
    for (size_t i = 0; i < 16; i++)
        assert_int_equal(
            chan_new(&chans[i], &(struct chan_config){.role = CHAN_LISTENER, .key = pair.keys[0]}), 0);
    each = (allocated() - before) / 16;
    for (size_t i = 0; i < 16; i++)
        chan_free(chans[i]);
    assert_in_range(allocated() - before, 0, each); /* what malloc() keeps for the next */
    assert_in_range(each, 1, 16 << 10);
    pair_done(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_told_by_its_first_bytes),
        cmocka_unit_test(only_the_beginning_is_looked_at),
        cmocka_unit_test(a_chan_says_whom_it_has_met),
        cmocka_unit_test(every_other_first_byte_ends_it_at_once),
        cmocka_unit_test(an_echo_is_told),
        cmocka_unit_test(another_caller_is_no_echo),
        cmocka_unit_test(a_flood_is_ended_and_takes_no_memory),
        cmocka_unit_test(a_caller_that_says_nothing_takes_little_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
