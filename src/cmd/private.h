/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What talking in private needs before anybody is met: our key, the contacts, the rules. */
#ifndef YODEL_CMD_PRIVATE_H
#define YODEL_CMD_PRIVATE_H

#include <stdbool.h>

#include "chat/rendezvous.h"
#include "chat/trust.h"

struct private
{
    const char *command;
    struct key *key;
    struct trust trust;
    struct rendezvous rendezvous;
};

struct private_config {
    const char *command;
    const char *identity; /* a file; NULL: the usual one */
    bool accept_new;
    bool chat; /* at a terminal: messages, and a user who can be asked; else byte streams */
};

/* Load what is kept, or make it. Without a store it goes on, and says so. Returns 0, or an exit status after it has said what is
 * wrong. */
int private_open(struct private *private, const struct private_config *config);
void private_close(struct private *private);

/* Find a contact that the user has named. Returns 1; 0: there is none; or, after it has said what is wrong, the negative of an exit status. */
int private_find(struct private *private, const char *name, struct contact *contact);

/* Say what is wrong if the result of a function of the store is an error. Returns result, or -EXIT_SYSTEM. */
int private_check(const struct private *private, int result);

/* Get ready to meet somebody: name is what we call ourselves, and places where we listen. */
void private_begin(struct private *private, const char *name, const struct place *places, int count);

#endif
