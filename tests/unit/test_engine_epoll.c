/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The readiness-driven engine while the door does not read its notes: no connection is read from before the door can
 * know whose it is. The test is the door; the engine runs in a child. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "echo/engine.h"

#define PATIENCE_MS 10000
#define QUIET_MS 150 /* how long nothing may happen, where only time can tell */
#define CONNS 300
#define HELLO "hello\n"
#define HELLO_LEN 6
#define FILLER 0 /* kind of a note that only takes room */

static int door, child_end; /* of the notes; the test keeps a copy of the worker's to fill its queue */
static int listener;
static pid_t worker;
static int client[CONNS], server[CONNS]; /* server: the door's copy */
static enum told { UNKNOWN, CONFIRMED, CLOSED } told[CONNS];
static int fillers;

static void start(void)
{
    static const struct watch_rules rules;
    struct engine_job job = {.rules = &rules, .count = CONNS, .fd = -1};
    size_t bytes = CONNS * sizeof *job.tallies;

    assert_int_equal(hand_pair(&door, &child_end), 0);
    job.notes = child_end;
    job.tallies = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    worker = fork();
    if (worker == 0) {
        alarm(40);
        close(door);
        _exit(engine_epoll.run(&job));
    }
    assert_true(worker > 0);
    munmap(job.tallies, bytes);
}

static int begin(void **state)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    (void)state;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&addr, sizeof addr) < 0 || listen(listener, CONNS) < 0)
        return -1;
    for (int i = 0; i < CONNS; i++)
        client[i] = server[i] = -1;
    memset(told, 0, sizeof told);
    fillers = 0;
    start();
    return 0;
}

static int end(void **state)
{
    (void)state;
    kill(worker, SIGKILL);
    waitpid(worker, NULL, 0);
    for (int i = 0; i < CONNS; i++) {
        if (client[i] >= 0)
            close(client[i]);
        if (server[i] >= 0)
            close(server[i]);
    }
    close(door);
    close(child_end);
    close(listener);
    return 0;
}

/* Take all room there is for the worker's notes. */
static void fill(void)
{
    const struct hand_note note = {.kind = FILLER};

    while (hand_send(child_end, &note, NULL, 1, MSG_DONTWAIT) == 0)
        fillers++;
    assert_true(fillers > 0);
}

/* Clients first to first + count - 1 connect and send; the worker is told. */
static void come(int first, int count)
{
    for (int i = first; i < first + count; i++) {
        struct sockaddr_in addr;
        socklen_t len = sizeof addr;
        assert_int_equal(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
        client[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(client[i], (struct sockaddr *)&addr, len), 0);
        server[i] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        assert_true(server[i] >= 0);
        assert_int_equal(send(client[i], HELLO, HELLO_LEN, 0), HELLO_LEN);
    }
    for (int i = first; i < first + count; i += HAND_BATCH) {
        struct hand_note notes[HAND_BATCH];
        int batch = first + count - i < HAND_BATCH ? first + count - i : HAND_BATCH;
        for (int j = 0; j < batch; j++)
            notes[j] = (struct hand_note){.id = (uint32_t)(i + j), .kind = HAND_TAKE};
        assert_int_equal(hand_send(door, notes, &server[i], batch, 0), 0);
    }
}

static int unread(int fd)
{
    int bytes = -1;

    ioctl(fd, SIOCINQ, &bytes);
    return bytes;
}

/* Wait until the worker has received whatever the door wrote. */
static void await_receipt(void)
{
    int64_t give_up_ms = clock_ms() + PATIENCE_MS;
    int bytes = 1;

    while (ioctl(door, SIOCOUTQ, &bytes) == 0 && bytes > 0) {
        assert_true(clock_ms() < give_up_ms);
        poll(NULL, 0, 1);
    }
}

/* Read one message, if there is one; the notes must make sense. Returns the number of notes. */
static int read_notes(int timeout_ms)
{
    struct hand_note notes[HAND_BATCH];
    struct pollfd ready = {.fd = door, .events = POLLIN};

    if (poll(&ready, 1, timeout_ms) == 0)
        return 0;
    int count = hand_recv(door, notes, NULL, NULL, NULL, 0);
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        if (notes[i].kind == FILLER) {
            fillers--;
            continue;
        }
        assert_true(notes[i].id < CONNS);
        if (notes[i].kind == HAND_CONFIRM) {
            assert_int_equal(told[notes[i].id], UNKNOWN);
            told[notes[i].id] = CONFIRMED;
            close(server[notes[i].id]);
            server[notes[i].id] = -1;
        } else {
            assert_int_equal(notes[i].kind, HAND_CLOSED);
            assert_int_equal(told[notes[i].id], CONFIRMED);
            told[notes[i].id] = CLOSED;
        }
    }
    return count;
}

static void read_until(int first, int count, enum told what)
{
    for (int i = first; i < first + count; i++)
        while (told[i] != what)
            assert_int_not_equal(read_notes(PATIENCE_MS), 0);
}

static void expect_echo(int i)
{
    char bytes[HELLO_LEN + 1];
    struct pollfd ready = {.fd = client[i], .events = POLLIN};

    assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
    assert_int_equal(recv(client[i], bytes, HELLO_LEN, MSG_WAITALL), HELLO_LEN);
    assert_memory_equal(bytes, HELLO, HELLO_LEN);
    assert_int_equal(recv(client[i], bytes, sizeof bytes, MSG_DONTWAIT), -1);
}

