/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A caller of a free port of its own machine does not take itself for the peer, however often it tries. In a network namespace of the
 * test's own, where the port that connect() takes is the one that is called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "lone.h"
#include "net/reach.h"

#define PORT 40000

static bool usable;

static int step(struct reach *reach, int64_t now_ns)
{
    int result = -EINPROGRESS;

    for (int i = 0; i < 4 && result == -EINPROGRESS; i++)
        result = reach_step(reach, now_ns);
    return result;
}

static int listen_there(void)
{
    struct sockaddr_in addr = {
        .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void a_caller_who_met_itself_goes_on_trying(void **state)
{
    struct reach_plan plan = {
        .spec = {.host = "127.0.0.1", .port = PORT}, .timeout_ns = NS_PER_S, .retry = true};
    struct reach reach;
    int64_t now_ns = 0;

    (void)state;
    if (!usable)
        skip();
    reach_init(&reach, &plan, now_ns);
    for (int tries = 1; tries <= 5; tries++) {
        assert_int_equal(step(&reach, now_ns), -EINPROGRESS);
        assert_int_equal(reach.tries, tries);
        assert_int_equal(reach.error, -ERR_SELF);
        now_ns = reach_wake_ns(&reach);
    }
    int listener = listen_there(); /* what met itself does not hold the port */
    assert_true(lone_set_ports(PORT, PORT + 1000));
    int fd = step(&reach, now_ns);
    assert_true(fd >= 0);
    assert_int_equal(addr_port(&reach.peer), PORT);
    close(fd);
    close(listener);
}

static void without_retry_it_is_told(void **state)
{
    struct reach_plan plan = {.spec = {.host = "127.0.0.1", .port = PORT}, .timeout_ns = NS_PER_S};
    struct reach reach;

    (void)state;
    if (!usable)
        skip();
    reach_init(&reach, &plan, 0);
    assert_int_equal(step(&reach, 0), -ERR_SELF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_retry_it_is_told),
        cmocka_unit_test(a_caller_who_met_itself_goes_on_trying),
    };

    usable = lone_enter() && lone_set_ports(PORT, PORT);
    return cmocka_run_group_tests_name("reach_self", tests, NULL, NULL);
}
