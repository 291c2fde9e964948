/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pipes that several processes write to at once, and pipes that belong to another user. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sink.h"

#define RECORDS_ENOUGH 100000 /* more than any pipe holds */
#define NOBODY 65534

/* A record is one letter, again and again, and a newline. */
static size_t make_record(char *record, char letter, size_t len)
{
    memset(record, letter, len - 1);
    record[len - 1] = '\n';
    return len;
}

static void make_pipe(int ends[2])
{
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
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
    char record[SINK_RECORD_MAX];
    int records = 0;

    (void)state;
    make_pipe(ends);
    fchmod(ends[1], 0);
    int flags = fcntl(ends[1], F_GETFL);
    as_nobody(write_without_waiting, ends[1]);
    assert_int_equal(fcntl(ends[1], F_GETFL), flags);
    close(ends[1]);
    for (; read(ends[0], record, sizeof record) == sizeof record; records++)
        assert_int_equal(record[sizeof record - 1], '\n');
    assert_true(records > 0);
    close(ends[0]);
}

#define RIVALS 2
#define ROUNDS 200

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
        cmocka_unit_test(a_pipe_of_another_user_never_makes_us_wait),
        cmocka_unit_test(nor_does_it_when_others_take_the_last_room),
        cmocka_unit_test(records_of_several_processes_never_mix),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("sink_shared", tests, NULL, NULL);
}
