/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The crew against children that do anything at all: whoever misbehaves is replaced, nobody else notices, and no
 * connection is lost or given away twice. The engines are made here; the clock is passed in. */
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
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "echo/crew.h"

#define SIGNALS_KEY 0
#define CREW_KEY 1
#define DEADLINE_MS 10000
#define PER_CHILD 64
#define IN_FLIGHT_MAX 32
#define GUESTS_MAX 32

/* What the test sees of its children, and they of the test. */
struct shared {
    atomic_int takes[GUESTS_MAX]; /* how many children had the guest with this port */
    atomic_int forged;            /* 1 + errno of a note in somebody else's name */
};

static struct shared *shared;
static struct crew crew;
static struct ledger ledger;
static struct log log_to_pipe;
static struct stats_shared stats_shared;
static const struct watch_rules rules;
static int log_ends[2];
static int signals = -1;
static int64_t now;
static int clients[GUESTS_MAX];

/* --- What children do --- */

/* Of the worker with this number, when it is born; the others, and all by and by, are good. */
static int (*evil)(const struct engine_job *job);
static uint32_t evil_number;
static atomic_int *evil_births; /* how many more are evil */

static int say(const struct engine_job *job, uint32_t id, int kind, int reason)
{
    struct hand_note note = {.id = id, .kind = (uint8_t)kind, .reason = (uint8_t)reason};

    return hand_send(job->notes, &note, NULL, 1, 0);
}

/* Confirm, send the client one byte, and serve it until its end. */
static void welcome(const struct engine_job *job, const struct hand_note *take, int fd)
{
    if (say(job, take->id, HAND_CONFIRM, 0) < 0)
        _exit(3);
    atomic_fetch_add(&shared->takes[take->port], 1);
    if (write(fd, "T", 1) < 0)
        _exit(4);
}

static void part(const struct engine_job *job, uint32_t id, int fd)
{
    char byte;

    while (read(fd, &byte, 1) > 0)
        ;
    close(fd);
    if (say(job, id, HAND_CLOSED, HAND_EOF) < 0)
        _exit(5);
}

static int take_some(const struct engine_job *job, struct hand_note *taken, int *fds)
{
    int fd_count = 0;
    int count = hand_recv(job->notes, taken, fds, &fd_count, NULL, 0);

    if (count <= 0 || fd_count != count)
        _exit(0);
    return count;
}

static _Noreturn int serve_well(const struct engine_job *job)
{
    struct pollfd ready[1 + GUESTS_MAX] = {{.fd = job->notes, .events = POLLIN}};
    uint32_t ids[1 + GUESTS_MAX];
    int len = 1;

    for (;;) {
        poll(ready, (nfds_t)len, -1);
        for (int i = len - 1; i > 0; i--) {
            if (!ready[i].revents)
                continue;
            part(job, ids[i], ready[i].fd);
            ready[i] = ready[--len];
            ids[i] = ids[len];
        }
        if (!ready[0].revents)
            continue;
        struct hand_note taken[HAND_BATCH];
        int fds[HAND_BATCH];
        int count = take_some(job, taken, fds);
        for (int i = 0; i < count; i++, len++) {
            welcome(job, &taken[i], fds[i]);
            ready[len] = (struct pollfd){.fd = fds[i], .events = POLLIN};
            ids[len] = taken[i].id;
        }
    }
}

static int serve_one_well(const struct engine_job *job)
{
    welcome(job, &job->take, job->fd);
    part(job, job->take.id, job->fd);
    return 0;
}

static bool is_evil(const struct engine_job *job)
{
    return evil && job->first / job->count == evil_number && atomic_fetch_sub(evil_births, 1) > 0;
}

static int run_worker(const struct engine_job *job)
{
    return is_evil(job) ? evil(job) : serve_well(job);
}

static int run_own(const struct engine_job *job)
{
    return is_evil(job) ? evil(job) : serve_one_well(job);
}

static const struct engine pooled = {.name = "pooled", .pooled = true, .run = run_worker};
static const struct engine own = {.name = "own", .pooled = false, .run = run_own};

static _Noreturn int live_on(void)
{
    for (;;)
        pause();
}

/* --- The door --- */

static void be_evil(int (*how)(const struct engine_job *job), uint32_t number, int births)
{
    evil = how;
    evil_number = number;
    atomic_store(evil_births, births);
}

