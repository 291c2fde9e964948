/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "echo/crew.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"

/* A connection whose children die before they confirm it is not given to more of them than this. */
#define TRIES_MAX 15

/* How long workers that have nothing left to do may take to end by themselves. */
#define CLOSE_PATIENCE_MS 500

static struct guest guest_of(const struct seat *seat)
{
    return (struct guest){.host = seat->host,
                          .port = (uint16_t)seat->port,
                          .told = seat->told,
                          .tries = (uint8_t)seat->tries,
                          .fd = seat->fd,
                          .opened_ms = (int64_t)seat->opened_ms};
}

/* --- Children --- */

static int start_worker(struct crew *crew, uint32_t number)
{
    struct worker *worker = &crew->workers[number];
    struct engine_job job = crew->job;
    int error = worker_open_notes(worker, crew->epoll, crew->key_base + number, &job.notes);

    if (error)
        return error;
    job.first = number * crew->seats.per_child;
    job.count = crew->seats.per_child;
    job.tallies = &crew->seats.tallies[job.first];
    job.fd = -1;
    worker->spawned_ms = clock_ms();
    pid_t pid = child_spawn(&crew->heritage, crew->engine, &job);
    close(job.notes);
    if (pid < 0) {
        worker_close_notes(worker, crew->epoll);
        return (int)pid;
    }
    worker->pid = pid;
    worker->shut_ms = worker->shut_until_ms = 0;
    ledger_worker(crew->ledger, number, pid);
    return 0;
}

static int open_shared_notes(struct crew *crew)
{
    return worker_open_notes(&crew->workers[0], crew->epoll, crew->key_base, &crew->workers[0].child_notes);
}

int crew_open(struct crew *crew, uint32_t per_child)
{
    int error = seats_open(&crew->seats, crew->count, per_child);

    if (error)
        return error;
    error = guests_open(&crew->waiting, crew->count * crew->in_flight_max + HAND_BATCH);
    if (error)
        return error;
    crew->workers = calloc(crew->count, sizeof *crew->workers);
    if (!crew->workers)
        return -ENOMEM;
    for (uint32_t i = 0; i < crew->count; i++)
        worker_init(&crew->workers[i]);
    if (!crew->engine->pooled)
        return open_shared_notes(crew);
    for (uint32_t i = 0; i < crew->count; i++)
        if ((error = start_worker(crew, i)))
            return error;
    return 0;
}

/* --- Placing connections --- */

static bool worker_is_open(const struct crew *crew, const struct worker *worker, int64_t now_ms)
{
    return worker->notes >= 0 && worker->conns < crew->seats.per_child && now_ms >= worker->shut_until_ms;
}

bool crew_has_room(const struct crew *crew, int64_t now_ms, enum ledger_pause *why)
{
    bool open = false;

    *why = crew->waiting.len ? crew->shortage : PAUSE_NONE;
    if (crew->waiting.len)
        return false;
    for (uint32_t i = 0; i < crew->count; i++) {
        const struct worker *worker = &crew->workers[i];
        if (!worker_is_open(crew, worker, now_ms))
            continue;
        if (worker->in_flight < crew->in_flight_max)
            return true;
        open = true;
    }
    if (!open)
        *why = crew->shortage;
    return false;
}

/* The open worker with the fewest connections, or SEAT_NONE. */
static uint32_t choose(const struct crew *crew, int64_t now_ms)
{
    uint32_t best = SEAT_NONE;

    for (uint32_t i = 0; i < crew->count; i++) {
        const struct worker *worker = &crew->workers[i];
        if (worker_is_open(crew, worker, now_ms) && worker->in_flight < crew->in_flight_max &&
            (best == SEAT_NONE || worker->conns < crew->workers[best].conns))
            best = i;
    }
    return best;
}

/* Close a connection that has a seat. */
static void close_seat(struct crew *crew, uint32_t id, enum hand_reason reason, int64_t now_ms)
{
    struct worker *worker = &crew->workers[id / crew->seats.per_child];
    struct seat *seat = &crew->seats.table[id];
    struct guest guest = guest_of(seat);

    if (seat->fd >= 0) {
        close(seat->fd);
        worker->in_flight--;
    }
    worker->conns--;
    ledger_close(crew->ledger, &guest, id, &crew->seats.tallies[id], reason, &worker->stats, now_ms);
    seats_free(&crew->seats, id);
}

/* A child took nothing from this connection: it waits in line for another. */
static void unseat(struct crew *crew, uint32_t id, int64_t now_ms)
{
    struct worker *worker = &crew->workers[id / crew->seats.per_child];
    struct seat *seat = &crew->seats.table[id];
    struct guest guest = guest_of(seat);

    if (guest.tries >= TRIES_MAX) {
        close_seat(crew, id, HAND_ERROR, now_ms);
        return;
    }
    worker->in_flight--;
    worker->conns--;
    seats_free(&crew->seats, id);
    guests_push(&crew->waiting, &guest);
}

