/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A peer is reached by its name, once it is there, and the clock that says when to try again is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "names.h"
#include "net/reach.h"
#include "places.h"
#include "traces.h"

#define MS NS_PER_MS
#define DELAY_NS (DIAL_ATTEMPT_DELAY_MS * MS)
#define TIMEOUT_NS (10 * NS_PER_S)
#define REALLY_MS 20000 /* on the real clock: something is wrong */

/* The name "box.test", which has all the addresses of the places. */
struct scene {
    struct places places;
    struct reach reach;
};

static bool have_ipv6;

static void plan(struct scene *scene, const char *host, enum addr_family family, bool retry)
{
    struct reach_plan plan = {
        .spec.port = scene->places.port, .family = family, .timeout_ns = TIMEOUT_NS, .retry = retry};

    snprintf(plan.spec.host, sizeof plan.spec.host, "%s", host);
    reach_init(&scene->reach, &plan, 0);
}

static void set(struct scene *scene, const char *kinds, bool retry)
{
    char hosts[PLACES_MAX * ADDR_TEXT_MAX];

    places_open(&scene->places, kinds);
    names_have(places_hosts(&scene->places, hosts));
    plan(scene, "box.test", ADDR_ANY, retry);
}

/* Let all happen that happens at now_ns. A handshake on loopback is over when connect() returns; an answer of the
 * resolver is waited for, unless it is held back. */
static int step_with(struct reach *reach, int64_t now_ns, bool held)
{
    struct pollfd fds[REACH_POLL_MAX];
    int result = -EINPROGRESS;

    for (int i = 0; i < 2 * DIAL_MAX && result == -EINPROGRESS; i++) {
        if (reach->state == REACH_LOOKUP && !held) {
            assert_int_equal(reach_pollfds(reach, fds), 1);
            assert_int_equal(poll(fds, 1, REALLY_MS), 1);
        }
        result = reach_step(reach, now_ns);
    }
    return result;
}

static int step(struct scene *scene, int64_t now_ns)
{
    return step_with(&scene->reach, now_ns, false);
}

static int step_held(struct scene *scene, int64_t now_ns)
{
    return step_with(&scene->reach, now_ns, true);
}

static void expect_reached(struct scene *scene, int fd, int where)
{
    struct addr peer;

    assert_true(fd >= 0);
    assert_int_equal(addr_of_peer(fd, &peer), 0);
    assert_true(addr_equal(&peer, &scene->places.addrs[where]));
    assert_true(addr_equal(&scene->reach.peer, &scene->places.addrs[where]));
    assert_int_equal(scene->reach.state, REACH_OVER);
    close(fd);
    places_close(&scene->places);
}

/* Expect a pause, and nothing to happen before its end. Returns its end. */
static int64_t expect_pause(struct scene *scene, int64_t from_ns, int64_t pause_ns, int error)
{
    struct pollfd fds[REACH_POLL_MAX];
    int asked = names_asked(), tries = scene->reach.tries;

    assert_int_equal(scene->reach.state, REACH_PAUSE);
    assert_int_equal(scene->reach.error, error);
    assert_int_equal(reach_wake_ns(&scene->reach), from_ns + pause_ns);
    assert_int_equal(reach_pollfds(&scene->reach, fds), 0);
    assert_int_equal(reach_step(&scene->reach, from_ns + pause_ns - 1), -EINPROGRESS);
    assert_int_equal(names_asked(), asked);
    assert_int_equal(scene->reach.tries, tries);
    return from_ns + pause_ns;
}

static int setup(void **state)
{
    (void)state;
    traces_begin();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    names_hold(false);
    return traces_end();
}

static void a_name_leads_to_a_connection(void **state)
{
    struct scene scene;

    (void)state;
    set(&scene, "a", false);
    int fd = step(&scene, 0);
    assert_int_equal(scene.reach.tries, 0);
    assert_int_equal(scene.reach.error, 0);
    assert_false(scene.reach.expired);
    assert_int_equal(scene.reach.dial.count, 1);
    assert_int_equal(scene.reach.dial.winner, 0);
    expect_reached(&scene, fd, 0);
}

static void so_does_a_number_without_the_resolver(void **state)
{
    struct scene scene;
    int asked = names_asked();

    (void)state;
    set(&scene, "a", false);
    plan(&scene, "127.0.0.1", ADDR_ANY, false);
    traces_deny_threads(true);
    expect_reached(&scene, step(&scene, 0), 0);
    assert_int_equal(names_asked(), asked);
}

static void the_peer_is_who_answered(void **state)
{
    struct scene scene;

    (void)state;
    set(&scene, "a", false);
    plan(&scene, "0.0.0.0", ADDR_ANY, false);
    expect_reached(&scene, step(&scene, 0), 0);
}

