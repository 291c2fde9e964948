/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Listening sockets: what they bind, what they inherit to what they accept, and who is in the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/addr.h"
#include "net/sock.h"

#define WAIT_MS 5000

static struct addr address(const char *host, uint16_t port)
{
    struct place spec = {.port = port};
    struct addr addr;

    snprintf(spec.host, sizeof spec.host, "%s", host);
    assert_int_equal(addr_resolve_listen(&spec, ADDR_ANY, &addr, 1), 1);
    return addr;
}

/* A listener on a free port of host. */
static int listen_on(const char *host, int64_t dead_ms, struct addr *bound)
{
    *bound = address(host, 0);
    int fd = sock_listen(bound, dead_ms);
    assert_true(fd >= 0);
    return fd;
}

static int dial(const char *host, uint16_t port)
{
    struct place spec = {.port = port};
    struct addr addr;

    snprintf(spec.host, sizeof spec.host, "%s", host);
    assert_int_equal(addr_resolve_dial(&spec, ADDR_ANY, &addr, 1), 1);
    int fd = socket(addr.sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, &addr.sa.any, addr.len) == 0)
        return fd;
    close(fd);
    return -1;
}

static int accept_one(int listener)
{
    struct pollfd ready = {.fd = listener, .events = POLLIN};

    assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    return fd;
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof value;

    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

static bool have_ipv6(void)
{
    struct place spec = {.host = "*"};
    struct addr addr;

    return addr_resolve_listen(&spec, ADDR_ANY, &addr, 1) == 1 && addr.dual;
}

static void skip_without_ipv6(void)
{
    if (!have_ipv6()) {
        print_message("# skip: no IPv6 here\n");
        skip();
    }
}

static void port_0_takes_a_free_port_and_tells_it(void **state)
{
    struct addr one, two;
    int first = listen_on("127.0.0.1", 0, &one);
    int second = listen_on("127.0.0.1", 0, &two);

    (void)state;
    assert_int_not_equal(addr_port(&one), 0);
    assert_int_not_equal(addr_port(&one), addr_port(&two));
    int client = dial("127.0.0.1", addr_port(&one));
    assert_true(client >= 0);
    close(client);
    close(first);
    close(second);
}

static void a_listener_never_waits_and_is_not_inherited_by_programs(void **state)
{
    struct addr addr;
    int fd = listen_on("127.0.0.1", 0, &addr);

    (void)state;
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(option(fd, SOL_SOCKET, SO_REUSEADDR), 1);
    assert_int_equal(option(fd, SOL_SOCKET, SO_REUSEPORT), 0);
    assert_int_equal(accept(fd, NULL, NULL), -1);
    assert_int_equal(errno, EAGAIN);
    close(fd);
}

static void the_backlog_is_the_systems_largest(void **state)
{
    struct addr addr;
    int fd = listen_on("127.0.0.1", 0, &addr);
    struct tcp_info info;
    socklen_t len = sizeof info;
    FILE *file = fopen("/proc/sys/net/core/somaxconn", "re");
    unsigned largest = 0;

    (void)state;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%u", &largest), 1);
    fclose(file);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    assert_int_equal(info.tcpi_sacked, largest); /* of a listener: its backlog */
    close(fd);
}

static void what_is_accepted_inherits_the_options(void **state)
{
    struct addr addr;
    int listener = listen_on("127.0.0.1", 120000, &addr);
    int client = dial("127.0.0.1", addr_port(&addr));
    int fd = accept_one(listener);

    (void)state;
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option(fd, SOL_SOCKET, SO_OOBINLINE), 1);
    assert_int_equal(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 120000);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 60);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 15);
    close(fd);
    close(client);
    close(listener);
}

static void an_urgent_byte_is_a_byte_of_the_stream(void **state)
{
    struct addr addr;
    int listener = listen_on("127.0.0.1", 0, &addr);
    int client = dial("127.0.0.1", addr_port(&addr));
    int fd = accept_one(listener);
    char got[8] = "";
    size_t have = 0;

    (void)state;
    assert_int_equal(send(client, "ab!", 3, MSG_OOB), 3);
    assert_int_equal(send(client, "cd", 2, 0), 2);
    shutdown(client, SHUT_WR);
    for (ssize_t count; (count = read(fd, got + have, sizeof got - have)) > 0;)
        have += (size_t)count;
    assert_int_equal(have, 5);
    assert_memory_equal(got, "ab!cd", 5);
    close(fd);
    close(client);
    close(listener);
}