static enum ledger_pause shortage_of(int error)
{
    switch (-error) {
    case EAGAIN:
        return PAUSE_PROCESSES;
    case EMFILE:
    case ENFILE:
    case ETOOMANYREFS:
        return PAUSE_DESCRIPTORS;
    default:
        return PAUSE_MEMORY;
    }
}

/* A child that lives has ended the notes or sends nonsense. A worker is ended. Where all children share the notes nobody
 * knows which it was: new children get new ones; of those that live the door hears when they end. */
static void distrust(struct crew *crew, struct worker *worker)
{
    if (!crew->engine->pooled) {
        worker_close_notes(worker, crew->epoll);
    } else if (worker->pid > 0) {
        epoll_ctl(crew->epoll, EPOLL_CTL_DEL, worker->notes, NULL);
        kill(worker->pid, SIGKILL);
    }
}

/* A worker did not take a connection: another may, at once. */
static void leave_alone(struct crew *crew, struct worker *worker, int64_t now_ms)
{
    worker_shut(worker, now_ms);
    crew->retry_ms = now_ms;
}

static void send_batch(struct crew *crew, struct worker *worker, int64_t now_ms)
{
    int fds[HAND_BATCH];

    if (worker->batch_len == 0)
        return;
    for (int i = 0; i < worker->batch_len; i++)
        fds[i] = crew->seats.table[worker->batch[i].id].fd;
    int error = hand_send(worker->notes, worker->batch, fds, worker->batch_len, MSG_DONTWAIT);
    bool gone = error == -EPIPE || error == -ECONNRESET;
    if (gone)
        distrust(crew, worker);
    if (error) {
        crew->shortage = gone || error == -EAGAIN ? PAUSE_NONE : shortage_of(error);
        leave_alone(crew, worker, now_ms);
        for (int i = 0; i < worker->batch_len; i++) {
            crew->seats.table[worker->batch[i].id].tries--;
            unseat(crew, worker->batch[i].id, now_ms);
        }
    }
    worker->batch_len = 0;
}

/* Start the child of a connection. Returns 0 or -errno. */
static int start_own_child(struct crew *crew, uint32_t id, const struct hand_note *take)
{
    struct engine_job job = crew->job;

    job.notes = crew->workers[0].child_notes;
    job.first = 0;
    job.count = crew->seats.per_child;
    job.tallies = crew->seats.tallies;
    job.take = *take;
    job.fd = crew->seats.table[id].fd;
    pid_t pid = child_spawn(&crew->heritage, crew->engine, &job);
    if (pid < 0)
        return (int)pid;
    crew->seats.table[id].pid = pid;
    return 0;
}

/* Give a connection to a child. Returns whether that was possible; if not, the descriptor is still the guest's. */
static bool place(struct crew *crew, const struct guest *guest, int64_t now_ms)
{
    uint32_t number = choose(crew, now_ms);

    if (number == SEAT_NONE)
        return false;
    struct worker *worker = &crew->workers[number];
    uint32_t id = seats_take(&crew->seats, number, crew->engine->pooled ? worker->pid : crew->heritage.door);
    struct seat *seat = &crew->seats.table[id];
    struct hand_note take = {.id = id, .kind = HAND_TAKE, .port = guest->port, .host = guest->host};

    seat->host = guest->host;
    seat->port = guest->port;
    seat->opened_ms = (uint64_t)guest->opened_ms & ((UINT64_C(1) << 43) - 1);
    seat->tries = (guest->tries + 1u) & 15u;
    seat->told = true;
    seat->fd = guest->fd;
    worker->conns++;
    worker->in_flight++;
    if (!crew->engine->pooled) {
        int error = start_own_child(crew, id, &take);
        if (error) {
            crew->shortage = shortage_of(error);
            crew->retry_ms = now_ms + CREW_RETRY_MS;
            worker->conns--;
            worker->in_flight--;
            seats_free(&crew->seats, id);
            return false;
        }
    }
    if (!guest->told) {
        worker->accepted++;
        ledger_open(crew->ledger, guest, id, crew->engine->pooled ? (int)number : -1, seat->pid);
    }
    if (crew->engine->pooled) {
        worker->batch[worker->batch_len++] = take;
        if (worker->batch_len == HAND_BATCH)
            send_batch(crew, worker, now_ms);
    }
    return true;
}

void crew_place(struct crew *crew, const struct guest *guest, int64_t now_ms)
{
    if (crew->waiting.len || !place(crew, guest, now_ms))
        guests_push(&crew->waiting, guest);
}

