/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
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

/* Write to what others may fill between poll() and write(). Newer kernels can be told not to wait
 * (pipes: since Linux 6.4). */
static ssize_t write_polled(int fd, const char *bytes, size_t len)
{
    struct iovec io = {.iov_base = (char *)(uintptr_t)bytes, .iov_len = len};
    struct pollfd ready = {.fd = fd, .events = POLLOUT};

    if (poll(&ready, 1, 0) == 0) {
        errno = EAGAIN;
        return -1;
    }
    ssize_t count = pwritev2(fd, &io, 1, -1, RWF_NOWAIT);
    return count < 0 && (errno == EOPNOTSUPP || errno == ENOSYS) ? write(fd, bytes, len) : count;
}

/* Write once. Returns the count, or -errno. */
static ssize_t put(struct sink *sink, const char *bytes, size_t len)
{
    ssize_t count;

    do {
        if (sink->mode == MODE_SOCKET)
            count = send(sink->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        else if (sink->mode == MODE_POLLED)
            count = write_polled(sink->fd, bytes, len);
        else
            count = write(sink->fd, bytes, len);
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
