/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/session.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "wire/frame.h"

/* The flags of TEXT. */
enum {
    TEXT_FIRST = 1,
    TEXT_LAST = 2,
};

/* EOF, BYE and BYE_ACK have room always. */
#define CONTROL_BYTES (3 * FRAME_HEADER_BYTES)

void session_init(struct session *s, enum session_mode mode)
{
    *s = (struct session){.mode = mode};
    /* The most that waits: a frame of the longest kind. */
    buf_init(&s->in, FRAME_HEADER_BYTES + FRAME_PAYLOAD_MAX + SESSION_ROOM_MIN);
    buf_init(&s->out, SESSION_QUEUE_MAX + CONTROL_BYTES);
    buf_init(&s->message, SESSION_MESSAGE_MAX);
}

void session_done(struct session *s)
{
    buf_done(&s->in);
    buf_done(&s->out);
    buf_done(&s->message);
}

/* --- what comes */

size_t session_room(const struct session *s)
{
    return s->ended || s->broken ? 0 : buf_space(&s->in) + s->taken;
}

/* Nobody borrows the last event's bytes any more. */
static void settle(struct session *s)
{
    buf_consume(&s->in, s->taken);
    buf_consume(&s->message, s->told_message);
    s->taken = 0;
    s->told_message = 0;
}

int session_input(struct session *s, const uint8_t *bytes, size_t len, int64_t now_ms)
{
    (void)now_ms;
    if (len > session_room(s))
        return -ERR_FULL;
    settle(s);
    return buf_append(&s->in, bytes, len);
}

void session_end(struct session *s)
{
    s->ended = true;
}

/* Listen to nothing any more. */
static bool give_broken(struct session *s, struct wire_event *event, int error)
{
    s->broken = true;
    *event = (struct wire_event){.kind = WIRE_BROKEN, .error = error};
    return true;
}

static void queue_control(struct session *s, uint8_t type)
{
    frame_put(&s->out, type, NULL, 0);
}

/* What a frame that came means: something to tell, nothing, or a breach. */
enum meaning { MEANS_EVENT, MEANS_NOTHING, MEANS_BREACH };

/* What one that carries something must have in any case. */
static bool carries(const struct session *s, const struct frame *frame, enum session_mode mode)
{
    return s->mode == mode && !s->bye_came && !s->ack_came && frame->len > 0 &&
           frame->len <= SESSION_PAYLOAD_MAX;
}

static enum meaning take_text(struct session *s, const struct frame *frame, struct wire_event *event)
{
    if (!carries(s, frame, SESSION_TALK))
        return MEANS_BREACH;
    uint8_t flags = frame->payload[0];
    const uint8_t *text = frame->payload + 1;
    size_t len = frame->len - 1;
    bool first = flags & TEXT_FIRST, last = flags & TEXT_LAST;

    if (flags & ~(TEXT_FIRST | TEXT_LAST) || first == s->open || len > buf_space(&s->message))
        return MEANS_BREACH;
    s->open = !last;
    if (!first || !last) {
        buf_append(&s->message, text, len);
        text = buf_bytes(&s->message);
        len = buf_len(&s->message);
    }
    if (!last)
        return MEANS_NOTHING;
    s->told_message = first ? 0 : len;
    *event = (struct wire_event){.kind = WIRE_TEXT, .text = text, .len = len, .first = true, .last = true};
    return MEANS_EVENT;
}

static bool may_come(const struct session *s, const struct frame *data)
{
    return carries(s, data, SESSION_STREAM) && !s->eof_came;
}

static enum meaning take_data(const struct session *s, const struct frame *frame, struct wire_event *event)
{
    if (!may_come(s, frame))
        return MEANS_BREACH;
    *event = (struct wire_event){.kind = WIRE_DATA, .text = frame->payload, .len = frame->len};
    return MEANS_EVENT;
}

static enum meaning take_eof(struct session *s, const struct frame *frame, struct wire_event *event)
{
    if (s->mode != SESSION_STREAM || s->eof_came || s->bye_came || s->ack_came || frame->len > 0)
        return MEANS_BREACH;
    s->eof_came = true;
    *event = (struct wire_event){.kind = WIRE_EOF};
    return MEANS_EVENT;
}

/* The peer says goodbye; we have taken in all before it, or we would not be asked for this. */
static enum meaning take_bye(struct session *s, const struct frame *frame, struct wire_event *event)
{
    if (s->bye_came || s->ack_came || s->open || frame->len > 0)
        return MEANS_BREACH;
    s->bye_came = true;
    s->ack_sent = true;
    queue_control(s, FRAME_BYE_ACK);
    *event = (struct wire_event){.kind = WIRE_LEFT};
    return MEANS_EVENT;
}

/* The peer has taken in all that we said; it says no more, goodbye or not. */
static enum meaning take_bye_ack(struct session *s, const struct frame *frame, struct wire_event *event)
{
    if (!s->bye_sent || s->ack_came || s->open || frame->len > 0)
        return MEANS_BREACH;
    s->ack_came = true;
    if (s->bye_came)
        return MEANS_NOTHING;
    *event = (struct wire_event){.kind = WIRE_LEFT};
    return MEANS_EVENT;
}

