/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/dial.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "net/sock.h"

void dial_init(struct dial *dial, const struct addr *addrs, int count, int64_t deadline_ns)
{
    memset(dial, 0, sizeof *dial);
    dial->count = count > DIAL_MAX ? DIAL_MAX : count;
    dial->deadline_ns = deadline_ns;
    dial->winner = -1;
    for (int i = 0; i < dial->count; i++) {
        dial->attempts[i].addr = addrs[i];
        dial->attempts[i].fd = -1;
    }
}

static void drop(struct dial_attempt *attempt)
{
    if (attempt->fd >= 0)
        close(attempt->fd);
    attempt->fd = -1;
}

void dial_abandon(struct dial *dial)
{
    for (int i = 0; i < dial->begun; i++)
        drop(&dial->attempts[i]);
}

static bool met_itself(int fd)
{
    struct addr own, peer;

    return addr_of_socket(fd, &own) == 0 && addr_of_peer(fd, &peer) == 0 && addr_equal(&own, &peer);
}

static void fail(struct dial *dial, struct dial_attempt *attempt, int error, int64_t now_ns)
{
    drop(attempt);
    attempt->error = error;
    dial->next_ns = now_ns;
}

/* The attempt's handshake is over, with error 0 or an errno. Returns whether it won. */
static bool finish(struct dial *dial, struct dial_attempt *attempt, int error, int64_t now_ns)
{
    int64_t done_ns = clock_ns();

    if (error == 0 && met_itself(attempt->fd)) {
        sock_set_abort(attempt->fd, true); /* in TIME_WAIT it would go on holding the port */
        fail(dial, attempt, -ERR_SELF, now_ns);
        return false;
    }
    if (error) {
        fail(dial, attempt, error == ETIMEDOUT ? -ERR_TIMEOUT : -error, now_ns);
        return false;
    }
    dial->winner = (int)(attempt - dial->attempts);
    dial->took_ns = done_ns - attempt->began_ns;
    return true;
}

static bool begin(struct dial *dial, int64_t now_ns)
{
    struct dial_attempt *attempt = &dial->attempts[dial->begun++];
    const int on = 1;

    dial->next_ns = now_ns + DIAL_ATTEMPT_DELAY_MS * NS_PER_MS;
    attempt->fd =
        socket(attempt->addr.sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (attempt->fd < 0 || setsockopt(attempt->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        setsockopt(attempt->fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on) < 0) {
        fail(dial, attempt, -errno, now_ns);
        return false;
    }
    /* The schedule runs on the caller's clock; what is measured starts here, after socket(). */
    attempt->began_ns = clock_ns();
    int error = connect(attempt->fd, &attempt->addr.sa.any, attempt->addr.len) < 0 ? errno : 0;
    if (error == EINPROGRESS || error == EINTR) /* an interrupted connect() goes on by itself */
        return false;
    return finish(dial, attempt, error, now_ns);
}

int dial_pollfds(const struct dial *dial, struct pollfd fds[static DIAL_MAX])
{
    int count = 0;

    for (int i = 0; i < dial->begun; i++)
        if (dial->attempts[i].fd >= 0)
            fds[count++] = (struct pollfd){.fd = dial->attempts[i].fd, .events = POLLOUT};
    return count;
}

static bool is_decided(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};

    return poll(&ready, 1, 0) > 0;
}

/* Look at what is under way. Returns whether one won. */
static bool look(struct dial *dial, int64_t now_ns)
{
    for (int i = 0; i < dial->begun; i++) {
        struct dial_attempt *attempt = &dial->attempts[i];
        int error = 0;
        socklen_t len = sizeof error;

        if (attempt->fd < 0 || !is_decided(attempt->fd))
            continue;
        if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
            error = errno;
        if (finish(dial, attempt, error, now_ns))
            return true;
    }
    return false;
}

static bool under_way(const struct dial *dial)
{
    for (int i = 0; i < dial->begun; i++)
        if (dial->attempts[i].fd >= 0)
            return true;
    return false;
}

/* How little an error tells about the service that was asked for: an address of a family that this
 * machine cannot route says less than a refusal. */
static int vagueness(int error)
{
    static const int telling_first[] = {-ERR_SELF,     -ECONNREFUSED, -ECONNRESET,    -ERR_TIMEOUT,
                                        -EHOSTUNREACH, -ENETUNREACH,  -EADDRNOTAVAIL, -EAFNOSUPPORT};
    int count = (int)(sizeof telling_first / sizeof *telling_first);

    if (error == 0)
        return count + 1;
    for (int i = 0; i < count; i++)
        if (error == telling_first[i])
            return i + 1;
    return 0; /* something of this machine's own, as no descriptors left */
}

static int most_telling(const struct dial *dial)
{
    int error = 0;

    for (int i = 0; i < dial->count; i++)
        if (vagueness(dial->attempts[i].error) < vagueness(error))
            error = dial->attempts[i].error;
    return error ? error : -ERR_TIMEOUT;
}

static int win(struct dial *dial)
{
    int fd = dial->attempts[dial->winner].fd;

    dial->attempts[dial->winner].fd = -1;
    dial_abandon(dial);
    return fd;
}

static int give_up(struct dial *dial, int64_t now_ns)
{
    for (int i = 0; i < dial->begun; i++)
        if (dial->attempts[i].fd >= 0)
            fail(dial, &dial->attempts[i], -ERR_TIMEOUT, now_ns);
    return most_telling(dial);
}

int dial_step(struct dial *dial, int64_t now_ns)
{
    if (look(dial, now_ns))
        return win(dial);
    if (now_ns >= dial->deadline_ns)
        return give_up(dial, now_ns);
    while (dial->begun < dial->count && (now_ns >= dial->next_ns || !under_way(dial)))
        if (begin(dial, now_ns))
            return win(dial);
    return under_way(dial) ? -EINPROGRESS : most_telling(dial);
}

int64_t dial_wake_ns(const struct dial *dial)
{
    if (dial->begun < dial->count && dial->next_ns < dial->deadline_ns)
        return dial->next_ns;
    return dial->deadline_ns;
}
