/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A socket that meets itself, and networks without a way, in a network namespace of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "net/dial.h"

#define PORT 40000

static bool usable;

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        close(fd);
    return done;
}

/* A loopback interface alone, and one port that connect() may take. */
static bool enter_namespace(void)
{
    struct ifreq lo = {.ifr_name = "lo"};
    char range[32];

    if (unshare(geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) < 0)
        return false;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool up = ioctl(fd, SIOCGIFFLAGS, &lo) == 0;
    lo.ifr_flags |= IFF_UP;
    up = up && ioctl(fd, SIOCSIFFLAGS, &lo) == 0;
    close(fd);
    snprintf(range, sizeof range, "%d %d", PORT, PORT);
    return up && write_file("/proc/sys/net/ipv4/ip_local_port_range", range);
}

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
    dial_init(dial, addrs, count, clock_ns() + 5 * NS_PER_S);
    return dial_wait(dial, -1);
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

    usable = enter_namespace();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
