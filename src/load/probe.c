/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "load/probe.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "load/schedule.h"

#define PIECE 65536      /* received at once */
#define PIECES_A_TURN 16 /* before sending has its turn */

#define BURST 16 /* messages begun before receiving has its turn */

/* A sender that is later than this, though the peer reads, is too slow for its schedule or had been stopped. */
#define BEHIND_MAX_NS (100 * NS_PER_MS)

struct probe {
    int fd, wake_fd;
    const struct probe_plan *plan;
    const struct probe_listener *listener;
    struct outcome *outcome;
    struct flow flow;
    struct schedule schedule;
    bool held;                /* the last turn ended with nothing more to be begun, because of the peer */
    int64_t blocked_until_ns; /* what was due before was held up by the peer */
    int64_t stop_ns;          /* when the grace for the last replies is over; INT64_MAX: still sending */
    enum probe_end stop_end;  /* why the sending stopped */
    bool stray_told, foreign_told;
    bool over;
    enum probe_end end;
    int error;
    uint8_t bytes[PIECE];
};

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The first end counts: what follows from it is no news. */
static void end_run(struct probe *p, enum probe_end end, int error)
{
    if (p->over)
        return;
    p->over = true;
    p->end = end;
    p->error = error;
}

static void heed(struct probe *p, int listener_result)
{
    if (listener_result < 0)
        end_run(p, PROBE_MUTE, listener_result);
}

static void settle(struct probe *p, int64_t now_ns)
{
    if (flow_waiting(&p->flow) == 0)
        schedule_settled(&p->schedule, now_ns);
}

static void tell_foreign(struct probe *p)
{
    size_t len = p->flow.first_seen < FLOW_FIRST ? p->flow.first_seen : FLOW_FIRST;

    if (p->foreign_told || !flow_foreign(&p->flow))
        return;
    p->foreign_told = true;
    heed(p, p->listener->foreign(p->listener->context, p->flow.first, len));
}

static void take_reply(struct probe *p, const struct flow_reply *reply, int64_t now_ns)
{
    int64_t rtt_ns = now_ns - reply->start_ns;

    outcome_reply(p->outcome, rtt_ns, p->plan->wait_ns, reply->wrong);
    heed(p, p->listener->reply(p->listener->context, reply, rtt_ns, rtt_ns > p->plan->wait_ns));
    settle(p, now_ns);
    tell_foreign(p);
}

static void take_stray(struct probe *p, const uint8_t *bytes, size_t len)
{
    p->outcome->stray_bytes += len;
    if (p->stray_told)
        return;
    p->stray_told = true;
    heed(p, p->listener->stray(p->listener->context, bytes, len, p->outcome->sent == 0));
}

static void take(struct probe *p, size_t len, int64_t now_ns)
{
    struct flow_reply reply;

    for (size_t taken = 0; taken < len;) {
        size_t count = flow_input(&p->flow, p->bytes + taken, len - taken, &reply);
        if (reply.event == FLOW_REPLY)
            take_reply(p, &reply, now_ns);
        else if (reply.event == FLOW_STRAY)
            take_stray(p, p->bytes + taken, count);
        taken += count;
    }
}

static bool is_complete(const struct probe *p)
{
    return schedule_over(&p->schedule) && flow_waiting(&p->flow) == 0;
}

/* The connection is over: that is no loss if it has done its work. */
static void part(struct probe *p, enum probe_end end, int error)
{
    end_run(p, is_complete(p) ? PROBE_COUNT : end, error);
}

static void lose(struct probe *p, int error)
{
    if (error == ECONNRESET)
        part(p, PROBE_RESET, -error);
    else if (error == EPIPE) /* we sent after it had closed, and it had told us */
        part(p, PROBE_CLOSED, -error);
    else
        part(p, PROBE_BROKEN, -error);
}

static void receive(struct probe *p)
{
    for (int i = 0; i < PIECES_A_TURN; i++) {
        ssize_t count = recv(p->fd, p->bytes, sizeof p->bytes, MSG_DONTWAIT);
        int64_t now_ns = clock_ns();
        if (count > 0) {
            take(p, (size_t)count, now_ns);
        } else if (count == 0) {
            part(p, PROBE_CLOSED, 0);
            return;
        } else if (errno != EINTR) {
            if (errno != EAGAIN)
                lose(p, errno);
            return;
        }
    }
}

/* Send what can be sent of the message that began. */
static void push(struct probe *p)
{
    const uint8_t *bytes;
    size_t len;

    while ((len = flow_output(&p->flow, &bytes)) > 0) {
        ssize_t count = send(p->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count >= 0) {
            flow_sent(&p->flow, (size_t)count);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            lose(p, errno);
            receive(p); /* what came before the end is still there */
            return;
        }
    }
}

static bool may_begin(const struct probe *p, int64_t now_ns)
{
    return !p->over && p->stop_ns == INT64_MAX && schedule_due_ns(&p->schedule) <= now_ns;
}

static void begin(struct probe *p)
{
    int64_t due_ns = schedule_due_ns(&p->schedule);

    flow_begin(&p->flow, schedule_take(&p->schedule));
    p->outcome->sent++;
    p->stray_told = false;
    flow_stamp(&p->flow, due_ns < p->blocked_until_ns ? due_ns : clock_ns());
    push(p);
}

/* Messages that were due and could not begin within the wait never will. */
static void drop_held(struct probe *p, int64_t now_ns)
{
    while (may_begin(p, now_ns) && now_ns - schedule_due_ns(&p->schedule) > p->plan->wait_ns) {
        uint64_t seq = schedule_take(&p->schedule);
        p->outcome->unsent++;
        heed(p, p->listener->missed(p->listener->context, seq, false));
        schedule_settled(&p->schedule, now_ns);
    }
}