static int open_crew(const struct engine *engine, uint32_t count)
{
    crew.engine = engine;
    crew.count = count;
    int error = crew_open(&crew, PER_CHILD);
    now = clock_ms();
    return error;
}

/* Wait for what children do, and heed it. */
static void turn(int timeout_ms)
{
    struct epoll_event events[8];
    int count = epoll_wait(crew.epoll, events, 8, timeout_ms);

    for (int i = 0; i < count; i++)
        if (events[i].data.u32 != SIGNALS_KEY)
            crew_read_notes(&crew, events[i].data.u32 - CREW_KEY, now);
    for (int i = 0; i < count; i++) {
        struct signalfd_siginfo info;
        if (events[i].data.u32 != SIGNALS_KEY)
            continue;
        while (read(signals, &info, sizeof info) == sizeof info)
            ;
        crew_reap(&crew, now);
    }
}

/* Turn until condition holds, doing what has become due meanwhile if the clock goes on. */
#define UNTIL(condition, clock_goes_on)                                                                      \
    do {                                                                                                     \
        int64_t give_up_ms = clock_ms() + DEADLINE_MS;                                                       \
        while (!(condition)) {                                                                               \
            assert_true(clock_ms() < give_up_ms);                                                            \
            turn(10);                                                                                        \
            if (clock_goes_on) {                                                                             \
                now += 10;                                                                                   \
                crew_tend(&crew, now);                                                                       \
                crew_flush(&crew, now);                                                                      \
            }                                                                                                \
        }                                                                                                    \
    } while (0)

/* A client; its number is its port. */
static void come(uint16_t port)
{
    int ends[2];
    struct guest guest = {.port = port, .opened_ms = now};

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    clients[port] = ends[0];
    guest.fd = ends[1];
    ledger_admit(&ledger, &guest);
    crew_place(&crew, &guest, now);
}

static void leave(uint16_t port)
{
    close(clients[port]);
    clients[port] = -1;
}

static bool readable(uint16_t port)
{
    struct pollfd ready = {.fd = clients[port], .events = POLLIN};

    return poll(&ready, 1, 0) > 0;
}

/* Whether a client was welcomed, exactly once and without an end. */
static void expect_welcome(uint16_t port)
{
    char bytes[8];

    UNTIL(readable(port), true);
    assert_int_equal(recv(clients[port], bytes, sizeof bytes, 0), 1);
    assert_int_equal(recv(clients[port], bytes, sizeof bytes, MSG_DONTWAIT), -1);
    assert_int_equal(atomic_load(&shared->takes[port]), 1);
}

static uint32_t in_flight(void)
{
    uint32_t sum = crew.waiting.len;

    for (uint32_t i = 0; i < crew.count; i++)
        sum += crew.workers[i].in_flight;
    return sum;
}

/* What was logged since. */
static const char *said(void)
{
    static char text[1 << 16];
    ssize_t count = read(log_ends[0], text, sizeof text - 1);

    text[count > 0 ? count : 0] = '\0';
    return text;
}

static int occurrences(const char *text, const char *what)
{
    int count = 0;

    for (const char *at = text; (at = strstr(at, what)); at++)
        count++;
    return count;
}

