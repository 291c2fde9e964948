/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Byte streams: standard input goes to the peer, what the peer sends to standard output, as it is.
 *
 * The two directions end one by one. At the end of standard input the sending half of the connection is closed, and what the peer
 * still sends goes on. When the peer sends no more, standard output is closed, and standard input goes on until its
 * end, unless it is a terminal. What is neither at its end nor acknowledged when the connection breaks is lost, and told. */
#ifndef YODEL_CHAT_PIPE_H
#define YODEL_CHAT_PIPE_H

#include <stdbool.h>
#include <stdint.h>

#include "chat/meet.h"

/* Each direction holds at most so many bytes. 16 to 48 KiB cost the least CPU a byte (measured). */
#define PIPE_CHUNK (32 << 10)

struct pipe_config {
    const char *command; /* for messages: "call" */
    int64_t dead_ms;     /* as link_open() */
    int64_t linger_ms;   /* how long one direction may go on after the other has ended; INT64_MAX: no limit */
    bool quiet;          /* errors only */
};

/* Returns the exit status; when the peer could not be reached, which is for the caller to tell (meet->error),
 * EXIT_NO_CONNECTION. */
int pipe_run(const struct pipe_config *config, struct meet *meet);

#endif
