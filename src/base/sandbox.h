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

/* What a confined process may still do with files of its user. Lists end with NULL; what is not there is left out, so make the folders first. */
struct sandbox_rules {
    const char *const *change; /* folders in which files may be made, written, renamed, removed and read */
    const char *const *read;   /* folders and files that may be read */
};

/* Confine this process and its children for good, and leave it all that a chat needs. With Landlock only these can be opened: what rules
 * names; what is open as descriptors 0 to 2, in the same mode; the terminal, /dev/null, /dev/urandom; and for reading what the C library
 * needs for names (also its modules), time zones and locales, and Readline for the terminal and the user's inputrc. Of /etc that is all for an
 * ordinary user, so that a resolv.conf that replaces today's is found; for root, who could read passwords there, it is single files, and
 * where /etc/resolv.conf is one itself and replaced (a laptop changes its network), names are no longer found.
 * Nothing can be executed, nor typed for the user (base/seccomp.h), no abstract Unix socket outside be reached (the session bus), no other process be traced, nothing gained through set-user-ID
 * programs; root keeps of its capabilities only those that override the permissions of files. Binding, connecting, and signals
 * stay allowed: Ctrl-Z stops the script that we are part of.
 * What is open goes on working. A relative path means what it means now. *landlock is the kernel's Landlock version, or 0 where it has none; that is no
 * error: then only the privileges are given up. Returns 0 or -errno. */
int sandbox_confine(const struct sandbox_rules *rules, int *landlock);

/* Keep what is in memory out of core dumps, and from other processes of the same user. Not inherited through execve(). Returns 0 or
 * -errno. */
int sandbox_keep_secrets(void);

#endif
