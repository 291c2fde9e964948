/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A child of the door: its first moments, and its end. */
#ifndef YODEL_ECHO_CHILD_H
#define YODEL_ECHO_CHILD_H

#include <sys/types.h>

#include "echo/engine.h"
#include "echo/gate.h"

/* What every child of one door leaves behind. */
struct child_heritage {
    pid_t door;
    int null; /* a descriptor of /dev/null: standard input and output of a child, so that nothing printed by mistake
                 can ever reach a client whose descriptor would have their numbers */
    const struct gate *gate; /* the door's */
};

/* Start a child that does a job. First of all it closes the listeners (one that lives on in a child bars the
 * port); it keeps only standard error and what the job needs, leaves the signals that end or question the service to the
 * door, dies when the door dies, and can do nothing to the door or to other children. Returns its pid, or -errno. */
pid_t child_spawn(const struct child_heritage *heritage, const struct engine *engine,
                  const struct engine_job *job);

/* Kill a child and collect it. */
void child_end(pid_t pid);

#endif
