/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whole records, never waiting, into whatever standard output may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/sink.h"

#define RECORDS_ENOUGH 100000 /* more than any pipe or socket holds */

/* A record is one letter, again and again, and a newline. */
static size_t make_record(char *record, char letter, size_t len)
{
    memset(record, letter, len - 1);
    record[len - 1] = '\n';
    return len;
}

/* Write records until there is no room. Returns how many went, and the error that came then. */
static int fill(struct sink *sink, size_t len, int *error)
{
    char record[SINK_RECORD_MAX];
    int count = 0;

    for (*error = 0; count < RECORDS_ENOUGH; count++) {
        make_record(record, (char)('a' + count % 26), len);
        *error = sink_write(sink, record, len);
        if (*error)
            break;
    }
    return count;
}

/* Read until nothing comes any more, all into memory (which the caller frees). */
static char *drain(int fd, size_t *total)
{
    size_t room = 1 << 16;
    char *all = malloc(room);

    assert_non_null(all);
    for (*total = 0;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, 0) == 0)
            return all;
        if (room - *total < 1 << 16) {
            room *= 2;
            all = realloc(all, room);
            assert_non_null(all);
        }
        ssize_t count = read(fd, all + *total, room - *total);
        if (count <= 0)
            return all;
        *total += (size_t)count;
    }
}

/* Whether bytes are whole records as fill() makes them, in order from the first. Returns their number. */
static int check_records(const char *bytes, size_t total, size_t len)
{
    assert_int_equal(total % len, 0);
    for (size_t i = 0; i < total; i++)
        if (bytes[i] != (i % len == len - 1 ? '\n' : (char)('a' + i / len % 26)))
            fail_msg("byte %zu of %zu is %02x", i, total, (unsigned char)bytes[i]);
    return (int)(total / len);
}

static void make_pipe(int ends[2])
{
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
}

static void close_sink(struct sink *sink, int fd)
{
    if (sink->fd != fd)
        close(sink->fd);
    close(fd);
}

static void check_full_pipe(size_t len)
{
    int ends[2];
    int error;
    size_t total;
    struct sink sink;

    make_pipe(ends);
    int flags = fcntl(ends[1], F_GETFL);
    sink_open(&sink, ends[1]);
    int went = fill(&sink, len, &error);
    assert_int_equal(error, -EAGAIN);
    assert_true(went > 0);
    assert_int_equal(fcntl(ends[1], F_GETFL), flags); /* the shell's description is as it was */
    assert_false(flags & O_NONBLOCK);
    char *all = drain(ends[0], &total);
    assert_int_equal(check_records(all, total, len), went);
    free(all);
    assert_int_equal(sink_write(&sink, "again\n", 6), 0);
    all = drain(ends[0], &total);
    assert_int_equal(total, 6);
    assert_memory_equal(all, "again\n", 6);
    free(all);
    close(ends[0]);
    close_sink(&sink, ends[1]);
}

static void a_full_pipe_takes_no_part_of_a_record_and_never_waits(void **state)
{
    static const size_t lengths[] = {1, 2, 100, 1000, SINK_RECORD_MAX - 1, SINK_RECORD_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        check_full_pipe(lengths[i]);
}

static void a_pipe_without_a_reader_is_an_error(void **state)
{
    int ends[2];
    struct sink before, after;

    (void)state;
    make_pipe(ends);
    sink_open(&before, ends[1]);
    close(ends[0]);
    sink_open(&after, ends[1]);
    assert_int_equal(sink_write(&before, "x\n", 2), -EPIPE);
    assert_int_equal(sink_write(&after, "x\n", 2), -EPIPE);
    close(before.fd);
    close_sink(&after, ends[1]);
}

static void a_closed_descriptor_is_an_error(void **state)
{
    struct sink sink;
    int ends[2];

    (void)state;
    make_pipe(ends);
    close(ends[0]);
    close(ends[1]);
    sink_open(&sink, ends[1]);
    assert_int_equal(sink_write(&sink, "x\n", 2), -EBADF);
    sink_open(&sink, -1);
    assert_int_equal(sink_write(&sink, "x\n", 2), -EBADF);
}

static void a_regular_file_is_written_where_it_stands(void **state)
{
    char path[] = "/tmp/yodel-sink-XXXXXX";
    int fd = mkstemp(path);
    char got[32] = "";
    struct sink one, two;

    (void)state;
    unlink(path);
    assert_int_equal(write(fd, "before\n", 7), 7);
    sink_open(&one, fd);
    sink_open(&two, fd); /* as standard output and standard error in ">file 2>&1" */
    assert_int_equal(sink_write(&one, "one\n", 4), 0);
    assert_int_equal(sink_write(&two, "two\n", 4), 0);
    assert_int_equal(write(fd, "after\n", 6), 6);
    assert_int_equal(pread(fd, got, sizeof got, 0), 21);
    assert_string_equal(got, "before\none\ntwo\nafter\n");
    close(fd);
}

static void a_full_disk_is_an_error(void **state)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct sink sink;

    (void)state;
    if (fd < 0) {
        print_message("# skip: no /dev/full here\n");
        skip();
    }
    sink_open(&sink, fd);
    assert_int_equal(sink_write(&sink, "x\n", 2), -ENOSPC);
    close_sink(&sink, fd);
}

