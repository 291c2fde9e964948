/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "chat/stream.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"

#define RECEIVE_MAX (32 << 10)

/* One call receives so often at most: a peer may send frames that are skipped without an end. */
#define FEEDS_MAX 8

void stream_open(struct stream *stream, struct link *link, const struct buf *early, int64_t now_ms)
{
    memset(stream, 0, sizeof *stream);
    stream->link = link;
    stream->private = link->chan != NULL;
    session_init(&stream->session, SESSION_STREAM);
    if (early && buf_len(early) > 0)
        session_input(&stream->session, buf_bytes(early), buf_len(early), now_ms);
}

void stream_close(struct stream *stream)
{
    session_done(&stream->session);
}

/* Send what the session has. */
static void flush(struct stream *stream, int64_t now_ms)
{
    size_t len, count;
    const uint8_t *bytes;

    do {
        bytes = session_output(&stream->session, &len);
        count = link_send(stream->link, bytes, len, now_ms);
        session_sent(&stream->session, count);
    } while (count > 0);
}

/* Receive from the link into the session. Returns 0, or -EAGAIN: nothing has changed. */
static int feed(struct stream *stream, int64_t now_ms)
{
    uint8_t bytes[RECEIVE_MAX];
    size_t room = session_room(&stream->session);

    if (room == 0)
        return -EAGAIN;
    ssize_t count = link_recv(stream->link, bytes, room < sizeof bytes ? room : sizeof bytes);
    if (count == -EAGAIN)
        return -EAGAIN;
    if (count > 0) {
        session_input(&stream->session, bytes, (size_t)count, now_ms);
        return 0;
    }
    if (!stream->link->broken && (count < 0 || !session_settled(&stream->session)))
        stream->link->broken = count < 0 ? (int)count : -ERR_CUT; /* close_notify alone is no goodbye */
    session_end(&stream->session);
    return 0;
}

/* The next event, from as much as it takes. Returns false if there is none now. */
static bool next(struct stream *stream, int64_t now_ms, struct wire_event *event)
{
    for (int i = 0; !session_next(&stream->session, now_ms, event); i++)
        if (i == FEEDS_MAX || feed(stream, now_ms) == -EAGAIN)
            return false;
    return true;
}

/* Whether more of the stream has come. A goodbye stays where it is: what came before it must be taken in first. */
static bool has_more_data(struct stream *stream, int64_t now_ms)
{
    ssize_t ahead;

    while ((ahead = session_ahead(&stream->session)) == -EAGAIN)
        if (feed(stream, now_ms) == -EAGAIN)
            return false;
    return ahead > 0;
}

/* As many frames of data as have come and have room, event being the first. */
static ssize_t gather(struct stream *stream, struct wire_event *event, uint8_t *bytes, size_t len,
                      int64_t now_ms)
{
    size_t count = 0;

    while (event->kind == WIRE_DATA && event->len <= len - count) {
        memcpy(bytes + count, event->text, event->len);
        count += event->len;
        if (len - count < STREAM_RECV_MIN || !has_more_data(stream, now_ms) || !next(stream, now_ms, event))
            break;
    }
    return (ssize_t)count;
}

static ssize_t recv_private(struct stream *stream, void *bytes, size_t len, int64_t now_ms)
{
    struct wire_event event;

    if (!next(stream, now_ms, &event))
        return -EAGAIN;
    switch (event.kind) {
    case WIRE_DATA:
        return gather(stream, &event, bytes, len, now_ms);
    case WIRE_EOF:
        stream->ended = true;
        return 0;
    case WIRE_LEFT:
        stream->left = true;
        flush(stream, now_ms);
        return stream->ended && stream->shut ? -EAGAIN : -EPIPE;
    case WIRE_BROKEN:
        return stream->link->broken ? stream->link->broken : event.error;
    case WIRE_TEXT: /* the session lets none through */
        break;
    }
    return -ERR_PROTOCOL;
}

ssize_t stream_recv(struct stream *stream, void *bytes, size_t len, int64_t now_ms)
{
    if (stream->private)
        return recv_private(stream, bytes, len, now_ms);
    ssize_t count = link_recv(stream->link, bytes, len);
    stream->ended = stream->ended || count == 0;
    return count;
}

size_t stream_send_best(const struct stream *stream, size_t room)
{
    return stream->private && room > SESSION_PIECE_MAX ? room - room % SESSION_PIECE_MAX : room;
}

size_t stream_send(struct stream *stream, const void *bytes, size_t len, int64_t now_ms)
{
    if (!stream->private)
        return link_send(stream->link, bytes, len, now_ms);
    size_t count = session_data(&stream->session, bytes, len);
    flush(stream, now_ms);
    return count;
}

void stream_shut(struct stream *stream, int64_t now_ms)
{
    if (!stream->private) {
        link_shut(stream->link, now_ms);
        stream->shut = stream->link->shut;
        return;
    }
    session_eof(&stream->session);
    stream->shut = true;
    flush(stream, now_ms);
}

void stream_part(struct stream *stream, int64_t now_ms)
{
    if (!stream->private || stream->link->broken)
        return;
    session_leave(&stream->session);
    flush(stream, now_ms);
    /* The last answer has to arrive; what becomes of the end behind it, where the peer has hung up, does not count. */
    stream->parted = stream->parted || (session_settled(&stream->session) && link_unacked(stream->link) == 0);
    if (stream->parted && !stream->link->shut)
        link_shut(stream->link, now_ms);
}

size_t stream_undelivered(const struct stream *stream)
{
    size_t waiting = 0;

    if (stream->private)
        session_output(&stream->session, &waiting);
    return waiting + link_unacked(stream->link);
}

size_t stream_unacked(const struct stream *stream)
{
    if (stream->private && stream->parted)
        return link_waits(stream->link);
    return stream_undelivered(stream) + (stream->private && !session_settled(&stream->session));
}

bool stream_listens(const struct stream *stream)
{
    return stream->private && stream->ended && !session_settled(&stream->session) && !stream->link->broken;
}

bool stream_waits(const struct stream *stream)
{
    size_t waiting = 0;

    if (!stream->private || stream->link->broken)
        return false;
    session_output(&stream->session, &waiting);
    return waiting > 0 || link_waits(stream->link);
}

bool stream_has_more(const struct stream *stream)
{
    return stream->private && stream->link->more;
}
