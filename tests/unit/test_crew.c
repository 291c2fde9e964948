/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The crew against workers that do anything at all: whoever misbehaves is replaced, nobody else notices, and no
 * connection is lost or given away twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crew_bench.h"

/* --- Workers that end their notes or send nonsense, and live --- */

static int close_notes(const struct engine_job *job)
{
    close(job->notes);
    return live_on();
}

static int shut_writing(const struct engine_job *job)
{
    shutdown(job->notes, SHUT_WR);
    return live_on();
}

static int shut_reading(const struct engine_job *job)
{
    shutdown(job->notes, SHUT_RD);
    return live_on();
}

static int shut_both(const struct engine_job *job)
{
    shutdown(job->notes, SHUT_RDWR);
    return live_on();
}

static int send_nothing(const struct engine_job *job)
{
    send(job->notes, "", 0, 0);
    return live_on();
}

static int send_an_odd_length(const struct engine_job *job)
{
    send(job->notes, "odd", 3, 0);
    return live_on();
}

static void worker_that_lives_without_notes_is_replaced(void **state)
{
    static int (*const ways[])(const struct engine_job *) = {close_notes, shut_writing, shut_reading,
                                                             shut_both,   send_nothing, send_an_odd_length};

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        be_evil(ways[i], 0, 1);
        assert_int_equal(open_crew(&pooled, 1), 0);
        pid_t first = crew.workers[0].pid;
        /* Who merely does not read cannot be told from one that is slow, until something is sent. */
        for (int64_t late_ms = clock_ms() + DEADLINE_MS; !atomic_load(&shared->done) && clock_ms() < late_ms;)
            poll(NULL, 0, 1);
        come(1);
        crew_flush(&crew, now);
        expect_welcome(1);
        assert_int_not_equal(crew.workers[0].pid, first);
        assert_int_equal(kill(first, 0), -1);
        assert_int_equal(errno, ESRCH);
        assert_int_equal(occurrences(said(), "event=died worker=0"), 1);
        UNTIL(in_flight() == 0, true);
        end(state);
        begin(state);
    }
}

/* --- Workers that speak of what is not theirs --- */

static int open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void send_descriptors(int socket, const struct hand_note *note)
{
    int fds[HAND_BATCH];

    for (int i = 0; i < HAND_BATCH; i++)
        fds[i] = STDERR_FILENO;
    struct hand_note notes[HAND_BATCH];
    for (int i = 0; i < HAND_BATCH; i++)
        notes[i] = *note;
    hand_send(socket, notes, fds, HAND_BATCH, 0);
}

static void send_in_the_name_of(pid_t pid, int socket, const struct hand_note *note)
{
    struct ucred who = {.pid = pid, .uid = getuid(), .gid = getgid()};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct hand_note copy = *note;
    struct iovec io = {.iov_base = &copy, .iov_len = sizeof copy};
    struct msghdr message = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};

    memset(&control, 0, sizeof control);
    control.header = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS, .cmsg_len = CMSG_LEN(sizeof who)};
    memcpy(CMSG_DATA(&control.header), &who, sizeof who);
    atomic_store(&shared->forged, 1 + (sendmsg(socket, &message, 0) < 0 ? errno : 0));
}

/* Take one client well; then tell everything there is to tell about everybody. */
static int tell_everything(const struct engine_job *job)
{
    static const uint32_t wild[] = {PER_CHILD * 2, PER_CHILD * 2 + 1, 1u << 22, INT32_MAX, UINT32_MAX};
    struct hand_note taken[HAND_BATCH];
    int fds[HAND_BATCH];

    take_some(job, taken, fds);
    welcome(job, &taken[0], fds[0]);
    send_in_the_name_of(getppid(), job->notes, &taken[0]);
    for (uint32_t i = 0; i < PER_CHILD * 2 + sizeof wild / sizeof *wild; i++) {
        uint32_t id = i < PER_CHILD * 2 ? i : wild[i - PER_CHILD * 2];
        if (id == taken[0].id)
            continue;
        struct hand_note note = {.id = id, .kind = HAND_CLOSED};
        for (int kind = HAND_TAKE; kind <= HAND_CLOSED; kind++)
            say(job, id, kind, HAND_KILLED);
        say(job, id, 0, 0);
        say(job, id, 255, 255);
        send_descriptors(job->notes, &note);
    }
    for (int kind = HAND_CLOSED + 1; kind < 256; kind++)
        say(job, taken[0].id, kind, 0);
    say(job, taken[0].id, HAND_CLOSED, 200);
    say(job, taken[0].id, HAND_CLOSED, HAND_EOF); /* what is closed is not its own any more */
    close(fds[0]);
    return live_on();
}

static void what_a_worker_tells_of_others_is_not_believed(void **state)
{
    (void)state;
    be_evil(tell_everything, 1, 1);
    assert_int_equal(open_crew(&pooled, 2), 0);
    int before = open_descriptors();
    pid_t bad = crew.workers[1].pid;
    come(1); /* to the good one */
    crew_flush(&crew, now);
    expect_welcome(1);
    come(2); /* to the bad one */
    crew_flush(&crew, now);
    UNTIL(crew.workers[1].pid != bad && crew.workers[1].pid, true);
    assert_int_equal(kill(bad, 0), -1);
    assert_int_equal(crew.workers[0].conns, 1);
    assert_int_equal(crew.workers[1].conns, 0);
    assert_int_equal(ledger.conns, 1);
    /* It may have told in time that it closed its own, though not with that reason. */
    assert_int_equal(ledger.total.closed[HAND_ERROR] + ledger.total.closed[HAND_KILLED], 1);
    assert_int_equal(open_descriptors(), before + 2); /* the clients of this test */
    come(3);
    crew_flush(&crew, now);
    expect_welcome(3);
    assert_int_equal(crew.workers[1].conns, 1);
    assert_false(readable(1));
    leave(1);
    leave(3);
    UNTIL(ledger.conns == 0, false);
    assert_int_equal(ledger.total.closed[HAND_EOF], 2);
    assert_int_equal(occurrences(said(), "event=died worker=1"), 1);
    assert_int_equal(atomic_load(&shared->forged), 1 + EPERM);
}

