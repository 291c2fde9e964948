/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the chat shows above the prompt: what the two say, and what the program says of it. */
#ifndef YODEL_CHAT_SCREEN_H
#define YODEL_CHAT_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "term/entry.h"
#include "term/prompt.h"

/* A name as it is shown, and a mark. */
#define SCREEN_PEER_MAX 512

struct screen {
    struct prompt *prompt;
    const char *command; /* for errors that also go to standard error: "call" */
    const char *own;
    char peer[SCREEN_PEER_MAX];
    int name_columns;
};

/* Who talks. own stays valid as long as it is shown. unverified: every line of the peer's says so, and its name gives way to that. */
void screen_introduce(struct screen *screen, const char *own, const char *peer, bool unverified);

/* Show len bytes that were said: kind is ENTRY_OWN or ENTRY_PEER. more: they go on with what the same one said before. */
void screen_message(struct screen *screen, enum entry_kind kind, const void *text, size_t len, bool more);

/* Show a line of the program's own: kind is ENTRY_STATUS or ENTRY_ERROR. An error also goes where standard error
 * goes, if that is no terminal. At most SCREEN_SAY_MAX bytes. */
#define SCREEN_SAY_MAX 2048
void screen_say(struct screen *screen, enum entry_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Show what the user has typed and nobody will get. */
void screen_not_sent(struct screen *screen, const char *typed);

#endif
