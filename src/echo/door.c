/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "echo/door.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "echo/crew.h"
#include "echo/plan.h"
#include "echo/timer.h"
#include "net/sock.h"

/* How many connections are accepted in one turn from one listener. */
#define ACCEPT_BURST 64

/* How long to leave the listeners alone after accept() failed for want of something. */
#define ACCEPT_RETRY_MS 100

/* At the end, what is queued on the listeners is accepted first, but not for ever. */
#define QUEUE_PATIENCE_MS 500

#define EVENTS_MAX 64
#define SIGNALS_KEY GATE_MAX
#define CREW_KEY (GATE_MAX + 1)

enum door_state {
    DOOR_OPEN,
    DOOR_EMPTYING, /* accepting what is queued, then closing the listeners */
    DOOR_DRAINING, /* serving on until the clients are done or time is up */
    DOOR_SHUT,
};

struct door {
    const struct door_config *config;
    enum door_state state;
    int epoll;
    int signals;
    int null;
    struct gate gate;
    struct plan plan;
    int64_t accept_again_ms; /* not before this */
    enum ledger_pause want;  /* what accept() lacked when it last failed */
    int64_t deadline_ms;     /* of EMPTYING and DRAINING */
    uint32_t cut;
    struct log log;
    struct print *print; /* shared with all children; NULL without --print */
    struct stats_shared *shared;
    struct ledger ledger;
    struct crew crew;
};

/* --- Accepting --- */

/* Whether one more may come in now; *why not, or PAUSE_NONE if that will change in a moment. */
static bool has_room(const struct door *door, int64_t now_ms, enum ledger_pause *why)
{
    if (door->ledger.conns >= door->plan.max_conns) {
        *why = door->config->max_conns ? PAUSE_MAX_CONNS : PAUSE_DESCRIPTORS;
        return false;
    }
    if (now_ms < door->accept_again_ms) {
        *why = door->want;
        return false;
    }
    return crew_has_room(&door->crew, now_ms, why);
}

/* Leave the listeners alone for a while. */
static void pause_accepting(struct door *door, int error, int64_t now_ms)
{
    door->want = error == -EMFILE || error == -ENFILE                        ? PAUSE_DESCRIPTORS
                 : error == -ENOBUFS || error == -ENOMEM || error == -ENOSPC ? PAUSE_MEMORY
                                                                             : PAUSE_LISTENER;
    door->accept_again_ms = now_ms + ACCEPT_RETRY_MS;
}

/* Accepting failed. Returns whether it is worth trying at once again. */
static bool accept_failed(struct door *door, int error, int64_t now_ms)
{
    struct log_line line;

    if (error == -EAGAIN || error == -EINTR)
        return error == -EINTR;
    door->ledger.accept_errors++;
    if (!gate_lost_one(error)) {
        pause_accepting(door, error, now_ms);
        return false;
    }
    if (ledger_begin(&door->ledger, LEDGER_NORMAL, &line, "accept-error")) {
        log_str(&line, "reason", err_text(error));
        log_end(&line, &door->log);
    }
    return true;
}

static void admit(struct door *door, int fd, const struct addr *peer, int64_t now_ms)
{
    struct guest guest = {.fd = fd, .port = addr_port(peer), .opened_ms = now_ms};

    addr_host(peer, &guest.host);
    if (ledger_admit(&door->ledger, &guest)) {
        crew_place(&door->crew, &guest, now_ms);
        return;
    }
    close(fd); /* with a reset, as the listener has it */
}

/* Accept what is queued, as far as there is room. Returns whether the queue is empty now. */
static bool accept_some(struct door *door, int listener, int64_t now_ms)
{
    int flags = SOCK_CLOEXEC | (door->config->engine->pooled ? SOCK_NONBLOCK : 0);
    enum ledger_pause why;

    for (int burst = 0; burst < ACCEPT_BURST && has_room(door, now_ms, &why); burst++) {
        struct addr peer;
        int fd = gate_accept(&door->gate, listener, flags, &peer);
        if (fd >= 0 || fd == -EAGAIN)
            door->want = PAUSE_NONE; /* accept(2) takes a descriptor before it looks at the queue */
        if (fd >= 0)
            admit(door, fd, &peer, now_ms);
        else if (!accept_failed(door, fd, now_ms))
            return fd == -EAGAIN;
    }
    return false;
}

