/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The beginning of every private connection, once TLS is up: who the other is to us, and whether it may come in. One for
 * each connection, for the caller and for the listener; PROTOCOL.md has the frames.
 *
 * What is told cannot come without the frames that it needs: a caller is welcome only in answer to what it showed, a number
 * is known only when both nonces are and the one of the caller is the one it committed to. What to decide, time-outs,
 * and which tickets there are, is not this file's business. Pure. */
#ifndef YODEL_WIRE_GREETING_H
#define YODEL_WIRE_GREETING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/id.h"
#include "wire/frame.h"
#include "wire/hello.h"
#include "wire/ticket.h"

#define GREETING_NONCE_BYTES 32

/* "1234 5678 9012" and a NUL. */
#define GREETING_NUMBER_MAX 15

/* All that one side may say before the session begins, frames that are skipped among it. */
#define GREETING_BYTES_MAX ((size_t)16 << 10)

enum greeting_role { GREETING_CALLER, GREETING_LISTENER };

enum greeting_event {
    GREETING_NONE,
    GREETING_ASKS, /* listener: hello, has_proof; now greeting_welcome(), greeting_compare() or greeting_refuse() */
    GREETING_NUMBER, /* both: number; the listener then has to call greeting_welcome() or greeting_refuse() */
    GREETING_WELCOMED, /* caller: how; now greeting_ready() or greeting_refuse() */
    GREETING_READY,    /* listener: what follows that frame belongs to the session; it is over here */
    GREETING_REFUSED,  /* both: code; it is over */
};

/* As what the caller is let in. */
enum greeting_how {
    GREETING_BY_KEY = 1,
    GREETING_BY_TICKET = 2,
    GREETING_BY_NUMBER = 3,
    GREETING_YOURSELF = 4, /* both have the same key */
};

/* Why not. A newer peer may have other reasons. */
enum greeting_code {
    REFUSE_BUSY = 1,
    REFUSE_DECLINED = 2,
    REFUSE_TICKET_WRONG = 3,
    REFUSE_TICKET_USED = 4,
    REFUSE_TICKET_EXPIRED = 5,
    REFUSE_DUPLICATE = 6, /* our own connection to you is used instead */
    REFUSE_MODE = 7,
    REFUSE_VERSION = 8,
    REFUSE_TIMEOUT = 9,
};

enum greeting_state {
    GREETING_AWAITS_HELLO,
    GREETING_AWAITS_CLAIM,  /* listener: PROOF or COMMIT */
    GREETING_DECIDES,       /* listener: has been asked */
    GREETING_AWAITS_REVEAL, /* listener: NONCE is out */
    GREETING_COMPARES,      /* listener: knows the number */
    GREETING_AWAITS_READY,  /* listener: WELCOME is out */
    GREETING_AWAITS_ANSWER, /* caller: WELCOME or NONCE */
    GREETING_REVEALED,      /* caller: knows the number */
    GREETING_ANSWERS,       /* caller: has been welcomed */
    GREETING_DECLINED,      /* REFUSE is out */
    GREETING_OVER,          /* READY is out or came in, or REFUSE came in */
    GREETING_BROKEN,        /* error */
};

struct greeting_config {
    enum greeting_role role;
    struct id own, peer;
    uint8_t exporter[HASH_BYTES];        /* of this connection: chan_export() */
    uint8_t nonce[GREETING_NONCE_BYTES]; /* random, and never used before */
    const uint8_t *secret; /* caller with a ticket: TICKET_SECRET_BYTES; else NULL. Borrowed for the call */
    const struct hello *hello; /* ours; borrowed for the call */
};

struct greeting {
    /* to be read */
    struct hello hello; /* the peer's; name_len 0: it has not come yet */
    bool has_proof;     /* the caller says that it has a ticket */
    uint8_t how;        /* caller, WELCOMED: an enum greeting_how that fits what was said before */
    uint8_t code;       /* REFUSED: an enum greeting_code or another number, not 0 */
    char number[GREETING_NUMBER_MAX];

    /* private */
    enum greeting_role role;
    enum greeting_state state;
    int error;
    struct id own, peer;
    uint8_t exporter[HASH_BYTES];
    uint8_t nonce[GREETING_NONCE_BYTES];
    uint8_t claim[HASH_BYTES]; /* listener: the caller's proof or commitment */
    bool has_number;
    bool exchanging; /* the other may know the number, and we have not agreed */
    size_t came_bytes;
    struct buf out;
};

/* Begin: HELLO is in greeting_output() then, and the caller's PROOF, if there is a secret, else its COMMIT. Returns 0, or
 * -ERR_RANGE if hello_put() does not take config->hello: nothing may be done with it then but greeting_done(). */
int greeting_init(struct greeting *g, const struct greeting_config *config);

/* Wipe and free everything. */
void greeting_done(struct greeting *g);

/* Tell that a frame came (read with FRAME_GREETING_MAX). Returns 0 and what it means in *event, GREETING_NONE perhaps;
 * -ERR_RANGE if the peer has another version, and REFUSE is in greeting_output(); or -ERR_PROTOCOL if the frame has not its
 * form, may not come now, does not fit what came before, or if there were GREETING_BYTES_MAX. After an error every call
 * returns it again. What comes after we have refused is skipped; after GREETING_REFUSED or GREETING_READY, and after
 * greeting_ready(), no frame may be told any more (-ERR_PROTOCOL). */
int greeting_frame(struct greeting *g, const struct frame *frame, enum greeting_event *event);

/* Listener, from GREETING_ASKS on: whether the caller has shown that it knows this secret. In constant time. */
bool greeting_proves(const struct greeting *g, const uint8_t secret[static TICKET_SECRET_BYTES]);

/* Listener, at GREETING_ASKS without a proof: exchange nonces, so that both get a number to compare. Not with oneself. */
void greeting_compare(struct greeting *g);

/* Listener, at GREETING_ASKS or at GREETING_NUMBER: let the caller in. Only what a caller accepts is sent: GREETING_YOURSELF if
 * the ids are the same and never else, GREETING_BY_NUMBER after the number and never else, GREETING_BY_TICKET in answer to
 * a proof; any other how (a bug of ours) refuses the caller. The proof itself is checked by greeting_proves(). */
void greeting_welcome(struct greeting *g, enum greeting_how how);

/* Both, any time before it is over: do not. */
void greeting_refuse(struct greeting *g, enum greeting_code code);

/* Caller, at GREETING_WELCOMED: the session begins behind what is in greeting_output(). */
void greeting_ready(struct greeting *g);

/* The *len bytes that may go out now, none if *len is 0. Valid until the next call that changes the greeting. */
const uint8_t *greeting_output(const struct greeting *g, size_t *len);

/* Tell that the first len of them are gone. */
void greeting_sent(struct greeting *g, size_t len);

/* Whether the other side may know a number that we have not agreed to: if it goes now, and be it by cutting the connection,
 * it may be one in the middle whose numbers differed; show it. */
bool greeting_is_exchanging(const struct greeting *g);

/* Why the peer refuses us, for people: "it talks with somebody else". */
const char *greeting_refusal_text(uint8_t code);

#endif
