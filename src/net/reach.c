/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/reach.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"

_Static_assert(RESOLVE_MAX >= DIAL_MAX, "as many addresses come as are tried");

void reach_init(struct reach *reach, const struct reach_plan *plan, int64_t now_ns)
{
    memset(reach, 0, sizeof *reach);
    reach->plan = *plan;
    reach->state = REACH_PAUSE;
    reach->next_ns = reach->deadline_ns = now_ns;
    reach->resolve = RESOLVE_NONE;
    dial_init(&reach->dial, NULL, 0, now_ns);
}

void reach_abandon(struct reach *reach)
{
    resolve_abandon(&reach->resolve);
    dial_abandon(&reach->dial);
    reach->state = REACH_OVER;
}

/* Returns 0, -EINPROGRESS before its time, or -errno. */
static int begin_try(struct reach *reach, int64_t now_ns)
{
    if (now_ns < reach->next_ns)
        return -EINPROGRESS;
    reach->deadline_ns = now_ns + reach->plan.timeout_ns;
    dial_init(&reach->dial, NULL, 0, reach->deadline_ns);
    if (resolve_fd(&reach->resolve) < 0) {
        int error = resolve_start(&reach->resolve, &reach->plan.spec, reach->plan.family);
        if (error)
            return error;
    }
    reach->state = REACH_LOOKUP;
    return 0;
}

/* Returns 0 once there are addresses to dial, -EINPROGRESS, or an error. */
static int look_up(struct reach *reach, int64_t now_ns)
{
    struct addr addrs[DIAL_MAX];
    int count = resolve_take(&reach->resolve, addrs, DIAL_MAX);

    if (count == -EINPROGRESS)
        return now_ns < reach->deadline_ns ? -EINPROGRESS : -ERR_TIMEOUT;
    if (count < 0)
        return count;
    dial_init(&reach->dial, addrs, count, reach->deadline_ns);
    reach->state = REACH_DIAL;
    return 0;
}

static int advance(struct reach *reach, int64_t now_ns)
{
    int error;

    if (reach->state == REACH_PAUSE && (error = begin_try(reach, now_ns)) < 0)
        return error;
    if (reach->state == REACH_LOOKUP && (error = look_up(reach, now_ns)) < 0)
        return error;
    return dial_step(&reach->dial, now_ns);
}

/* Networks, names, and what all processes share (ENFILE, ENOBUFS, EAGAIN: threads, EADDRNOTAVAIL: ports) can be there a
 * moment later. */
static bool is_lasting(int error)
{
    static const int lasting[] = {-EMFILE, -ENOMEM, -EPERM, -EINVAL, -EAFNOSUPPORT, -EPROTONOSUPPORT};

    for (size_t i = 0; i < sizeof lasting / sizeof *lasting; i++)
        if (error == lasting[i])
            return true;
    return false;
}

/* Whether the try that failed with error could end otherwise: one address that may be there later is enough. */
static bool has_hope(const struct dial *dial, int error)
{
    if (!is_lasting(error))
        return true;
    for (int i = 0; i < dial->count; i++)
        if (dial->attempts[i].error && !is_lasting(dial->attempts[i].error))
            return true;
    return false;
}

static int64_t pause_ns(int tries)
{
    int64_t ms = REACH_PAUSE_FIRST_MS;

    while (--tries > 0 && ms < REACH_PAUSE_MAX_MS)
        ms *= 2;
    return ms * NS_PER_MS;
}

/* Returns -EINPROGRESS if there is to be another try, else error. */
static int fail(struct reach *reach, int error, int64_t now_ns)
{
    reach->tries++;
    reach->error = error;
    reach->expired = now_ns >= reach->deadline_ns;
    if (!reach->plan.retry || !has_hope(&reach->dial, error)) {
        reach_abandon(reach);
        return error;
    }
    reach->state = REACH_PAUSE;
    reach->next_ns = now_ns + pause_ns(reach->tries);
    return -EINPROGRESS;
}

static int succeed(struct reach *reach, int fd)
{
    reach->state = REACH_OVER;
    if (addr_of_peer(fd, &reach->peer) < 0) /* it is gone again; 0.0.0.0 leads to 127.0.0.1, so ask first */
        reach->peer = reach->dial.attempts[reach->dial.winner].addr;
    return fd;
}

int reach_step(struct reach *reach, int64_t now_ns)
{
    int result = advance(reach, now_ns);

    if (result >= 0)
        return succeed(reach, result);
    return result == -EINPROGRESS ? result : fail(reach, result, now_ns);
}

int reach_pollfds(const struct reach *reach, struct pollfd fds[static REACH_POLL_MAX])
{
    if (reach->state == REACH_DIAL)
        return dial_pollfds(&reach->dial, fds);
    if (reach->state != REACH_LOOKUP)
        return 0;
    fds[0] = (struct pollfd){.fd = resolve_fd(&reach->resolve), .events = POLLIN};
    return 1;
}

int64_t reach_wake_ns(const struct reach *reach)
{
    if (reach->state == REACH_PAUSE)
        return reach->next_ns;
    return reach->state == REACH_DIAL ? dial_wake_ns(&reach->dial) : reach->deadline_ns;
}

int reach_wait(struct reach *reach, int wake_fd)
{
    struct pollfd fds[REACH_POLL_MAX + 1];

    for (;;) {
        int64_t now_ns = clock_ns();
        int result = reach_step(reach, now_ns);
        if (result != -EINPROGRESS)
            return result;
        int count = reach_pollfds(reach, fds);
        fds[count] = (struct pollfd){.fd = wake_fd, .events = POLLIN};
        int64_t left_ns = reach_wake_ns(reach) - now_ns;
        struct timespec timeout = {.tv_sec = left_ns / NS_PER_S, .tv_nsec = left_ns % NS_PER_S};
        if (ppoll(fds, (nfds_t)count + 1, left_ns > 0 ? &timeout : &(struct timespec){0}, NULL) > 0 &&
            fds[count].revents) {
            reach_abandon(reach);
            return -EINTR;
        }
    }
}
