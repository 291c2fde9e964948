/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A resolver of the test's own, for programs linked with --wrap=getaddrinfo and freeaddrinfo: every name is answered the same, at once or
 * when the test lets it; hosts that are written as numbers go to the C library. */
#ifndef YODEL_TESTS_NAMES_H
#define YODEL_TESTS_NAMES_H

#include <signal.h>
#include <stdbool.h>

/* From now on names have these addresses, separated by spaces and in this order; none: EAI_NONAME. */
void names_have(const char *hosts);

/* From now on looking a name up fails so (EAI_...). */
void names_fail(int failure);

/* Whether whoever asks from now on has to wait. Those who wait are let go with false, and get the answer of then. */
void names_hold(bool hold);

/* How often a name was asked for, and how many are waiting. */
int names_asked(void);
int names_waiting(void);

/* What signals were blocked in the thread that asked last. */
sigset_t names_mask(void);

#endif
