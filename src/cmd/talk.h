/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `listen` and `call` have in common: their options, and talking once it is known how the two meet. */
#ifndef YODEL_CMD_TALK_H
#define YODEL_CMD_TALK_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "chat/meet.h"
#include "cmd/private.h"
#include "net/addr.h"

#define TALK_NAME_MAX 64

struct talk {
    const char *command;
    bool plain, quiet;
    bool accept_new;       /* strangers are let in without a question */
    const char *identity;  /* the file of the key; NULL: the usual one */
    const char *send_from; /* the folder of which files may be read; "none"; NULL: home and the current one */
    char name[TALK_NAME_MAX]; /* how the user is shown */
    int64_t linger_ms, dead_ms;
    enum addr_family family;
};

/* The options of both: to be put into the table of each. */
enum {
    TALK_PLAIN = 512,
    TALK_NAME,
    TALK_LINGER,
    TALK_DEAD_TIMEOUT,
    TALK_IDENTITY,
    TALK_ACCEPT_NEW,
    TALK_SEND_FROM
};
#define TALK_SHORTS "46qh"
#define TALK_LONGS                                                                                           \
    {"plain", no_argument, NULL, TALK_PLAIN}, {"name", required_argument, NULL, TALK_NAME},                  \
        {"linger", required_argument, NULL, TALK_LINGER},                                                    \
        {"identity", required_argument, NULL, TALK_IDENTITY},                                                \
        {"accept-new", no_argument, NULL, TALK_ACCEPT_NEW},                                                  \
        {"send-from", required_argument, NULL, TALK_SEND_FROM},                                              \
        {"dead-timeout", required_argument, NULL, TALK_DEAD_TIMEOUT},                                        \
    {                                                                                                        \
        "help", no_argument, NULL, 'h'                                                                       \
    }

/* The defaults. */
void talk_init(struct talk *talk, const char *command);

/* Set one of these options. Returns 0, or EXIT_USAGE after it has said what is wrong. */
int talk_option(struct talk *talk, int option, const char *value);

/* To be called after the last option. Returns 0, or an exit status after it has said what is wrong. */
int talk_check(struct talk *talk);

/* Load what talking in private needs: private_open() with these options. Returns 0 or an exit status. */
int talk_open_private(const struct talk *talk, struct private *private);

/* Whether standard input and standard output are a terminal: a chat, and not byte streams. */
bool talk_is_chat(void);

/* Give up, for good, what talking does not need; to be called when everything is open but what is opened by descriptors and names of the
 * network. A chat may still read what could be sent, and completes names of files; a pipe opens none. Both may change the folder of store
 * (NULL: there is none). Returns 0, or an exit status after it has said what is wrong. */
int talk_confine(const struct talk *talk, const struct db *store);

/* Talk: at a terminal a chat, otherwise byte streams. Returns the exit status; EXIT_NO_CONNECTION with meet->error set is for
 * the caller to tell; in private meet->private->status is. */
int talk_run(const struct talk *talk, struct meet *meet);

#endif