static void look_at_room(struct door *door, int64_t now_ms)
{
    enum ledger_pause why = PAUSE_NONE;
    bool room = has_room(door, now_ms, &why);
    bool over = door->want == PAUSE_NONE && door->crew.shortage == PAUSE_NONE;

    if (room ? over : why != PAUSE_NONE)
        ledger_pause(&door->ledger, room ? PAUSE_NONE : why, now_ms);
    int error = gate_arm(&door->gate, door->epoll, room);
    if (error)
        pause_accepting(door, error, now_ms);
}

/* --- The end --- */

static void begin_drain(struct door *door, int signal, int64_t now_ms)
{
    struct log_line line;

    if (door->state != DOOR_OPEN) {
        door->state = DOOR_DRAINING;
        door->deadline_ms = now_ms;
        return;
    }
    door->state = DOOR_EMPTYING;
    door->deadline_ms = now_ms + QUEUE_PATIENCE_MS;
    if (ledger_begin(&door->ledger, LEDGER_NORMAL, &line, "drain")) {
        log_num(&line, "signal", signal);
        log_num(&line, "conns", door->ledger.conns);
        log_end(&line, &door->log);
    }
}

/* Whether all that had connected is accepted, or cannot be. */
static bool queues_are_empty(struct door *door, int64_t now_ms)
{
    bool empty = true;

    for (int i = 0; i < door->gate.count; i++)
        if (!accept_some(door, i, now_ms))
            empty = false;
    return empty || door->ledger.conns >= door->plan.max_conns || now_ms >= door->deadline_ms;
}

static void go_on_ending(struct door *door, int64_t now_ms)
{
    if (door->state == DOOR_EMPTYING && queues_are_empty(door, now_ms)) {
        door->state = DOOR_DRAINING;
        door->deadline_ms = now_ms + door->config->drain_ms;
    }
    if (door->state != DOOR_DRAINING)
        return;
    gate_close(&door->gate);
    if (door->ledger.conns > 0 && now_ms < door->deadline_ms)
        return;
    if (door->ledger.conns > 0)
        door->cut = crew_cut(&door->crew, now_ms);
    door->state = DOOR_SHUT;
}

/* --- Signals --- */

static void tell_stats(struct door *door)
{
    struct log_line line;
    struct tally live = {0};
    char key[32];

    for (uint32_t i = 0; i < door->crew.count; i++)
        crew_tally(&door->crew, i, &live);
    log_begin(&line, &door->log, "stats");
    ledger_totals(&door->ledger, &line, &live);
    for (uint32_t i = 0; i < door->crew.count && door->config->engine->pooled; i++) {
        const struct worker *worker = &door->crew.workers[i];
        struct tally sum = {0};
        crew_tally(&door->crew, i, &sum);
        const struct {
            const char *name;
            uint64_t value;
        } fields[] = {
            {"pid", (uint64_t)worker->pid},
            {"conns", worker->conns},
            {"accepted", worker->accepted},
            {"bytes_in", worker->stats.bytes_in + tally_read(&sum.in)},
            {"bytes_out", worker->stats.bytes_out + tally_read(&sum.out)},
        };
        for (size_t f = 0; f < sizeof fields / sizeof *fields; f++) {
            snprintf(key, sizeof key, "worker%u_%s", i, fields[f].name);
            log_num(&line, key, (int64_t)fields[f].value);
        }
    }
    log_end(&line, &door->log);
}

static void heed_signals(struct door *door, int64_t now_ms)
{
    struct signalfd_siginfo info;

    while (read(door->signals, &info, sizeof info) == sizeof info) {
        switch (info.ssi_signo) {
        case SIGCHLD:
            crew_reap(&door->crew, now_ms);
            break;
        case SIGUSR1:
            tell_stats(door);
            break;
        default:
            begin_drain(door, (int)info.ssi_signo, now_ms);
            break;
        }
    }
}

