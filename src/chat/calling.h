/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calling somebody who may be at several places: each is dialled, the next a moment after the one before (as in RFC 8305), and the first
 * that proves to be who is called is talked to.
 *
 * As soon as one has proven that, the others are given up until it is over with that one. With retry this goes on for ever. */
#ifndef YODEL_CHAT_CALLING_H
#define YODEL_CHAT_CALLING_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/place.h"
#include "chat/handshake.h"
#include "net/reach.h"

#define CALLING_PLACES_MAX 16

/* One after the other begins after so long, as net/dial does it with addresses. */
#define CALLING_DELAY_MS DIAL_ATTEMPT_DELAY_MS

/* After somebody was there who could not be talked to, it is tried again after so long. */
#define CALLING_PAUSE_MS 2000

/* "[", a host, "]:", a port and a NUL. */
#define CALLING_PLACE_TEXT_MAX (PLACE_HOST_MAX + 9)

#define CALLING_WHY_MAX 160

#define CALLING_POLL_MAX (CALLING_PLACES_MAX * (REACH_POLL_MAX + 1))

struct calling_plan {
    struct place places[CALLING_PLACES_MAX];
    int count; /* 1 or more */
    enum addr_family family;
    int64_t timeout_ns; /* of one try to connect */
    bool retry;
};

enum calling_state { CALLING_PAUSE, CALLING_REACH, CALLING_GREET, CALLING_OVER };

struct calling_try {
    enum calling_state state;
    int64_t next_ms; /* in a pause: when it is over */
    struct reach reach;
    struct handshake handshake;
    int error;                 /* why it is over, or the last time failed; negative; 0: it is not */
    char why[CALLING_WHY_MAX]; /* in words, if somebody was there; else "" and reach.error tells */
    uint8_t code;              /* -ERR_REFUSED: with which code */
    bool warned;               /* the owner's: it has told of another key there */
};

struct calling {
    struct calling_plan plan;
    struct handshake_config config;
    struct calling_try tries[CALLING_PLACES_MAX];
    int chosen; /* the one that has proven who it is; -1: none */
};

enum calling_event {
    CALLING_NONE,
    CALLING_NUMBER, /* the numbers can be compared: of tries[*which] */
    CALLING_WELCOMED, /* tries[*which] may come in: handshake_ready() and handshake_take(), or calling_refuse() */
    CALLING_FAILED, /* tries[*which] was there and is not who it must be, or no yodel, or said no: error, code. handshake_why() tells more */
    CALLING_ENDED,  /* all tries are over */
};

/* config->role is GREETING_CALLER. */
void calling_init(struct calling *calling, const struct calling_plan *plan,
                  const struct handshake_config *config, int64_t now_ms);

/* Go on. Returns the first thing that happened; call it again until there is nothing. */
enum calling_event calling_step(struct calling *calling, int64_t now_ms, int *which);

/* What became of a try is not what was wanted: it pauses, or is over. */
void calling_give_up(struct calling *calling, int which, int error, int64_t now_ms);

/* Whether one has proven who it is, with that id; and give all of them up for a while: the peer has come to us. */
bool calling_is_known(const struct calling *calling, const struct id *peer);
void calling_pause(struct calling *calling, int64_t until_ms);

int calling_pollfds(const struct calling *calling, struct pollfd fds[static CALLING_POLL_MAX]);
int64_t calling_wake_ms(const struct calling *calling);

/* End everything. */
void calling_done(struct calling *calling);

#endif
