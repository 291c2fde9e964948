/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first moments of a child. */
#ifndef YODEL_ECHO_CHILD_H
#define YODEL_ECHO_CHILD_H

#include <sys/types.h>

/* What every child of one door leaves behind. */
struct child_heritage {
    pid_t door;
    int null; /* a descriptor of /dev/null: standard input and output of a child, so that nothing printed by mistake
                 can ever reach a client whose descriptor would have their numbers */
    const int *listeners;
    int listener_count;
};

/* To be called first in a new child: close the listeners (before anything else: a listener that lives on in a child
 * bars the port), keep only standard error and the keep_count (at most CHILD_KEEP_MAX) descriptors in keep, leave the signals
 * that end or question the service to the door, and die when the door dies. Ends the process if it already has. */
#define CHILD_KEEP_MAX 4
void child_begin(const struct child_heritage *heritage, const int *keep, int keep_count);

#endif
