/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Somebody who is in: the connection, and who it is. */
#ifndef YODEL_CHAT_ARRIVAL_H
#define YODEL_CHAT_ARRIVAL_H

#include "base/buf.h"
#include "chat/handshake.h"
#include "chat/person.h"
#include "net/addr.h"
#include "net/chan.h"
#include "wire/greeting.h"

/* What is in it belongs to whoever is given it. */
struct arrival {
    int fd;
    struct addr peer;
    struct chan *chan; /* NULL: plain TCP; then nothing more is known */
    struct buf early;  /* what it has said in the session already */
    struct person person;
    enum greeting_how how;            /* it was let in */
    char number[GREETING_NUMBER_MAX]; /* that both were shown; "" if they were not */
};

/* Take over the connection of a handshake that has come to its good end. */
void arrival_take(struct arrival *arrival, struct handshake *h, const struct person *person,
                  enum greeting_how how);

/* Hang up. */
void arrival_drop(struct arrival *arrival);

#endif
