/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What to say when a peer cannot be reached: the same words in every command. */
#ifndef YODEL_CMD_FAILURE_H
#define YODEL_CMD_FAILURE_H

#include "net/reach.h"

/* A host, and what is said of it. */
#define FAILURE_MAX (PLACE_HOST_MAX + 256)

/* What only the command knows. Each may be NULL: nothing is said of it. */
struct failure_hints {
    const char *timeout; /* of a try whose time was over: "-W and -w say how long to wait" */
    const char *
        addresses; /* behind how many addresses were tried, if they were several: ", -v tells of each", or "" */
};

/* Say in one line, without an end, why a try failed with error: the last one (reach->error), or -EINTR, somebody ended it. It begins
 * with what failed: "look up box: ", "connect box:5188: ", or with the host alone where that is no host. What the user
 * wrote stands in it as it was written; whoever shows it makes it safe, as err_say() does. Returns text. */
const char *failure_print(const struct reach *reach, int error, const struct failure_hints *hints,
                          char text[static FAILURE_MAX]);

/* Say it on standard error: "yodel: COMMAND: " and failure_print(). Returns the exit status, EXIT_NO_CONNECTION. */
int failure_say(const char *command, const struct reach *reach, int error, const struct failure_hints *hints);

#endif
