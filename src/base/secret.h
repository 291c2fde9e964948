/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes that nobody else may know: where they come from, how they are compared, and how they go. */
#ifndef YODEL_BASE_SECRET_H
#define YODEL_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* Fill in len bytes from the kernel's generator; waits until it has been seeded once after the machine's
 * start. Cannot fail: a kernel without it ends the process with a message. */
void secret_random(void *bytes, size_t len);

/* Overwrite len bytes, also if nobody reads them any more. */
void secret_wipe(void *bytes, size_t len);

/* Whether len bytes are the same, in a time that does not depend on what they are. */
bool secret_equal(const void *a, const void *b, size_t len);

#endif
