/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first address that answers wins, nobody waits for those that do not, and all are closed. Here the
 * clock is the test's: an address that hangs is a listener on loopback whose backlog is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "net/dial.h"

#define DELAY_NS (DIAL_ATTEMPT_DELAY_MS * NS_PER_MS)
#define FAR_NS (10 * NS_PER_S)

struct spot {
    struct addr addr;
    int listener;
    int filler;
};

static void open_place(struct spot *place, int backlog)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    place->filler = -1;
    place->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(place->listener, (struct sockaddr *)&any, sizeof any), 0);
    if (backlog >= 0)
        assert_int_equal(listen(place->listener, backlog), 0);
    assert_int_equal(addr_of_socket(place->listener, &place->addr), 0);
}

static void answering(struct spot *place)
{
    open_place(place, 8);
}

/* Bound, so that nobody else takes the port, and not listening. */
static void refusing(struct spot *place)
{
    open_place(place, -1);
}

/* With a backlog of 0 one connection fills it; it is in it once the listener is readable. */
static void hanging(struct spot *place)
{
    open_place(place, 0);
    place->filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(place->filler, &place->addr.sa.any, place->addr.len), 0);
    struct pollfd filled = {.fd = place->listener, .events = POLLIN};
    assert_int_equal(poll(&filled, 1, 10000), 1);
}

static void close_place(struct spot *place)
{
    if (place->filler >= 0)
        close(place->filler);
    close(place->listener);
}

static int open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;

    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

/* Places of the kinds that the letters name (a, r, h), and a dial to them in that order. */
struct scene {
    struct spot places[8];
    int count;
    int descriptors;
    struct dial dial;
};

static void set(struct scene *scene, const char *kinds, int64_t deadline_ns)
{
    struct addr addrs[8];

    scene->count = (int)strlen(kinds);
    for (int i = 0; i < scene->count; i++) {
        (kinds[i] == 'a' ? answering : kinds[i] == 'r' ? refusing : hanging)(&scene->places[i]);
        addrs[i] = scene->places[i].addr;
    }
    scene->descriptors = open_descriptors();
    dial_init(&scene->dial, addrs, scene->count, deadline_ns);
}

/* Expect that nothing but fd (or -1) was left open. */
static void strike(struct scene *scene, int fd)
{
    assert_int_equal(open_descriptors(), scene->descriptors + (fd >= 0));
    if (fd >= 0)
        close(fd);
    for (int i = 0; i < scene->count; i++)
        close_place(&scene->places[i]);
}

static void expect_connected(const struct scene *scene, int fd, int winner)
{
    struct addr peer;
    int on = 0;
    socklen_t len = sizeof on;

    assert_true(fd >= 0);
    assert_int_equal(scene->dial.winner, winner);
    assert_int_equal(addr_of_peer(fd, &peer), 0);
    assert_true(addr_equal(&peer, &scene->places[winner].addr));
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    assert_true(on);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(scene->dial.took_ns > 0 && scene->dial.took_ns < 20 * NS_PER_S);
}

/* Let all happen that happens at now_ns: on loopback a handshake is over when connect() returns, with
 * EINPROGRESS. */
static int step(struct scene *scene, int64_t now_ns)
{
    int result = -EINPROGRESS;

    for (int i = 0; i < 2 * DIAL_MAX && result == -EINPROGRESS; i++)
        result = dial_step(&scene->dial, now_ns);
    return result;
}

static void the_first_address_is_tried_alone(void **state)
{
    struct scene scene;

    (void)state;
    set(&scene, "aa", FAR_NS);
    int fd = step(&scene, 0);
    expect_connected(&scene, fd, 0);
    assert_int_equal(scene.dial.begun, 1);
    strike(&scene, fd);
}

static void a_refusal_starts_the_next_at_once(void **state)
{
    struct scene scene;

    (void)state;
    set(&scene, "rra", FAR_NS);
    int fd = step(&scene, 0); /* the clock stands still */
    expect_connected(&scene, fd, 2);
    assert_int_equal(scene.dial.attempts[0].error, -ECONNREFUSED);
    assert_int_equal(scene.dial.attempts[1].error, -ECONNREFUSED);
    assert_int_equal(scene.dial.attempts[2].error, 0);
    strike(&scene, fd);
}

