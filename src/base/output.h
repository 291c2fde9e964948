/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An output that a program with a loop of its own writes to: what a reader does not take at once waits in a queue, so
 * that neither the work nor a signal waits for the reader. Nothing is dropped: when the queue is full, it is the caller's
 * turn to wait. */
#ifndef YODEL_BASE_OUTPUT_H
#define YODEL_BASE_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

struct output;

/* On fd, which stays the caller's, with room for max bytes to wait. The caller ignores SIGPIPE, and nobody else of this
 * process writes there. output_free(NULL) is fine; it drops what still waits. */
struct output *output_new(int fd, size_t max);
void output_free(struct output *output);

/* Append len bytes (at most max), whole or not at all, and write what can be written. Returns 0; -EAGAIN if there is no
 * room; another -errno if the output has failed. */
int output_write(struct output *output, const void *bytes, size_t len);

/* Write what waits. Returns 0 when all of it is out, -EAGAIN when some still waits, or another -errno. */
int output_flush(struct output *output);

/* Drop what waits. */
void output_clear(struct output *output);

/* How many bytes wait. */
size_t output_waiting(const struct output *output);

/* The descriptor to poll for POLLOUT before the next output_flush(); -1: nothing waits. */
int output_fd(const struct output *output);

/* Block until some of what waits can be written. Returns 0; -EINTR once wake_fd is readable, which is not read;
 * -ERR_TIMEOUT at deadline_ns on clock_ns()'s clock (INT64_MAX: none). */
int output_wait(const struct output *output, int wake_fd, int64_t deadline_ns);

#endif
