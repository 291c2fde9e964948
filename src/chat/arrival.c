/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "chat/arrival.h"

#include <string.h>
#include <unistd.h>

void arrival_take(struct arrival *arrival, struct handshake *h, const struct person *person,
                  enum greeting_how how)
{
    *arrival = (struct arrival){.peer = h->peer, .person = *person, .how = how};
    if (how == GREETING_BY_NUMBER)
        memcpy(arrival->number, h->greeting.number, sizeof arrival->number);
    arrival->fd = handshake_take(h, &arrival->chan, &arrival->early);
}

void arrival_drop(struct arrival *arrival)
{
    close(arrival->fd);
    chan_free(arrival->chan);
    buf_done(&arrival->early);
}