static void a_full_socket_takes_no_part_of_a_record_that_is_lost(void **state)
{
    int ends[2];
    int error;
    size_t total;
    struct sink sink;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    int flags = fcntl(ends[1], F_GETFL);
    sink_open(&sink, ends[1]);
    int went = fill(&sink, 1000, &error);
    assert_int_equal(error, -EAGAIN);
    assert_int_equal(fcntl(ends[1], F_GETFL), flags);
    char *all = drain(ends[0], &total);
    if (sink.held) { /* it took the beginning of the last one */
        assert_int_equal(sink_write(&sink, "x\n", 2), 0);
        size_t more;
        char *rest = drain(ends[0], &more);
        all = realloc(all, total + more);
        memcpy(all + total, rest, more - 2);
        total += more - 2;
        free(rest);
    }
    assert_int_equal(check_records(all, total, 1000), went);
    free(all);
    close(ends[0]);
    assert_int_equal(sink_write(&sink, "x\n", 2), -EPIPE);
    close_sink(&sink, ends[1]);
}

/* Wait for bytes and read at most max of them. Returns how many. */
static size_t read_some(int fd, char *bytes, size_t max)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};

    assert_int_equal(poll(&ready, 1, 5000), 1);
    ssize_t count = read(fd, bytes, max);
    assert_true(count > 0);
    return (size_t)count;
}

/* Fill what takes parts of records, then read slowly: what was only begun is ended before anything else. */
static void check_slow_reader(int reader, int writer)
{
    int error;
    size_t total = 0;
    struct sink sink;
    int flags = fcntl(writer, F_GETFL);

    sink_open(&sink, writer);
    int went = fill(&sink, SINK_RECORD_MAX, &error);
    assert_int_equal(error, -EAGAIN);
    assert_true(went > 0);
    assert_int_equal(fcntl(writer, F_GETFL), flags);
    size_t size = (size_t)(went + 1) * SINK_RECORD_MAX;
    char *all = malloc(size);
    assert_non_null(all);
    while (sink_write(&sink, "x\n", 2) == -EAGAIN)
        total += read_some(reader, all + total, 100);
    while (total < (size_t)went * SINK_RECORD_MAX + 2)
        total += read_some(reader, all + total, size - total);
    assert_memory_equal(all + total - 2, "x\n", 2);
    assert_int_equal(check_records(all, total - 2, SINK_RECORD_MAX), went);
    free(all);
    close(reader);
    close_sink(&sink, writer);
}

/* That a user has stopped with Ctrl-S, or that nobody reads. */
static void a_stalled_terminal_never_makes_us_wait_and_splits_no_record(void **state)
{
    int master, slave;
    struct termios raw;

    (void)state;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    assert_int_equal(tcgetattr(slave, &raw), 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
    check_slow_reader(master, slave);
}

static void a_record_may_reach_a_slow_connection_in_many_parts(void **state)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    int small = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    assert_int_equal(setsockopt(client, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&addr, len) | listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&addr, len), 0);
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    close(listener);
    check_slow_reader(client, fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_pipe_takes_no_part_of_a_record_and_never_waits),
        cmocka_unit_test(a_pipe_without_a_reader_is_an_error),
        cmocka_unit_test(a_closed_descriptor_is_an_error),
        cmocka_unit_test(a_regular_file_is_written_where_it_stands),
        cmocka_unit_test(a_full_disk_is_an_error),
        cmocka_unit_test(a_full_socket_takes_no_part_of_a_record_that_is_lost),
        cmocka_unit_test(a_stalled_terminal_never_makes_us_wait_and_splits_no_record),
        cmocka_unit_test(a_record_may_reach_a_slow_connection_in_many_parts),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("sink", tests, NULL, NULL);
}