/* Do not make up for what the sender itself is to blame for: the burst would measure nothing but the burst. */
static void skip_missed(struct probe *p, int64_t now_ns)
{
    int64_t due_ns = schedule_due_ns(&p->schedule);

    if (due_ns >= p->blocked_until_ns && now_ns - due_ns > BEHIND_MAX_NS)
        p->outcome->skipped += schedule_skip(&p->schedule, now_ns);
}

static void send_due(struct probe *p)
{
    int64_t now_ns = clock_ns();

    if (p->held)
        p->blocked_until_ns = now_ns;
    push(p);
    for (int i = 0; i < BURST && flow_ready(&p->flow) && may_begin(p, now_ns); i++) {
        skip_missed(p, now_ns);
        begin(p);
        now_ns = clock_ns();
    }
    p->held = !flow_ready(&p->flow);
    if (p->held)
        drop_held(p, now_ns);
}

static void expire(struct probe *p)
{
    int64_t now_ns = clock_ns();
    uint64_t seq;

    while (!p->over && flow_expire(&p->flow, now_ns - p->plan->wait_ns, &seq)) {
        heed(p, p->listener->missed(p->listener->context, seq, true));
        settle(p, now_ns);
        tell_foreign(p);
    }
}

/* Send no more, and wait a little for what can still come: a message that left this moment is not lost. */
static void stop(struct probe *p, enum probe_end end)
{
    int64_t grace_ns = earlier(2 * p->outcome->rtt->max_ns, PROBE_GRACE_MAX_NS);

    int64_t now_ns = clock_ns();

    if (!p->held)
        skip_missed(p, now_ns);
    p->stop_ns = now_ns + grace_ns;
    p->stop_end = end;
}

static void interrupt(struct probe *p)
{
    struct signalfd_siginfo record;
    ssize_t count = read(p->wake_fd, &record, sizeof record);

    (void)count; /* whatever it was, it was to end this */
    if (p->stop_ns == INT64_MAX)
        stop(p, PROBE_INTERRUPTED);
    else
        end_run(p, p->stop_end, 0);
}

/* Whether the run is over for a reason of its own. */
static void check_end(struct probe *p)
{
    int64_t now_ns = clock_ns();

    if (is_complete(p))
        end_run(p, PROBE_COUNT, 0);
    else if (p->stop_ns == INT64_MAX && now_ns >= p->plan->deadline_ns)
        stop(p, PROBE_DEADLINE);
    if (p->stop_ns != INT64_MAX && (now_ns >= p->stop_ns || flow_waiting(&p->flow) == 0))
        end_run(p, p->stop_end, 0);
}

static int64_t wake_ns(const struct probe *p)
{
    int64_t wait_ns = p->plan->wait_ns + 1;
    int64_t due_ns = schedule_due_ns(&p->schedule);
    int64_t oldest_ns = flow_oldest_ns(&p->flow);
    int64_t wake = p->stop_ns != INT64_MAX ? p->stop_ns : p->plan->deadline_ns;

    if (oldest_ns != INT64_MAX)
        wake = earlier(wake, oldest_ns + wait_ns);
    if (p->stop_ns != INT64_MAX || due_ns == SCHEDULE_NEVER)
        return wake;
    return earlier(wake, flow_ready(&p->flow) ? due_ns : due_ns + wait_ns);
}

static void pause_until(struct probe *p, int64_t wake)
{
    const uint8_t *bytes;
    short events = flow_output(&p->flow, &bytes) > 0 ? POLLIN | POLLOUT : POLLIN;
    const struct probe_listener *listener = p->listener;
    struct pollfd fds[] = {{.fd = p->fd, .events = events},
                           {.fd = p->wake_fd, .events = POLLIN},
                           {.fd = listener->pending(listener->context), .events = POLLOUT}};
    int64_t left_ns = wake - clock_ns();
    struct timespec timeout = {0};

    if (left_ns > 0)
        timeout = (struct timespec){.tv_sec = left_ns / NS_PER_S, .tv_nsec = left_ns % NS_PER_S};
    if (ppoll(fds, 3, wake == INT64_MAX ? NULL : &timeout, NULL) <= 0)
        return;
    if (fds[1].revents)
        interrupt(p);
    if (fds[2].revents)
        heed(p, listener->flush(listener->context));
}

static void loop(struct probe *p)
{
    for (;;) {
        receive(p);
        expire(p);
        if (!p->over)
            check_end(p);
        if (!p->over)
            send_due(p);
        if (!p->over)
            check_end(p); /* also when the last was given up just now */
        if (p->over)
            return;
        pause_until(p, wake_ns(p));
    }
}

enum probe_end probe_run(int fd, int wake_fd, const struct probe_plan *plan,
                         const struct probe_listener *listener, struct outcome *outcome, int *error)
{
    struct probe *p = calloc(1, sizeof *p);

    if (!p || flow_init(&p->flow, plan->size, plan->key, PROBE_OUTSTANDING_MAX) < 0) {
        err_say("out of memory");
        exit(EXIT_SYSTEM);
    }
    int64_t start_ns = clock_ns();
    p->fd = fd;
    p->wake_fd = wake_fd;
    p->plan = plan;
    p->listener = listener;
    p->outcome = outcome;
    p->stop_ns = INT64_MAX;
    schedule_init(&p->schedule, plan->interval_ns, plan->count, start_ns);
    loop(p);
    outcome->elapsed_ns += clock_ns() - start_ns;
    tell_foreign(p);
    enum probe_end end = p->end;
    *error = p->error;
    flow_done(&p->flow);
    free(p);
    return end;
}
