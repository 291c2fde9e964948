/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The door's listening sockets. */
#ifndef YODEL_ECHO_GATE_H
#define YODEL_ECHO_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "net/addr.h"

#define GATE_MAX 32

struct gate {
    int fds[GATE_MAX];
    int count;
    bool armed; /* epoll waits for them */
};

/* Listen on count (at most GATE_MAX) addresses, which are updated to what was bound. What is accepted ends with a reset
 * unless engine_close() makes it an orderly end, and is given up after dead_ms (sock_listen()). Returns 0, or
 * -errno; gate->count then is how many could be opened before. */
int gate_open(struct gate *gate, struct addr *addrs, int count, int64_t dead_ms);
void gate_close(struct gate *gate);

/* Let epoll wait for clients, with data.u32 of the listener's number, or not any more. Returns 0, or -errno: none
 * is waited for then. */
int gate_arm(struct gate *gate, int epoll, bool on);

/* Accept a client of listener number i with the flags of accept4(). Returns its descriptor, the caller's, or -errno. */
int gate_accept(const struct gate *gate, int i, int flags, struct addr *peer);

/* Whether this error of gate_accept() is one of the queued connection (accept(2)): it is gone, the next one may be well. */
bool gate_lost_one(int error);

#endif
