/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "echo/worker.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "echo/child.h"

void worker_init(struct worker *worker)
{
    *worker = (struct worker){.notes = -1, .child_notes = -1, .respawn_ms = WORKER_RESPAWN_MS};
}

int worker_open_notes(struct worker *worker, int epoll, uint32_t key, int *child_end)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = key};
    int error = hand_pair(&worker->notes, child_end);

    if (error)
        return error;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, worker->notes, &event) == 0)
        return 0;
    error = -errno;
    close(*child_end);
    *child_end = -1;
    close(worker->notes);
    worker->notes = -1;
    return error;
}

void worker_close_notes(struct worker *worker, int epoll)
{
    if (worker->notes >= 0) {
        epoll_ctl(epoll, EPOLL_CTL_DEL, worker->notes, NULL);
        close(worker->notes);
    }
    if (worker->child_notes >= 0)
        close(worker->child_notes);
    worker->notes = worker->child_notes = -1;
}

void worker_set_respawn(struct worker *worker, bool failed)
{
    int64_t longer = worker->respawn_ms * 2;

    worker->respawn_ms = !failed                          ? WORKER_RESPAWN_MS
                         : longer < WORKER_RESPAWN_MAX_MS ? longer
                                                          : WORKER_RESPAWN_MAX_MS;
}

void worker_shut(struct worker *worker, int64_t now_ms)
{
    int64_t longer = worker->shut_ms * 2;

    worker->shut_ms = longer < WORKER_SHUT_MIN_MS   ? WORKER_SHUT_MIN_MS
                      : longer > WORKER_SHUT_MAX_MS ? WORKER_SHUT_MAX_MS
                                                    : longer;
    worker->shut_until_ms = now_ms + worker->shut_ms;
}

void worker_await(struct worker *worker, int64_t deadline_ms)
{
    const struct timespec pause = {.tv_nsec = NS_PER_MS};

    while (worker->pid > 0 && clock_ms() < deadline_ms) {
        pid_t pid = waitpid(worker->pid, NULL, WNOHANG);
        if (pid == 0)
            nanosleep(&pause, NULL);
        else
            worker->pid = 0;
    }
}

void worker_end(struct worker *worker)
{
    if (worker->pid > 0)
        child_end(worker->pid);
    worker->pid = 0;
}
