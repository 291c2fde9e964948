/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A name is looked up beside everything else, and forgotten without a trace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/err.h"
#include "names.h"
#include "net/resolve.h"
#include "traces.h"

#define MANY 20
#define PATIENCE_NS (20 * NS_PER_S)

static int setup(void **state)
{
    (void)state;
    names_have("192.0.2.1 2001:db8::1 192.0.2.2");
    traces_begin();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    names_hold(false);
    return traces_end();
}

static void wait_until_asked(int count)
{
    int64_t deadline_ns = clock_ns() + PATIENCE_NS;

    while (names_waiting() != count) {
        assert_true(clock_ns() < deadline_ns);
        poll(NULL, 0, 1);
    }
}

static bool is_readable(const struct resolve *resolve, int timeout_ms)
{
    struct pollfd ready = {.fd = resolve_fd(resolve), .events = POLLIN};

    return poll(&ready, 1, timeout_ms) == 1 && (ready.revents & POLLIN);
}

static void start(struct resolve *resolve, const char *host, enum addr_family family)
{
    struct place spec = {.port = 7};

    snprintf(spec.host, sizeof spec.host, "%s", host);
    assert_int_equal(resolve_start(resolve, &spec, family), 0);
    memset(&spec, 'x', sizeof spec); /* a copy was made */
}

static int look_up(const char *host, enum addr_family family, struct addr *addrs, int max)
{
    struct resolve resolve;

    start(&resolve, host, family);
    assert_true(is_readable(&resolve, PATIENCE_NS / NS_PER_MS));
    int count = resolve_take(&resolve, addrs, max);
    assert_int_equal(resolve_fd(&resolve), -1);
    return count;
}

static void expect(const struct addr *addrs, int count, const char *expected)
{
    char found[512] = "", text[ADDR_TEXT_MAX];

    for (int i = 0; i < count; i++) {
        strcat(found, i ? " " : "");
        strcat(found, addr_print(&addrs[i], text));
    }
    assert_string_equal(found, expected);
}

static void the_answer_is_the_resolvers(void **state)
{
    struct addr addrs[RESOLVE_MAX];

    (void)state;
    expect(addrs, look_up("box.test", ADDR_ANY, addrs, RESOLVE_MAX),
           "192.0.2.1:7 [2001:db8::1]:7 192.0.2.2:7");
    expect(addrs, look_up("box.test", ADDR_IPV4, addrs, RESOLVE_MAX), "192.0.2.1:7 192.0.2.2:7");
    expect(addrs, look_up("box.test", ADDR_IPV6, addrs, RESOLVE_MAX), "[2001:db8::1]:7");
    expect(addrs, look_up("box.test", ADDR_ANY, addrs, 2), "192.0.2.1:7 [2001:db8::1]:7");
    names_have("192.0.2.1");
    assert_int_equal(look_up("box.test", ADDR_IPV6, addrs, RESOLVE_MAX), -ERR_NAME);
}

static void no_more_addresses_come_than_are_taken(void **state)
{
    struct addr addrs[RESOLVE_MAX];
    char hosts[512] = "";

    (void)state;
    for (int i = 0; i < RESOLVE_MAX + 5; i++)
        snprintf(hosts + strlen(hosts), sizeof hosts - strlen(hosts), "192.0.2.%d ", i);
    names_have(hosts);
    assert_int_equal(look_up("box.test", ADDR_ANY, addrs, RESOLVE_MAX), RESOLVE_MAX);
    assert_int_equal(addrs[RESOLVE_MAX - 1].sa.v4.sin_addr.s_addr, htonl(0xc0000200 + RESOLVE_MAX - 1));
}

static void failures_are_told_apart(void **state)
{
    struct addr addr;

    (void)state;
    names_fail(EAI_NONAME);
    assert_int_equal(look_up("box.test", ADDR_ANY, &addr, 1), -ERR_NAME);
    names_fail(EAI_AGAIN);
    assert_int_equal(look_up("box.test", ADDR_ANY, &addr, 1), -ERR_RESOLVER);
    names_fail(EAI_MEMORY);
    assert_int_equal(look_up("box.test", ADDR_ANY, &addr, 1), -ENOMEM);
}

static void nobody_waits_for_the_resolver(void **state)
{
    struct resolve resolve;
    struct addr addr;

    (void)state;
    names_hold(true);
    start(&resolve, "box.test", ADDR_ANY);
    wait_until_asked(1);
    assert_false(is_readable(&resolve, 0));
    assert_int_equal(resolve_take(&resolve, &addr, 1), -EINPROGRESS);
    assert_int_equal(resolve_take(&resolve, &addr, 1), -EINPROGRESS);
    names_hold(false);
    assert_true(is_readable(&resolve, PATIENCE_NS / NS_PER_MS));
    expect(&addr, resolve_take(&resolve, &addr, 1), "192.0.2.1:7");
}

