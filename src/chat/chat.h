/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The chat at a terminal: the loop that joins the keyboard and the screen (term/prompt), the protocol (wire/plain) and the
 * connection (chat/link). */
#ifndef YODEL_CHAT_CHAT_H
#define YODEL_CHAT_CHAT_H

#include <stdint.h>

#include "chat/meet.h"

struct chat_config {
    const char *command; /* for messages: "call" */
    const char *name;    /* how the user is shown */
    int64_t dead_ms;     /* as link_open() */
};

/* Standard input and standard output are terminals. Returns the exit status; when the peer could not be reached, which is
 * for the caller to tell (meet->error), EXIT_NO_CONNECTION. */
int chat_run(const struct chat_config *config, struct meet *meet);

#endif
