/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The readiness-driven engine: one loop serves many connections. Level-triggered, so that one receive and one send a
 * message suffice: there is no need to read until the socket is empty. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "echo/conn.h"
#include "echo/engine.h"
#include "echo/timer.h"

#define EVENTS_MAX 256

/* Full buffers that one connection may echo before it is the others' turn. */
#define BURST_MAX 16

#define NOTES_KEY UINT32_MAX

/* One connection. Its place in the table is its id less job->first. */
struct slot {
    struct timer_node timer; /* first, so that a node is its slot */
    struct conn conn;
    struct watch watch;
    int fd;
    bool busy;      /* its timer is in the busy queue: there was traffic; else in the quiet one or not set */
    bool lingering; /* all is sent and our end too: waiting for the peer to acknowledge it */
};

struct peer {
    struct in6_addr host;
    uint16_t port;
};

struct loop {
    const struct engine_job *job;
    struct slot *slots;
    struct peer *peers; /* with --print only */
    int epoll;
    int64_t now_ms;
    int64_t interval_ms;
    struct timer busy;       /* to be looked at again */
    struct timer quiet;      /* settled: waiting for the idle deadline */
    struct hand_note *notes; /* a ring of what the door must hear; at most two for each id */
    uint32_t notes_start;
    uint32_t notes_len;
    bool notes_blocked;
    uint8_t buffer[CONN_INPUT_MAX];
};

/* Memory that is touched only where it is used. */
static void *reserve(size_t bytes)
{
    void *memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

static uint32_t slot_index(const struct loop *loop, const struct slot *slot)
{
    return (uint32_t)(slot - loop->slots);
}

static void tell(struct loop *loop, uint32_t id, enum hand_kind kind, enum hand_reason reason)
{
    uint32_t size = 2 * loop->job->count;
    struct hand_note *place = &loop->notes[(loop->notes_start + loop->notes_len++) % size];

    *place = (struct hand_note){.id = id, .kind = (uint8_t)kind, .reason = (uint8_t)reason};
}

/* Wait for the door's notes, or, while it does not take ours, for it to take them: until it has, nothing new is begun. */
static void want_notes(struct loop *loop, bool blocked)
{
    struct epoll_event event = {.events = blocked ? EPOLLOUT : EPOLLIN, .data.u32 = NOTES_KEY};

    if (blocked != loop->notes_blocked)
        epoll_ctl(loop->epoll, EPOLL_CTL_MOD, loop->job->notes, &event);
    loop->notes_blocked = blocked;
}

static int arm(struct loop *loop, struct slot *slot, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u32 = slot_index(loop, slot)};

    return epoll_ctl(loop->epoll, operation, slot->fd, &event);
}

/* No connection is read from before the door knows that we have it. Where that takes longer than this turn of the loop, the
 * connections of the CONFIRMs among count notes are not waited for until then. */
static void hold(struct loop *loop, uint32_t start, uint32_t count, uint32_t events)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct hand_note *note = &loop->notes[(start + i) % (2 * loop->job->count)];
        if (note->kind == HAND_CONFIRM)
            arm(loop, &loop->slots[note->id - loop->job->first], EPOLL_CTL_MOD, events);
    }
}

static void send_notes(struct loop *loop)
{
    uint32_t size = 2 * loop->job->count;

    while (loop->notes_len > 0) {
        uint32_t run = size - loop->notes_start;
        if (run > loop->notes_len)
            run = loop->notes_len;
        if (run > HAND_BATCH)
            run = HAND_BATCH;
        int error =
            hand_send(loop->job->notes, &loop->notes[loop->notes_start], NULL, (int)run, MSG_DONTWAIT);
        if (error == -EAGAIN || error == -ENOBUFS || error == -ENOMEM) {
            if (!loop->notes_blocked)
                hold(loop, loop->notes_start, loop->notes_len, 0);
            want_notes(loop, true);
            return;
        }
        if (error)
            _exit(EXIT_SYSTEM); /* the door is gone */
        if (loop->notes_blocked)
            hold(loop, loop->notes_start, run, EPOLLIN);
        loop->notes_start = (loop->notes_start + run) % size;
        loop->notes_len -= run;
    }
    loop->notes_start = 0; /* so that the ring touches no more memory than it needs */
    want_notes(loop, false);
}

