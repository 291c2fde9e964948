/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/sock.h"

#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <linux/tcp.h> /* the kernel's struct tcp_info: the C library's is older */
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define LISTEN_RETRY_MS 5

static int set_int(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

/* TCP_RTO_MAX_MS, from Linux 6.15: its range is 1 to 120 s. Older kernels always take 120 s. */
#define RTO_MAX_OPTION 44

static void set_longest_pause(int fd, int64_t ms)
{
    set_int(fd, IPPROTO_TCP, RTO_MAX_OPTION, ms < 1000 ? 1000 : ms > 120000 ? 120000 : (int)ms);
}

static int clamp_seconds(int64_t ms)
{
    int64_t seconds = ms / 1000;

    return seconds < 1 ? 1 : seconds > 32767 ? 32767 : (int)seconds; /* MAX_TCP_KEEPIDLE */
}

static int user_timeout(int64_t ms)
{
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

void sock_set_user_timeout(int fd, int64_t dead_ms)
{
    set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, user_timeout(dead_ms));
}

int sock_set_patience(int fd, int64_t dead_ms)
{
    int error = set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, user_timeout(dead_ms));

    if (error || dead_ms == 0)
        return error;
    set_longest_pause(fd, dead_ms / 4);
    if ((error = set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1)) ||
        (error = set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, clamp_seconds(dead_ms / 2))))
        return error;
    return set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, clamp_seconds(dead_ms / 8));
}

static int open_listener(const struct addr *addr, int64_t dead_ms)
{
    int error;
    int fd = socket(addr->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

    if (fd < 0)
        return -errno;
    if ((error = set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1)) ||
        (error = set_int(fd, SOL_SOCKET, SO_OOBINLINE, 1)) ||
        (error = set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1)) || (error = sock_set_patience(fd, dead_ms)))
        goto failed;
    if (addr->sa.any.sa_family == AF_INET6 && (error = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, !addr->dual)))
        goto failed;
    if (bind(fd, &addr->sa.any, addr->len) < 0 || listen(fd, INT_MAX) < 0) {
        error = -errno;
        goto failed;
    }
    return fd;

failed:
    close(fd);
    return error;
}

int sock_listen(struct addr *addr, int64_t dead_ms)
{
    const struct timespec pause = {.tv_nsec = LISTEN_RETRY_MS * NS_PER_MS};
    int64_t deadline = clock_ms() + SOCK_LISTEN_PATIENCE_MS;
    bool dual = addr->dual;
    int fd = open_listener(addr, dead_ms);

    while (fd == -EADDRINUSE && clock_ms() < deadline) {
        nanosleep(&pause, NULL);
        fd = open_listener(addr, dead_ms);
    }
    if (fd < 0)
        return fd;
    int error = addr_of_socket(fd, addr);
    addr->dual = dual;
    if (error) {
        close(fd);
        return error;
    }
    return fd;
}

int sock_progress(int fd, struct sock_progress *progress)
{
    struct tcp_info info;
    socklen_t len = sizeof info;

    memset(&info, 0, sizeof info); /* an older kernel fills in less */
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
        return -errno;
    *progress = (struct sock_progress){
        .received = info.tcpi_bytes_received,
        .acked = info.tcpi_bytes_acked,
        .outstanding = info.tcpi_unacked > 0 || info.tcpi_notsent_bytes > 0,
        .unanswered = info.tcpi_probes > info.tcpi_retransmits ? info.tcpi_probes : info.tcpi_retransmits,
        .unheard_ms = info.tcpi_last_ack_recv,
    };
    return 0;
}

int sock_unacked(int fd)
{
    int unacked = 0;

    return ioctl(fd, SIOCOUTQ, &unacked) == 0 && unacked > 0 ? unacked : 0;
}

int sock_error(int fd)
{
    int error = 0;
    socklen_t len = sizeof error;

    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? errno : error;
}

void sock_set_abort(int fd, bool abort)
{
    struct linger linger = {.l_onoff = abort, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}