static enum meaning take_frame(struct session *s, const struct frame *frame, struct wire_event *event)
{
    switch (frame->type) {
    case FRAME_TEXT:
        return take_text(s, frame, event);
    case FRAME_DATA:
        return take_data(s, frame, event);
    case FRAME_EOF:
        return take_eof(s, frame, event);
    case FRAME_BYE:
        return take_bye(s, frame, event);
    case FRAME_BYE_ACK:
        return take_bye_ack(s, frame, event);
    default:
        return frame_may_skip(frame->type) ? MEANS_NOTHING : MEANS_BREACH;
    }
}

bool session_next(struct session *s, int64_t now_ms, struct wire_event *event)
{
    enum meaning meaning = MEANS_NOTHING;

    (void)now_ms;
    settle(s);
    while (meaning == MEANS_NOTHING && !s->broken) {
        struct frame frame;
        int used = frame_get(buf_bytes(&s->in), buf_len(&s->in), FRAME_PAYLOAD_MAX, &frame);
        if (used == 0)
            break;
        meaning = used < 0 ? MEANS_BREACH : take_frame(s, &frame, event);
        if (meaning == MEANS_BREACH)
            return give_broken(s, event, -ERR_PROTOCOL);
        s->taken = (size_t)used;
        if (meaning == MEANS_NOTHING)
            settle(s);
    }
    if (meaning == MEANS_EVENT)
        return true;
    return s->ended && !s->broken && !s->bye_came && !s->ack_came && give_broken(s, event, -ERR_CUT);
}

ssize_t session_ahead(const struct session *s)
{
    struct frame frame;
    size_t len = buf_len(&s->in) - s->taken;
    int used = len > 0 ? frame_get(buf_bytes(&s->in) + s->taken, len, FRAME_PAYLOAD_MAX, &frame) : 0;

    if (used == 0)
        return -EAGAIN;
    return used > 0 && frame.type == FRAME_DATA && may_come(s, &frame) ? (ssize_t)frame.len : 0;
}

int64_t session_wake_ms(const struct session *s)
{
    (void)s;
    return INT64_MAX;
}

/* --- what goes */

static bool may_send(const struct session *s)
{
    return !s->bye_sent && !s->ack_sent && !s->broken;
}

/* How many bytes the frames of a message take. */
static size_t framed(size_t len)
{
    size_t pieces = len == 0 ? 1 : (len + SESSION_PIECE_MAX - 1) / SESSION_PIECE_MAX;

    return len + pieces * (FRAME_HEADER_BYTES + 1);
}

int session_send(struct session *s, const uint8_t *text, size_t len)
{
    uint8_t payload[1 + SESSION_PIECE_MAX];
    size_t at = 0;

    if (len > SESSION_MESSAGE_MAX)
        return -ERR_RANGE;
    if (!may_send(s))
        return -EPIPE;
    if (framed(len) + CONTROL_BYTES > buf_space(&s->out))
        return -ERR_FULL;
    do {
        size_t some = len - at < SESSION_PIECE_MAX ? len - at : SESSION_PIECE_MAX;
        payload[0] = (uint8_t)((at == 0 ? TEXT_FIRST : 0) | (at + some == len ? TEXT_LAST : 0));
        if (some > 0)
            memcpy(payload + 1, text + at, some);
        frame_put(&s->out, FRAME_TEXT, payload, 1 + some);
        at += some;
    } while (at < len);
    return 0;
}

size_t session_data(struct session *s, const uint8_t *bytes, size_t len)
{
    size_t at = 0;

    if (!may_send(s) || s->eof_sent)
        return 0;
    while (at < len && buf_len(&s->out) + FRAME_HEADER_BYTES < SESSION_STREAM_MAX) {
        size_t room = SESSION_STREAM_MAX - FRAME_HEADER_BYTES - buf_len(&s->out);
        size_t some = len - at < SESSION_PIECE_MAX ? len - at : SESSION_PIECE_MAX;
        some = some < room ? some : room;
        frame_put(&s->out, FRAME_DATA, bytes + at, some);
        at += some;
    }
    return at;
}

void session_eof(struct session *s)
{
    if (!may_send(s) || s->eof_sent)
        return;
    s->eof_sent = true;
    queue_control(s, FRAME_EOF);
}

void session_leave(struct session *s)
{
    if (!may_send(s))
        return;
    s->bye_sent = true;
    queue_control(s, FRAME_BYE);
}

bool session_settled(const struct session *s)
{
    if (s->broken || !(s->bye_sent || s->bye_came))
        return false;
    return s->ack_came == s->bye_sent && s->ack_sent == s->bye_came && buf_len(&s->out) == 0;
}

const uint8_t *session_output(const struct session *s, size_t *len)
{
    *len = buf_len(&s->out);
    return buf_bytes(&s->out);
}

void session_sent(struct session *s, size_t len)
{
    buf_consume(&s->out, len);
}
