/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the conversation looks: a message, and what the program itself says of it. Pure.
 *
 *     14:03 anna       did you see the eclipse? We stood on the roof for an hour, and
 *                      then the clouds came
 *     -- 14:04 192.0.2.7 left
 *
 * Only the program begins a row with "-- " or with a time: text goes on under text. */
#ifndef YODEL_TERM_ENTRY_H
#define YODEL_TERM_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "term/text.h"

enum entry_kind {
    ENTRY_OWN,    /* what the user said */
    ENTRY_PEER,   /* what the peer said */
    ENTRY_STATUS, /* what happened */
    ENTRY_ERROR,  /* what went wrong */
};

struct entry {
    enum entry_kind kind;
    const char *time; /* "14:03" */
    const char *name; /* of who said it; not for a status */
    int name_columns; /* cells that names take: shorter ones are filled up with spaces */
    const uint8_t *text;
    size_t len;
    bool more; /* goes on with the entry before, between which something else may stand */
};

/* Append the rows of an entry to out, each ended by a newline. Any bytes may be in name and text. Returns 0, or -ERR_FULL
 * if out has no room: it is then left with a part of them. */
int entry_print(const struct entry *entry, const struct text_look *look, struct buf *out);

/* How many cells a name takes, at most limit. */
int entry_name_columns(const char *name, int limit);

#endif
