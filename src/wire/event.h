/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a protocol tells the chat, one event at a time. */
#ifndef YODEL_WIRE_EVENT_H
#define YODEL_WIRE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wire_kind {
    WIRE_TEXT, /* the peer says something: a message, or a piece of one */
    WIRE_LEFT, /* the peer has ended the conversation, and with it a message that was not ended; the last event */
};

struct wire_event {
    enum wire_kind kind;
    const uint8_t
        *text; /* WIRE_TEXT: any bytes but the end of the line; valid until the next call on the protocol */
    size_t len;
    bool first; /* begins a message; false: goes on with the one before */
    bool last;  /* ends it; false: more of it may come */
};

#endif
