/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Standard output or standard error as a place where whole records go and nobody waits.
 *
 * O_NONBLOCK belongs to the open file description, which a terminal or a pipe shares with the
 * shell and with other programs; setting it there breaks them. A sink therefore opens the file
 * anew, through /proc/self/fd or as /dev/tty, with a description of its own. Where that is impossible (a container's
 * pipe, a terminal that is neither ours nor our user's) each write is told not to wait, if need be by O_NONBLOCK for its
 * duration. Sockets get MSG_DONTWAIT; regular files are written as they are.
 *
 * Several processes may write to one sink that lies in memory they share: records never mix. A terminal or a socket
 * may take only part of a record; the rest is kept, and goes first, whoever writes next. */
#ifndef YODEL_BASE_SINK_H
#define YODEL_BASE_SINK_H

#include <limits.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/types.h>

/* Records up to this length reach a pipe in one piece, whoever else writes to it (pipe(7)). */
#define SINK_RECORD_MAX PIPE_BUF

/* Records up to this length reach it in one piece as long as nobody else writes longer ones than SINK_RECORD_MAX. */
#define SINK_LONG_MAX 32768

struct sink {
    int fd;
    int mode;             /* of sink.c */
    pthread_mutex_t lock; /* of what follows */
    size_t held;          /* bytes in rest: the end of a record that was only begun */
    char rest[SINK_LONG_MAX];
};

/* Make a sink of an open descriptor, which stays the caller's. Call it before the sandbox closes:
 * afterwards files cannot be opened. Never fails: see above. */
void sink_open(struct sink *sink, int fd);

/* Write one record of 1 to SINK_LONG_MAX bytes, whole or not at all, without waiting (for longer than another process
 * needs for its own write). Returns 0; -EAGAIN if there is no room now; another -errno if the other end is gone (the
 * caller ignores SIGPIPE) or the disk is full. */
int sink_write(struct sink *sink, const char *record, size_t len);

/* Write what goes of len bytes (1 or more) without waiting, for a caller who keeps the rest itself and is the only one to
 * write here. Returns how many went (1 to len), or an error as above. */
ssize_t sink_put(struct sink *sink, const char *bytes, size_t len);

/* Where it is a socket, tell the reader that nothing more comes; others who have the socket cannot write to it any more
 * either. */
void sink_shut(struct sink *sink);

#endif
