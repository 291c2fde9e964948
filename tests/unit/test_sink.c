/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whole records, never waiting, into whatever standard output may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sink.h"

#define RECORDS_ENOUGH 100000 /* more than any pipe or socket holds */
#define NOBODY 65534

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

/* A terminal that a user has stopped with Ctrl-S, or that nobody reads. */
static void a_stalled_terminal_never_makes_us_wait_and_splits_no_record(void **state)
{
    int master, slave;
    int error;
    size_t total;
    struct termios raw;
    struct sink sink;

    (void)state;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    assert_int_equal(tcgetattr(slave, &raw), 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
    int flags = fcntl(slave, F_GETFL);
    sink_open(&sink, slave);
    int went = fill(&sink, 999, &error);
    assert_int_equal(error, -EAGAIN);
    assert_true(went > 0);
    assert_int_equal(fcntl(slave, F_GETFL), flags);

    /* What was only begun is ended before anything else. */
    char *all = drain(master, &total);
    size_t size = total + (1 << 20);
    all = realloc(all, size);
    for (int i = 0; sink_write(&sink, "x\n", 2) == -EAGAIN; i++) {
        size_t more;
        char *rest = drain(master, &more);
        assert_true(i < 1000 && total + more < size);
        memcpy(all + total, rest, more);
        total += more;
        free(rest);
        struct pollfd room = {.fd = sink.fd, .events = POLLOUT};
        poll(&room, 1, 100);
    }
    for (int quiet = 0; quiet < 3; quiet++) {
        struct pollfd ready = {.fd = master, .events = POLLIN};
        while (poll(&ready, 1, 20) == 1) {
            size_t more;
            char *rest = drain(master, &more);
            assert_true(total + more < size);
            memcpy(all + total, rest, more);
            total += more;
            free(rest);
        }
    }
    assert_true(total > 2);
    assert_memory_equal(all + total - 2, "x\n", 2);
    assert_int_equal(check_records(all, total - 2, 999), went);
    free(all);
    close(master);
    close_sink(&sink, slave);
}

/* Run test in a child that cannot open what it has not made itself. */
static void as_nobody(int (*test)(int fd), int fd)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        alarm(20);
        if (getuid() == 0 && (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0))
            _exit(90);
        _exit(test(fd));
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

static int write_without_waiting(int fd)
{
    struct sink sink;
    char record[SINK_RECORD_MAX];

    sink_open(&sink, fd);
    if (sink.fd != fd)
        return 2; /* it could be opened after all */
    make_record(record, 'a', sizeof record);
    for (int i = 0; i < RECORDS_ENOUGH; i++) {
        int error = sink_write(&sink, record, sizeof record);
        if (error)
            return error == -EAGAIN ? 0 : 3;
    }
    return 4;
}

static void a_pipe_of_another_user_never_makes_us_wait(void **state)
{
    int ends[2];
    size_t total;

    (void)state;
    make_pipe(ends);
    fchmod(ends[1], 0);
    int flags = fcntl(ends[1], F_GETFL);
    as_nobody(write_without_waiting, ends[1]);
    assert_int_equal(fcntl(ends[1], F_GETFL), flags);
    char *all = drain(ends[0], &total);
    assert_true(total > 0);
    assert_int_equal(total % SINK_RECORD_MAX, 0);
    free(all);
    close(ends[0]);
    close(ends[1]);
}

#define RIVALS 2
#define ROUNDS 100

/* Write as long as *turns counts on, and count the turns: 0 means to end. */
static int write_and_count(int fd, _Atomic int *turns)
{
    struct sink sink;
    char record[SINK_RECORD_MAX];

    sink_open(&sink, fd);
    if (sink.fd != fd)
        return 2;
    make_record(record, 'a', sizeof record);
    for (int seen = 1; seen > 0; seen = atomic_fetch_add(turns, 1)) {
        int error = sink_write(&sink, record, sizeof record);
        if (error && error != -EAGAIN)
            return 3;
    }
    return 0;
}

/* Whether every rival has begun and ended a write since now. */
static bool all_went_on(_Atomic int *turns)
{
    int64_t deadline = clock_ms() + 5000;

    for (int i = 0; i < RIVALS; i++)
        for (int before = turns[i]; turns[i] < before + 2;)
            if (sched_yield() < 0 || clock_ms() > deadline)
                return false;
    return true;
}

/* A pipe with room for one record, that two see at once: one gets it, the other must not wait. */
static int rivals_without_waiting(int ends[2])
{
    char record[SINK_RECORD_MAX];
    pid_t rivals[RIVALS];
    int failed = 0;
    _Atomic int *turns =
        mmap(NULL, sizeof(int) * RIVALS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    for (int i = 0; i < RIVALS; i++) {
        turns[i] = 1;
        rivals[i] = fork();
        if (rivals[i] == 0) {
            alarm(20);
            _exit(write_and_count(ends[1], &turns[i]));
        }
    }
    for (int i = 0; i < ROUNDS && !failed; i++) {
        failed = read(ends[0], record, sizeof record) != sizeof record || !all_went_on(turns);
    }
    for (int i = 0; i < RIVALS; i++) {
        int status = 1;
        turns[i] = INT_MIN;
        if (failed)
            kill(rivals[i], SIGKILL);
        waitpid(rivals[i], &status, 0);
        failed |= status;
    }
    return failed;
}

static void nor_does_it_when_others_take_the_last_room(void **state)
{
    struct iovec io = {.iov_base = (char[]){'x'}, .iov_len = 1};
    int ends[2];
    int status = 1;

    (void)state;
    make_pipe(ends);
    if (pwritev2(ends[1], &io, 1, -1, RWF_NOWAIT) < 0) {
        print_message("# skip: this kernel cannot write to a pipe without waiting\n");
        skip();
    }
    close(ends[0]);
    close(ends[1]);
    make_pipe(ends);
    fchmod(ends[1], 0);
    pid_t child = fork();
    if (child == 0) {
        if (getuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) < 0)
            _exit(90);
        _exit(rivals_without_waiting(ends));
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    close(ends[0]);
    close(ends[1]);
}

#define WRITERS 4
#define RECORDS 300

/* RECORDS records of many lengths, each once, as soon as there is room. */
static int write_letters(int fd, char letter, bool reopen)
{
    struct sink sink;
    char record[SINK_RECORD_MAX];

    if (!reopen)
        fchmod(fd, 0);
    sink_open(&sink, fd);
    for (int i = 0; i < RECORDS; i++) {
        size_t len = make_record(record, letter, i % 3 == 0 ? sizeof record : 2 + (size_t)(i * 37 % 4000));
        int error;
        while ((error = sink_write(&sink, record, len)) == -EAGAIN) {
            struct pollfd room = {.fd = sink.fd, .events = POLLOUT};
            poll(&room, 1, 1000);
        }
        if (error)
            return 1;
    }
    return 0;
}

static int run_writers(int fd, bool reopen)
{
    int failed = 0;
    pid_t writers[WRITERS];

    for (int i = 0; i < WRITERS; i++) {
        writers[i] = fork();
        if (writers[i] == 0) {
            alarm(20);
            _exit(write_letters(fd, (char)('a' + i), reopen));
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        int status = 1;
        waitpid(writers[i], &status, 0);
        failed += status != 0;
    }
    return failed;
}

static int run_writers_reopening(int fd)
{
    return run_writers(fd, true);
}

static int run_writers_polling(int fd)
{
    return run_writers(fd, false);
}

static void check_never_mix(int (*writers)(int fd))
{
    int ends[2];
    int status = 1;
    long records = 0;
    char previous = '\n';

    make_pipe(ends);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        if (writers == run_writers_polling && getuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) < 0)
            _exit(1);
        _exit(writers(ends[1]));
    }
    close(ends[1]);
    char block[777]; /* no divisor of anything: the pipe is emptied in odd pieces */
    for (ssize_t count; (count = read(ends[0], block, sizeof block)) > 0;) {
        for (ssize_t i = 0; i < count; i++) {
            if (block[i] != previous && block[i] != '\n' && previous != '\n')
                fail_msg("a record of %c goes on as one of %c", previous, block[i]);
            records += block[i] == '\n';
            previous = block[i];
        }
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(records, WRITERS * RECORDS);
    close(ends[0]);
}

static void records_of_several_processes_never_mix(void **state)
{
    (void)state;
    check_never_mix(run_writers_reopening);
    check_never_mix(run_writers_polling);
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
        cmocka_unit_test(a_pipe_of_another_user_never_makes_us_wait),
        cmocka_unit_test(nor_does_it_when_others_take_the_last_room),
        cmocka_unit_test(records_of_several_processes_never_mix),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("sink", tests, NULL, NULL);
}