static void an_address_that_hangs_costs_250_ms(void **state)
{
    struct pollfd fds[DIAL_MAX];
    struct scene scene;

    (void)state;
    set(&scene, "ha", FAR_NS);
    assert_int_equal(step(&scene, 0), -EINPROGRESS);
    assert_int_equal(dial_wake_ns(&scene.dial), DELAY_NS);
    assert_int_equal(dial_pollfds(&scene.dial, fds), 1);
    assert_int_equal(fds[0].events, POLLOUT);
    assert_int_equal(step(&scene, DELAY_NS - 1), -EINPROGRESS);
    assert_int_equal(scene.dial.begun, 1);
    int fd = step(&scene, DELAY_NS);
    expect_connected(&scene, fd, 1);
    strike(&scene, fd);
}

static void a_failure_starts_the_next_though_others_hang(void **state)
{
    struct scene scene;

    (void)state;
    set(&scene, "hra", FAR_NS);
    assert_int_equal(step(&scene, 0), -EINPROGRESS);
    int fd = step(&scene, DELAY_NS);
    expect_connected(&scene, fd, 2);
    strike(&scene, fd);
}

static void an_attempt_that_was_overtaken_may_still_win(void **state)
{
    struct pollfd fds[DIAL_MAX];
    struct scene scene;

    (void)state;
    set(&scene, "hh", FAR_NS);
    assert_int_equal(step(&scene, 0), -EINPROGRESS);
    assert_int_equal(step(&scene, DELAY_NS), -EINPROGRESS);
    assert_int_equal(dial_wake_ns(&scene.dial), FAR_NS);
    assert_int_equal(dial_pollfds(&scene.dial, fds), 2);
    close(accept(scene.places[0].listener, NULL, NULL)); /* room for the next SYN, about a second later */
    assert_int_equal(poll(fds, 2, 20000), 1);
    int fd = step(&scene, 2 * DELAY_NS);
    expect_connected(&scene, fd, 0);
    strike(&scene, fd);
}

static void the_deadline_ends_what_hangs(void **state)
{
    struct scene scene;

    (void)state;
    set(&scene, "hhh", DELAY_NS + 5);
    assert_int_equal(step(&scene, 0), -EINPROGRESS);
    assert_int_equal(step(&scene, DELAY_NS), -EINPROGRESS);
    assert_int_equal(dial_wake_ns(&scene.dial), DELAY_NS + 5);
    assert_int_equal(step(&scene, DELAY_NS + 5), -ERR_TIMEOUT);
    assert_int_equal(scene.dial.attempts[0].error, -ERR_TIMEOUT);
    assert_int_equal(scene.dial.attempts[1].error, -ERR_TIMEOUT);
    assert_int_equal(scene.dial.attempts[2].error, 0); /* there was no time to try it */
    assert_int_equal(scene.dial.winner, -1);
    strike(&scene, -1);
}

static void the_most_telling_error_is_returned(void **state)
{
    struct scene scene;

    (void)state;
    set(&scene, "hr", FAR_NS);
    assert_int_equal(step(&scene, 0), -EINPROGRESS);
    assert_int_equal(step(&scene, DELAY_NS), -EINPROGRESS);
    assert_int_equal(step(&scene, FAR_NS), -ECONNREFUSED);
    assert_int_equal(scene.dial.attempts[0].error, -ERR_TIMEOUT);
    strike(&scene, -1);

    set(&scene, "rr", FAR_NS);
    assert_int_equal(step(&scene, 0), -ECONNREFUSED);
    strike(&scene, -1);
}

static void abandoning_closes_all(void **state)
{
    struct scene scene;

    (void)state;
    set(&scene, "hh", FAR_NS);
    step(&scene, 0);
    step(&scene, DELAY_NS);
    dial_abandon(&scene.dial);
    strike(&scene, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_address_is_tried_alone),
        cmocka_unit_test(a_refusal_starts_the_next_at_once),
        cmocka_unit_test(an_address_that_hangs_costs_250_ms),
        cmocka_unit_test(a_failure_starts_the_next_though_others_hang),
        cmocka_unit_test(an_attempt_that_was_overtaken_may_still_win),
        cmocka_unit_test(the_deadline_ends_what_hangs),
        cmocka_unit_test(the_most_telling_error_is_returned),
        cmocka_unit_test(abandoning_closes_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
