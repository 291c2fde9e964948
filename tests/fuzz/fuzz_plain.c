/* SPDX-License-Identifier: GPL-3.0-or-later */
/* However a peer's bytes are cut, whatever the clock does and whenever somebody listens: what comes out of wire/plain is
 * what went in, in order, and each end is told once.
 *
 * An input is a script. Each step begins with a byte: its low 3 bits say what happens, the others, n, how much of it. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "wire/plain.h"

enum step {
    STEP_SAY,    /* the peer says the n + 1 bytes that follow */
    STEP_REPEAT, /* it says the byte that follows 2^n times, 2^20 at most */
    STEP_LINES,  /* it says the byte that follows and LF 2^n times, 2^6 at most */
    STEP_LISTEN, /* we ask for n + 1 events, or as many as there are */
    STEP_WAIT,   /* 10 n ms pass */
    STEP_WAKE,   /* we sleep until something must come, and it comes */
    STEP_SEND,   /* we say the n bytes that follow; if n is 31, the one that follows PLAIN_LINE_MAX times */
    STEP_FLUSH,  /* the socket takes n bytes, or as many as there are; if n is 31, all of them */
};

/* What the peer may say in all: the rest of a script is left out. */
#define SAID_MAX ((size_t)3 << 20)

/* What buf may allocate for the longest line and the room behind it. */
#define MEMORY_MAX ((PLAIN_LINE_MAX + 1 + PLAIN_ROOM_MIN) / 2 * 3 + 3)

#define PIECES_MAX 512

#define MUST(holds) ((holds) ? (void)0 : fault(__LINE__, #holds))

static void fault(int line, const char *text)
{
    fprintf(stderr, "fuzz_plain.c:%d: not so: %s\n", line, text);
    abort();
}

struct script {
    const uint8_t *bytes;
    size_t len;
};

/* A piece of a message that has come, by its place in what was said. */
struct piece {
    size_t begin;
    size_t end;
};

struct talk {
    struct plain plain;
    int64_t now_ms;
    struct buf said; /* by the peer */
    size_t heard;    /* of that */
    size_t searched; /* of that: no LF is in what is not heard up to here */
    struct buf sent; /* by us, and not taken by the socket yet */
    bool open;       /* a message has come whose end has not */
    bool waited;     /* a piece has come because time passed */
    int64_t due_ms;  /* when a line without an end is due; -1: a piece has come that leaves it open */
    int64_t drip_ms; /* when it is due although more of it comes */
    bool ended;      /* the peer has ended */
    bool spoke_last; /* and something has come since */
    bool left;       /* and we have been told */
    uint64_t digest; /* of the events */
    size_t pieces;   /* that did not end a message */
    struct piece piece[PIECES_MAX];
};

static void begin(struct talk *talk)
{
    plain_init(&talk->plain);
    buf_init(&talk->said, SAID_MAX);
    buf_init(&talk->sent, PLAIN_QUEUE_MAX);
}

static void finish(struct talk *talk)
{
    plain_done(&talk->plain);
    buf_done(&talk->said);
    buf_done(&talk->sent);
}

static uint8_t take(struct script *script)
{
    if (script->len == 0)
        return 0;
    script->len--;
    return *script->bytes++;
}

static void note(struct talk *talk, const struct wire_event *event)
{
    size_t facts[] = {event->kind, event->len, event->first, event->last};

    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        talk->digest = (talk->digest ^ facts[i]) * 0x100000001b3u;
}

/* The end of a line, not part of the text; or that of all that there is. */
static size_t end_of_line(const struct talk *talk, const struct wire_event *event)
{
    const uint8_t *rest = buf_bytes(&talk->said) + talk->heard;
    size_t len = buf_len(&talk->said) - talk->heard;

    if (len == 0) {
        MUST(talk->ended);
        return 0;
    }
    if (rest[0] == '\r') {
        MUST(len > 1 && rest[1] == '\n');
        return 2;
    }
    MUST(rest[0] == '\n');
    MUST(event->len == 0 || event->text[event->len - 1] != '\r');
    return 1;
}

/* When a line without an end is due; -1: nobody knows. */
static int64_t due_ms(const struct talk *talk)
{
    return talk->due_ms < talk->drip_ms ? talk->due_ms : talk->drip_ms;
}

