/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking a name up without waiting for it: in a thread of its own, as getaddrinfo() has no other way.
 *
 * The thread has its own copy of the question and hands the answer over through a pipe; nothing is shared, so that it can
 * be forgotten at any time. It blocks all signals. A host that is written as a number needs neither a thread nor the
 * resolver's files. Elsewhere a thread cannot be had at times, and then this fails: to look the name up in
 * place would be to wait. */
#ifndef YODEL_NET_RESOLVE_H
#define YODEL_NET_RESOLVE_H

#include <pthread.h>
#include <stdbool.h>

#include "net/addr.h"

/* More addresses than this do not come. */
#define RESOLVE_MAX 16

struct resolve {
    int fd; /* -1: nothing is under way */
    bool in_thread;
    pthread_t thread;
};

/* Nothing is under way. */
#define RESOLVE_NONE ((struct resolve){.fd = -1})

/* Begin to look spec up, as addr_resolve_dial() does. Returns 0, or -errno (-EAGAIN: no thread to be had), with nothing
 * under way. */
int resolve_start(struct resolve *resolve, const struct place *spec, enum addr_family family);

/* Readable (POLLIN) once there is an answer; -1 while nothing is under way. */
int resolve_fd(const struct resolve *resolve);

/* The answer, as that of addr_resolve_dial() with at most max addresses, or -EINPROGRESS while there is none. Does not
 * wait. After an answer nothing is under way. */
int resolve_take(struct resolve *resolve, struct addr *addrs, int max);

/* Forget what is under way, if anything is. Does not wait: the thread goes on until the resolver answers it, which can take as long as
 * resolv.conf(5) says, or until the process ends; until then it has one end of a pipe and what getaddrinfo() has. */
void resolve_abandon(struct resolve *resolve);

#endif