/* --- Workers that die --- */

static int take_nothing(const struct engine_job *job)
{
    (void)job;
    return live_on();
}

static void what_a_killed_worker_had_not_confirmed_is_given_away_once(void **state)
{
    (void)state;
    be_evil(take_nothing, 0, 1);
    assert_int_equal(open_crew(&pooled, 2), 0);
    for (uint16_t port = 0; port < 20; port++)
        come(port);
    crew_flush(&crew, now);
    assert_int_equal(crew.workers[0].in_flight, 10);
    UNTIL(crew.workers[1].in_flight == 0, false);
    kill(crew.workers[0].pid, SIGKILL);
    UNTIL(crew.workers[0].pid == 0, false);
    for (uint16_t port = 0; port < 20; port++)
        expect_welcome(port);
    UNTIL(in_flight() == 0, true);
    assert_int_equal(ledger.conns, 20);
    for (uint16_t port = 0; port < 20; port++)
        leave(port);
    UNTIL(ledger.conns == 0, true);
    assert_int_equal(ledger.total.closed[HAND_EOF], 20);
    assert_int_equal(ledger.total.accepted, 20);
    assert_int_equal(occurrences(said(), "event=open"), 20);
}

static int die(const struct engine_job *job)
{
    (void)job;
    return 7;
}

/* How long after its birth a worker that is dead is born again. */
static int64_t time_to_rebirth(void)
{
    int64_t due = crew_due(&crew);

    crew_tend(&crew, due - 1);
    assert_int_equal(crew.workers[0].pid, 0);
    int64_t after = due - crew.workers[0].spawned_ms;
    crew_tend(&crew, due);
    assert_int_not_equal(crew.workers[0].pid, 0);
    return after;
}

static void worker_that_dies_at_once_is_born_again_ever_more_seldom(void **state)
{
    (void)state;
    be_evil(die, 0, 1000);
    assert_int_equal(open_crew(&pooled, 1), 0);
    for (int64_t interval = 2 * WORKER_RESPAWN_MS, i = 0; i < 10; i++) {
        now = crew.workers[0].spawned_ms + 1;
        UNTIL(crew.workers[0].pid == 0, false);
        assert_int_equal(time_to_rebirth(), interval);
        interval = interval * 2 < WORKER_RESPAWN_MAX_MS ? interval * 2 : WORKER_RESPAWN_MAX_MS;
    }
    UNTIL(crew.workers[0].pid == 0, false);
    be_evil(NULL, 0, 0);
    assert_int_equal(time_to_rebirth(), WORKER_RESPAWN_MAX_MS);
    /* One that lived is replaced at once, and the one after it is not suspected any more. */
    now = crew.workers[0].spawned_ms + WORKER_RESPAWN_MS;
    kill(crew.workers[0].pid, SIGKILL);
    UNTIL(crew.workers[0].pid == 0, false);
    assert_true(crew_due(&crew) <= now);
    be_evil(die, 0, 1);
    crew_tend(&crew, now);
    now = crew.workers[0].spawned_ms + 1;
    UNTIL(crew.workers[0].pid == 0, false);
    assert_int_equal(time_to_rebirth(), 2 * WORKER_RESPAWN_MS);
}

/* A child that was born when the other worker died holds a copy of the door's descriptors for a moment. If the set of events still
 * knows one of those, the door hears of a worker that is gone. In a process group of its own, because of what the
 * door could kill then. */
static int hear_of_a_worker_that_is_gone(void)
{
    struct epoll_event event;

    if (setpgid(0, 0) < 0)
        return 1;
    crew.heritage.door = getpid();
    be_evil(take_nothing, 1, 1);
    if (open_crew(&pooled, 2))
        return 2;
    int copy = fcntl(crew.workers[1].notes, F_DUPFD_CLOEXEC, 0);
    kill(crew.workers[1].pid, SIGKILL);
    while (crew.workers[1].pid) {
        struct pollfd ready = {.fd = signals, .events = POLLIN};
        struct signalfd_siginfo info;
        poll(&ready, 1, 100);
        if (read(signals, &info, sizeof info) == sizeof info)
            crew_reap(&crew, now);
    }
    while (epoll_wait(crew.epoll, &event, 1, 0) > 0 && event.data.u32 != SIGNALS_KEY)
        return event.data.u32 - CREW_KEY == 1 ? 3 : 4;
    close(copy);
    crew_close(&crew);
    return 0;
}

static void no_event_comes_from_a_worker_that_is_gone(void **state)
{
    int status = 0;
    pid_t child;

    (void)state;
    fflush(NULL);
    child = fork();
    if (child == 0) {
        alarm(20);
        _exit(hear_of_a_worker_that_is_gone());
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

#define CREW_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CREW_TEST(worker_that_lives_without_notes_is_replaced),
        CREW_TEST(what_a_worker_tells_of_others_is_not_believed),
        CREW_TEST(what_a_killed_worker_had_not_confirmed_is_given_away_once),
        CREW_TEST(worker_that_dies_at_once_is_born_again_ever_more_seldom),
        CREW_TEST(no_event_comes_from_a_worker_that_is_gone),
    };
    alarm(50);
    return cmocka_run_group_tests_name("crew", tests, NULL, NULL);
}