/* --- The loop --- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int sleep_ms(const struct door *door, int64_t now_ms)
{
    int64_t due = crew_due(&door->crew);

    if (door->accept_again_ms > now_ms)
        due = earlier(due, door->accept_again_ms);
    if (door->state == DOOR_EMPTYING)
        due = earlier(due, now_ms + 1);
    if (door->state == DOOR_DRAINING)
        due = earlier(due, door->deadline_ms);
    return timer_sleep(due, now_ms);
}

static void turn(struct door *door)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(door->epoll, events, EVENTS_MAX, sleep_ms(door, clock_ms()));
    int64_t now_ms = clock_ms();

    /* Notes before new connections: what is closed makes room. */
    for (int i = 0; i < count; i++)
        if (events[i].data.u32 >= CREW_KEY)
            crew_read_notes(&door->crew, events[i].data.u32 - CREW_KEY, now_ms);
    for (int i = 0; i < count; i++)
        if (events[i].data.u32 == SIGNALS_KEY)
            heed_signals(door, now_ms);
    crew_tend(&door->crew, now_ms);
    for (int i = 0; i < count; i++)
        if (events[i].data.u32 < SIGNALS_KEY && door->state == DOOR_OPEN)
            accept_some(door, (int)events[i].data.u32, now_ms);
    go_on_ending(door, now_ms);
    crew_flush(&door->crew, now_ms);
    if (door->state == DOOR_OPEN)
        look_at_room(door, now_ms);
}

static void tell_stop(struct door *door)
{
    struct log_line line;
    const struct tally none = {0};

    if (!ledger_begin(&door->ledger, door->cut ? LEDGER_QUIET : LEDGER_NORMAL, &line, "stop"))
        return;
    log_num(&line, "cut", door->cut);
    ledger_totals(&door->ledger, &line, &none);
    log_end(&line, &door->log);
}

/* --- The beginning --- */

static int catch_signals(struct door *door)
{
    static const int caught[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = SIGNALS_KEY};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++)
        sigaddset(&set, caught[i]);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTTOU, SIG_IGN); /* the log of a background job must not stop it (stty tostop) */
    /* Whoever ignored these before us passed that on: our children would vanish unseen; nohup is to be respected. */
    signal(SIGCHLD, SIG_DFL);
    if (signal(SIGHUP, SIG_DFL) == SIG_IGN) {
        signal(SIGHUP, SIG_IGN);
        sigdelset(&set, SIGHUP);
    }
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    door->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (door->signals < 0 || epoll_ctl(door->epoll, EPOLL_CTL_ADD, door->signals, &event) < 0)
        return -errno;
    return 0;
}

/* Standard descriptors that are closed would be taken by sockets, and errors then written to a client. */
static int hold_standard_descriptors(struct door *door)
{
    do {
        door->null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (door->null < 0)
            return -errno;
        if (door->null <= STDERR_FILENO)
            fcntl(door->null, F_SETFD, 0);
    } while (door->null <= STDERR_FILENO);
    return 0;
}

/* As many descriptors as the system lets us have. Returns the limit. */
static uint32_t raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1024;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur > SEAT_TOTAL_MAX ? SEAT_TOTAL_MAX : (uint32_t)limit.rlim_cur;
}

/* Returns 0, or an exit status after it has said what is wrong. */
static int make_plan(struct door *door)
{
    const struct door_config *config = door->config;
    const struct plan_given given = {.descriptors = raise_descriptor_limit(),
                                     .listeners = (uint32_t)door->gate.count,
                                     .workers = config->engine->pooled ? config->workers : 1,
                                     .pooled = config->engine->pooled,
                                     .max_asked = config->max_conns};
    int error = plan_make(&given, &door->plan);

    if (error == -EMFILE)
        err_say("echo: %u descriptors are too few for %u workers (see ulimit -n)", given.descriptors,
                given.workers);
    else if (error)
        err_say("echo: --max-conns %u: %u workers with %u descriptors each hold %u (raise ulimit -n, or take "
                "more "
                "--workers)",
                given.max_asked, given.workers, given.descriptors, given.workers * door->plan.per_worker);
    door->crew.count = given.workers;
    return error ? EXIT_SYSTEM : 0;
}

