/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The connection to the one peer: bytes both ways without waiting, whether the peer is still alive, and how it ends. They
 * go as they are, or sealed by a channel of TLS.
 *
 * Until link_close() it ends with a reset, however the process ends: no peer takes what was cut off for complete. */
#ifndef YODEL_CHAT_LINK_H
#define YODEL_CHAT_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/addr.h"
#include "net/chan.h"
#include "net/watch.h"

struct link {
    int fd;                   /* -1: there is none */
    char host[ADDR_TEXT_MAX]; /* of the peer: "192.0.2.7" */
    char name[ADDR_TEXT_MAX]; /* with its port: "192.0.2.7:40312" */
    struct chan *chan;        /* NULL: bytes go as they are */
    bool more;                /* something may be there to receive of which no poll tells */
    uint64_t sent;            /* bytes so far, as they went to the network */
    bool shut;                /* our end of file has been sent */
    int broken;               /* why sending or looking failed, a negative error; 0: it did not */
    struct watch_rules rules;
    struct watch watch;
    int64_t look_ms; /* when to ask after the peer; INT64_MAX: the kernel does by itself */
};

/* So much of the time after which a peer must be found to have vanished is the rule for the kernel and for the watch:
 * they look now and then, and round. */
#define LINK_PATIENCE(dead_ms) ((dead_ms)*3 / 5)

/* No link. */
void link_init(struct link *link);

/* Take fd, a connected non-blocking socket, whose peer may be gone already. A peer of which nothing is heard is found to have vanished within dead_ms
 * (at least 3000; 0: never). */
void link_open(struct link *link, int fd, const struct addr *peer, int64_t dead_ms, int64_t now_ms);

/* Send and receive through chan from now on: its handshake is done. It is the link's own now. */
void link_secure(struct link *link, struct chan *chan);

/* Receive once. Returns the count (1 to len); 0 when the peer sends no more; -EAGAIN; or the error that broke the
 * connection, also one that was met elsewhere before: what had arrived is received first. Through a channel the peer's end is its
 * close_notify (RFC 8446, 6.1), and an end without it -ERR_CUT. As long as link->more is true there is no need to poll. */
ssize_t link_recv(struct link *link, void *bytes, size_t len);

/* Send once, and what a channel has sealed before. Returns the count (0 to len). Once sending has failed nothing more is sent,
 * and link->broken says so. */
size_t link_send(struct link *link, const void *bytes, size_t len, int64_t now_ms);

/* Whether what a channel has sealed waits for the network: poll for POLLOUT, and call link_send(). */
bool link_waits(const struct link *link);

/* Send our end of file; through a channel once all that it has sealed is on its way: until link->shut is true, call it again. */
void link_shut(struct link *link, int64_t now_ms);

/* How much of what was sent the peer has not acknowledged: bytes, with our end of file as one more; and without it. */
size_t link_unacked(const struct link *link);
size_t link_undelivered(const struct link *link);

/* See whether the connection is broken, where nobody receives any more. Returns link->broken. */
int link_check(struct link *link);

/* Whether a peer that had ended and then reset the connection may have missed something of what was sent. It has if that was
 * not acknowledged, and if the reset came by itself: it closed with something unread. One that answers our end
 * of file or a keep-alive probe says no more than that its end was the end. */
bool link_missed(const struct link *link);

/* To be called at link->look_ms: whether the peer has vanished. */
bool link_lost(struct link *link, int64_t now_ms);

/* End it in order; or with a reset. Nothing to do where there is none. */
void link_close(struct link *link);
void link_abort(struct link *link);

#endif
