/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `listen` and `call` have in common: their options, and talking once it is known how the two meet. */
#ifndef YODEL_CMD_TALK_H
#define YODEL_CMD_TALK_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "chat/meet.h"
#include "net/addr.h"

#define TALK_NAME_MAX 64

struct talk {
    const char *command;
    bool plain, quiet;
    char name[TALK_NAME_MAX]; /* how the user is shown */
    int64_t linger_ms, dead_ms;
    enum addr_family family;
};

/* The options of both: to be put into the table of each. */
enum { TALK_PLAIN = 512, TALK_NAME, TALK_LINGER, TALK_DEAD_TIMEOUT };
#define TALK_SHORTS "46qh"
#define TALK_LONGS                                                                                           \
    {"plain", no_argument, NULL, TALK_PLAIN}, {"name", required_argument, NULL, TALK_NAME},                  \
        {"linger", required_argument, NULL, TALK_LINGER},                                                    \
        {"dead-timeout", required_argument, NULL, TALK_DEAD_TIMEOUT},                                        \
    {                                                                                                        \
        "help", no_argument, NULL, 'h'                                                                       \
    }

/* The defaults. */
void talk_init(struct talk *talk, const char *command);

/* Set one of these options. Returns 0, or EXIT_USAGE after it has said what is wrong. */
int talk_option(struct talk *talk, int option, const char *value);

/* To be called after the last option. Returns 0, or an exit status after it has said what is wrong. */
int talk_check(const struct talk *talk);

/* Talk: at a terminal a chat, otherwise byte streams. Returns the exit status; EXIT_NO_CONNECTION with meet->error set is for
 * the caller to tell. */
int talk_run(const struct talk *talk, struct meet *meet);

#endif
