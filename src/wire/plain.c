/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/plain.h"

#include <string.h>

#include "base/err.h"
#include "base/text.h"

/* A character of UTF-8 has at most so many bytes. */
#define CHARACTER_MAX 4

void plain_init(struct plain *p)
{
    *p = (struct plain){0};
    /* The most that waits: a line of the longest kind, and a CR that may belong to its end. */
    buf_init(&p->in, PLAIN_LINE_MAX + 1 + PLAIN_ROOM_MIN);
    buf_init(&p->out, PLAIN_QUEUE_MAX);
}

void plain_done(struct plain *p)
{
    buf_done(&p->in);
    buf_done(&p->out);
}

size_t plain_room(const struct plain *p)
{
    return p->ended ? 0 : buf_space(&p->in) + p->taken;
}

/* Nobody borrows the last event's bytes any more. */
static void settle(struct plain *p)
{
    buf_consume(&p->in, p->taken);
    p->taken = 0;
}

int plain_input(struct plain *p, const uint8_t *bytes, size_t len, int64_t now_ms)
{
    if (len > plain_room(p))
        return -ERR_FULL;
    if (len == 0)
        return 0;
    settle(p);
    if (buf_len(&p->in) == 0)
        p->drip_ms = now_ms + PLAIN_DRIP_MS;
    p->due_ms = now_ms + PLAIN_WAIT_MS;
    return buf_append(&p->in, bytes, len);
}

void plain_end(struct plain *p)
{
    p->ended = true;
}

/* How many bytes at the end could be the beginning of a valid character: 0 to 3. */
static size_t begun_character(const uint8_t *bytes, size_t len)
{
    /* If any continuation makes it valid, the smallest or the largest does. */
    static const uint8_t continuations[] = {0x80, 0xbf};
    uint8_t whole[CHARACTER_MAX];
    uint32_t character = 0;

    for (size_t begun = 1; begun < CHARACTER_MAX && begun <= len; begun++) {
        for (size_t i = 0; i < sizeof continuations; i++) {
            memset(whole, continuations[i], sizeof whole);
            memcpy(whole, bytes + len - begun, begun);
            if (text_decode(whole, sizeof whole, &character) > begun)
                return begun;
        }
    }
    return 0;
}

/* Give the first len bytes of in as a piece of a message, and use up skipped more that end it. */
static bool give(struct plain *p, struct wire_event *event, size_t len, bool last, size_t skipped)
{
    *event = (struct wire_event){
        .kind = WIRE_TEXT, .text = buf_bytes(&p->in), .len = len, .first = !p->open, .last = last};
    p->open = !last;
    p->taken = len + skipped;
    p->scanned = p->scanned > p->taken ? p->scanned - p->taken : 0;
    return true;
}

/* The len bytes in which there is no LF have waited long enough. */
static bool give_unfinished(struct plain *p, struct wire_event *event, size_t len, int64_t now_ms)
{
    const uint8_t *bytes = buf_bytes(&p->in);
    size_t held = bytes[len - 1] == '\r' ? 1 : begun_character(bytes, len);

    p->due_ms = now_ms + PLAIN_WAIT_MS;
    p->drip_ms = now_ms + PLAIN_DRIP_MS;
    return give(p, event, held < len ? len - held : len, false, 0);
}

static bool give_left(struct plain *p, struct wire_event *event)
{
    if (!p->ended || p->left)
        return false;
    p->left = true;
    *event = (struct wire_event){.kind = WIRE_LEFT};
    return true;
}

/* When a line without an end comes. */
static int64_t unfinished_ms(const struct plain *p)
{
    return p->due_ms < p->drip_ms ? p->due_ms : p->drip_ms;
}

bool plain_next(struct plain *p, int64_t now_ms, struct wire_event *event)
{
    settle(p);
    const uint8_t *bytes = buf_bytes(&p->in);
    size_t len = buf_len(&p->in);

    if (len == 0)
        return give_left(p, event);
    const uint8_t *end = memchr(bytes + p->scanned, '\n', len - p->scanned);
    p->scanned = end ? (size_t)(end - bytes) : len;
    /* What is known to be part of the line: a CR may turn out to belong to its end. */
    size_t known = p->scanned;
    if (known > 0 && bytes[known - 1] == '\r' && (end || !p->ended))
        known--;
    if (known > PLAIN_LINE_MAX)
        return give(p, event, PLAIN_LINE_MAX - begun_character(bytes, PLAIN_LINE_MAX), false, 0);
    if (end)
        p->drip_ms = now_ms + PLAIN_DRIP_MS; /* of the next line, if it is there */
    if (end)
        return give(p, event, known, true, p->scanned + 1 - known);
    if (p->ended)
        return give(p, event, len, true, 0);
    return now_ms >= unfinished_ms(p) && give_unfinished(p, event, len, now_ms);
}

int64_t plain_wake_ms(const struct plain *p)
{
    return buf_len(&p->in) > p->taken ? unfinished_ms(p) : INT64_MAX;
}

int plain_send(struct plain *p, const uint8_t *text, size_t len)
{
    bool ended = len > 0 && text[len - 1] == '\n';

    if (len > PLAIN_LINE_MAX)
        return -ERR_RANGE;
    if (len + !ended > buf_space(&p->out))
        return -ERR_FULL;
    buf_append(&p->out, text, len);
    return ended ? 0 : buf_append(&p->out, "\n", 1);
}

const uint8_t *plain_output(const struct plain *p, size_t *len)
{
    *len = buf_len(&p->out);
    return buf_bytes(&p->out);
}

void plain_sent(struct plain *p, size_t len)
{
    buf_consume(&p->out, len);
}
