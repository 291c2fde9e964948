/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Landlock (landlock(7)): a process gives up the file system for itself and its children, but for what it names first. A kernel
 * without it allows all. */
#ifndef YODEL_BASE_LANDLOCK_H
#define YODEL_BASE_LANDLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct landlock {
    int version;    /* the kernel's; 0: it has none */
    int fd;         /* the rules, or -1 */
    uint64_t files; /* rights that are withdrawn where no rule gives them back */
};

/* What may be done with a path: a file, or a folder and all that is in it. */
enum landlock_right {
    LANDLOCK_READ = 1,   /* read files, list folders */
    LANDLOCK_WRITE = 2,  /* write to files that are there */
    LANDLOCK_MAKE = 4,   /* make, rename and remove regular files */
    LANDLOCK_DEVICE = 8, /* ioctl() on a device that is opened from now on */
};

/* Begin with nothing allowed. lone: no TCP socket may be bound or connected either, and no process outside be signalled, as
 * far as the kernel's version knows that. Abstract Unix sockets outside cannot be reached in either case. Returns 0 (also
 * where the kernel has no Landlock) or -errno. */
int landlock_begin(struct landlock *landlock, bool lone);

/* Allow rights (or'ed) on path, which is followed to where it leads now: what takes its place later is something else, unless it stands
 * in a folder that is allowed. What is not there is left out. Returns 0 or -errno. */
int landlock_allow(struct landlock *landlock, const char *path, unsigned rights);

/* The same for what is open as fd. Pipes and sockets need no rule. */
int landlock_allow_fd(struct landlock *landlock, int fd, unsigned rights);

/* From now on, and for good. Needs no_new_privs (prctl(2)). Returns 0 or -errno; begin again in both cases. */
int landlock_end(struct landlock *landlock);

#endif
