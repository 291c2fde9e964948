/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The classic engine: a child per connection, blocking receives and sends. It holds one descriptor besides
 * its notes and dies with its client. Timeouts are those of the socket (SO_RCVTIMEO, SO_SNDTIMEO). */
#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "echo/conn.h"
#include "echo/engine.h"

/* Half of what conn.h allows: as fast, and a child that waits for a slow reader has its input twice, here and in its
 * conn. */
#define INPUT_MAX (CONN_INPUT_MAX / 2)

/* How often to ask whether the peer has acknowledged the end. */
#define LINGER_POLL_MIN_MS 1
#define LINGER_POLL_MAX_MS 250

struct client {
    const struct engine_job *job;
    int fd;
    struct conn conn;
    struct watch watch;
    struct tally *tally;
    int64_t interval_ms;
    int64_t receive_timeout_ms; /* as the socket has it; 0 is for ever */
    bool busy;                  /* there was traffic since it was last found settled */
};

/* The connection is over: what run() must tell. -1: it goes on. */
#define GOES_ON (-1)

static void set_timeout(int fd, int option, int64_t ms)
{
    struct timeval time = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    setsockopt(fd, SOL_SOCKET, option, &time, sizeof time);
}

/* How long the next receive may sleep: until there is something to look at. */
static void set_receive_timeout(struct client *client)
{
    const struct watch_rules *rules = client->job->rules;
    int64_t ms = 0;

    if (client->busy && client->interval_ms != INT64_MAX) {
        ms = client->interval_ms;
    } else if (rules->idle_ms) {
        ms = client->watch.active_ms + rules->idle_ms - clock_ms();
        if (ms < 1)
            ms = 1;
    }
    if (ms != client->receive_timeout_ms)
        set_timeout(client->fd, SO_RCVTIMEO, ms);
    client->receive_timeout_ms = ms;
}

static int look(struct client *client)
{
    switch (watch_look(&client->watch, client->job->rules, client->fd, clock_ms())) {
    case WATCH_IDLE:
        return HAND_IDLE;
    case WATCH_DEAD:
        return HAND_DEAD;
    case WATCH_SETTLED:
        client->busy = false;
        return GOES_ON;
    default:
        return GOES_ON;
    }
}

/* After a receive or send that returned -1. */
static int failed(struct client *client)
{
    if (errno == EAGAIN)
        return look(client);
    return errno == EINTR ? GOES_ON : (int)hand_reason_of(errno);
}

static int receive_and_send(struct client *client)
{
    static uint8_t buffer[INPUT_MAX];
    const struct engine_job *job = client->job;

    set_receive_timeout(client);
    ssize_t got = recv(client->fd, buffer, sizeof buffer, 0);
    if (got < 0)
        return failed(client);
    client->busy = true;
    if (got == 0) {
        conn_input_end(&client->conn);
        return GOES_ON;
    }
    if (job->print)
        print_bytes(job->print, &job->take.host, job->take.port, tally_read(&client->tally->in), buffer,
                    (size_t)got);
    tally_add(&client->tally->in, (uint64_t)got);
    ssize_t sent = send(client->fd, buffer, (size_t)got, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
        if (errno != EAGAIN)
            return failed(client);
        sent = 0;
    }
    tally_add(&client->tally->out, (uint64_t)sent);
    if (conn_input(&client->conn, buffer, (size_t)got, (size_t)sent) < 0)
        return HAND_ERROR;
    return GOES_ON;
}

static int send_rest(struct client *client)
{
    const uint8_t *bytes = NULL;
    size_t len = conn_output(&client->conn, &bytes);
    ssize_t sent = send(client->fd, bytes, len, MSG_NOSIGNAL);

    if (sent < 0)
        return failed(client);
    tally_add(&client->tally->out, (uint64_t)sent);
    conn_sent(&client->conn, (size_t)sent);
    return conn_want(&client->conn) == CONN_WRITE ? look(client) : GOES_ON;
}

/* Everything went out and the peer has ended: stay until it has acknowledged all (epoll.c tells why). */
static int linger(struct client *client)
{
    int64_t pause_ms = LINGER_POLL_MIN_MS;
    int64_t look_at_ms = clock_ms();

    if (!sock_unacked(client->fd) || shutdown(client->fd, SHUT_WR) < 0)
        return HAND_EOF;
    for (;;) {
        int error = sock_error(client->fd);
        if (error)
            return (int)hand_reason_of(error);
        if (!sock_unacked(client->fd))
            return HAND_EOF;
        if (client->interval_ms != INT64_MAX && clock_ms() >= look_at_ms) {
            int over = look(client);
            if (over != GOES_ON)
                return over;
            look_at_ms = clock_ms() + client->interval_ms;
        }
        struct timespec pause = {.tv_nsec = pause_ms * NS_PER_MS};
        nanosleep(&pause, NULL);
        pause_ms = pause_ms * 2 < LINGER_POLL_MAX_MS ? pause_ms * 2 : LINGER_POLL_MAX_MS;
    }
}

static enum hand_reason serve(struct client *client)
{
    for (;;) {
        int over = GOES_ON;
        switch (conn_want(&client->conn)) {
        case CONN_READ:
            over = receive_and_send(client);
            break;
        case CONN_WRITE:
            over = send_rest(client);
            break;
        case CONN_DONE:
            over = linger(client);
            break;
        }
        if (over != GOES_ON)
            return (enum hand_reason)over;
    }
}

static int run(const struct engine_job *job)
{
    struct client client = {
        .job = job,
        .fd = job->fd,
        .tally = &job->tallies[job->take.id - job->first],
        .interval_ms = watch_interval_ms(job->rules),
    };
    struct hand_note note = {.id = job->take.id, .kind = HAND_CONFIRM};

    if (hand_send(job->notes, &note, NULL, 1, 0) < 0)
        return EXIT_SYSTEM;
    conn_init(&client.conn);
    watch_init(&client.watch, clock_ms());
    if (client.interval_ms != INT64_MAX)
        set_timeout(client.fd, SO_SNDTIMEO, client.interval_ms);

    note.kind = HAND_CLOSED;
    note.reason = (uint8_t)serve(&client);
    conn_done(&client.conn);
    engine_close(client.fd, note.reason);
    return hand_send(job->notes, &note, NULL, 1, 0) < 0 ? EXIT_SYSTEM : EXIT_DONE;
}

const struct engine engine_fork = {.name = "fork", .pooled = false, .run = run};
