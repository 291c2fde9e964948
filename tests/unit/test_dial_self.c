/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A socket that meets itself, and networks without a way, in a network namespace of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "lone.h"
#include "net/dial.h"

#define PORT 40000

static bool usable;

static struct addr addr(const char *host, uint16_t port)
{
    struct addr addr = {.len = sizeof(struct sockaddr_in)};

    addr.sa.v4.sin_family = AF_INET;
    addr.sa.v4.sin_port = htons(port);
    assert_int_equal(inet_pton(AF_INET, host, &addr.sa.v4.sin_addr), 1);
    return addr;
}

static int dial_to(struct dial *dial, const struct addr *addrs, int count)
{
    struct pollfd fds[DIAL_MAX];
    int result;

    dial_init(dial, addrs, count, clock_ns() + 5 * NS_PER_S);
    while ((result = dial_step(dial, clock_ns())) == -EINPROGRESS)
        poll(fds, (nfds_t)dial_pollfds(dial, fds), DIAL_ATTEMPT_DELAY_MS);
    return result;
}

static void a_connection_to_itself_is_none(void **state)
{
    struct addr addrs[] = {addr("127.0.0.1", PORT)};
    struct dial dial;

    (void)state;
    if (!usable)
        skip();
    for (int i = 0; i < 3; i++) { /* also the second time: no TIME_WAIT was left */
        assert_int_equal(dial_to(&dial, addrs, 1), -ERR_SELF);
        assert_int_equal(dial.attempts[0].error, -ERR_SELF);
    }
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, &addrs[0].sa.any, addrs[0].len), 0); /* the port is free again */
    close(fd);
}

static void no_way_says_less_than_a_refusal(void **state)
{
    struct addr addrs[] = {addr("192.0.2.1", 7), addr("127.0.0.1", 7)};
    struct dial dial;

    (void)state;
    if (!usable)
        skip();
    assert_int_equal(dial_to(&dial, addrs, 1), -ENETUNREACH);
    assert_int_equal(dial_to(&dial, addrs, 2), -ECONNREFUSED);
    assert_int_equal(dial.attempts[0].error, -ENETUNREACH);
    assert_int_equal(dial.attempts[1].error, -ECONNREFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_to_itself_is_none),
        cmocka_unit_test(no_way_says_less_than_a_refusal),
    };

    usable = lone_enter() && lone_set_ports(PORT, PORT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