static int open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static int begin(void **state)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = SIGNALS_KEY};
    sigset_t set;

    (void)state;
    shared = mmap(NULL, sizeof *shared + sizeof *evil_births, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || pipe2(log_ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return -1;
    evil_births = (atomic_int *)(shared + 1);
    evil = NULL;
    for (int i = 0; i < GUESTS_MAX; i++)
        clients[i] = -1;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    memset(&crew, 0, sizeof crew);
    memset(&ledger, 0, sizeof ledger);
    log_open(&log_to_pipe, log_ends[1], LOG_LOGFMT);
    ledger.log = &log_to_pipe;
    ledger.level = LEDGER_NORMAL;
    ledger.shared = &stats_shared;
    crew.job.rules = &rules;
    crew.heritage = (struct child_heritage){.door = getpid(), .null = open("/dev/null", O_RDWR | O_CLOEXEC)};
    crew.ledger = &ledger;
    crew.epoll = epoll_create1(EPOLL_CLOEXEC);
    crew.key_base = CREW_KEY;
    crew.in_flight_max = IN_FLIGHT_MAX;
    return epoll_ctl(crew.epoll, EPOLL_CTL_ADD, signals, &event);
}

static int end(void **state)
{
    (void)state;
    crew_cut(&crew, now);
    crew_close(&crew);
    for (int i = 0; i < GUESTS_MAX; i++)
        if (clients[i] >= 0)
            close(clients[i]);
    if (log_to_pipe.sink.fd != log_ends[1])
        close(log_to_pipe.sink.fd);
    close(log_ends[0]);
    close(log_ends[1]);
    close(signals);
    close(crew.epoll);
    close(crew.heritage.null);
    free(crew.workers);
    free(crew.waiting.ring);
    munmap(crew.seats.table, (size_t)crew.count * PER_CHILD * sizeof *crew.seats.table);
    munmap(crew.seats.tallies, (size_t)crew.count * PER_CHILD * sizeof *crew.seats.tallies);
    free(crew.seats.ranges);
    munmap(shared, sizeof *shared + sizeof *evil_births);
    return 0;
}

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
        send_in_the_name_of(getppid(), job->notes, &note);
    }
    for (int kind = HAND_CLOSED + 1; kind < 256; kind++)
        say(job, taken[0].id, kind, 0);
    say(job, taken[0].id, HAND_CLOSED, 200);
    say(job, taken[0].id, HAND_CLOSED, HAND_EOF); /* what is closed is not its own any more */
    close(fds[0]);
    be_evil(NULL, 0, 0);
    return serve_well(job);
}

static void what_a_worker_tells_of_others_is_not_believed(void **state)
{
    (void)state;
    be_evil(tell_everything, 1, 1);
    assert_int_equal(open_crew(&pooled, 2), 0);
    int before = open_descriptors();
    come(1); /* to the good one */
    crew_flush(&crew, now);
    expect_welcome(1);
    come(2); /* to the bad one */
    crew_flush(&crew, now);
    UNTIL(crew.workers[1].accepted == 1 && crew.workers[1].conns == 0, false);
    assert_int_equal(crew.workers[0].conns, 1);
    assert_int_equal(ledger.conns, 1);
    assert_int_equal(ledger.total.closed[HAND_ERROR], 1);
    assert_int_equal(open_descriptors(), before + 2); /* the clients of this test */
    /* It may be served after all that, and has not been replaced. */
    come(3);
    crew_flush(&crew, now);
    expect_welcome(3);
    assert_false(readable(1));
    leave(1);
    leave(3);
    UNTIL(ledger.conns == 0, false);
    assert_int_equal(ledger.total.closed[HAND_EOF], 2);
    assert_int_equal(occurrences(said(), "event=died"), 0);
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

/* --- A child for each connection --- */

static int shut_the_notes_of_all(const struct engine_job *job)
{
    welcome(job, &job->take, job->fd);
    shutdown(job->notes, SHUT_RDWR);
    return live_on();
}

static int shut_the_writing_of_all(const struct engine_job *job)
{
    welcome(job, &job->take, job->fd);
    shutdown(job->notes, SHUT_WR);
    return live_on();
}

static int shut_the_reading_of_all(const struct engine_job *job)
{
    welcome(job, &job->take, job->fd);
    shutdown(job->notes, SHUT_RD);
    return live_on();
}

static int send_nonsense_for_all(const struct engine_job *job)
{
    welcome(job, &job->take, job->fd);
    send(job->notes, "", 0, 0);
    return live_on();
}

static void child_that_ends_the_notes_of_all_costs_only_itself(void **state)
{
    static int (*const ways[])(const struct engine_job *) = {shut_the_notes_of_all, shut_the_writing_of_all,
                                                             shut_the_reading_of_all, send_nonsense_for_all};

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        assert_int_equal(open_crew(&own, 1), 0);
        come(1);
        expect_welcome(1);
        be_evil(ways[i], 0, 1);
        come(2);
        pid_t bad = 0;
        for (uint32_t id = SEAT_NONE; (id = seats_next(&crew.seats, 0, id)) != SEAT_NONE;)
            bad = crew.seats.table[id].port == 2 ? crew.seats.table[id].pid : bad;
        expect_welcome(2);
        for (uint16_t port = 3; port < 9; port++) {
            come(port);
            expect_welcome(port);
            UNTIL(in_flight() == 0, true);
        }
        for (uint16_t port = 3; port < 9; port++)
            leave(port);
        UNTIL(ledger.conns == 2, true);
        assert_int_equal(ledger.total.closed[HAND_EOF], 6);
        /* The one from before lives on; how it ended cannot be told any more, but that it did. */
        assert_false(readable(1));
        leave(1);
        UNTIL(ledger.conns == 1, true);
        kill(bad, SIGKILL);
        UNTIL(ledger.conns == 0, true);
        assert_int_equal(ledger.total.closed[HAND_KILLED], 1);
        UNTIL(in_flight() == 0, true);
        assert_int_equal(atomic_load(&shared->takes[1]), 1);
        assert_int_equal(atomic_load(&shared->takes[2]), 1);
        end(state);
        begin(state);
    }
}

