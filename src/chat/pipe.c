/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "chat/pipe.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/sink.h"
#include "chat/link.h"
#include "chat/stream.h"

/* How often to ask whether the last bytes are acknowledged: the kernel does not tell. */
#define ACK_POLL_MS 5
#define ACK_POLL_MAX_MS 100

/* However short somebody wants to linger: what was sent takes its time over a long way. */
#define LINGER_MIN_MS 1000

#define EXTRA_FDS 3

_Static_assert(PIPE_CHUNK >= 2 * STREAM_RECV_MIN, "a turn takes two frames");

/* One direction. */
struct way {
    uint8_t bytes[PIPE_CHUNK];
    size_t begin, end; /* of what was read and not yet written */
    bool ended;        /* its source */
    bool closed;       /* its destination has been told */
};

struct pump {
    const struct pipe_config *config;
    struct meet *meet;
    struct link link;
    struct stream stream;
    struct person person; /* who the peer is, in private */
    struct way up;        /* standard input to the peer */
    struct way down;      /* the peer to standard output */
    struct sink out;
    struct sink err;
    bool in_ended;     /* standard input, for every peer */
    bool stalled;      /* standard output takes nothing at the moment */
    int64_t shut_ms;   /* when our end of file was sent */
    bool lingers;      /* one direction has ended, and all of it has arrived */
    int64_t linger_ms; /* until when to wait for what is still to come; INT64_MAX: no limit */
    size_t unacked;    /* of what was sent, at the last look */
    size_t refused; /* so many bytes came, and they are the beginning of LOBBY_BUSY; SIZE_MAX: they are not */
    int status;     /* -1: it goes on */
};

/* A status line is no reason to wait: strangers can cause them (chat/lobby). */
__attribute__((format(printf, 2, 3))) static void tell(struct pump *pump, const char *format, ...)
{
    char line[MEET_NEWS_MAX + 2];
    va_list arguments;

    if (pump->config->quiet)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    strcat(line, "\n");
    sink_write(&pump->err, line, strlen(line));
}

/* How the peer is called. */
static const char *name_of(const struct pump *pump)
{
    return pump->link.chan ? pump->person.name : pump->link.name;
}

static bool is_empty(const struct way *way)
{
    return way->begin == way->end;
}

static void fail(struct pump *pump, int status)
{
    if (pump->status < 0)
        pump->status = status;
}

/* The connection is of no use any more. */
static void lose(struct pump *pump, int error)
{
    const struct way *up = &pump->up;
    bool left = pump->down.ended && (error == -EPIPE || error == -ECONNRESET);
    bool missed =
        !is_empty(up) || (pump->link.chan ? stream_unacked(&pump->stream) > 0 : link_missed(&pump->link));
    size_t rest = up->end - up->begin + link_undelivered(&pump->link);

    if (left && !missed && up->ended && (!pump->link.chan || pump->stream.shut)) {
        fail(pump, EXIT_DONE); /* it has left after its last word, and missed none of ours */
        return;
    }
    const char *what = !left    ? "connection lost: "
                       : missed ? "the peer left before it had received everything"
                                : "the peer left before standard input ended";
    const char *why = left ? "" : err_text(error);
    if (rest > 0)
        err_say("%s: %s: %s%s (%zu bytes not delivered)", pump->config->command, name_of(pump), what, why,
                rest);
    else
        err_say("%s: %s: %s%s", pump->config->command, name_of(pump), what, why);
    fail(pump, EXIT_NO_CONNECTION);
}

static void read_input(struct pump *pump)
{
    struct way *way = &pump->up;
    ssize_t count;

    do
        count = read(STDIN_FILENO, way->bytes, stream_send_best(&pump->stream, sizeof way->bytes));
    while (count < 0 && errno == EINTR);
    if (count > 0) {
        way->begin = 0;
        way->end = (size_t)count;
    } else if (count == 0) {
        way->ended = pump->in_ended = true;
    } else if (errno != EAGAIN) {
        err_say("%s: standard input: %s", pump->config->command, err_text(-errno));
        fail(pump, EXIT_SYSTEM);
    }
}