void crew_flush(struct crew *crew, int64_t now_ms)
{
    for (uint32_t i = 0; i < crew->count; i++)
        send_batch(crew, &crew->workers[i], now_ms);
}

static void place_waiting(struct crew *crew, int64_t now_ms)
{
    /* Each at most once: what comes back in line meanwhile is for the next time. */
    for (uint32_t todo = crew->waiting.len; todo > 0; todo--) {
        struct guest guest = *guests_first(&crew->waiting);
        if (!place(crew, &guest, now_ms))
            return;
        guests_pop(&crew->waiting);
    }
}

/* --- What children tell --- */

/* Whether a note is about a connection that its sender has. */
static bool is_its_own(const struct crew *crew, uint32_t number, const struct hand_note *note, pid_t pid)
{
    return pid > 0 && note->id / crew->seats.per_child == number && crew->seats.table[note->id].pid == pid;
}

static void heed(struct crew *crew, uint32_t number, const struct hand_note *note, int64_t now_ms)
{
    struct worker *worker = &crew->workers[number];
    struct seat *seat = &crew->seats.table[note->id];

    switch (note->kind) {
    case HAND_CONFIRM:
        crew->shortage = PAUSE_NONE;
        worker->shut_ms = 0;
        if (seat->fd >= 0) {
            close(seat->fd);
            seat->fd = -1;
            worker->in_flight--;
        }
        break;
    case HAND_REFUSE:
        if (seat->fd < 0)
            break;
        crew->shortage = PAUSE_DESCRIPTORS;
        leave_alone(crew, worker, now_ms);
        seat->tries--;
        unseat(crew, note->id, now_ms);
        break;
    case HAND_CLOSED:
        close_seat(crew, note->id, note->reason < HAND_REASONS ? note->reason : HAND_ERROR, now_ms);
        break;
    default:
        break;
    }
}

/* Read one message. Returns what hand_recv() returns; -ERR_SYNTAX also if a note was about somebody else's connection. */
static int read_notes(struct crew *crew, uint32_t number, int64_t now_ms)
{
    struct hand_note notes[HAND_BATCH];
    pid_t pid = 0;
    int count = hand_recv(crew->workers[number].notes, notes, NULL, NULL, &pid, MSG_DONTWAIT);
    int result = count;

    for (int i = 0; i < count; i++) {
        ledger_note(crew->ledger, &notes[i], pid);
        if (is_its_own(crew, number, &notes[i], pid))
            heed(crew, number, &notes[i], now_ms);
        else
            result = -ERR_SYNTAX;
    }
    return result;
}

static void read_all_notes(struct crew *crew, uint32_t number, int64_t now_ms)
{
    int count;

    do
        count = read_notes(crew, number, now_ms);
    while (count > 0 || count == -ERR_SYNTAX);
}

void crew_read_notes(struct crew *crew, uint32_t number, int64_t now_ms)
{
    int count = read_notes(crew, number, now_ms); /* the door asks again while there are more */

    /* Where children share the notes, one that sends nonsense must not end the others' conversation. */
    if (count == -EAGAIN || (count == -ERR_SYNTAX && !crew->engine->pooled))
        return;
    if (count <= 0)
        distrust(crew, &crew->workers[number]);
}

/* --- Children that end --- */

static void lose_seat(struct crew *crew, uint32_t id, enum hand_reason reason, int64_t now_ms)
{
    if (crew->seats.table[id].fd >= 0)
        unseat(crew, id, now_ms);
    else
        close_seat(crew, id, reason, now_ms);
}

static void lose_worker(struct crew *crew, uint32_t number, int status, int64_t now_ms)
{
    struct worker *worker = &crew->workers[number];
    pid_t pid = worker->pid;

    read_all_notes(crew, number, now_ms); /* its last words count */
    worker_close_notes(worker, crew->epoll);
    worker->pid = 0;
    worker->batch_len = 0;
    if (crew->closing)
        return;
    worker_set_respawn(worker, now_ms - worker->spawned_ms < WORKER_RESPAWN_MS);
    ledger_death(crew->ledger, number, pid, status, worker->conns - worker->in_flight);
    for (uint32_t id = SEAT_NONE; (id = seats_next(&crew->seats, number, id)) != SEAT_NONE;)
        lose_seat(crew, id, HAND_KILLED, now_ms);
}

static void lose_own_child(struct crew *crew, pid_t pid, int status, int64_t now_ms)
{
    read_all_notes(crew, 0, now_ms);
    for (uint32_t id = SEAT_NONE; (id = seats_next(&crew->seats, 0, id)) != SEAT_NONE;) {
        if (crew->seats.table[id].pid == pid) {
            lose_seat(crew, id, WIFSIGNALED(status) ? HAND_KILLED : HAND_ERROR, now_ms);
            return;
        }
    }
}

