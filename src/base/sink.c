/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum mode {
    MODE_PLAIN,  /* write() never waits: a regular file, or a description of our own */
    MODE_PIPE,   /* the same, and it takes all of a record or nothing */
    MODE_SHARED, /* write() might wait: a description that is not ours alone */
    MODE_SOCKET,
};

/* How long to wait for the lock at the most: longer than any write that does not wait takes, unless its writer
 * does not get the CPU. */
#define LOCK_PATIENCE_NS (20 * NS_PER_MS)

static void init_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attributes;

    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

/* Open anew what fd is. Returns a descriptor or -1. */
static int reopen(int fd)
{
    static const int flags = O_WRONLY | O_NONBLOCK | O_NOCTTY | O_APPEND | O_CLOEXEC;
    char path[64];

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = open(path, flags);
    /* After su the terminal is still the other user's, and yet the one that controls us. */
    if (own < 0 && isatty(fd) && tcgetsid(fd) == getsid(0))
        own = open("/dev/tty", flags);
    return own;
}

void sink_open(struct sink *sink, int fd)
{
    struct stat status;

    sink->fd = fd;
    sink->held = 0;
    sink->mode = MODE_PLAIN;
    init_lock(&sink->lock);
    if (fstat(fd, &status) < 0 || S_ISREG(status.st_mode))
        return;
    if (S_ISSOCK(status.st_mode)) {
        sink->mode = MODE_SOCKET;
        return;
    }
    int own = reopen(fd);
    if (own >= 0) {
        sink->fd = own;
        sink->mode = S_ISFIFO(status.st_mode) ? MODE_PIPE : MODE_PLAIN;
    } else {
        sink->mode = MODE_SHARED;
    }
}

/* The last resort: whoever shares the description sees O_NONBLOCK for a moment. */
static ssize_t write_toggled(int fd, const char *bytes, size_t len)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -1;
    ssize_t count = write(fd, bytes, len);
    int error = errno;
    fcntl(fd, F_SETFL, flags);
    errno = error;
    return count;
}

/* Newer kernels can be told not to wait (pipes: since Linux 6.4; terminals: never). */
static ssize_t write_shared(int fd, const char *bytes, size_t len)
{
    struct iovec io = {.iov_base = (char *)(uintptr_t)bytes, .iov_len = len};
    ssize_t count = pwritev2(fd, &io, 1, -1, RWF_NOWAIT);

    return count < 0 && (errno == EOPNOTSUPP || errno == ENOSYS) ? write_toggled(fd, bytes, len) : count;
}

ssize_t sink_put(struct sink *sink, const char *bytes, size_t len)
{
    ssize_t count;

    do {
        if (sink->mode == MODE_SOCKET)
            count = send(sink->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        else if (sink->mode == MODE_SHARED)
            count = write_shared(sink->fd, bytes, len);
        else
            count = write(sink->fd, bytes, len);
    } while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count;
}

void sink_shut(struct sink *sink)
{
    if (sink->mode == MODE_SOCKET)
        shutdown(sink->fd, SHUT_WR);
}

static bool lock(struct sink *sink)
{
    struct timespec until;
    int error = pthread_mutex_trylock(&sink->lock);

    if (error == EBUSY) {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += LOCK_PATIENCE_NS;
        until.tv_sec += until.tv_nsec / NS_PER_S;
        until.tv_nsec %= NS_PER_S;
        error = pthread_mutex_timedlock(&sink->lock, &until);
    }
    if (error ==
        EOWNERDEAD) { /* killed in the middle of a record, perhaps: the next begins a line of its own */
        pthread_mutex_consistent(&sink->lock);
        if (sink->held == 0)
            sink->rest[sink->held++] = '\n';
        error = 0;
    }
    return error == 0;
}

static int write_locked(struct sink *sink, const char *record, size_t len)
{
    while (sink->held > 0) {
        ssize_t count = sink_put(sink, sink->rest, sink->held);
        if (count < 0)
            return (int)count;
        memmove(sink->rest, sink->rest + count, sink->held - (size_t)count);
        sink->held -= (size_t)count;
    }
    ssize_t count = sink_put(sink, record, len);
    if (count < 0)
        return (int)count;
    memcpy(sink->rest, record + count, len - (size_t)count);
    sink->held = len - (size_t)count;
    return 0;
}

int sink_write(struct sink *sink, const char *record, size_t len)
{
    if (sink->mode == MODE_PIPE && len <= SINK_RECORD_MAX && sink->held == 0) {
        ssize_t count = sink_put(sink, record, len);
        return count < 0 ? (int)count : 0;
    }
    if (!lock(sink))
        return -EAGAIN;
    int error = write_locked(sink, record, len);
    pthread_mutex_unlock(&sink->lock);
    return error;
}