static void addresses_are_tried_side_by_side(void **state)
{
    struct scene scene;

    (void)state;
    set(&scene, "rra", false);
    expect_reached(&scene, step(&scene, 0), 2);

    if (!have_ipv6)
        skip();
    set(&scene, "Ra", false);
    expect_reached(&scene, step(&scene, 0), 1);

    struct pollfd fds[REACH_POLL_MAX];
    set(&scene, "Ha", false);
    assert_int_equal(step(&scene, 0), -EINPROGRESS);
    assert_int_equal(reach_wake_ns(&scene.reach), DELAY_NS);
    assert_int_equal(reach_pollfds(&scene.reach, fds), 1);
    assert_int_equal(fds[0].events, POLLOUT);
    assert_int_equal(step(&scene, DELAY_NS - 1), -EINPROGRESS);
    expect_reached(&scene, step(&scene, DELAY_NS), 1);
}

static void a_family_can_be_asked_for(void **state)
{
    struct scene scene;

    (void)state;
    if (!have_ipv6)
        skip();
    set(&scene, "Aa", false);
    plan(&scene, "box.test", ADDR_IPV4, false);
    expect_reached(&scene, step(&scene, 0), 1);
    set(&scene, "aA", false);
    plan(&scene, "box.test", ADDR_IPV6, false);
    expect_reached(&scene, step(&scene, 0), 1);
    set(&scene, "a", false);
    plan(&scene, "box.test", ADDR_IPV6, false);
    assert_int_equal(step(&scene, 0), -ERR_NAME);
    places_close(&scene.places);
}

static void without_retry_a_failure_is_final(void **state)
{
    struct scene scene;

    (void)state;
    set(&scene, "rr", false);
    assert_int_equal(step(&scene, 0), -ECONNREFUSED);
    assert_int_equal(scene.reach.tries, 1);
    assert_false(scene.reach.expired);
    assert_int_equal(scene.reach.dial.count, 2);
    assert_int_equal(scene.reach.dial.attempts[0].error, -ECONNREFUSED);
    names_fail(EAI_NONAME);
    plan(&scene, "box.test", ADDR_ANY, false);
    assert_int_equal(step(&scene, 0), -ERR_NAME);
    assert_int_equal(scene.reach.dial.count, 0);
    names_fail(EAI_AGAIN);
    plan(&scene, "box.test", ADDR_ANY, false);
    assert_int_equal(step(&scene, 0), -ERR_RESOLVER);
    traces_deny_threads(true);
    plan(&scene, "box.test", ADDR_ANY, false);
    assert_int_equal(step(&scene, 0), -EAGAIN);
    places_close(&scene.places);
}

static void the_timeout_counts_from_the_lookup(void **state)
{
    struct scene scene;

    (void)state;
    set(&scene, "h", false);
    names_hold(true);
    assert_int_equal(step_held(&scene, 5), -EINPROGRESS);
    assert_int_equal(scene.reach.state, REACH_LOOKUP);
    assert_int_equal(reach_wake_ns(&scene.reach), TIMEOUT_NS + 5);
    assert_int_equal(step_held(&scene, TIMEOUT_NS), -EINPROGRESS);
    names_hold(false);
    assert_int_equal(step(&scene, TIMEOUT_NS), -EINPROGRESS);
    assert_int_equal(scene.reach.state, REACH_DIAL);
    assert_int_equal(reach_wake_ns(&scene.reach), TIMEOUT_NS + 5);
    assert_int_equal(step(&scene, TIMEOUT_NS + 5), -ERR_TIMEOUT);
    assert_true(scene.reach.expired);
    assert_int_equal(scene.reach.dial.attempts[0].error, -ERR_TIMEOUT);
    places_close(&scene.places);
}

static void a_lookup_that_hangs_ends_with_the_timeout(void **state)
{
    struct scene scene;

    (void)state;
    set(&scene, "a", false);
    names_hold(true);
    assert_int_equal(step_held(&scene, 0), -EINPROGRESS);
    assert_int_equal(step_held(&scene, TIMEOUT_NS - 1), -EINPROGRESS);
    assert_int_equal(step_held(&scene, TIMEOUT_NS), -ERR_TIMEOUT);
    assert_int_equal(scene.reach.dial.count, 0);
    places_close(&scene.places);
}

