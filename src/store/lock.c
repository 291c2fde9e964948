/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"

void lock_init(struct lock *lock)
{
    lock->fd = -1;
}

void lock_done(struct lock *lock)
{
    if (lock->fd >= 0)
        close(lock->fd);
    lock->fd = -1;
}

int lock_open(struct lock *lock, const char *path)
{
    if (lock->fd >= 0)
        return 0;
    lock->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
    return lock->fd < 0 ? -errno : 0;
}

static struct flock byte_of(short type, int64_t byte)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
}

int lock_take(struct lock *lock, int64_t byte, pid_t *holder)
{
    *holder = 0;
    for (;;) {
        struct flock wanted = byte_of(F_WRLCK, byte);
        if (fcntl(lock->fd, F_SETLK, &wanted) == 0)
            return 0;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EACCES)
            return -errno;
        if (fcntl(lock->fd, F_GETLK, &wanted) < 0)
            return -errno;
        if (wanted.l_type != F_UNLCK) { /* else it was given back in between */
            *holder = wanted.l_pid > 0 ? wanted.l_pid : 0;
            return -ERR_BUSY;
        }
    }
}

void lock_release(struct lock *lock, int64_t byte)
{
    struct flock given = byte_of(F_UNLCK, byte);

    fcntl(lock->fd, F_SETLK, &given);
}
