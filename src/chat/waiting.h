/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Callers who have proven nothing yet: a bounded number of handshakes, each with its deadline; none of them holds the seat.
 *
 * WAITING_MAX are served, and WAITING_SOURCE_MAX of one source address. Others wait their turn without being read from, up to
 * WAITING_PARKED_MAX; whoever comes then is cut off. */
#ifndef YODEL_CHAT_WAITING_H
#define YODEL_CHAT_WAITING_H

#include <poll.h>
#include <stdint.h>

#include "chat/handshake.h"

#define WAITING_MAX 16
#define WAITING_SOURCE_MAX 4
#define WAITING_PARKED_MAX 128
#define WAITING_POLL_MAX WAITING_MAX

enum waiting_stage {
    WAITING_PROVING, /* the peer's turn */
    WAITING_LINE,    /* to be asked about; others are before it */
    WAITING_COMPARE, /* the numbers are being exchanged, or: */
    WAITING_ANSWER,  /* the user is asked */
    WAITING_WELCOME, /* welcome; it has to say that it is ready */
};

struct waiting_slot {
    struct handshake handshake;
    enum waiting_stage stage;
    uint64_t order; /* who came first */
};

struct waiting {
    struct handshake_config config;
    struct waiting_slot slots[WAITING_MAX];
    struct {
        int fd;
        struct addr peer;
        int64_t until_ms;
    } parked[WAITING_PARKED_MAX]; /* in the order of their coming */
    int parked_count;
    uint64_t orders;
};

/* For callers who are greeted with config, whose role is GREETING_LISTENER. */
void waiting_init(struct waiting *waiting, const struct handshake_config *config);
void waiting_done(struct waiting *waiting);

/* Take fd. Returns 0, or -ERR_FULL: it was cut off. */
int waiting_add(struct waiting *waiting, int fd, const struct addr *peer, int64_t now_ms);

/* Serve whose turn it is. To be called before the handshakes of the slots are stepped, with each turn of the loop. */
void waiting_serve(struct waiting *waiting, int64_t now_ms);

int waiting_pollfds(const struct waiting *waiting, struct pollfd fds[static WAITING_POLL_MAX]);
int64_t waiting_wake_ms(const struct waiting *waiting);

#endif