static void send_on(struct pump *pump, int64_t now_ms)
{
    struct way *way = &pump->up;

    if (!is_empty(way)) {
        size_t count = stream_send(&pump->stream, way->bytes + way->begin, way->end - way->begin, now_ms);
        way->begin += count;
    } else if (stream_waits(&pump->stream)) {
        stream_send(&pump->stream, NULL, 0, now_ms);
    }
    if (is_empty(way) && way->ended && !way->closed && !pump->link.broken) {
        stream_shut(&pump->stream, now_ms);
        pump->shut_ms = now_ms;
        way->closed = true;
    }
    if (pump->link.broken && pump->down.ended)
        lose(pump, pump->link.broken);
}

static const char busy_line[] = LOBBY_BUSY "\n";

/* See whether all that has come is what a listener tells whom it turns away. */
static void look_for_refusal(struct pump *pump)
{
    size_t len = pump->down.end;

    if (pump->link.chan)
        return;
    if (pump->refused < sizeof busy_line && len < sizeof busy_line - pump->refused &&
        memcmp(busy_line + pump->refused, pump->down.bytes, len) == 0)
        pump->refused += len;
    else
        pump->refused = SIZE_MAX;
}

static void receive(struct pump *pump, int64_t now_ms)
{
    struct way *way = &pump->down;
    ssize_t count = stream_recv(&pump->stream, way->bytes, sizeof way->bytes, now_ms);

    if (count > 0) {
        way->begin = 0;
        way->end = (size_t)count;
        look_for_refusal(pump);
    } else if (count == 0) {
        way->ended = true;
    } else if (count != -EAGAIN) {
        lose(pump, (int)count);
    }
}

static void write_output(struct pump *pump)
{
    struct way *way = &pump->down;

    pump->stalled = false;
    while (!is_empty(way)) {
        ssize_t count = sink_put(&pump->out, (const char *)way->bytes + way->begin, way->end - way->begin);
        if (count == -EAGAIN) {
            pump->stalled = true;
            return;
        }
        if (count < 0) {
            err_say("%s: standard output: %s", pump->config->command, err_text((int)count));
            fail(pump, EXIT_SYSTEM);
            return;
        }
        way->begin += (size_t)count;
    }
}

/* Who reads standard output may wait for its end. An output that cannot be completed was not written. */
static void end_output(struct pump *pump)
{
    pump->down.closed = true;
    if (pump->meet->keep)
        return;
    if (!pump->up.ended)
        sink_shut(&pump->out);
    int failed = pump->out.fd != STDOUT_FILENO ? close(pump->out.fd) : 0;
    pump->out.fd = -1;
    if ((close(STDOUT_FILENO) < 0 || failed < 0) && errno != EBADF) {
        err_say("%s: standard output: %s", pump->config->command, err_text(-errno));
        fail(pump, EXIT_SYSTEM);
    }
}

/* Our direction has ended when all of it is acknowledged. Until then a limit is one for a peer that takes nothing. */
static void set_linger(struct pump *pump, size_t unacked, int64_t now_ms)
{
    int64_t patience_ms = pump->config->linger_ms;
    bool over = pump->down.closed || (pump->up.closed && unacked == 0);
    bool moves = pump->up.closed && unacked != pump->unacked;

    pump->unacked = unacked;
    if (pump->lingers || !(over || moves) || patience_ms >= INT64_MAX - now_ms)
        return;
    pump->lingers = over;
    if (!over && patience_ms < LINGER_MIN_MS)
        patience_ms = LINGER_MIN_MS;
    pump->linger_ms = now_ms + patience_ms;
}

static void stop_lingering(struct pump *pump)
{
    const struct way *up = &pump->up, *down = &pump->down;
    const char *name = name_of(pump);

    if (is_empty(up) && is_empty(down) && stream_undelivered(&pump->stream) == 0) {
        tell(pump, "%s%s did not end in time", name, up->closed ? "" : ": standard input");
        fail(pump, EXIT_DONE);
        return;
    }
    err_say("%s: %s: not everything was %s in time", pump->config->command, name,
            is_empty(down) ? "received" : "written to standard output");
    fail(pump, EXIT_NO_CONNECTION);
}

