/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the two come together in private: they call us (chat/answering), we call them (chat/calling), or both at once.
 *
 * Of two connections that meet, the one stays that was dialled by the smaller id: it refuses the other's while its own has
 * reached the peer, and otherwise gives its own up (PROTOCOL.md). */
#ifndef YODEL_CHAT_RENDEZVOUS_H
#define YODEL_CHAT_RENDEZVOUS_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "chat/answering.h"
#include "chat/arrival.h"
#include "chat/calling.h"
#include "chat/news.h"
#include "chat/trust.h"
#include "chat/waiting.h"
#include "wire/ticket.h"

#define RENDEZVOUS_POLL_MAX (WAITING_POLL_MAX + CALLING_POLL_MAX)

enum rendezvous_call { RENDEZVOUS_NONE, RENDEZVOUS_TICKET, RENDEZVOUS_CONTACT, RENDEZVOUS_ADDRESS };

struct rendezvous {
    struct trust *trust;
    struct hello hello;
    struct news news;
    struct answering answering;

    /* Calling. */
    enum rendezvous_call call;
    const char *whom; /* as the user wrote it, or the contact's name; "" for a ticket */
    bool expects;     /* it must be: */
    struct id expected;
    const char *expected_name; /* the contact that has it; NULL: none */
    uint8_t secret[TICKET_SECRET_BYTES];
    bool calls;
    bool listens; /* the peer may call us meanwhile */
    bool told;    /* that it is tried again */
    struct calling calling;
    int64_t give_up_ms; /* when it is over, whatever the plan says; INT64_MAX: never */
    int status;         /* why it is over: an exit status; 0: it is not */
    struct id stranger; /* who answered instead of the expected one */
    bool met_stranger;
    int unreadable;     /* why the contacts could not be read, a negative error; 0: they could */
    int failed;         /* the try to be told of when why is empty */
    char why[NEWS_MAX]; /* the sentence; may be empty: then calling.tries[failed] tells */
};

/* trust and *hello are set up by the caller; nobody is called and no ticket given out yet. */
void rendezvous_init(struct rendezvous *r, struct trust *trust, const struct hello *hello);
void rendezvous_done(struct rendezvous *r);

/* Call: r->call, r->whom, r->expects, r->expected, r->secret and r->give_up_ms are set up. */
void rendezvous_call(struct rendezvous *r, const struct calling_plan *plan, int64_t now_ms);

/* Go on. taken: somebody has the seat, and it is not free. Returns whether somebody is in: *arrival is the caller's then, also
 * when the seat was taken by the same peer, whose old connection is to be dropped. Whether it is over is told by r->status. */
bool rendezvous_step(struct rendezvous *r, bool taken, int64_t now_ms, struct arrival *arrival);

int rendezvous_pollfds(const struct rendezvous *r, struct pollfd fds[static RENDEZVOUS_POLL_MAX]);
int64_t rendezvous_wake_ms(const struct rendezvous *r);

#endif