static void patience_is_set_within_what_the_kernel_takes(void **state)
{
    static const struct {
        int64_t dead_ms;
        int timeout, idle, interval;
    } cases[] = {
        {1, 1, 1, 1},
        {1000, 1000, 1, 1},
        {4000, 4000, 2, 1},
        {120000, 120000, 60, 15},
        {INT_MAX, INT_MAX, 32767, 32767},
        {(int64_t)INT_MAX + 1, INT_MAX, 32767, 32767},
        {INT64_MAX, INT_MAX, 32767, 32767},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(sock_set_patience(fd, cases[i].dead_ms), 0);
        assert_int_equal(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), cases[i].timeout);
        assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), cases[i].idle);
        assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), cases[i].interval);
        assert_int_equal(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
        close(fd);
    }
}

static void patience_0_leaves_all_to_the_system(void **state)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_int_equal(sock_set_patience(fd, 0), 0);
    assert_int_equal(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
    assert_int_equal(option(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
    close(fd);
}

static void patience_fails_on_what_is_no_tcp_socket(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(sock_set_patience(ends[0], 1000), -ENOTSOCK);
    assert_int_equal(sock_set_patience(-1, 1000), -EBADF);
    close(ends[0]);
    close(ends[1]);
}

static void check_in_use(const char *holder, const char *other)
{
    struct addr held;
    int fd = listen_on(holder, 0, &held);
    struct addr wanted = address(other, addr_port(&held));
    int64_t before = clock_ms();

    assert_int_equal(sock_listen(&wanted, 0), -EADDRINUSE);
    int64_t took = clock_ms() - before;
    assert_true(took >= SOCK_LISTEN_PATIENCE_MS);
    assert_true(took < SOCK_LISTEN_PATIENCE_MS + 1000);
    close(fd);
}

static void an_address_in_use_is_tried_for_a_while_and_then_refused(void **state)
{
    (void)state;
    check_in_use("127.0.0.1", "127.0.0.1");
}

static void all_and_one_address_exclude_each_other(void **state)
{
    (void)state;
    check_in_use("*", "127.0.0.1");
    check_in_use("127.0.0.1", "*");
    check_in_use("0.0.0.0", "127.0.0.1");
    if (have_ipv6()) {
        check_in_use("*", "::1");
        check_in_use("::1", "*");
    }
}

static void an_address_that_is_given_back_meanwhile_is_taken(void **state)
{
    struct addr held;
    int fd = listen_on("127.0.0.1", 0, &held);
    struct addr wanted = held;
    int held_open[2];

    (void)state;
    assert_int_equal(pipe(held_open), 0);
    pid_t child = fork();
    if (child == 0) {
        /* Holds the listener, as a child that was born as its parent died, and then closes it. */
        char byte;
        close(held_open[1]);
        if (read(held_open[0], &byte, 1) != 1)
            _exit(1);
        usleep(30000);
        _exit(0);
    }
    close(fd);
    assert_int_equal(write(held_open[1], "x", 1), 1);
    int64_t before = clock_ms();
    int again = sock_listen(&wanted, 0);
    assert_true(again >= 0);
    assert_true(clock_ms() - before >= 20);
    assert_int_equal(addr_port(&wanted), addr_port(&held));
    waitpid(child, NULL, 0);
    close(again);
    close(held_open[0]);
    close(held_open[1]);
}

static void connections_in_time_wait_do_not_bar_the_port(void **state)
{
    struct addr addr;
    int listener = listen_on("127.0.0.1", 0, &addr);
    char byte;

    (void)state;
    for (int i = 0; i < 20; i++) {
        int client = dial("127.0.0.1", addr_port(&addr));
        int fd = accept_one(listener);
        close(fd); /* this side closes first, so TIME_WAIT is on this side */
        assert_int_equal(read(client, &byte, 1), 0);
        close(client);
    }
    close(listener);
    listener = sock_listen(&addr, 0);
    assert_true(listener >= 0);
    close(listener);
}

static void a_dual_stack_listener_shows_ipv4_clients_as_ipv4(void **state)
{
    struct addr addr, peer;
    char text[ADDR_TEXT_MAX];

    (void)state;
    skip_without_ipv6();
    int listener = listen_on("*", 0, &addr);
    assert_true(addr.dual);
    assert_int_equal(strncmp(addr_print(&addr, text), "*:", 2), 0);
    int client = dial("127.0.0.1", addr_port(&addr));
    int fd = accept_one(listener);
    assert_int_equal(addr_of_peer(fd, &peer), 0);
    assert_string_equal(addr_print_host(&peer, text), "127.0.0.1");
    struct addr seen;
    assert_int_equal(addr_of_socket(client, &seen), 0);
    assert_true(addr_equal(&peer, &seen));
    close(fd);
    close(client);

    client = dial("::1", addr_port(&addr));
    fd = accept_one(listener);
    assert_int_equal(addr_of_peer(fd, &peer), 0);
    assert_string_equal(addr_print_host(&peer, text), "::1");
    close(fd);
    close(client);
    close(listener);
}

static void an_ipv6_listener_leaves_ipv4_to_others(void **state)
{
    struct place all = {.host = "*"};
    struct addr addr;

    (void)state;
    skip_without_ipv6();
    for (enum addr_family family = ADDR_ANY; family <= ADDR_IPV6; family += ADDR_IPV6) {
        assert_int_equal(addr_resolve_listen(&all, family, &addr, 1), 1);
        int fd = sock_listen(&addr, 0);
        assert_true(fd >= 0);
        assert_int_equal(option(fd, IPPROTO_IPV6, IPV6_V6ONLY), family == ADDR_IPV6);
        close(fd);
    }
}

static void an_address_that_is_not_ours_is_refused_at_once(void **state)
{
    struct addr addr = address("192.0.2.1", 0); /* RFC 5737: nobody's */
    int64_t before = clock_ms();

    (void)state;
    assert_int_equal(sock_listen(&addr, 0), -EADDRNOTAVAIL);
    assert_true(clock_ms() - before < SOCK_LISTEN_PATIENCE_MS);
}

static void progress_counts_what_arrived_and_what_was_acknowledged(void **state)
{
    struct addr addr;
    int listener = listen_on("127.0.0.1", 0, &addr);
    int client = dial("127.0.0.1", addr_port(&addr));
    int fd = accept_one(listener);
    struct sock_progress progress;
    char block[1000] = "";

    (void)state;
    assert_int_equal(write(client, block, sizeof block), sizeof block);
    assert_int_equal(write(fd, block, 300), 300);
    int64_t deadline = clock_ms() + WAIT_MS;
    do
        assert_int_equal(sock_progress(fd, &progress), 0);
    while ((progress.received < 1000 || progress.outstanding) && clock_ms() < deadline);
    assert_int_equal(progress.received, 1000); /* nobody has read them */
    assert_int_equal(progress.acked, 300);
    assert_false(progress.outstanding);
    assert_int_equal(progress.unanswered, 0);
    assert_int_equal(sock_progress(-1, &progress), -EBADF);
    close(fd);
    close(client);
    close(listener);
}

static void what_a_peer_has_no_room_for_is_outstanding(void **state)
{
    struct addr addr;
    int listener = listen_on("127.0.0.1", 0, &addr);
    int client = dial("127.0.0.1", addr_port(&addr));
    int fd = accept_one(listener);
    struct sock_progress progress;
    static char block[65536];

    (void)state;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    int64_t deadline = clock_ms() + WAIT_MS;
    uint64_t written = 0;
    for (ssize_t count; (count = write(fd, block, sizeof block)) > 0;)
        written += (uint64_t)count;
    do
        assert_int_equal(sock_progress(fd, &progress), 0);
    while (progress.acked == 0 && clock_ms() < deadline);
    assert_true(progress.outstanding);
    assert_in_range(progress.acked, 1, written - 1);
    assert_true(sock_unacked(fd));
    close(fd);
    close(client);
    close(listener);
}

static void abort_on_close_resets_the_peer(void **state)
{
    struct addr addr;
    int listener = listen_on("127.0.0.1", 0, &addr);
    int client = dial("127.0.0.1", addr_port(&addr));
    int fd = accept_one(listener);
    char byte;

    (void)state;
    sock_set_abort(fd, true);
    close(fd);
    assert_int_equal(read(client, &byte, 1), -1);
    assert_int_equal(errno, ECONNRESET);
    close(client);
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(port_0_takes_a_free_port_and_tells_it),
        cmocka_unit_test(a_listener_never_waits_and_is_not_inherited_by_programs),
        cmocka_unit_test(the_backlog_is_the_systems_largest),
        cmocka_unit_test(what_is_accepted_inherits_the_options),
        cmocka_unit_test(an_urgent_byte_is_a_byte_of_the_stream),
        cmocka_unit_test(patience_is_set_within_what_the_kernel_takes),
        cmocka_unit_test(patience_0_leaves_all_to_the_system),
        cmocka_unit_test(patience_fails_on_what_is_no_tcp_socket),
        cmocka_unit_test(an_address_in_use_is_tried_for_a_while_and_then_refused),
        cmocka_unit_test(all_and_one_address_exclude_each_other),
        cmocka_unit_test(an_address_that_is_given_back_meanwhile_is_taken),
        cmocka_unit_test(connections_in_time_wait_do_not_bar_the_port),
        cmocka_unit_test(a_dual_stack_listener_shows_ipv4_clients_as_ipv4),
        cmocka_unit_test(an_ipv6_listener_leaves_ipv4_to_others),
        cmocka_unit_test(an_address_that_is_not_ours_is_refused_at_once),
        cmocka_unit_test(progress_counts_what_arrived_and_what_was_acknowledged),
        cmocka_unit_test(what_a_peer_has_no_room_for_is_outstanding),
        cmocka_unit_test(abort_on_close_resets_the_peer),
    };
    return cmocka_run_group_tests_name("sock", tests, NULL, NULL);
}
