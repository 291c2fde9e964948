/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What both sides say first: how they talk, what they call themselves, where they listen. Pure. */
#ifndef YODEL_WIRE_HELLO_H
#define YODEL_WIRE_HELLO_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/place.h"

#define HELLO_VERSION 1
#define HELLO_NAME_MAX 64
#define HELLO_PLACES_MAX 16

/* What a peer may say it wants: any other number is a mode that we do not have. */
enum hello_mode {
    HELLO_TALK = 1,   /* messages */
    HELLO_STREAM = 2, /* bytes */
};

struct hello {
    uint8_t mode;      /* an enum hello_mode, or what a newer peer says */
    uint32_t features; /* bits; those that one does not know mean nothing */
    uint8_t name_len;  /* 1 to HELLO_NAME_MAX */
    char name[HELLO_NAME_MAX +
              1]; /* name_len bytes as they came, which may be anything, and a NUL: clean it to show it */
    int place_count;
    struct place places
        [HELLO_PLACES_MAX]; /* as place_get() gives them: nobody has checked that the peer listens there */
};

/* Append the frame HELLO. Of the places, those go into it that have a form (place_put()) and for which there is room in
 * FRAME_GREETING_MAX, which is for 16 addresses always. Returns 0; -ERR_RANGE if a length or a count is not in its range,
 * and nothing is appended; -ERR_FULL if the buffer has no room. */
int hello_put(struct buf *out, const struct hello *hello);

/* Read the payload of a frame HELLO of len bytes. Returns 0; -ERR_RANGE if it is of another version, of which nothing else
 * is known then; or -ERR_PROTOCOL if it has not the form. What follows the last place is ignored: a newer peer may say more. */
int hello_get(const uint8_t *payload, size_t len, struct hello *hello);

#endif
