/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether a test left anything behind: a descriptor, a thread, or a thread that was neither joined nor detached. For
 * programs linked with --wrap=pthread_create, pthread_join and pthread_detach. */
#ifndef YODEL_TESTS_TRACES_H
#define YODEL_TESTS_TRACES_H

#include <stdbool.h>

/* How many descriptors, and how many threads, this process has. */
int traces_descriptors(void);
int traces_threads(void);

/* Whether pthread_create() fails from now on. */
void traces_deny_threads(bool deny);

/* Remember what there is. */
void traces_begin(void);

/* Wait until no more is there than at the beginning: a thread that was left to itself ends in its own time. Returns 0, or
 * -1 if that does not come to pass within 20 s. */
int traces_end(void);

#endif