/* A piece that does not end its message has come because time passed, or because its line is too long. */
static void check_reason(struct talk *talk, const struct wire_event *event)
{
    const uint8_t *rest = buf_bytes(&talk->said) + talk->heard;
    size_t waiting = buf_len(&talk->said) - talk->heard;
    bool is_long = waiting > PLAIN_LINE_MAX && !memchr(rest, '\n', PLAIN_LINE_MAX + 1) &&
                   (waiting < PLAIN_LINE_MAX + 2 || memcmp(rest + PLAIN_LINE_MAX, "\r\n", 2) != 0);

    if (is_long && event->len >= PLAIN_LINE_MAX - 3) {
        talk->due_ms = due_ms(talk) <= talk->now_ms ? -1 : talk->due_ms;
        return;
    }
    MUST(due_ms(talk) <= talk->now_ms && !memchr(rest, '\n', waiting));
    talk->due_ms = talk->now_ms + PLAIN_WAIT_MS;
    talk->drip_ms = talk->now_ms + PLAIN_DRIP_MS;
    talk->waited = true;
}

static void hear_text(struct talk *talk, const struct wire_event *event)
{
    size_t begin = talk->heard;

    MUST(event->len <= PLAIN_LINE_MAX);
    MUST(event->len <= buf_len(&talk->said) - talk->heard);
    MUST(event->first == !talk->open);
    MUST(event->len > 0 || event->last);
    if (event->len > 0) {
        MUST(memcmp(event->text, buf_bytes(&talk->said) + talk->heard, event->len) == 0);
        MUST(!memchr(event->text, '\n', event->len));
    }
    if (!event->last)
        check_reason(talk, event);
    talk->heard += event->len;
    talk->open = !event->last;
    talk->spoke_last = talk->ended;
    if (event->last) {
        talk->heard += end_of_line(talk, event);
        talk->drip_ms = talk->now_ms + PLAIN_DRIP_MS;
    }
    if (!event->last && talk->pieces < PIECES_MAX)
        talk->piece[talk->pieces++] = (struct piece){.begin = begin, .end = talk->heard};
}

/* Nothing came: nothing is due. */
static void check_silence(struct talk *talk)
{
    size_t total = buf_len(&talk->said);
    size_t waiting = total - talk->heard;
    size_t known = talk->searched > talk->heard ? talk->searched : talk->heard;

    MUST(!talk->ended || talk->left);
    MUST(known == total || !memchr(buf_bytes(&talk->said) + known, '\n', total - known));
    talk->searched = total;
    MUST(waiting <= PLAIN_LINE_MAX + 1);
    MUST(talk->ended || plain_room(&talk->plain) >= PLAIN_ROOM_MIN);
    int64_t wake_ms = plain_wake_ms(&talk->plain);
    MUST(waiting ? wake_ms > talk->now_ms : wake_ms == INT64_MAX);
    MUST(!waiting || (talk->due_ms < 0 ? wake_ms <= talk->now_ms + PLAIN_WAIT_MS : wake_ms == due_ms(talk)));
}

static bool listen_once(struct talk *talk)
{
    struct wire_event event;

    MUST(talk->plain.in.size <= MEMORY_MAX);
    if (!plain_next(&talk->plain, talk->now_ms, &event)) {
        check_silence(talk);
        return false;
    }
    MUST(!talk->left);
    note(talk, &event);
    if (event.kind == WIRE_TEXT) {
        hear_text(talk, &event);
        return true;
    }
    MUST(event.kind == WIRE_LEFT && talk->ended);
    MUST(!talk->open || !talk->spoke_last);
    MUST(talk->heard == buf_len(&talk->said));
    talk->left = true;
    return true;
}

static void say(struct talk *talk, const uint8_t *bytes, size_t len)
{
    if (len > SAID_MAX - buf_len(&talk->said))
        return;
    while (len > 0) {
        size_t room = plain_room(&talk->plain);
        size_t some = len < room ? len : room;
        if (some == 0) {
            MUST(listen_once(talk));
            continue;
        }
        MUST(plain_input(&talk->plain, bytes, room + 1, talk->now_ms) == -ERR_FULL);
        if (talk->heard == buf_len(&talk->said))
            talk->drip_ms = talk->now_ms + PLAIN_DRIP_MS;
        MUST(plain_input(&talk->plain, bytes, some, talk->now_ms) == 0);
        buf_append(&talk->said, bytes, some);
        talk->due_ms = talk->now_ms + PLAIN_WAIT_MS;
        bytes += some;
        len -= some;
    }
}

/* The bytes that a step brings along: at most len. */
static size_t take_some(struct script *script, size_t len, const uint8_t **bytes)
{
    size_t some = len < script->len ? len : script->len;

    *bytes = script->bytes;
    script->bytes += some;
    script->len -= some;
    return some;
}

