/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* What the first byte allocates, if the maximum allows. */
#define SIZE_FIRST ((size_t)1 << 10)

void buf_init(struct buf *buf, size_t max)
{
    *buf = (struct buf){.max = max};
}

void buf_done(struct buf *buf)
{
    free(buf->bytes);
    buf_init(buf, buf->max);
}

size_t buf_len(const struct buf *buf)
{
    return buf->end - buf->begin;
}

size_t buf_space(const struct buf *buf)
{
    return buf->max - buf_len(buf);
}

const uint8_t *buf_bytes(const struct buf *buf)
{
    return buf->bytes ? buf->bytes + buf->begin : NULL;
}

/* Allocate size bytes, at least as many as are in use, and move those to the front of them. */
static void relocate(struct buf *buf, size_t size)
{
    size_t len = buf_len(buf);
    uint8_t *bytes = malloc(size);

    if (!bytes) {
        err_say("out of memory: %zu bytes are needed", size);
        exit(EXIT_SYSTEM);
    }
    if (buf->bytes)
        memcpy(bytes, buf->bytes + buf->begin, len);
    free(buf->bytes);
    *buf = (struct buf){.bytes = bytes, .end = len, .size = size, .max = buf->max};
}

/* Each byte that is consumed pays for moving two others: with the maximum in use, that much stands free in front
 * before the end of the largest allocation is reached. */
static void make_room(struct buf *buf, size_t len)
{
    size_t used = buf_len(buf);
    size_t limit = buf->max + buf->max / 2;

    if (buf->bytes && used + len <= buf->size && buf->begin >= used / 2) {
        memmove(buf->bytes, buf->bytes + buf->begin, used);
        buf->begin = 0;
        buf->end = used;
        return;
    }
    size_t size = buf->size ? buf->size : SIZE_FIRST;
    while (size < used + len || size <= buf->size)
        size *= 2;
    relocate(buf, size < limit ? size : limit);
}

uint8_t *buf_reserve(struct buf *buf, size_t len)
{
    if (len > buf_space(buf))
        return NULL;
    if (!buf->bytes || len > buf->size - buf->end)
        make_room(buf, len);
    return buf->bytes + buf->end;
}

void buf_commit(struct buf *buf, size_t len)
{
    buf->end += len;
}

int buf_append(struct buf *buf, const void *bytes, size_t len)
{
    if (len == 0)
        return 0;
    uint8_t *room = buf_reserve(buf, len);
    if (!room)
        return -ERR_FULL;
    memcpy(room, bytes, len);
    buf_commit(buf, len);
    return 0;
}

void buf_consume(struct buf *buf, size_t len)
{
    buf->begin += len;
    if (buf->begin < buf->end)
        return;
    buf->begin = 0;
    buf->end = 0;
    if (buf->size > BUF_KEEP)
        relocate(buf, BUF_KEEP);
}