/* The door has not read the notes yet: nonsense lies before a CONFIRM, whose child is served and dies then. */
static void no_confirm_is_lost_behind_nonsense(void **state)
{
    (void)state;
    assert_int_equal(open_crew(&own, 1), 0);
    be_evil(send_nonsense_for_all, 0, 1);
    come(1);
    struct pollfd ready = {.fd = clients[1], .events = POLLIN};
    poll(&ready, 1, DEADLINE_MS);
    come(2); /* confirms, and reads */
    ready.fd = clients[2];
    assert_int_equal(poll(&ready, 1, DEADLINE_MS), 1);
    UNTIL(in_flight() == 0, true);
    leave(2);
    UNTIL(ledger.conns == 1, true);
    assert_int_equal(atomic_load(&shared->takes[2]), 1);
}

static int confirm_and_go(const struct engine_job *job)
{
    welcome(job, &job->take, job->fd);
    return 0;
}

static int go(const struct engine_job *job)
{
    atomic_fetch_add(&shared->takes[job->take.port], 1);
    return 0;
}

static void child_that_goes_without_a_word_leaves_no_seat_behind(void **state)
{
    char byte;

    (void)state;
    assert_int_equal(open_crew(&own, 1), 0);
    be_evil(confirm_and_go, 0, 1);
    come(1);
    UNTIL(ledger.conns == 0, true);
    assert_int_equal(crew.workers[0].conns, 0);
    assert_int_equal(ledger.total.closed[HAND_ERROR], 1);
    assert_non_null(strstr(said(), "reason=error"));
    assert_int_equal(recv(clients[1], &byte, 1, 0), 1);
    assert_int_equal(recv(clients[1], &byte, 1, 0), 0);
}

static void unconfirmed_connection_is_given_to_another_child(void **state)
{
    char byte;

    (void)state;
    assert_int_equal(open_crew(&own, 1), 0);
    be_evil(go, 0, 14);
    come(1);
    UNTIL(readable(1), true);
    assert_int_equal(recv(clients[1], &byte, 1, 0), 1);
    assert_int_equal(atomic_load(&shared->takes[1]), 15);
    leave(1);
    UNTIL(ledger.conns == 0, true);
    assert_int_equal(ledger.total.closed[HAND_EOF], 1);
    assert_int_equal(occurrences(said(), "event=open"), 1);
}

static void connection_that_costs_fifteen_children_is_closed(void **state)
{
    char byte;

    (void)state;
    assert_int_equal(open_crew(&own, 1), 0);
    be_evil(go, 0, 1000);
    come(1);
    UNTIL(ledger.conns == 0, true);
    assert_int_equal(atomic_load(&shared->takes[1]), 15);
    assert_int_equal(ledger.total.closed[HAND_ERROR], 1);
    assert_true(recv(clients[1], &byte, 1, 0) <= 0);
    UNTIL(in_flight() == 0, true);
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
        CREW_TEST(child_that_ends_the_notes_of_all_costs_only_itself),
        CREW_TEST(no_confirm_is_lost_behind_nonsense),
        CREW_TEST(child_that_goes_without_a_word_leaves_no_seat_behind),
        CREW_TEST(unconfirmed_connection_is_given_to_another_child),
        CREW_TEST(connection_that_costs_fifteen_children_is_closed),
    };
    alarm(50);
    return cmocka_run_group_tests_name("crew", tests, NULL, NULL);
}