static void settle(struct pump *pump, int64_t now_ms)
{
    struct way *up = &pump->up, *down = &pump->down;

    if (down->ended && is_empty(down) && !down->closed) {
        end_output(pump);
        if (pump->refused == sizeof busy_line - 1) {
            err_say("%s: %s: somebody else is talking there (try again later)", pump->config->command,
                    pump->link.name);
            fail(pump, EXIT_REFUSED);
            return;
        }
        if (isatty(STDIN_FILENO))
            up->ended = true;
        if (!up->ended)
            tell(pump, "%s sends no more; waiting for the end of standard input", name_of(pump));
    }
    if (up->closed && down->closed)
        link_check(&pump->link);
    send_on(pump, now_ms);
    if (pump->status >= 0)
        return;
    if (up->closed && down->closed)
        stream_part(&pump->stream, now_ms);
    set_linger(pump, up->closed ? stream_undelivered(&pump->stream) : 0, now_ms);
    if (up->closed && down->closed && stream_unacked(&pump->stream) == 0)
        fail(pump, EXIT_DONE);
    else if (now_ms >= pump->linger_ms)
        stop_lingering(pump);
}

/* Whether there is room for what the peer sends. */
static bool receives(const struct pump *pump)
{
    return is_empty(&pump->down) && (!pump->down.ended || stream_listens(&pump->stream));
}

static int fill_pollfds(const struct pump *pump, struct pollfd *fds)
{
    const struct way *up = &pump->up, *down = &pump->down;
    bool there = pump->link.fd >= 0;
    bool sends = (!is_empty(up) && !pump->link.broken) || stream_waits(&pump->stream);
    /* For standard input; the link can break meanwhile, which needs no event. */
    bool waits = down->ended && !up->closed;
    short events = (short)((receives(pump) ? POLLIN : 0) | (sends ? POLLOUT : 0));

    fds[0] = (struct pollfd){.fd = there && is_empty(up) && !up->ended ? STDIN_FILENO : -1, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = events || waits ? pump->link.fd : -1, .events = events};
    fds[2] = (struct pollfd){.fd = pump->stalled ? pump->out.fd : -1, .events = POLLOUT};
    return EXTRA_FDS;
}

/* When to ask whether our end of file is acknowledged, where something depends on that: soon, and then less often. */
static int64_t ask_again_ms(const struct pump *pump, int64_t now_ms)
{
    bool limited = pump->config->linger_ms != INT64_MAX && !pump->lingers;

    if (!pump->up.closed || !(pump->down.closed || limited))
        return INT64_MAX;
    int64_t pause_ms = ACK_POLL_MS + (now_ms - pump->shut_ms) / 16;
    return now_ms + (pause_ms < ACK_POLL_MAX_MS ? pause_ms : ACK_POLL_MAX_MS);
}

static int64_t wake_ms(const struct pump *pump, int64_t now_ms)
{
    int64_t wake = meet_wake_ms(pump->meet);

    if (pump->link.fd < 0)
        return wake;
    if (pump->link.look_ms < wake)
        wake = pump->link.look_ms;
    if (pump->linger_ms < wake)
        wake = pump->linger_ms;
    bool more = pump->link.broken || stream_has_more(&pump->stream);
    if (more && receives(pump)) /* what has arrived is taken without an event */
        return now_ms;
    int64_t ask_ms = ask_again_ms(pump, now_ms);
    return ask_ms < wake ? ask_ms : wake;
}

static void wait_for(struct pump *pump, struct pollfd *fds)
{
    int64_t now_ms = clock_ms();
    int count = fill_pollfds(pump, fds);

    count += meet_pollfds(pump->meet, fds + count);
    int64_t left_ms = wake_ms(pump, now_ms) - now_ms;
    int timeout = left_ms > INT32_MAX ? -1 : left_ms < 0 ? 0 : (int)left_ms;
    if (poll(fds, (nfds_t)count, timeout) <= 0)
        for (int i = 0; i < count; i++)
            fds[i].revents = 0;
}

