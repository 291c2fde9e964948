/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection on its way to be a private link: TLS (net/chan), then the greeting (wire/greeting). Who may come in, and whether
 * the user is asked, is for the owner to decide.
 *
 * Whoever is refused is seen out: the refusal arrives before the connection ends. Nothing here waits. */
#ifndef YODEL_CHAT_HANDSHAKE_H
#define YODEL_CHAT_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "net/addr.h"
#include "net/chan.h"
#include "wire/greeting.h"

/* From the connection until the peer has said all that it says by itself (PROTOCOL.md). */
#define HANDSHAKE_MS 10000

/* How long a caller waits for the answer once the listener has said who it is: its user may have to answer for others first. */
#define HANDSHAKE_ANSWER_MS 130000

/* How long somebody who was refused may take to hang up. */
#define HANDSHAKE_LEAVING_MS 2000

struct handshake_config {
    enum greeting_role role;
    const struct key *key;
    const struct hello *hello; /* ours */
    const uint8_t *secret;     /* a caller's ticket's, TICKET_SECRET_BYTES; or NULL */
    int (*judge)(void *context, const struct id *peer); /* as chan_config.judge; or NULL */
    void *context;
};

enum handshake_event {
    HANDSHAKE_NONE,
    HANDSHAKE_ASKS, /* listener: wants to come in. Decide: welcome, compare or refuse; until then it waits */
    HANDSHAKE_NUMBER,   /* the number is known, to be shown; the listener decides then: welcome or refuse */
    HANDSHAKE_WELCOMED, /* caller: may come in. Decide: ready or refuse */
    HANDSHAKE_READY,    /* listener: is in: handshake_take() */
    HANDSHAKE_REFUSED,  /* the peer said no: greeting.code. It is over */
    HANDSHAKE_FAILED,   /* error says why. It is over */
};

struct handshake {
    int fd; /* -1: there is none */
    struct addr peer;
    char name[ADDR_TEXT_MAX]; /* "192.0.2.7:40312" */
    struct handshake_config config;
    struct chan *chan;
    struct greeting greeting;
    struct buf in; /* opened, and not yet taken */
    bool greets;   /* TLS is done */
    bool patient;  /* a caller who waits for an answer */
    bool over;     /* it is only seen out */
    bool shut;     /* our end has been sent */
    int error;     /* negative; 0: none */
    int64_t until_ms;
};

/* None. */
void handshake_init(struct handshake *h);

/* Begin with fd, a connected non-blocking socket, which is the handshake's own now. What config points to outlives it. Returns 0 or
 * a negative error; then fd is closed. */
int handshake_begin(struct handshake *h, const struct handshake_config *config, int fd,
                    const struct addr *peer, int64_t now_ms);

/* Go on. Returns the first thing that happened; call it again until there is nothing. */
enum handshake_event handshake_step(struct handshake *h, int64_t now_ms);

/* The decisions. handshake_wait(): it may take until then. */
void handshake_wait(struct handshake *h, int64_t until_ms);
void handshake_compare(struct handshake *h, int64_t now_ms);
void handshake_welcome(struct handshake *h, enum greeting_how how, int64_t now_ms);
void handshake_refuse(struct handshake *h, enum greeting_code code, int64_t now_ms);
void handshake_ready(struct handshake *h, int64_t now_ms);

/* Whether the peer was judged and has proven who it is, and it is not over. Who it is, perhaps not proven yet; NULL: not known. */
bool handshake_is_known(const struct handshake *h);
const struct id *handshake_peer(const struct handshake *h);

/* After HANDSHAKE_FAILED: what went wrong, for people: "an HTTP client", "timed out". Valid until the next call on h. */
const char *handshake_why(const struct handshake *h);

/* What can be done about an error, to stand behind the words for it; "" if nothing. */
const char *handshake_hint(int error);

/* What to poll h->fd for; 0: nothing. And when to call handshake_step() without an event. */
short handshake_events(const struct handshake *h);
int64_t handshake_wake_ms(const struct handshake *h);

/* It has come to its good end: give away the descriptor and the channel (the caller's now), and move to early what the peer has
 * said already in the session. */
int handshake_take(struct handshake *h, struct chan **chan, struct buf *early);

/* End it at once. Nothing to do where there is none. */
void handshake_drop(struct handshake *h);

#endif
