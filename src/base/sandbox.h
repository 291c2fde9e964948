/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Giving up what the process will not need again. */
#ifndef YODEL_BASE_SANDBOX_H
#define YODEL_BASE_SANDBOX_H

#include <sys/types.h>

struct sandbox_user {
    uid_t uid;
    gid_t gid;
};

/* Look a user up by name or by number. Returns 0, -ERR_NAME, or -errno. */
int sandbox_find_user(const char *name, struct sandbox_user *user);

/* Become user for good, without supplementary groups. An ordinary user becomes itself without any change. Returns
 * 0 or -errno. */
int sandbox_become(const struct sandbox_user *user);

/* Give up, for this process and its children and for good: all capabilities; new privileges through execve(); with
 * Landlock the whole file system, and as far as the kernel's version knows them binding and
 * connecting TCP sockets, abstract Unix sockets, and signals to and tracing of processes that have not entered with this one.
 * A child that enters again cannot reach its parent any more, nor its siblings.
 * Descriptors that are open go on working. *landlock is the kernel's Landlock version, or 0 where it has none; that is no
 * error. Returns 0 or -errno. */
int sandbox_enter(int *landlock);

#endif
