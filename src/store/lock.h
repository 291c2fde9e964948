/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which process holds what, told by record locks on single bytes of a file: they end with the process,
 * however it ends, and tell who has them (fcntl(2); locks of open file descriptions do not). They do not
 * protect a process from itself, are not inherited by fork(), and all of them are gone once the process
 * closes any descriptor of the file. */
#ifndef YODEL_STORE_LOCK_H
#define YODEL_STORE_LOCK_H

#include <stdint.h>
#include <sys/types.h>

struct lock {
    int fd; /* -1: not open yet */
};

void lock_init(struct lock *lock);
void lock_done(struct lock *lock);

/* Open the file, and make it (0600) if it is not there. Does nothing if it is open. Returns 0 or -errno. */
int lock_open(struct lock *lock, const char *path);

/* Take byte (0 or more) of the open file. Returns 0, also if this process has it already; -ERR_BUSY, and in
 * *holder the process that has it (0: one that this one cannot see, as in another container); or -errno. */
int lock_take(struct lock *lock, int64_t byte, pid_t *holder);

void lock_release(struct lock *lock, int64_t byte);

#endif