static void lose(struct crew *crew, pid_t pid, int status, int64_t now_ms)
{
    ledger_exit(crew->ledger, pid, status);
    if (!crew->engine->pooled) {
        lose_own_child(crew, pid, status, now_ms);
        return;
    }
    for (uint32_t i = 0; i < crew->count; i++)
        if (crew->workers[i].pid == pid)
            lose_worker(crew, i, status, now_ms);
}

void crew_reap(struct crew *crew, int64_t now_ms)
{
    pid_t pid;
    int status;

    /* As process 1 this also collects orphans that are nobody's. */
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        lose(crew, pid, status, now_ms);
    if (crew->waiting.len)
        crew->retry_ms = now_ms; /* there may be room for another now */
}

/* --- Time --- */

static int64_t respawn_due(const struct crew *crew, const struct worker *worker)
{
    if (worker->notes >= 0 || crew->closing)
        return INT64_MAX;
    return worker->spawned_ms + worker->respawn_ms;
}

static void replace_worker(struct crew *crew, uint32_t number, int64_t now_ms)
{
    struct worker *worker = &crew->workers[number];
    int error = crew->engine->pooled ? start_worker(crew, number) : open_shared_notes(crew);

    if (error) {
        worker->spawned_ms = now_ms;
        worker_set_respawn(worker, true);
    }
    crew->shortage = error ? shortage_of(error) : PAUSE_NONE;
    crew->retry_ms = now_ms;
}

void crew_tend(struct crew *crew, int64_t now_ms)
{
    for (uint32_t i = 0; i < crew->count; i++) {
        if (respawn_due(crew, &crew->workers[i]) <= now_ms)
            replace_worker(crew, i, now_ms);
        if (crew->workers[i].shut_until_ms && crew->workers[i].shut_until_ms <= now_ms) {
            crew->workers[i].shut_until_ms = 0;
            crew->retry_ms = now_ms;
        }
    }
    if (crew->waiting.len && crew->retry_ms <= now_ms) {
        crew->retry_ms = now_ms + CREW_RETRY_MS;
        place_waiting(crew, now_ms);
    }
}

int64_t crew_due(const struct crew *crew)
{
    int64_t due = crew->waiting.len ? crew->retry_ms : INT64_MAX;

    for (uint32_t i = 0; i < crew->count; i++) {
        const struct worker *worker = &crew->workers[i];
        int64_t respawn = respawn_due(crew, worker);
        if (respawn < due)
            due = respawn;
        if (worker->notes >= 0 && worker->shut_until_ms && worker->shut_until_ms < due)
            due = worker->shut_until_ms;
    }
    return due;
}

void crew_tally(const struct crew *crew, uint32_t worker, struct tally *sum)
{
    for (uint32_t id = SEAT_NONE; (id = seats_next(&crew->seats, worker, id)) != SEAT_NONE;) {
        tally_add(&sum->in, tally_read(&crew->seats.tallies[id].in));
        tally_add(&sum->out, tally_read(&crew->seats.tallies[id].out));
    }
}

/* --- The end --- */

static void end_worker(struct crew *crew, uint32_t number)
{
    struct worker *worker = &crew->workers[number];

    worker_end(worker);
    if (!crew->engine->pooled)
        for (uint32_t id = SEAT_NONE; (id = seats_next(&crew->seats, number, id)) != SEAT_NONE;)
            child_end(crew->seats.table[id].pid);
}

uint32_t crew_cut(struct crew *crew, int64_t now_ms)
{
    const struct tally nothing = {0};
    uint32_t cut = 0;

    crew->closing = true;
    for (uint32_t i = 0; i < crew->count; i++) {
        crew->workers[i].batch_len = 0;
        read_all_notes(crew, i, now_ms);
        end_worker(crew, i);
        read_all_notes(crew, i, now_ms); /* who was done before is not cut off */
        for (uint32_t id = SEAT_NONE; (id = seats_next(&crew->seats, i, id)) != SEAT_NONE; cut++)
            close_seat(crew, id, HAND_DRAIN, now_ms);
    }
    for (; crew->waiting.len > 0; guests_pop(&crew->waiting), cut++) {
        const struct guest *guest = guests_first(&crew->waiting);
        close(guest->fd);
        ledger_close(crew->ledger, guest, SEAT_NONE, &nothing, HAND_DRAIN, NULL, now_ms);
    }
    return cut;
}

void crew_close(struct crew *crew)
{
    int64_t deadline_ms = clock_ms() + CLOSE_PATIENCE_MS;

    crew->closing = true;
    for (uint32_t i = 0; i < crew->count; i++)
        worker_close_notes(&crew->workers[i], crew->epoll);
    for (uint32_t i = 0; i < crew->count; i++) {
        worker_await(&crew->workers[i], deadline_ms);
        end_worker(crew, i);
    }
}