static void pauses_grow_to_a_second(void **state)
{
    static const int pauses_ms[] = {250, 500, 1000, 1000, 1000};
    struct scene scene;
    int64_t now_ns = 0;

    (void)state;
    set(&scene, "r", true);
    for (int i = 0; i < 5; i++) {
        int asked = names_asked();
        assert_int_equal(step(&scene, now_ns), -EINPROGRESS);
        assert_int_equal(names_asked(), asked + 1);
        assert_int_equal(scene.reach.tries, i + 1);
        assert_int_equal(scene.reach.dial.count, 1);
        now_ns = expect_pause(&scene, now_ns, pauses_ms[i] * MS, -ECONNREFUSED);
    }
    reach_abandon(&scene.reach);
    places_close(&scene.places);
}

static void whoever_comes_later_is_reached(void **state)
{
    struct scene scene;

    (void)state;
    set(&scene, "r", true);
    assert_int_equal(step(&scene, 0), -EINPROGRESS);
    assert_int_equal(step(&scene, 250 * MS), -EINPROGRESS);
    assert_int_equal(listen(scene.places.listeners[0], 8), 0);
    int64_t now_ns = expect_pause(&scene, 250 * MS, 500 * MS, -ECONNREFUSED);
    int fd = step(&scene, now_ns);
    assert_int_equal(scene.reach.tries, 2);
    expect_reached(&scene, fd, 0);
}

static void a_name_that_comes_later_is_found(void **state)
{
    struct scene scene;

    (void)state;
    set(&scene, "a", true);
    names_fail(EAI_NONAME);
    assert_int_equal(step(&scene, 0), -EINPROGRESS);
    int64_t now_ns = expect_pause(&scene, 0, 250 * MS, -ERR_NAME);
    names_fail(EAI_AGAIN);
    assert_int_equal(step(&scene, now_ns), -EINPROGRESS);
    now_ns = expect_pause(&scene, now_ns, 500 * MS, -ERR_RESOLVER);
    traces_deny_threads(true);
    assert_int_equal(step(&scene, now_ns), -EINPROGRESS);
    now_ns = expect_pause(&scene, now_ns, 1000 * MS, -EAGAIN);
    traces_deny_threads(false);
    names_have("127.0.0.1");
    expect_reached(&scene, step(&scene, now_ns), 0);
}

static void a_try_that_timed_out_is_followed_by_another(void **state)
{
    struct scene scene;

    (void)state;
    set(&scene, "ha", true);
    names_have("127.0.0.1");
    assert_int_equal(step(&scene, 0), -EINPROGRESS);
    assert_int_equal(step(&scene, TIMEOUT_NS), -EINPROGRESS);
    int64_t now_ns = expect_pause(&scene, TIMEOUT_NS, 250 * MS, -ERR_TIMEOUT);
    assert_int_equal(scene.reach.dial.attempts[0].error, -ERR_TIMEOUT); /* still to be read in the pause */
    names_have("127.0.0.2");
    names_hold(true);
    assert_int_equal(step_held(&scene, now_ns), -EINPROGRESS);
    assert_int_equal(scene.reach.dial.count, 0);
    names_hold(false);
    expect_reached(&scene, step(&scene, now_ns), 1);
}

static void a_slow_lookup_is_not_begun_twice(void **state)
{
    struct scene scene;
    int64_t now_ns = 0;
    int asked = names_asked();

    (void)state;
    set(&scene, "a", true);
    names_hold(true);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(step_held(&scene, now_ns), -EINPROGRESS);
        now_ns += TIMEOUT_NS;
        assert_int_equal(step_held(&scene, now_ns), -EINPROGRESS);
        now_ns = expect_pause(&scene, now_ns, (int64_t[]){250, 500, 1000, 1000}[i] * MS, -ERR_TIMEOUT);
    }
    names_hold(false);
    int fd = step(&scene, now_ns);
    assert_int_equal(names_asked(), asked + 1);
    expect_reached(&scene, fd, 0);
}

