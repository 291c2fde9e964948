/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "echo/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

struct conn_tail {
    uint32_t start;
    uint32_t end;
    uint8_t bytes[];
};

void conn_init(struct conn *conn)
{
    conn->tail = NULL;
    conn->ended = false;
}

void conn_done(struct conn *conn)
{
    free(conn->tail);
    conn->tail = NULL;
}

int conn_input(struct conn *conn, const uint8_t *bytes, size_t len, size_t sent)
{
    if (conn_want(conn) != CONN_READ || len > CONN_INPUT_MAX || sent > len)
        return -ERR_FULL;
    if (sent == len)
        return 0;
    struct conn_tail *tail = malloc(sizeof *tail + len - sent);
    if (!tail)
        return -ENOMEM;
    tail->start = 0;
    tail->end = (uint32_t)(len - sent);
    memcpy(tail->bytes, bytes + sent, len - sent);
    conn->tail = tail;
    return 0;
}

void conn_input_end(struct conn *conn)
{
    conn->ended = true;
}

size_t conn_output(const struct conn *conn, const uint8_t **bytes)
{
    if (!conn->tail)
        return 0;
    *bytes = conn->tail->bytes + conn->tail->start;
    return conn->tail->end - conn->tail->start;
}

void conn_sent(struct conn *conn, size_t len)
{
    if (!conn->tail)
        return;
    conn->tail->start += (uint32_t)len;
    if (conn->tail->start >= conn->tail->end)
        conn_done(conn);
}

enum conn_want conn_want(const struct conn *conn)
{
    if (conn->tail)
        return CONN_WRITE;
    return conn->ended ? CONN_DONE : CONN_READ;
}
