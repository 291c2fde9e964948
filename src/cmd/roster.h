/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How contacts are shown: as a table, each in full, or as JSON for programs. Whatever the store holds, it
 * can do nothing to a terminal. Times are local, in JSON UTC. The caller has set LC_CTYPE, for the width
 * of names. */
#ifndef YODEL_CMD_ROSTER_H
#define YODEL_CMD_ROSTER_H

#include <stdbool.h>
#include <stdio.h>

#include "store/contact.h"

/* Print all contacts to out, a line each: below a line of headings, or as JSON objects. Returns how many they
 * are, or a negative error of the store. */
int roster_list(struct db *db, bool json, FILE *out);

/* Print all that is known of one. Returns 0 or a negative error of the store. */
int roster_show(struct db *db, const struct contact *contact, bool json, FILE *out);

#endif