/* Nobody of these is read from or answered for a while. */
static void expect_untouched(int first, int count)
{
    struct pollfd ready[CONNS];

    for (int i = 0; i < count; i++)
        ready[i] = (struct pollfd){.fd = client[first + i], .events = POLLIN};
    assert_int_equal(poll(ready, (nfds_t)count, QUIET_MS), 0);
    for (int i = first; i < first + count; i++)
        assert_int_equal(unread(server[i]), HELLO_LEN);
}

static void stop_worker(void)
{
    int status;

    kill(worker, SIGSTOP);
    assert_int_equal(waitpid(worker, &status, WUNTRACED), worker);
}

/* Let the worker tell as much as finds room, and stop it: whoever was read from is among those that it has told of. */
static void nobody_is_served_before_its_confirm(int first, int count)
{
    bool served[CONNS] = {false};
    struct pollfd ready = {.fd = door, .events = POLLIN};

    poll(&ready, 1, PATIENCE_MS);
    poll(NULL, 0, 20); /* for it to do what it should not */
    stop_worker();
    for (int i = first; i < first + count; i++)
        served[i] = client[i] >= 0 && told[i] == UNKNOWN && unread(server[i]) < HELLO_LEN;
    while (read_notes(0) > 0)
        ;
    for (int i = first; i < first + count; i++)
        assert_true(!served[i] || told[i] != UNKNOWN);
    kill(worker, SIGCONT);
}

static void nobody_is_ever_served_before_its_confirm(int first, int count)
{
    for (int i = first; i < first + count; i++)
        while (told[i] == UNKNOWN)
            nobody_is_served_before_its_confirm(first, count);
}

static void connection_is_not_read_before_its_confirm_is_sent(void **state)
{
    (void)state;
    fill();
    come(0, 1);
    await_receipt();
    expect_untouched(0, 1);
    nobody_is_ever_served_before_its_confirm(0, 1);
    expect_echo(0);
    close(client[0]);
    client[0] = -1;
    read_until(0, 1, CLOSED);
}

static void worker_that_dies_with_an_unsent_confirm_has_read_nothing(void **state)
{
    char bytes[HELLO_LEN];

    (void)state;
    fill();
    come(0, CONNS);
    expect_untouched(0, CONNS);
    kill(worker, SIGKILL);
    /* What another would be given is whole. */
    while (fillers > 0)
        read_notes(0);
    for (int i = 0; i < CONNS; i++) {
        assert_int_equal(told[i], UNKNOWN);
        assert_int_equal(recv(server[i], bytes, sizeof bytes, MSG_DONTWAIT), HELLO_LEN);
        assert_memory_equal(bytes, HELLO, HELLO_LEN);
    }
}

static void many_connections_are_served_when_the_door_reads_again(void **state)
{
    (void)state;
    fill();
    come(0, CONNS);
    expect_untouched(0, CONNS);
    nobody_is_ever_served_before_its_confirm(0, CONNS);
    for (int i = 0; i < CONNS; i++)
        expect_echo(i);
    for (int i = 0; i < CONNS; i++) {
        shutdown(client[i], SHUT_WR);
        char byte;
        assert_int_equal(recv(client[i], &byte, 1, 0), 0);
    }
    read_until(0, CONNS, CLOSED);
}

/* The worker finds both at once: clients that have gone, to be told as CLOSED, and new ones. Its queue has room for few
 * of all these notes, so that it tells them bit by bit. */
static void confirms_and_ends_that_wait_together_come_in_order(void **state)
{
    const int old = 240;
    const int smallest = 1;

    (void)state;
    assert_int_equal(setsockopt(child_end, SOL_SOCKET, SO_SNDBUF, &smallest, sizeof smallest), 0);
    come(0, old);
    read_until(0, old, CONFIRMED);
    for (int i = 0; i < old; i++)
        expect_echo(i);
    stop_worker();
    fill();
    for (int i = 0; i < old; i++) {
        if (i % 8 == 7)
            continue;
        close(client[i]);
        client[i] = -1;
    }
    come(old, CONNS - old);
    kill(worker, SIGCONT);
    expect_untouched(old, CONNS - old);
    /* New ones that reset the connection while they wait: what they had sent may be read, nobody else will miss it. */
    const struct linger abort = {.l_onoff = 1};
    for (int i = old; i < CONNS; i += 10) {
        setsockopt(client[i], SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
        close(client[i]);
        client[i] = -1;
    }
    nobody_is_ever_served_before_its_confirm(old, CONNS - old);
    for (int i = 0; i < CONNS; i++)
        read_until(i, 1, client[i] < 0 ? CLOSED : CONFIRMED);
    for (int i = old; i < CONNS; i++)
        if (client[i] >= 0)
            expect_echo(i);
    for (int i = 7; i < old; i += 8) {
        assert_int_equal(send(client[i], HELLO, HELLO_LEN, 0), HELLO_LEN);
        expect_echo(i);
    }
}

#define ENGINE_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENGINE_TEST(connection_is_not_read_before_its_confirm_is_sent),
        ENGINE_TEST(worker_that_dies_with_an_unsent_confirm_has_read_nothing),
        ENGINE_TEST(many_connections_are_served_when_the_door_reads_again),
        ENGINE_TEST(confirms_and_ends_that_wait_together_come_in_order),
    };
    alarm(50);
    return cmocka_run_group_tests_name("engine_epoll", tests, NULL, NULL);
}
