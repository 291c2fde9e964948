/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answering in private: callers prove who they are (chat/waiting), the rules say who is let in (chat/trust), and the user is
 * asked about strangers, one at a time. Contacts and tickets do not wait for that. */
#ifndef YODEL_CHAT_ANSWERING_H
#define YODEL_CHAT_ANSWERING_H

#include <stdbool.h>
#include <stdint.h>

#include "chat/arrival.h"
#include "chat/calling.h"
#include "chat/news.h"
#include "chat/trust.h"
#include "chat/waiting.h"
#include "wire/ticket.h"

/* How long the user may take to answer. */
#define ANSWERING_QUESTION_MS 60000

/* One exchange of numbers every so often: each is a guess for whoever is in the middle. And so long after a question. */
#define ANSWERING_EXCHANGE_MS 2000

/* So many strangers wait to be asked about. */
#define ANSWERING_LINE_MAX 4

#define ANSWERING_QUESTION_MAX (CONTACT_NAME_MAX + 32)

struct answering {
    struct trust *trust;
    struct news *news;
    struct calling *calling; /* we call meanwhile; NULL: we do not */
    bool met_self;           /* by calling: a caller that does not want our key is ourselves */
    bool
        crosses; /* whom we call may call us: a caller that hangs up may be they, who have come through by another way */
    struct waiting waiting;
    struct trust_answer answers[WAITING_MAX]; /* of those who wait, after they were judged */
    int asked;                                /* the slot that the user is asked about; -1: none */
    int64_t exchange_ms;                      /* when the next exchange of numbers may begin */
    bool seated;                              /* somebody has the seat: */
    struct person seat;
    struct ticket ticket; /* what is in those that are given out */
    int64_t ticket_ms;    /* how long one is valid; 0: none are given out */
    bool reissue;         /* a new one when the last was used or is over */
};

/* What is pointed to outlives it. */
void answering_init(struct answering *a, struct trust *trust, const struct hello *hello, struct news *news);
void answering_done(struct answering *a);

/* Give out a ticket: write it to text. a->ticket.places and a->ticket_ms are set up. */
void answering_give_ticket(struct answering *a, int64_t now_ms, char text[static TICKET_TEXT_MAX]);

/* Take a caller who has proven nothing. */
void answering_add(struct answering *a, int fd, const struct addr *peer, int64_t now_ms);

/* Who has the seat now; NULL: nobody. */
void answering_seat(struct answering *a, const struct person *person);

/* Whether somebody is welcome, and has not come in yet. */
bool answering_is_welcoming(const struct answering *a);

/* Go on. Returns whether somebody is in: *arrival is the caller's then, also when the seat is taken by the same peer, whose old
 * connection is to be dropped. */
bool answering_step(struct answering *a, int64_t now_ms, struct arrival *arrival);

/* What the user is asked now: a line to stand before the answer. Returns whether there is a question. And the answer. */
bool answering_question(const struct answering *a, char text[static ANSWERING_QUESTION_MAX]);
void answering_answer(struct answering *a, bool yes, int64_t now_ms);

int64_t answering_wake_ms(const struct answering *a);

#endif
