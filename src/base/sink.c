/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum mode {
    MODE_PLAIN,  /* write() never waits: a regular file, or a description of our own */
    MODE_POLLED, /* write() might wait: ask first */
    MODE_SOCKET,
};

void sink_open(struct sink *sink, int fd)
{
    struct stat status;
    char path[64];

    sink->fd = fd;
    sink->held = 0;
    sink->mode = MODE_PLAIN;
    if (fstat(fd, &status) < 0 || S_ISREG(status.st_mode))
        return;
    if (S_ISSOCK(status.st_mode)) {
        sink->mode = MODE_SOCKET;
        return;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_APPEND | O_CLOEXEC);
    if (own >= 0)
        sink->fd = own;
    else
        sink->mode = MODE_POLLED;
}

/* Write once. Returns the count, or -errno. */
static ssize_t put(struct sink *sink, const char *bytes, size_t len)
{
    ssize_t count;

    if (sink->mode == MODE_POLLED) {
        struct pollfd ready = {.fd = sink->fd, .events = POLLOUT};
        if (poll(&ready, 1, 0) == 0)
            return -EAGAIN;
    }
    do {
        count = sink->mode == MODE_SOCKET ? send(sink->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL)
                                          : write(sink->fd, bytes, len);
    } while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count;
}

int sink_write(struct sink *sink, const char *record, size_t len)
{
    while (sink->held > 0) {
        ssize_t count = put(sink, sink->rest, sink->held);
        if (count < 0)
            return (int)count;
        sink->held -= (size_t)count;
        memmove(sink->rest, sink->rest + count, sink->held);
    }
    ssize_t count = put(sink, record, len);
    if (count < 0)
        return (int)count;
    sink->held = len - (size_t)count;
    memcpy(sink->rest, record + count, sink->held);
    return 0;
}
