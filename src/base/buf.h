/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes on their way from one place to another: appended at the end, taken from the front, in one piece in between.
 *
 * Grows as needed up to a hard maximum; once it is empty it gives back what it had beyond BUF_KEEP. Appending and
 * consuming take a time that is linear in the bytes that pass through, however small the steps: for that, what is
 * allocated may be one and a half times the maximum. Running out of memory ends the process with a message. */
#ifndef YODEL_BASE_BUF_H
#define YODEL_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

/* What an empty buffer keeps allocated at most. */
#define BUF_KEEP ((size_t)64 << 10)

struct buf {
    uint8_t *bytes; /* size bytes, or NULL; those from begin to end are in use */
    size_t begin;
    size_t end;
    size_t size;
    size_t max; /* of what is in use */
};

/* Set up an empty buffer for at most max bytes (1 to SIZE_MAX / 4). Allocates nothing yet. */
void buf_init(struct buf *buf, size_t max);

/* Free the bytes. The buffer is empty then and may be used again. */
void buf_done(struct buf *buf);

/* How many bytes it holds. */
size_t buf_len(const struct buf *buf);

/* How many more may be appended: the maximum less buf_len(). */
size_t buf_space(const struct buf *buf);

/* The buf_len() bytes that it holds, in one piece; NULL perhaps if there are none. Valid until the next change. */
const uint8_t *buf_bytes(const struct buf *buf);

/* Append len bytes that do not lie in the buffer itself, whole or not at all. Returns 0, or -ERR_FULL if len exceeds
 * buf_space(). */
int buf_append(struct buf *buf, const void *bytes, size_t len);

/* Make room for len more bytes behind those that are there, to be filled in place: returns where they go, or NULL
 * if len exceeds buf_space(). Valid until the next change. */
uint8_t *buf_reserve(struct buf *buf, size_t len);

/* Tell that the first len bytes of the room that was reserved last are filled in and belong to the buffer now. */
void buf_commit(struct buf *buf, size_t len);

/* Take len bytes (0 to buf_len()) from the front. */
void buf_consume(struct buf *buf, size_t len);

#endif