static void finish(struct loop *loop, struct slot *slot, enum hand_reason reason)
{
    timer_cancel(&slot->timer);
    conn_done(&slot->conn);
    engine_close(slot->fd, reason);
    slot->fd = -1;
    tell(loop, loop->job->first + slot_index(loop, slot), HAND_CLOSED, reason);
}

static void watch_busy(struct loop *loop, struct slot *slot)
{
    if (loop->interval_ms == INT64_MAX)
        return;
    slot->busy = true;
    timer_set(&loop->busy, &slot->timer, loop->now_ms + loop->interval_ms);
}

/* Everything went out and the peer has ended. close() would leave what is not acknowledged to the kernel, which gives a
 * slow reader up after a while without a word: stay until the peer has everything. */
static void finish_when_acked(struct loop *loop, struct slot *slot)
{
    if (sock_unacked(slot->fd)) {
        /* Both directions shut is a permanent EPOLLHUP; edge-triggered it comes once, and again with the last
         * acknowledgement. */
        slot->lingering = true;
        if (shutdown(slot->fd, SHUT_WR) == 0 && arm(loop, slot, EPOLL_CTL_MOD, EPOLLET) == 0) {
            watch_busy(loop, slot);
            return;
        }
    }
    finish(loop, slot, HAND_EOF);
}

static void check_lingering(struct loop *loop, struct slot *slot)
{
    int error = sock_error(slot->fd);

    if (error)
        finish(loop, slot, hand_reason_of(error));
    else if (!sock_unacked(slot->fd))
        finish(loop, slot, HAND_EOF);
}

/* Send bytes. Returns how many the socket took, 0 if it is full, -1 if the connection is over and finished. */
static ssize_t send_some(struct loop *loop, struct slot *slot, const uint8_t *bytes, size_t len)
{
    ssize_t sent = send(slot->fd, bytes, len, MSG_NOSIGNAL);

    if (sent < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            finish(loop, slot, hand_reason_of(errno));
            return -1;
        }
        sent = 0;
    }
    tally_add(&loop->job->tallies[slot_index(loop, slot)].out, (uint64_t)sent);
    return sent;
}

static void readable(struct loop *loop, struct slot *slot)
{
    struct tally *tally = &loop->job->tallies[slot_index(loop, slot)];

    for (int burst = 0; burst < BURST_MAX; burst++) {
        ssize_t got = recv(slot->fd, loop->buffer, sizeof loop->buffer, 0);
        if (got < 0) {
            if (errno != EAGAIN && errno != EINTR)
                finish(loop, slot, hand_reason_of(errno));
            return;
        }
        if (!slot->busy)
            watch_busy(loop, slot);
        if (got == 0) {
            conn_input_end(&slot->conn);
            finish_when_acked(loop, slot);
            return;
        }
        size_t len = (size_t)got;
        if (loop->peers) {
            const struct peer *peer = &loop->peers[slot_index(loop, slot)];
            print_bytes(loop->job->print, &peer->host, peer->port, tally_read(&tally->in), loop->buffer, len);
        }
        tally_add(&tally->in, len);
        ssize_t sent = send_some(loop, slot, loop->buffer, len);
        if (sent < 0)
            return;
        int error = conn_input(&slot->conn, loop->buffer, len, (size_t)sent);
        if (error) {
            finish(loop, slot, HAND_ERROR);
            return;
        }
        if (conn_want(&slot->conn) == CONN_WRITE) {
            if (arm(loop, slot, EPOLL_CTL_MOD, EPOLLOUT) < 0)
                finish(loop, slot, HAND_ERROR);
            return;
        }
        if (len < sizeof loop->buffer)
            return;
    }
}

static void writable(struct loop *loop, struct slot *slot)
{
    const uint8_t *bytes = NULL;
    size_t len = conn_output(&slot->conn, &bytes);
    ssize_t sent = send_some(loop, slot, bytes, len);

    if (sent < 0)
        return;
    conn_sent(&slot->conn, (size_t)sent);
    if (!slot->busy)
        watch_busy(loop, slot);
    if (conn_want(&slot->conn) == CONN_WRITE)
        return;
    if (arm(loop, slot, EPOLL_CTL_MOD, EPOLLIN) < 0)
        finish(loop, slot, HAND_ERROR);
}

static void ready(struct loop *loop, struct slot *slot)
{
    if (slot->fd < 0)
        return; /* finished earlier in this turn */
    if (slot->lingering)
        check_lingering(loop, slot);
    else if (conn_want(&slot->conn) == CONN_WRITE)
        writable(loop, slot);
    else
        readable(loop, slot);
}

