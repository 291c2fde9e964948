/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A byte stream each way over a link. In plain the link itself is that: an end of file is the connection's. In private bytes, end of file
 * and goodbye are frames of the session (wire/session). */
#ifndef YODEL_CHAT_STREAM_H
#define YODEL_CHAT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "chat/link.h"
#include "wire/session.h"

/* stream_recv() is given room for so much at least: a frame. */
#define STREAM_RECV_MIN SESSION_PAYLOAD_MAX

struct stream {
    struct link *link;
    bool private;
    struct session session;
    bool ended;  /* the peer's stream has */
    bool left;   /* the peer has said goodbye */
    bool parted; /* the goodbye is complete, and has arrived */
    bool shut;   /* ours has ended */
};

/* Over link, which is open and stays the caller's. early: what was received before (private), or NULL. */
void stream_open(struct stream *stream, struct link *link, const struct buf *early, int64_t now_ms);
void stream_close(struct stream *stream);

/* Receive. Returns the count; 0: the peer's stream has ended; -EAGAIN; or an error as link_recv(), -ERR_PROTOCOL, or -EPIPE: it has left
 * before its end, or before ours. To be called again when what came was taken in, wherever it goes: it tells the peer so in the end. */
ssize_t stream_recv(struct stream *stream, void *bytes, size_t len, int64_t now_ms);

/* How much is best read for one stream_send(), of what there is room for: in private the longest frames, and no short one behind them. */
size_t stream_send_best(const struct stream *stream, size_t room);

/* Send. Returns how many were taken; link->broken tells whether it is over. Also sends what waits. */
size_t stream_send(struct stream *stream, const void *bytes, size_t len, int64_t now_ms);

/* Our stream has ended. */
void stream_shut(struct stream *stream, int64_t now_ms);

/* Both have ended, and all that came was taken in: say goodbye, wait for the peer's, and take leave. To be called with each turn from then
 * on. */
void stream_part(struct stream *stream, int64_t now_ms);

/* How much of what was sent, our end of file included as one, is not known to have arrived; in private: to have been taken in. */
size_t stream_unacked(const struct stream *stream);

/* How much of it the peer's system has not acknowledged. */
size_t stream_undelivered(const struct stream *stream);

/* Whether to poll for POLLIN though the peer's stream has ended; for POLLOUT though there is nothing new to be sent; and not to poll at all
 * before the next stream_recv(). */
bool stream_listens(const struct stream *stream);
bool stream_waits(const struct stream *stream);
bool stream_has_more(const struct stream *stream);

#endif
