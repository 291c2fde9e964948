/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "term/keys.h"

#include <stdint.h>
#include <string.h>

#include "base/text.h"

#define ESC 0x1b
#define MARK_LEN 6

static const char begin_mark[MARK_LEN + 1] = "\033[200~";
static const char end_mark[MARK_LEN + 1] = "\033[201~";

void keys_init(struct keys *keys)
{
    memset(keys, 0, sizeof *keys);
    buf_init(&keys->bytes, KEYS_PASTE_MAX + 2 * MARK_LEN);
}

void keys_done(struct keys *keys)
{
    buf_done(&keys->bytes);
}

void keys_clear(struct keys *keys)
{
    keys_done(keys);
    keys_init(keys);
}

size_t keys_room(const struct keys *keys)
{
    return buf_space(&keys->bytes);
}

/* How many bytes at the beginning are those of mark. */
static size_t agree(const uint8_t *bytes, size_t len, const char *mark, size_t mark_len)
{
    size_t count = 0;

    while (count < len && count < mark_len && bytes[count] == (uint8_t)mark[count])
        count++;
    return count;
}

/* How long the paste is that begins here; 0: its end has not come yet. */
static size_t paste_len(struct keys *keys, const uint8_t *bytes, size_t len)
{
    size_t from = keys->searched > MARK_LEN ? keys->searched - MARK_LEN : 0;
    const uint8_t *end = memmem(bytes + from, len - from, end_mark, MARK_LEN);

    keys->searched = len;
    return end ? (size_t)(end - bytes) + MARK_LEN : 0;
}

/* Whether bytes begin a character of UTF-8 whose rest has not come yet. */
static bool is_cut(const uint8_t *bytes, size_t len)
{
    static const uint8_t rests[] = {0x80,
                                    0xbf}; /* of some characters only one of them is valid (RFC 3629, 4) */
    uint32_t character;

    if (len >= 4 || text_decode(bytes, len, &character) > 0)
        return false;
    for (size_t i = 0; i < sizeof rests; i++) {
        uint8_t whole[4];
        memset(whole, rests[i], sizeof whole);
        memcpy(whole, bytes, len);
        if (text_decode(whole, sizeof whole, &character) > len)
            return true;
    }
    return false;
}

/* How many of the bytes at ready, which are len (1 or more), may be handed over together; 0: their rest must come first. */
static size_t next_unit(struct keys *keys, const uint8_t *bytes, size_t len)
{
    bool split = keys->escaped && bytes[0] != ESC; /* its ESC has been handed over */
    const char *mark = begin_mark + split;
    size_t mark_len = MARK_LEN - split;
    size_t same = agree(bytes, len, mark, mark_len);

    if (same == mark_len)
        return paste_len(keys, bytes, len);
    if (same == len && !(same == 1 && bytes[0] == ESC)) /* ESC alone is a key */
        return 0;
    return is_cut(bytes, len) ? 0 : 1;
}

static void advance(struct keys *keys)
{
    size_t len = buf_len(&keys->bytes);
    const uint8_t *bytes = buf_bytes(&keys->bytes);

    while (keys->ready < len) {
        size_t unit = next_unit(keys, bytes + keys->ready, len - keys->ready);
        if (unit == 0)
            return;
        keys->escaped = unit == 1 && bytes[keys->ready] == ESC;
        keys->ready += unit;
        keys->searched = 0;
    }
}

/* Let go of all but the last bytes, in which the end of the paste may have begun. */
static void drop(struct keys *keys)
{
    size_t tail = MARK_LEN - 1;
    size_t len = buf_len(&keys->bytes);

    const uint8_t *end = memmem(buf_bytes(&keys->bytes), len, end_mark, MARK_LEN);
    keys->dropping = !end;
    if (end)
        buf_consume(&keys->bytes, (size_t)(end - buf_bytes(&keys->bytes)) + MARK_LEN);
    else if (len > tail)
        buf_consume(&keys->bytes, len - tail);
    keys->searched = 0;
}

void keys_put(struct keys *keys, const char *bytes, size_t len)
{
    buf_append(&keys->bytes, bytes, len);
    if (keys->dropping)
        drop(keys);
    if (!keys->dropping)
        advance(keys);
    if (buf_space(&keys->bytes) == 0 && keys->ready == 0) {
        keys->dropped = true;
        drop(keys);
    }
}

void keys_discard(struct keys *keys)
{
    const uint8_t *bytes = buf_bytes(&keys->bytes) + keys->ready;
    size_t len = buf_len(&keys->bytes) - keys->ready;
    bool split =
        keys->escaped && (len == 0 || bytes[0] != ESC); /* the ESC of the mark is in front of ready */
    size_t before = split;
    size_t same = agree(bytes, len, begin_mark + before, MARK_LEN - before);

    if (keys->dropping || before + same == MARK_LEN) {
        buf_consume(&keys->bytes, keys->ready);
        keys->ready = keys->same = 0;
        keys->escaped = false;
        drop(keys);
        return;
    }
    keys_clear(keys);
    if (same == len)
        keys_put(keys, begin_mark, before + same); /* may still become a paste */
}

bool keys_dropped(struct keys *keys)
{
    bool dropped = keys->dropped;

    keys->dropped = false;
    return dropped;
}

bool keys_ready(const struct keys *keys)
{
    return keys->ready > 0;
}

/* Know where pastes begin and end. No byte but the first of a mark is an ESC. */
static void follow(struct keys *keys, uint8_t byte)
{
    const char *mark = keys->inside ? end_mark : begin_mark;

    keys->same = byte == (uint8_t)mark[keys->same] ? keys->same + 1 : byte == ESC;
    if (keys->same == MARK_LEN) {
        keys->inside = !keys->inside;
        keys->same = 0;
    }
}

int keys_get(struct keys *keys)
{
    while (keys->ready > 0) {
        uint8_t byte = *buf_bytes(&keys->bytes);
        buf_consume(&keys->bytes, 1);
        keys->ready--;
        follow(keys, byte);
        if (byte != 0 || !keys->inside)
            return byte;
        keys->cleaned = true;
    }
    return -1;
}

bool keys_cleaned(struct keys *keys)
{
    bool cleaned = keys->cleaned;

    keys->cleaned = false;
    return cleaned;
}
