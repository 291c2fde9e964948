/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sockets that listen, and what every TCP socket of this program is set to. */
#ifndef YODEL_NET_SOCK_H
#define YODEL_NET_SOCK_H

#include <stdint.h>

#include "net/addr.h"

/* Open a TCP listener, non-blocking and close-on-exec, on *addr; *addr is updated to what was really bound
 * (port 0 takes a free port).
 *
 * SO_REUSEADDR is set: connections of an earlier run in TIME_WAIT do not bar the port, a second listener does. The
 * backlog is the system's largest (net.core.somaxconn). An address in use is tried again
 * for SOCK_LISTEN_PATIENCE_MS: a server that was killed this moment can have a child that was born and has
 * not yet run, and which gives the port back as soon as it does.
 * Set here, and inherited by what is accepted (tcp(7), socket(7); measured): TCP_NODELAY, SO_OOBINLINE (an urgent byte
 * is a byte of the stream) and sock_set_patience(dead_ms).
 * Returns the descriptor, which is the caller's, or -errno. */
#define SOCK_LISTEN_PATIENCE_MS 100
int sock_listen(struct addr *addr, int64_t dead_ms);

/* How long a silent network may leave a peer unheard before its connection is dead: keep-alive starts after half of dead_ms
 * of silence, and unacknowledged data or probes fail after dead_ms (TCP_USER_TIMEOUT, RFC 5482).
 * Between two probes or retransmissions no more than a quarter of dead_ms passes, where the kernel lets that be set (Linux 6.15).
 * 0 leaves all to the system (hours). Returns 0 or -errno. */
int sock_set_patience(int fd, int64_t dead_ms);

/* What the kernel knows of a connection's traffic. */
struct sock_progress {
    uint64_t received; /* bytes that arrived, also those that nobody has read */
    uint64_t acked;    /* bytes that the peer acknowledged */
    bool outstanding;  /* some of what was sent is not acknowledged yet */
    uint8_t
        unanswered; /* how often something was sent again, or a probe was sent, since the peer was last heard */
    uint32_t unheard_ms; /* since the last acknowledgement of any kind */
};

/* Read it. Returns 0 or -errno. */
int sock_progress(int fd, struct sock_progress *progress);

/* How many of the bytes that were sent are not acknowledged yet; our end of file counts as one. */
int sock_unacked(int fd);

/* The error that is pending on the socket, and clear it. Returns 0 or an errno (positive). */
int sock_error(int fd);

/* Change the part of sock_set_patience() that gives up unacknowledged data and probes; 0 leaves that to the system. */
void sock_set_user_timeout(int fd, int64_t dead_ms);

/* Whether the end of fd is a reset instead of an orderly end, however it comes: by close(), or with the process. */
void sock_set_abort(int fd, bool abort);

#endif
