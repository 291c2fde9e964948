/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a protocol tells the chat, one event at a time. */
#ifndef YODEL_WIRE_EVENT_H
#define YODEL_WIRE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wire_kind {
    WIRE_TEXT,   /* the peer says something: a message, or a piece of one */
    WIRE_DATA,   /* more of the peer's stream */
    WIRE_EOF,    /* the peer's stream has ended, whole */
    WIRE_LEFT,   /* the peer has ended the conversation, and with it a message that was not ended */
    WIRE_BROKEN, /* the peer broke the protocol, or the connection ended without a goodbye; the last event */
};

struct wire_event {
    enum wire_kind kind;
    const uint8_t
        *text; /* WIRE_TEXT, WIRE_DATA: any bytes; plain's have no end of line in them. Valid until the
                          * next call on the protocol */
    size_t len;
    bool first; /* WIRE_TEXT: begins a message; false: goes on with the one before */
    bool last;  /* WIRE_TEXT: ends it; false: more of it may come */
    int error;  /* WIRE_BROKEN: -ERR_PROTOCOL or -ERR_CUT */
};

#endif
