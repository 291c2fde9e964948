/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crew_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define IN_FLIGHT_MAX 32

struct shared *shared;
struct crew crew;
struct ledger ledger;
static struct log log_to_pipe;
static struct stats_shared stats_shared;
static const struct watch_rules rules;
static int log_ends[2];
int signals = -1;
int64_t now;
int clients[GUESTS_MAX];

/* --- What children do --- */

/* Of the worker with this number, when it is born; the others, and all by and by, are good. */
static int (*evil)(const struct engine_job *job);
static uint32_t evil_number;
static atomic_int *evil_births; /* how many more are evil */

int say(const struct engine_job *job, uint32_t id, int kind, int reason)
{
    struct hand_note note = {.id = id, .kind = (uint8_t)kind, .reason = (uint8_t)reason};

    return hand_send(job->notes, &note, NULL, 1, 0);
}

/* Confirm, send the client one byte, and serve it until its end. */
void welcome(const struct engine_job *job, const struct hand_note *take, int fd)
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

int take_some(const struct engine_job *job, struct hand_note *taken, int *fds)
{
    int fd_count = 0;
    int count = hand_recv(job->notes, taken, fds, &fd_count, NULL, 0);

    if (count <= 0 || fd_count != count)
        _exit(0);
    return count;
}

_Noreturn int serve_well(const struct engine_job *job)
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

const struct engine pooled = {.name = "pooled", .pooled = true, .run = run_worker};
const struct engine own = {.name = "own", .pooled = false, .run = run_own};

_Noreturn int live_on(void)
{
    atomic_store(&shared->done, 1);
    for (;;)
        pause();
}

/* --- The door --- */

void be_evil(int (*how)(const struct engine_job *job), uint32_t number, int births)
{
    evil = how;
    evil_number = number;
    atomic_store(evil_births, births);
}

/* A child that crashes is to die, and not to go on with the tests by way of cmocka's handlers. */
static void crash_for_good(void)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS};

    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        signal(crashes[i], SIG_DFL);
}

int open_crew(const struct engine *engine, uint32_t count)
{
    crash_for_good();
    crew.engine = engine;
    crew.count = count;
    int error = crew_open(&crew, PER_CHILD);
    now = clock_ms();
    return error;
}

/* Wait for what children do, and heed it. */
void turn(int timeout_ms)
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

/* A client; its number is its port. */
void come(uint16_t port)
{
    int ends[2];
    struct guest guest = {.port = port, .opened_ms = now};

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    clients[port] = ends[0];
    guest.fd = ends[1];
    ledger_admit(&ledger, &guest);
    crew_place(&crew, &guest, now);
}

void leave(uint16_t port)
{
    close(clients[port]);
    clients[port] = -1;
}

bool readable(uint16_t port)
{
    struct pollfd ready = {.fd = clients[port], .events = POLLIN};

    return poll(&ready, 1, 0) > 0;
}

/* Whether a client was welcomed, exactly once and without an end. */
void expect_welcome(uint16_t port)
{
    char bytes[8];

    UNTIL(readable(port), true);
    assert_int_equal(recv(clients[port], bytes, sizeof bytes, 0), 1);
    assert_int_equal(recv(clients[port], bytes, sizeof bytes, MSG_DONTWAIT), -1);
    assert_int_equal(atomic_load(&shared->takes[port]), 1);
}

uint32_t in_flight(void)
{
    uint32_t sum = crew.waiting.len;

    for (uint32_t i = 0; i < crew.count; i++)
        sum += crew.workers[i].in_flight;
    return sum;
}

/* What was logged since. */
const char *said(void)
{
    static char text[1 << 16];
    ssize_t count = read(log_ends[0], text, sizeof text - 1);

    text[count > 0 ? count : 0] = '\0';
    return text;
}

int occurrences(const char *text, const char *what)
{
    int count = 0;

    for (const char *at = text; (at = strstr(at, what)); at++)
        count++;
    return count;
}

int begin(void **state)
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
    static const struct gate no_listeners;
    crew.heritage = (struct child_heritage){
        .door = getpid(), .null = open("/dev/null", O_RDWR | O_CLOEXEC), .gate = &no_listeners};
    crew.ledger = &ledger;
    crew.epoll = epoll_create1(EPOLL_CLOEXEC);
    crew.key_base = CREW_KEY;
    crew.in_flight_max = IN_FLIGHT_MAX;
    return epoll_ctl(crew.epoll, EPOLL_CTL_ADD, signals, &event);
}

int end(void **state)
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
