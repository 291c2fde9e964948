/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What two who know each other say, as frames (PROTOCOL.md, "Session"): messages, or one stream of bytes each way, and a
 * goodbye that tells that all before it was taken in.
 *
 * A message comes as one event, however many frames it came in, and none of it comes if its end does not. An end of the
 * connection without a goodbye is a loss, never an end.
 *
 * However the bytes are cut into calls of session_input(), the events are the same. The time for all of them is linear in
 * the number of bytes. Pure: owns no descriptor; now_ms is any clock that does not go back. */
#ifndef YODEL_WIRE_SESSION_H
#define YODEL_WIRE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "wire/event.h"

/* The longest message either way, in bytes. */
#define SESSION_MESSAGE_MAX ((size_t)1 << 20)

/* The longest payload of a frame that carries text or a stream, either way: with its header of 5 it fits one record of
 * TLS (2^14 bytes: RFC 8446, 5.1). A longer one breaks the protocol. */
#define SESSION_PAYLOAD_MAX ((size_t)(16384 - 5))

/* How much of a message or a stream we put into one: the flags of a message take 1. */
#define SESSION_PIECE_MAX (SESSION_PAYLOAD_MAX - 1)

/* How many bytes may wait for the connection: one message of the longest kind while another is on its way, in frames. */
#define SESSION_QUEUE_MAX                                                                                    \
    (2 * (SESSION_MESSAGE_MAX + 6 * ((SESSION_MESSAGE_MAX + SESSION_PIECE_MAX - 1) / SESSION_PIECE_MAX)))

/* How many of them may be a stream's: a few records. */
#define SESSION_STREAM_MAX ((size_t)4 * 16384)

/* What session_room() says at least once session_next() has said false, until the end. */
#define SESSION_ROOM_MIN ((size_t)64 << 10)

/* As in the HELLO. What belongs to the other mode is a breach of the protocol. */
enum session_mode {
    SESSION_TALK = 1,   /* WIRE_TEXT, WIRE_LEFT, WIRE_BROKEN */
    SESSION_STREAM = 2, /* WIRE_DATA (1 to SESSION_PAYLOAD_MAX bytes), WIRE_EOF, WIRE_LEFT, WIRE_BROKEN */
};

struct session {
    enum session_mode mode;
    struct buf in;
    struct buf out;
    struct buf message; /* the pieces of a message that has begun */
    size_t taken; /* bytes at the front of in that the last event has used up; it may still borrow them */
    size_t told_message; /* bytes of message that it borrows */
    bool open;           /* a message has begun, and its end has not come */
    bool ended;          /* the connection brings no more */
    bool broken;         /* the peer's bytes are not listened to any more */
    bool eof_sent;
    bool eof_came;
    bool bye_sent;
    bool bye_came;
    bool ack_sent; /* in answer to the peer's BYE */
    bool ack_came;
};

void session_init(struct session *s, enum session_mode mode);

/* Free what is kept. */
void session_done(struct session *s);

/* How many bytes the next session_input() may bring; 0: take events first (or nothing more is listened to). */
size_t session_room(const struct session *s);

/* Tell that len bytes came from the peer; they are copied. Returns 0, or -ERR_FULL if len exceeds session_room() (a bug
 * of the caller). */
int session_input(struct session *s, const uint8_t *bytes, size_t len, int64_t now_ms);

/* Tell that the connection brings no more: close_notify has come, or it was cut. */
void session_end(struct session *s);

/* The next event. Returns false if there is none now. It must be called after each session_input() until it says false,
 * after WIRE_LEFT too: what settles a goodbye is no event, and only what is asked for is taken in.
 *
 * WIRE_LEFT comes with the peer's BYE, or with its answer to ours. Without a WIRE_EOF before
 * it, the peer's stream is not whole. The only event after it is WIRE_BROKEN with -ERR_PROTOCOL. With -ERR_CUT it comes if the connection ends and there was no WIRE_LEFT. Taking a WIRE_LEFT that is the
 * peer's BYE queues the answer, behind all that was sent before, and nothing may be sent after it. */
bool session_next(struct session *s, int64_t now_ms, struct wire_event *event);

/* How many bytes of the stream the next session_next() brings; 0 if it brings something else, -EAGAIN if no frame is whole.
 * Takes nothing. */
ssize_t session_ahead(const struct session *s);

/* When to call session_next() though nothing came, once it has said false; INT64_MAX: never. */
int64_t session_wake_ms(const struct session *s);

/* Queue one message of len bytes (SESSION_TALK). Whole or not at all: returns 0, -ERR_FULL (there is no room now, but will
 * be after session_sent()), -ERR_RANGE (longer than SESSION_MESSAGE_MAX) or -EPIPE (one of the two has said goodbye). */
int session_send(struct session *s, const uint8_t *text, size_t len);

/* Queue some of the len bytes (SESSION_STREAM). Returns how many from the front; 0: there is no room now, or nothing may
 * be sent any more. */
size_t session_data(struct session *s, const uint8_t *bytes, size_t len);

/* Tell that our stream has ended (SESSION_STREAM): the peer gets WIRE_EOF behind it. */
void session_eof(struct session *s);

/* Say goodbye, behind what is queued, unless the peer's was answered already. It says too that all that session_next() has
 * given was taken in. */
void session_leave(struct session *s);

/* Whether the goodbye is complete, and the connection may be closed without a loss to anybody: our BYE was answered, the
 * peer's too, as far as there was one, and the answer has left the queue. False for good if the connection ended
 * before that: what was said last may not have arrived. */
bool session_settled(const struct session *s);

/* The *len bytes that may go to the connection now, none if *len is 0. Valid until the next call that queues something,
 * session_next() among them, or session_sent(). */
const uint8_t *session_output(const struct session *s, size_t *len);

/* Tell that the connection took the first len of them. */
void session_sent(struct session *s, size_t len);

#endif
