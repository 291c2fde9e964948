/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The echo rule of one connection: what came in goes out, in order, and nothing is dropped; after the peer's
 * end of file and the last byte, our own end.
 *
 * Pure: owns no descriptor, makes no system call. The engine receives into a buffer of its own and
 * may send straight from there; only what the socket did not take is kept here. conn_want() never asks to
 * read while output is pending, so a connection keeps at most CONN_INPUT_MAX bytes, and an idle one none. */
#ifndef YODEL_ECHO_CONN_H
#define YODEL_ECHO_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most that an engine may receive at once. Measured: exactly 64 KiB costs a runt segment a
 * write on loopback, 16 to 48 KiB are alike and take half the CPU. */
#define CONN_INPUT_MAX 32768

struct conn_tail;

struct conn {
    struct conn_tail *tail; /* what is still to be sent, or NULL */
    bool ended;             /* the peer sends no more */
};

enum conn_want {
    CONN_DONE = 0, /* everything has gone out and the peer has ended: finish */
    CONN_READ = 1,
    CONN_WRITE = 2,
};

void conn_init(struct conn *conn);

/* Free what is kept. */
void conn_done(struct conn *conn);

/* Tell that the engine received len bytes (1 to CONN_INPUT_MAX) and that the socket took the first sent
 * of them at once. The rest is copied and comes back from conn_output(). Returns 0, -ENOMEM (nothing was
 * kept: the connection cannot go on), or -ERR_FULL if conn_want() did not allow to read (a bug of the engine). */
int conn_input(struct conn *conn, const uint8_t *bytes, size_t len, size_t sent);

/* Tell that the peer sends no more. */
void conn_input_end(struct conn *conn);

/* What may go out now: returns how many bytes *bytes points to, 0 if nothing is pending. Valid until the next call. */
size_t conn_output(const struct conn *conn, const uint8_t **bytes);

/* Tell that the socket took the first len of them. */
void conn_sent(struct conn *conn, size_t len);

/* What the connection waits for. */
enum conn_want conn_want(const struct conn *conn);

#endif
