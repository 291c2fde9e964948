/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "echo/gate.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "net/sock.h"

int gate_open(struct gate *gate, struct addr *addrs, int count, int64_t dead_ms)
{
    gate->armed = false;
    for (gate->count = 0; gate->count < count; gate->count++) {
        int fd = sock_listen(&addrs[gate->count], dead_ms);
        if (fd < 0)
            return fd;
        sock_set_abort(fd, true);
        gate->fds[gate->count] = fd;
    }
    return 0;
}

void gate_close(struct gate *gate)
{
    for (int i = 0; i < gate->count; i++)
        close(gate->fds[i]);
    gate->count = 0;
    gate->armed = false;
}

/* Taken out and put in again: what nobody asked for, such as a broken listener, is reported as long as it is in. */
int gate_arm(struct gate *gate, int epoll, bool on)
{
    int error = 0;

    if (on == gate->armed)
        return 0;
    for (int i = 0; i < gate->count && !error; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        if (epoll_ctl(epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, gate->fds[i], &event) < 0 && on)
            error = -errno;
    }
    for (int i = 0; i < gate->count && error; i++)
        epoll_ctl(epoll, EPOLL_CTL_DEL, gate->fds[i], NULL);
    gate->armed = on && !error;
    return error;
}

int gate_accept(const struct gate *gate, int i, int flags, struct addr *peer)
{
    peer->len = sizeof peer->sa.storage;
    int fd = accept4(gate->fds[i], &peer->sa.any, &peer->len, flags);

    return fd < 0 ? -errno : fd;
}

bool gate_lost_one(int error)
{
    static const int errors[] = {ECONNABORTED, EPROTO,     ENETDOWN,    ENOPROTOOPT, EHOSTDOWN, ENONET,
                                 EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH, EPERM,       ETIMEDOUT, ECONNRESET};

    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (error == -errors[i])
            return true;
    return false;
}