static void tell_news(struct pump *pump, int64_t now_ms)
{
    char news[MEET_NEWS_MAX];

    while (meet_news(pump->meet, now_ms, news))
        tell(pump, "%s", news);
}

static void greet(struct pump *pump, struct arrival *arrival, int64_t now_ms)
{
    link_open(&pump->link, arrival->fd, &arrival->peer, pump->config->dead_ms, now_ms);
    if (arrival->chan)
        link_secure(&pump->link, arrival->chan);
    stream_open(&pump->stream, &pump->link, &arrival->early, now_ms);
    buf_done(&arrival->early);
    pump->person = arrival->person;
    const char *trust = !arrival->chan || pump->person.verified || pump->person.self ? "" : ", unverified";
    if (arrival->chan)
        tell(pump, "%s is here (%s%s)", pump->person.name, pump->link.name, trust);
    else if (pump->meet->lobby)
        tell(pump, "%s is here", pump->link.name);
    else
        tell(pump, "connected to %s", pump->link.name);
}

/* Meet the peer, if there is none yet. */
static void meet(struct pump *pump, int64_t now_ms)
{
    struct arrival arrival;
    int result = meet_step(pump->meet, pump->link.fd >= 0, now_ms, &arrival);

    tell_news(pump, now_ms);
    if (result > 0)
        greet(pump, &arrival, now_ms);
    else if (result < 0)
        fail(pump, EXIT_NO_CONNECTION);
}

static void pump_on(struct pump *pump, const struct pollfd *fds, int64_t now_ms)
{
    if (fds[0].revents)
        read_input(pump);
    if (now_ms >= pump->link.look_ms && link_lost(&pump->link, now_ms))
        pump->link.broken = -ERR_TIMEOUT;
    bool more = pump->link.broken || stream_has_more(&pump->stream);
    if ((fds[1].revents & ~POLLOUT || more) && receives(pump))
        receive(pump, now_ms);
    else if (fds[1].revents & POLLERR && pump->down.ended)
        link_check(&pump->link);
    if (pump->status < 0)
        write_output(pump);
    if (pump->status < 0)
        settle(pump, now_ms);
}

/* One peer, from its coming to its leaving. Returns the exit status. */
static int serve(struct pump *pump)
{
    struct pollfd fds[EXTRA_FDS + MEET_POLL_MAX] = {0};

    link_init(&pump->link);
    pump->linger_ms = INT64_MAX;
    pump->lingers = false;
    pump->unacked = 0;
    pump->refused = pump->meet->lobby ? SIZE_MAX : 0;
    pump->status = -1;
    for (
        ;
        ;) { /* the first turn waits for nothing: with a free seat there may be something to tell, or somebody to come in */
        int64_t now_ms = clock_ms();
        meet(pump, now_ms);
        if (pump->link.fd >= 0 &&
            pump->status < 0) /* one who came this moment too: standard input may be over */
            pump_on(pump, fds, now_ms);
        if (pump->status >= 0)
            break;
        wait_for(pump, fds);
    }
    if (pump->link.fd < 0)
        return pump->status;
    if (pump->status == EXIT_DONE && pump->down.ended)
        tell(pump, "%s left", name_of(pump));
    stream_close(&pump->stream);
    if (pump->status == EXIT_DONE) {
        link_close(&pump->link);
    } else {
        link_abort(&pump->link);
    }
    return pump->status;
}

int pipe_run(const struct pipe_config *config, struct meet *meet)
{
    static struct pump pump;
    int status;

    signal(SIGPIPE, SIG_IGN);
    pump.config = config;
    pump.meet = meet;
    sink_open(&pump.out, STDOUT_FILENO);
    sink_open(&pump.err, STDERR_FILENO);
    do {
        pump.down = (struct way){0};
        pump.up = (struct way){.ended = pump.in_ended};
        status = serve(&pump);
    } while (meet->keep && status != EXIT_SYSTEM);
    return status;
}
