/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Chat without a protocol: each message is a line of bytes. For nc, for the classic programs, for an echo service.
 *
 * A line ends with LF; one CR before it is not part of it; every other byte is. An empty line is a message of length 0. A
 * line longer than PLAIN_LINE_MAX comes in pieces, and nothing of it is lost. A line without an end comes after
 * PLAIN_WAIT_MS without more of it, since whoever sends none may be waiting for an answer, and after PLAIN_DRIP_MS although
 * more of it comes byte by byte; what follows goes on with that
 * message, and an LF alone only ends it. What is there when the peer ends comes at once, and ends the message.
 *
 * A piece ends neither between CR and LF nor within a valid character of UTF-8 (RFC 3629), as far as waiting can prevent
 * it: if nothing else is there at the deadline, the CR or the first bytes of a character come too.
 *
 * However the bytes are cut into calls of plain_input(), the events are the same, as long as no deadline passes. The time
 * for all of them is linear in the number of bytes. Pure: owns no descriptor; now_ms is any clock that does not go back. */
#ifndef YODEL_WIRE_PLAIN_H
#define YODEL_WIRE_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "wire/event.h"

/* The longest line that comes as one event, and the longest message that may be sent, in bytes. */
#define PLAIN_LINE_MAX ((size_t)1 << 20)

/* How many bytes may wait for the socket: one message of the longest kind while another is on its way. */
#define PLAIN_QUEUE_MAX ((size_t)2 << 20)

/* Long enough for the rest of a line that was cut between two segments, short enough for whoever waits for it. */
#define PLAIN_WAIT_MS 200

#define PLAIN_DRIP_MS 2000

/* What plain_room() says at least once plain_next() has said false, until the peer has ended. */
#define PLAIN_ROOM_MIN ((size_t)64 << 10)

struct plain {
    struct buf in;
    struct buf out;
    size_t taken;    /* bytes at the front of in that the last event has used up; it may still borrow them */
    size_t scanned;  /* bytes after those in which no LF is */
    int64_t due_ms;  /* when a line without an end comes, if no more of it does */
    int64_t drip_ms; /* when it comes even so */
    bool open;       /* a piece of a message has come, and not its end */
    bool ended;      /* the peer sends no more */
    bool left;       /* and the chat has been told */
};

void plain_init(struct plain *p);

/* Free what is kept. */
void plain_done(struct plain *p);

/* How many bytes the next plain_input() may bring; 0: take events first (or the peer has ended). */
size_t plain_room(const struct plain *p);

/* Tell that len bytes came from the peer; they are copied. Returns 0, or -ERR_FULL if len exceeds plain_room() (a bug
 * of the caller). */
int plain_input(struct plain *p, const uint8_t *bytes, size_t len, int64_t now_ms);

/* Tell that the peer sends no more. */
void plain_end(struct plain *p);

/* The next event. Returns false if there is none now. */
bool plain_next(struct plain *p, int64_t now_ms, struct wire_event *event);

/* When to call plain_next() though nothing came, once it has said false; INT64_MAX: never. */
int64_t plain_wake_ms(const struct plain *p);

/* Queue one message of len bytes, each of its lines ended by LF: one is added unless the text ends with it. Whole or
 * not at all: returns 0, -ERR_FULL (there is no room now, but will be after plain_sent()) or -ERR_RANGE (longer than
 * PLAIN_LINE_MAX). */
int plain_send(struct plain *p, const uint8_t *text, size_t len);

/* The *len bytes that may go to the socket now, none if *len is 0. Valid until the next plain_send() or plain_sent(). */
const uint8_t *plain_output(const struct plain *p, size_t *len);

/* Tell that the socket took the first len of them. */
void plain_sent(struct plain *p, size_t len);

#endif
