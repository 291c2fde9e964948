/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Callers who have proven nothing yet: a bounded number of handshakes, each with its deadline; none of them holds the seat.
 *
 * WAITING_MAX are served, and WAITING_SOURCE_MAX of one source address, and so many new ones in a second: a proof costs whoever
 * makes it as much as us. Others are parked, without being read from, up to WAITING_PARKED_MAX; then somebody of the
 * source that has most of them is cut off. Their turn comes in the order in which they came, but those of a source with
 * few before those of a source with many: a flood from one address keeps nobody else waiting, and a hundred wrong tickets
 * from where the right one comes, too, keep it waiting for three seconds. */
#ifndef YODEL_CHAT_WAITING_H
#define YODEL_CHAT_WAITING_H

#include <poll.h>
#include <stdint.h>

#include "chat/handshake.h"

#define WAITING_MAX 16
#define WAITING_SOURCE_MAX 4
#define WAITING_PARKED_MAX 128

/* So many begin in a second, and so many at once after a pause. */
#define WAITING_RATE 32
#define WAITING_BURST 16
/* Whoever has not come through TLS after so long gives way to others. */
#define WAITING_GRACE_MS 2000

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
    uint64_t order;   /* who came first */
    int64_t until_ms; /* the owner's: how long it may take the user to decide */
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
    int64_t full_ms;  /* when WAITING_BURST may begin at once again */
    int64_t begin_ms; /* when the next of those who are parked may; INT64_MAX: nobody waits for that */
};

/* For callers who are greeted with config, whose role is GREETING_LISTENER. */
void waiting_init(struct waiting *waiting, const struct handshake_config *config);
void waiting_done(struct waiting *waiting);

/* Take fd. Returns 0, or -ERR_FULL: it was cut off. */
int waiting_add(struct waiting *waiting, int fd, const struct addr *peer, int64_t now_ms);

/* Serve whose turn it is. To be called with each turn of the loop, behind the steps of the handshakes. */
void waiting_serve(struct waiting *waiting, int64_t now_ms);

int waiting_pollfds(const struct waiting *waiting, struct pollfd fds[static WAITING_POLL_MAX]);
int64_t waiting_wake_ms(const struct waiting *waiting);

#endif