static int open_gate(struct door *door, struct addr *addrs, int count)
{
    char text[ADDR_TEXT_MAX];
    int error = gate_open(&door->gate, addrs, count, door->config->watch.dead_ms);

    if (!error)
        return 0;
    const char *advice = error == -EADDRINUSE      ? " (is another yodel running?)"
                         : error == -EACCES        ? " (ports below 1024 need root or CAP_NET_BIND_SERVICE)"
                         : error == -EADDRNOTAVAIL ? " (no interface of this machine has that address)"
                                                   : "";
    err_say("echo: listen %s: %s%s", addr_print(&addrs[door->gate.count], text), err_text(error), advice);
    return EXIT_SYSTEM;
}

static void *share(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

static int open_books(struct door *door)
{
    uint64_t seed = 0;

    log_open(&door->log, STDERR_FILENO, door->config->log_format);
    door->shared = share(sizeof *door->shared);
    door->ledger.log = &door->log;
    door->ledger.level = door->config->level;
    door->ledger.shared = door->shared;
    if (getrandom(&seed, sizeof seed, 0) < 0)
        return -errno;
    if (door->config->max_conns_per_ip)
        door->ledger.limit = limit_new(door->plan.max_conns, door->config->max_conns_per_ip, seed);
    if (!door->shared || (door->config->max_conns_per_ip && !door->ledger.limit))
        return -ENOMEM;
    if (door->config->print == PRINT_OFF)
        return 0;
    /* A duplicate, because children replace their standard output. */
    int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (out < 0)
        return -errno;
    door->print = share(sizeof *door->print);
    if (!door->print)
        return -ENOMEM;
    door->print->mode = door->config->print;
    door->print->shared = door->shared;
    sink_open(&door->print->sink, out);
    return 0;
}

static int open_crew(struct door *door)
{
    struct crew *crew = &door->crew;

    crew->engine = door->config->engine;
    crew->job.rules = &door->config->watch;
    crew->job.print = door->print;
    crew->heritage = (struct child_heritage){.door = getpid(), .null = door->null, .gate = &door->gate};
    crew->ledger = &door->ledger;
    crew->epoll = door->epoll;
    crew->key_base = CREW_KEY;
    crew->in_flight_max = door->plan.in_flight_max;
    return crew_open(crew, door->plan.per_worker);
}

static void tell_start(struct door *door, const struct addr *addrs, int count, int landlock)
{
    struct log_line line;
    char address[ADDR_TEXT_MAX];
    char text[ADDR_TEXT_MAX + 16];

    if (ledger_begin(&door->ledger, LEDGER_NORMAL, &line, "start")) {
        log_str(&line, "engine", door->config->engine->name);
        if (door->config->engine->pooled)
            log_num(&line, "workers", door->crew.count);
        log_num(&line, "max_conns", door->plan.max_conns);
        log_num(&line, "landlock", landlock);
        log_num(&line, "pid", getpid());
        log_end(&line, &door->log);
    }
    for (int i = 0; i < count; i++) {
        snprintf(text, sizeof text, "listening on %s", addr_print(&addrs[i], address));
        log_plain(&door->log, "listening", text);
    }
}

/* Returns 0, or an exit status after it has said what is wrong. */
static int open_door(struct door *door, struct addr *addrs, int count)
{
    int landlock = 0;
    int status;
    int error;
    const char *what = "open /dev/null";

    if ((error = hold_standard_descriptors(door)))
        goto failed;
    if ((status = open_gate(door, addrs, count)) || (status = make_plan(door)))
        return status;
    what = "prepare";
    door->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (door->epoll < 0) {
        error = -errno;
        goto failed;
    }
    if ((error = catch_signals(door)) || (error = open_books(door)))
        goto failed;
    what = "become another user (needs root)";
    if (door->config->user && (error = sandbox_become(door->config->user)))
        goto failed;
    what = "give up privileges";
    if ((error = sandbox_enter(&landlock)))
        goto failed;
    what = "start the workers";
    if ((error = open_crew(door)))
        goto failed;
    tell_start(door, addrs, count, landlock);
    return 0;

failed:
    err_say("echo: %s: %s", what, err_text(error));
    return EXIT_SYSTEM;
}

int door_run(const struct door_config *config, struct addr *addrs, int count)
{
    static struct door door;

    door.config = config;
    int status = open_door(&door, addrs, count);
    if (status)
        return status;
    look_at_room(&door, clock_ms());
    while (door.state != DOOR_SHUT)
        turn(&door);
    crew_close(&door.crew);
    tell_stop(&door);
    return EXIT_DONE;
}