/* Make the connection of a TAKE ours, or refuse it. */
static void take(struct loop *loop, const struct hand_note *taken, int fd)
{
    uint32_t index = taken->id - loop->job->first;
    struct slot *slot = &loop->slots[index];

    memset(slot, 0, sizeof *slot);
    conn_init(&slot->conn);
    watch_init(&slot->watch, loop->now_ms);
    slot->fd = fd;
    if (fd < 0 || arm(loop, slot, EPOLL_CTL_ADD, EPOLLIN) < 0) {
        if (fd >= 0)
            close(fd);
        slot->fd = -1;
        tell(loop, taken->id, HAND_REFUSE, HAND_ERROR);
        return;
    }
    if (loop->peers)
        loop->peers[index] = (struct peer){.host = taken->host, .port = taken->port};
    if (loop->job->rules->idle_ms)
        watch_busy(loop, slot);
    tell(loop, taken->id, HAND_CONFIRM, 0);
}

static void take_all(struct loop *loop)
{
    struct hand_note taken[HAND_BATCH];
    int fds[HAND_BATCH];
    int fd_count = 0;

    int count = hand_recv(loop->job->notes, taken, fds, &fd_count, NULL, MSG_DONTWAIT);
    if (count == 0)
        _exit(EXIT_DONE); /* the door has closed */
    for (int i = 0; i < count; i++)
        take(loop, &taken[i], i < fd_count ? fds[i] : -1);
}

static void look(struct loop *loop, struct slot *slot)
{
    const struct watch_rules *rules = loop->job->rules;

    slot->busy = false;
    switch (watch_look(&slot->watch, rules, slot->fd, loop->now_ms)) {
    case WATCH_IDLE:
        finish(loop, slot, HAND_IDLE);
        break;
    case WATCH_DEAD:
        finish(loop, slot, HAND_DEAD);
        break;
    case WATCH_AGAIN:
        watch_busy(loop, slot);
        break;
    case WATCH_SETTLED:
        if (rules->idle_ms)
            timer_set(&loop->quiet, &slot->timer, slot->watch.active_ms + rules->idle_ms);
        break;
    }
}

static void look_at_due(struct loop *loop, struct timer *timer)
{
    struct timer_node *node;

    while ((node = timer_pop(timer, loop->now_ms)))
        look(loop, (struct slot *)node);
}

static int sleep_ms(const struct loop *loop)
{
    int64_t busy = timer_next(&loop->busy);
    int64_t quiet = timer_next(&loop->quiet);
    int64_t due = busy < quiet ? busy : quiet;

    return timer_sleep(due, loop->now_ms);
}

static void serve(struct loop *loop)
{
    struct epoll_event events[EVENTS_MAX];

    for (;;) {
        int count = epoll_wait(loop->epoll, events, EVENTS_MAX, sleep_ms(loop));
        loop->now_ms = clock_ms();
        uint32_t notes = 0;
        for (int i = 0; i < count; i++) {
            if (events[i].data.u32 == NOTES_KEY)
                notes = events[i].events;
            else
                ready(loop, &loop->slots[events[i].data.u32]);
        }
        look_at_due(loop, &loop->busy);
        look_at_due(loop, &loop->quiet);
        if (notes & (EPOLLIN | EPOLLHUP))
            take_all(loop);
        send_notes(loop);
    }
}

static int run(const struct engine_job *job)
{
    static struct loop loop;
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = NOTES_KEY};

    loop.job = job;
    loop.interval_ms = watch_interval_ms(job->rules);
    loop.slots = reserve(job->count * sizeof *loop.slots);
    loop.notes = reserve(2 * job->count * sizeof *loop.notes);
    loop.peers = job->print ? reserve(job->count * sizeof *loop.peers) : NULL;
    loop.epoll = epoll_create1(EPOLL_CLOEXEC);
    timer_init(&loop.busy);
    timer_init(&loop.quiet);
    if (!loop.slots || !loop.notes || (job->print && !loop.peers) || loop.epoll < 0 ||
        epoll_ctl(loop.epoll, EPOLL_CTL_ADD, job->notes, &event) < 0)
        return EXIT_SYSTEM; /* the door tells; here a message might wait */
    serve(&loop);
    return EXIT_DONE;
}

const struct engine engine_epoll = {.name = "epoll", .pooled = true, .run = run};