/* The byte len times, PLAIN_LINE_MAX at most. Valid until the next call. */
static const uint8_t *many(uint8_t byte, size_t len)
{
    static uint8_t bytes[PLAIN_LINE_MAX];

    memset(bytes, byte, len);
    return bytes;
}

static void say_lines(struct talk *talk, uint8_t byte, unsigned count)
{
    const uint8_t line[] = {byte, '\n'};

    while (count-- > 0)
        say(talk, line, sizeof line);
}

static void wake(struct talk *talk)
{
    while (listen_once(talk))
        ;
    int64_t wake_ms = plain_wake_ms(&talk->plain);
    if (wake_ms == INT64_MAX)
        return;
    talk->now_ms = wake_ms - 1;
    MUST(!listen_once(talk));
    talk->now_ms = wake_ms;
    MUST(listen_once(talk));
}

static void send_text(struct talk *talk, const uint8_t *text, size_t len)
{
    bool ended = len > 0 && text[len - 1] == '\n';
    int result = plain_send(&talk->plain, text, len);

    if (len + !ended > buf_space(&talk->sent)) {
        MUST(result == -ERR_FULL);
        return;
    }
    MUST(result == 0);
    buf_append(&talk->sent, text, len);
    if (!ended)
        buf_append(&talk->sent, "\n", 1);
}

static void flush(struct talk *talk, size_t most)
{
    size_t len = 0;
    const uint8_t *bytes = plain_output(&talk->plain, &len);

    MUST(len == buf_len(&talk->sent));
    size_t some = len < most ? len : most;
    MUST(some == 0 || memcmp(bytes, buf_bytes(&talk->sent), some) == 0);
    plain_sent(&talk->plain, some);
    buf_consume(&talk->sent, some);
}

static void play_step(struct talk *talk, struct script *script)
{
    uint8_t head = take(script);
    unsigned n = head >> 3;
    const uint8_t *bytes;
    size_t len;

    switch ((enum step)(head & 7)) {
    case STEP_SAY:
        len = take_some(script, n + 1, &bytes);
        say(talk, bytes, len);
        break;
    case STEP_REPEAT:
        len = (size_t)1 << (n < 20 ? n : 20);
        say(talk, many(take(script), len), len);
        break;
    case STEP_LINES:
        say_lines(talk, take(script), 1u << (n < 6 ? n : 6));
        break;
    case STEP_LISTEN:
        while (listen_once(talk) && n-- > 0)
            ;
        break;
    case STEP_WAIT:
        talk->now_ms += 10 * n;
        break;
    case STEP_WAKE:
        wake(talk);
        break;
    case STEP_SEND:
        if (n == 31) {
            send_text(talk, many(take(script), PLAIN_LINE_MAX), PLAIN_LINE_MAX);
        } else {
            len = take_some(script, n, &bytes);
            send_text(talk, bytes, len);
        }
        break;
    case STEP_FLUSH:
        flush(talk, n == 31 ? SIZE_MAX : n);
        break;
    }
}

static void end(struct talk *talk)
{
    plain_end(&talk->plain);
    talk->ended = true;
    MUST(plain_room(&talk->plain) == 0);
    while (listen_once(talk))
        ;
    MUST(talk->left);
}

/* A piece that does not end its message ends neither within a character nor between CR and LF, unless it is nothing
 * but the beginning of one. */
static void check_piece(const struct talk *talk, struct piece piece)
{
    const uint8_t *bytes = buf_bytes(&talk->said);
    size_t total = buf_len(&talk->said);
    size_t len = piece.end - piece.begin;
    uint32_t character;

    for (size_t begun = 1; begun < 4 && begun < len; begun++)
        MUST(text_decode(bytes + piece.end - begun, total - (piece.end - begun), &character) <= begun);
    if (len > 1 && piece.end < total)
        MUST(bytes[piece.end - 1] != '\r' || bytes[piece.end] != '\n');
}

/* All of it in as few pieces as there is room for, and nobody listens before there must be some. */
static uint64_t digest_at_once(const struct talk *talk)
{
    static struct talk other;

    other = (struct talk){0};
    begin(&other);
    say(&other, buf_bytes(&talk->said), buf_len(&talk->said));
    end(&other);
    finish(&other);
    return other.digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct talk talk;
    struct script script = {.bytes = data, .len = size};

    talk = (struct talk){0};
    begin(&talk);
    while (script.len > 0)
        play_step(&talk, &script);
    end(&talk);
    flush(&talk, SIZE_MAX);
    for (size_t i = 0; i < talk.pieces; i++)
        check_piece(&talk, talk.piece[i]);
    if (!talk.waited)
        MUST(digest_at_once(&talk) == talk.digest);
    finish(&talk);
    return 0;
}