static void what_no_time_mends_is_final(void **state)
{
    struct rlimit before;
    struct scene scene;

    (void)state;
    set(&scene, "r", true);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int error = step_held(&scene, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(error, -EMFILE);
    assert_int_equal(scene.reach.state, REACH_OVER);

    if (have_ipv6) { /* without its scope a link-local address is none; beside others it is no reason to stop */
        names_have("fe80::1");
        plan(&scene, "box.test", ADDR_ANY, true);
        assert_int_equal(step(&scene, 0), -EINVAL);
        names_have("fe80::1 127.0.0.1");
        plan(&scene, "box.test", ADDR_ANY, true);
        assert_int_equal(step(&scene, 0), -EINPROGRESS);
        expect_pause(&scene, 0, 250 * MS, -EINVAL);
        reach_abandon(&scene.reach);
    }
    places_close(&scene.places);
}

/* In every state; what is left is looked at in teardown(). */
static void it_can_be_abandoned_at_any_time(void **state)
{
    struct scene scene;
    struct pollfd fds[REACH_POLL_MAX];

    (void)state;
    set(&scene, "hr", true);
    reach_abandon(&scene.reach); /* before its first step */

    names_hold(true);
    plan(&scene, "box.test", ADDR_ANY, true);
    assert_int_equal(step_held(&scene, 0), -EINPROGRESS);
    assert_int_equal(scene.reach.state, REACH_LOOKUP);
    reach_abandon(&scene.reach);
    assert_int_equal(reach_pollfds(&scene.reach, fds), 0);
    reach_abandon(&scene.reach); /* twice */

    plan(&scene, "box.test", ADDR_ANY, true);
    step_held(&scene, 0);
    step_held(&scene, TIMEOUT_NS);
    assert_int_equal(scene.reach.state, REACH_PAUSE); /* while the lookup goes on */
    reach_abandon(&scene.reach);

    plan(&scene, "box.test", ADDR_ANY, true);
    step_held(&scene, 0);
    names_hold(false);
    assert_int_equal(reach_pollfds(&scene.reach, fds), 1);
    assert_int_equal(poll(fds, 1, REALLY_MS), 1); /* answered, and not taken */
    reach_abandon(&scene.reach);

    plan(&scene, "box.test", ADDR_ANY, true);
    assert_int_equal(step(&scene, 0), -EINPROGRESS);
    assert_int_equal(scene.reach.state, REACH_DIAL);
    reach_abandon(&scene.reach);
    places_close(&scene.places);

    set(&scene, "r", true);
    step(&scene, 0);
    assert_int_equal(scene.reach.state, REACH_PAUSE);
    reach_abandon(&scene.reach);
    plan(&scene, "box.test", ADDR_ANY, false);
    assert_int_equal(step(&scene, 0), -ECONNREFUSED);
    reach_abandon(&scene.reach);
    places_close(&scene.places);

    set(&scene, "a", true);
    int fd = step(&scene, 0);
    reach_abandon(&scene.reach); /* the descriptor is the caller's */
    expect_reached(&scene, fd, 0);
}

static void waiting_ends_with_the_outcome(void **state)
{
    struct scene scene;

    (void)state;
    set(&scene, "ha", true);
    scene.reach.next_ns = clock_ns();
    expect_reached(&scene, reach_wait(&scene.reach, -1), 1);

    int64_t begin_ns = clock_ns();
    set(&scene, "h", false);
    scene.reach.plan.timeout_ns = 60 * MS;
    assert_int_equal(reach_wait(&scene.reach, -1), -ERR_TIMEOUT);
    assert_true(clock_ns() - begin_ns >= 60 * MS);
    names_hold(true);
    plan(&scene, "box.test", ADDR_ANY, false);
    scene.reach.plan.timeout_ns = 60 * MS;
    assert_int_equal(reach_wait(&scene.reach, -1), -ERR_TIMEOUT);
    places_close(&scene.places);
}

static void waiting_ends_when_it_is_woken(void **state)
{
    struct scene scene;
    int wake_fd = eventfd(1, EFD_CLOEXEC);

    (void)state;
    set(&scene, "h", true);
    assert_int_equal(reach_wait(&scene.reach, wake_fd), -EINTR);
    names_hold(true);
    plan(&scene, "box.test", ADDR_ANY, true);
    assert_int_equal(reach_wait(&scene.reach, wake_fd), -EINTR);
    assert_int_equal(scene.reach.dial.count, 0);
    close(wake_fd);
    places_close(&scene.places);
}

#define CLEAN(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLEAN(a_name_leads_to_a_connection),
        CLEAN(so_does_a_number_without_the_resolver),
        CLEAN(the_peer_is_who_answered),
        CLEAN(addresses_are_tried_side_by_side),
        CLEAN(a_family_can_be_asked_for),
        CLEAN(without_retry_a_failure_is_final),
        CLEAN(the_timeout_counts_from_the_lookup),
        CLEAN(a_lookup_that_hangs_ends_with_the_timeout),
        CLEAN(pauses_grow_to_a_second),
        CLEAN(whoever_comes_later_is_reached),
        CLEAN(a_name_that_comes_later_is_found),
        CLEAN(a_try_that_timed_out_is_followed_by_another),
        CLEAN(a_slow_lookup_is_not_begun_twice),
        CLEAN(what_no_time_mends_is_final),
        CLEAN(it_can_be_abandoned_at_any_time),
        CLEAN(waiting_ends_with_the_outcome),
        CLEAN(waiting_ends_when_it_is_woken),
    };

    have_ipv6 = places_have_ipv6();
    return cmocka_run_group_tests_name("reach", tests, NULL, NULL);
}