/* SIGPIPE would end this process. */
static void what_is_forgotten_goes_on_and_ends_alone(void **state)
{
    struct resolve resolves[MANY];

    (void)state;
    names_hold(true);
    for (int i = 0; i < MANY; i++)
        start(&resolves[i], "box.test", ADDR_ANY);
    for (int i = 0; i < MANY / 2; i++) /* some before they have asked, perhaps */
        resolve_abandon(&resolves[i]);
    wait_until_asked(MANY);
    for (int i = MANY / 2; i < MANY; i++)
        resolve_abandon(&resolves[i]);
    memset(resolves, 0xff, sizeof resolves);
}

static void an_answer_that_nobody_took_is_forgotten_too(void **state)
{
    struct resolve resolve;

    (void)state;
    start(&resolve, "box.test", ADDR_ANY);
    assert_true(is_readable(&resolve, PATIENCE_NS / NS_PER_MS));
    resolve_abandon(&resolve);
    assert_int_equal(resolve_fd(&resolve), -1);
    resolve_abandon(&resolve); /* nothing is under way */
    start(&resolve, "192.0.2.1", ADDR_ANY);
    resolve_abandon(&resolve);
    resolve = RESOLVE_NONE;
    resolve_abandon(&resolve);
}

static void a_signal_never_goes_to_the_thread(void **state)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGWINCH, SIGTSTP, SIGPIPE, SIGCHLD, SIGALRM};
    struct addr addr;
    sigset_t usr1, before, after;

    (void)state;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_SETMASK, &usr1, &before);
    look_up("box.test", ADDR_ANY, &addr, 1);
    pthread_sigmask(SIG_SETMASK, &before, &after);
    sigset_t there = names_mask();
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        assert_int_equal(sigismember(&there, signals[i]), 1);
        assert_int_equal(sigismember(&after, signals[i]), 0);
    }
    assert_int_equal(sigismember(&after, SIGUSR1), 1);
}

static void numbers_need_neither_thread_nor_resolver(void **state)
{
    struct resolve resolve;
    struct addr addr;
    int asked = names_asked();

    (void)state;
    traces_deny_threads(true);
    start(&resolve, "192.0.2.9", ADDR_ANY);
    expect(&addr, resolve_take(&resolve, &addr, 1), "192.0.2.9:7");
    start(&resolve, "2001:db8::9", ADDR_IPV6);
    expect(&addr, resolve_take(&resolve, &addr, 1), "[2001:db8::9]:7");
    start(&resolve, "fe80::9%lo", ADDR_ANY);
    expect(&addr, resolve_take(&resolve, &addr, 1), "[fe80::9%lo]:7");
    start(&resolve, "2001:db8::9", ADDR_IPV4);
    assert_int_equal(resolve_take(&resolve, &addr, 1), -ERR_NAME);
    start(&resolve, "192.0.2.9", ADDR_IPV6);
    assert_int_equal(resolve_take(&resolve, &addr, 1), -ERR_NAME);
    traces_deny_threads(false);
    assert_int_equal(names_asked(), asked);
}

static void without_a_thread_or_a_pipe_it_does_not_start(void **state)
{
    const struct place spec = {.host = "box.test", .port = 7};
    struct resolve resolve;
    struct rlimit before;

    (void)state;
    traces_deny_threads(true);
    assert_int_equal(resolve_start(&resolve, &spec, ADDR_ANY), -EAGAIN);
    traces_deny_threads(false);
    assert_int_equal(resolve_fd(&resolve), -1);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int error = resolve_start(&resolve, &spec, ADDR_ANY);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(error, -EMFILE);
    assert_int_equal(resolve_fd(&resolve), -1);
}

#define CLEAN(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLEAN(the_answer_is_the_resolvers),
        CLEAN(no_more_addresses_come_than_are_taken),
        CLEAN(failures_are_told_apart),
        CLEAN(nobody_waits_for_the_resolver),
        CLEAN(what_is_forgotten_goes_on_and_ends_alone),
        CLEAN(an_answer_that_nobody_took_is_forgotten_too),
        CLEAN(a_signal_never_goes_to_the_thread),
        CLEAN(numbers_need_neither_thread_nor_resolver),
        CLEAN(without_a_thread_or_a_pipe_it_does_not_start),
    };
    return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
