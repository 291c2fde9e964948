/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is let in: the listener's rules for its callers, the caller's for whom it meets, and what is remembered of them.
 *
 * Without a store everybody is a stranger, and nothing is remembered; tickets work. */
#ifndef YODEL_CHAT_TRUST_H
#define YODEL_CHAT_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/place.h"
#include "chat/handshake.h"
#include "chat/person.h"
#include "chat/tickets.h"
#include "net/key.h"
#include "store/contact.h"

#define TRUST_WHY_MAX 384

struct trust {
    const struct key *key;
    struct db *db; /* NULL: none */
    struct tickets tickets;
    uint8_t mode;     /* enum hello_mode: the peer has to have the same */
    const char *only; /* the one contact that may come; NULL: all of them */
    int64_t only_row; /* its */
    bool asks;        /* there is a user to be asked about strangers */
    bool accept_new;  /* strangers are let in without a question */
    int64_t held;     /* the contact that this process holds; 0: none */
};

enum trust_verdict { TRUST_WELCOME, TRUST_ASK, TRUST_REFUSE };

struct trust_answer {
    enum trust_verdict verdict;
    enum greeting_how how;   /* TRUST_WELCOME: how it is let in */
    enum greeting_code code; /* TRUST_REFUSE */
    int ticket;              /* the one that it has; -1: none */
    struct person person;    /* who it is */
    char why[TRUST_WHY_MAX]; /* TRUST_REFUSE: for the listener's user */
};

/* Judge a caller whose handshake asks. */
void trust_judge(const struct trust *trust, const struct handshake *h, int64_t now_ms,
                 struct trust_answer *answer);

/* Let in whom answer says: hold the contact for this process; make it, and burn the ticket, in one commit; remember where it listens. Returns 0; -ERR_BUSY if
 * another process holds the contact; -ERR_TICKET if another key was faster with the ticket; why has the sentence then. Whoever is new under
 * another name than proposed, and a store that does not remember, is said in why too, else it is empty. */
int trust_admit(struct trust *trust, const struct handshake *h, struct trust_answer *answer,
                char why[static TRUST_WHY_MAX]);

/* The same for a caller that is welcome: the listener, who was called at place. known: its key was known before, by ticket or
 * contact. pin: the user has called it by that address, and is to be warned if another key is there the next time. */
struct trust_called {
    const struct place *place;
    bool ticket; /* its key stood in a ticket */
    bool pin;
};
int trust_admit_called(struct trust *trust, const struct handshake *h, const struct trust_called *called,
                       struct person *person, char why[static TRUST_WHY_MAX]);

/* Hold a contact. Returns 0 or -ERR_BUSY with why. trust_release() gives it back. */
int trust_hold(struct trust *trust, int64_t row, const char *name, char why[static TRUST_WHY_MAX]);
void trust_release(struct trust *trust);

/* The user has compared the numbers. Returns 0 or an error, and why. */
int trust_verify(struct trust *trust, struct person *person, char why[static TRUST_WHY_MAX]);

/* Fill *person as far as it is known; a stranger gets the name it proposes. Returns 0; -ERR_BLOCKED; or, if the contacts cannot be
 * read, an error of the store: nobody can tell then who it is, nor that it is not blocked. */
int trust_look_up(const struct trust *trust, const struct id *id, const char *proposed,
                  struct person *person);

/* Whether a contact has that name, which a stranger proposes. */
bool trust_is_taken(const struct trust *trust, const char *name);

#endif
