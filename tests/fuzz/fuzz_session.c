/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two sessions that talk with each other, at any pace, in any order, cut at any byte: what is heard is what was said, in
 * order, and who knows its goodbye to be answered has been heard to the end. And whatever bytes come between: what they
 * mean does not depend on how they are cut, and what is kept is bounded.
 *
 * An input is a script. Its first byte says whether they talk or stream. Each step begins with a byte: its low 3 bits say
 * what happens, the next one at which end, the others, n (0 to 15), how much of it. */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "wire/session.h"

enum step {
    STEP_SAY,   /* it says the n bytes that follow: a message, or part of a stream */
    STEP_SHOUT, /* it says the byte that follows 2^n * 33 times, at most as often as is allowed, or once more */
    STEP_MOVE, /* n * n * 40 + 1 bytes of what it has said reach the other end; if n is 15, all that there is room for */
    STEP_LISTEN, /* it asks for n + 1 events */
    STEP_BYE,    /* it says goodbye; before that, if n is odd, the end of its stream */
    STEP_END,    /* the end of its stream */
    STEP_CUT,    /* nothing more reaches it */
    STEP_FORGE,  /* the n + 1 bytes that follow reach it as if the other end had said them */
};

/* What an end may say or hear in all: the rest of a script is left out. */
#define SAID_MAX ((size_t)8 << 20)

/* What a session's buffers may allocate (base/buf.h). */
#define IN_MAX ((size_t)(5 + 65536 + 65536) / 2 * 3 + 3)
#define OUT_MAX ((SESSION_QUEUE_MAX + 15) / 2 * 3 + 3)
#define MESSAGE_MAX (SESSION_MESSAGE_MAX / 2 * 3)

#define MUST(holds) ((holds) ? (void)0 : fault(__LINE__, #holds))

static void fault(int line, const char *text)
{
    fprintf(stderr, "fuzz_session.c:%d: not so: %s\n", line, text);
    abort();
}

struct script {
    const uint8_t *bytes;
    size_t len;
};

/* A log is a text: each message has its length before it (as size_t), a stream is its bytes. */
struct end {
    struct session session;
    enum session_mode mode;
    struct buf said;     /* a log */
    struct buf heard;    /* another */
    struct buf received; /* as it came */
    bool said_eof;
    bool said_bye;
    bool left_first; /* it said goodbye before anything came */
    bool heard_eof;
    bool heard_left;
    bool heard_broken;
    int error;
    bool cut;
    bool forged; /* what comes is not what the other end says */
};

static void begin(struct end *end, enum session_mode mode)
{
    *end = (struct end){.mode = mode};
    session_init(&end->session, mode);
    buf_init(&end->said, SAID_MAX);
    buf_init(&end->heard, 2 * SAID_MAX);
    buf_init(&end->received, SAID_MAX);
}

static void finish(struct end *end)
{
    session_done(&end->session);
    buf_done(&end->said);
    buf_done(&end->heard);
    buf_done(&end->received);
}

static uint8_t take(struct script *script)
{
    if (script->len == 0)
        return 0;
    script->len--;
    return *script->bytes++;
}

static size_t take_some(struct script *script, size_t len, const uint8_t **bytes)
{
    size_t some = len < script->len ? len : script->len;

    *bytes = script->bytes;
    script->bytes += some;
    script->len -= some;
    return some;
}

static void note(struct buf *log, enum session_mode mode, const uint8_t *bytes, size_t len)
{
    if (mode == SESSION_TALK)
        MUST(buf_append(log, &len, sizeof len) == 0);
    MUST(buf_append(log, bytes, len) == 0);
}

/* What it has heard is the beginning of what the other one has said. */
static void check_heard(const struct end *end, const struct end *other)
{
    size_t len = buf_len(&end->heard);

    if (end->forged)
        return;
    MUST(len <= buf_len(&other->said));
    MUST(len == 0 || memcmp(buf_bytes(&end->heard), buf_bytes(&other->said), len) == 0);
    MUST(!end->heard_eof || (other->said_eof && len == buf_len(&other->said)));
    MUST(!end->heard_left || len == buf_len(&other->said) || end->said_bye);
    /* The other one answers what was forged, too: a goodbye that this one has not said. */
    MUST(!end->heard_broken || other->forged || (end->cut && end->error == -ERR_CUT));
}

/* Who is done with its own goodbye has been heard to the end, and has heard the other to its end. */
static void check_settled(const struct end *end, const struct end *other)
{
    if (end->forged || other->forged || !session_settled(&end->session))
        return;
    MUST(end->heard_left);
    MUST(buf_len(&end->heard) == buf_len(&other->said));
    MUST(!end->said_bye || buf_len(&other->heard) == buf_len(&end->said));
}

static void check_bounds(const struct end *end)
{
    MUST(end->session.in.size <= IN_MAX);
    MUST(end->session.out.size <= OUT_MAX);
    MUST(end->session.message.size <= MESSAGE_MAX);
    MUST(session_wake_ms(&end->session) == INT64_MAX);
}

static bool listen_once(struct end *end)
{
    struct wire_event event;

    MUST(!end->heard_broken || session_room(&end->session) == 0);
    if (!session_next(&end->session, 0, &event)) {
        MUST(end->cut || end->heard_broken || session_room(&end->session) >= SESSION_ROOM_MIN);
        MUST(!end->cut || end->heard_left || end->heard_broken);
        return false;
    }
    MUST(!end->heard_broken);
    MUST(!end->heard_left || event.kind == WIRE_BROKEN);
    switch (event.kind) {
    case WIRE_TEXT:
        MUST(end->mode == SESSION_TALK && event.first && event.last && event.len <= SESSION_MESSAGE_MAX);
        note(&end->heard, end->mode, event.text, event.len);
        break;
    case WIRE_DATA:
        MUST(end->mode == SESSION_STREAM && event.len > 0 && event.len <= SESSION_PAYLOAD_MAX);
        MUST(!end->heard_eof);
        note(&end->heard, end->mode, event.text, event.len);
        break;
    case WIRE_EOF:
        MUST(end->mode == SESSION_STREAM && !end->heard_eof);
        end->heard_eof = true;
        break;
    case WIRE_LEFT:
        end->heard_left = true;
        break;
    case WIRE_BROKEN:
        MUST(event.error == -ERR_PROTOCOL || (event.error == -ERR_CUT && end->cut && !end->heard_left));
        end->heard_broken = true;
        end->error = event.error;
        break;
    }
    return true;
}

static void say(struct end *end, const uint8_t *bytes, size_t len)
{
    bool over = end->said_bye || end->heard_left || end->heard_broken;

    if (len + sizeof len > buf_space(&end->said))
        return;
    if (end->mode == SESSION_TALK) {
        int result = session_send(&end->session, bytes, len);
        MUST(result == 0 || (len > SESSION_MESSAGE_MAX ? result == -ERR_RANGE
                             : over                    ? result == -EPIPE
                                                       : result == -ERR_FULL));
        MUST(result != -ERR_FULL || buf_len(&end->session.out) > SESSION_MESSAGE_MAX);
        MUST(result != 0 || !over);
        if (result == 0)
            note(&end->said, end->mode, bytes, len);
        return;
    }
    size_t taken = session_data(&end->session, bytes, len);
    MUST(taken <= len && (taken == 0 || !(over || end->said_eof)));
    MUST(taken == len || over || end->said_eof || buf_len(&end->session.out) + 5 >= SESSION_STREAM_MAX);
    note(&end->said, end->mode, bytes, taken);
}

/* The byte len times. Valid until the next call. */
static const uint8_t *many(uint8_t byte, size_t len)
{
    static uint8_t bytes[SESSION_MESSAGE_MAX + 1];

    memset(bytes, byte, len);
    return bytes;
}

static size_t loud(unsigned n)
{
    size_t len = (size_t)33 << n;

    return len < SESSION_MESSAGE_MAX + 1 ? len : SESSION_MESSAGE_MAX + 1;
}

/* Bytes reach it. Returns how many. */
static size_t receive(struct end *end, const uint8_t *bytes, size_t len)
{
    size_t room = session_room(&end->session);

    MUST(!(end->cut || end->heard_broken) || room == 0);
    MUST(session_input(&end->session, bytes, room + 1, 0) == -ERR_FULL);
    len = len < room ? len : room;
    len = len < buf_space(&end->received) ? len : buf_space(&end->received);
    MUST(session_input(&end->session, bytes, len, 0) == 0);
    MUST(buf_append(&end->received, bytes, len) == 0);
    return len;
}

static size_t move(struct end *from, struct end *to, size_t most)
{
    size_t len = 0;
    const uint8_t *bytes = session_output(&from->session, &len);

    if (to->cut || to->heard_broken) /* the connection takes it, and that is all */
        return session_sent(&from->session, len), len;
    len = receive(to, bytes, len < most ? len : most);
    session_sent(&from->session, len);
    return len;
}

static void end_stream(struct end *end)
{
    bool may = !(end->said_bye || end->heard_left || end->heard_broken);

    session_eof(&end->session);
    end->said_eof |= may;
}

static void leave(struct end *end)
{
    bool may = !(end->said_bye || end->heard_left || end->heard_broken);

    session_leave(&end->session);
    end->left_first |= may && buf_len(&end->received) == 0;
    end->said_bye |= may;
}

static void play_step(struct end *ends, struct script *script)
{
    uint8_t head = take(script);
    struct end *end = &ends[head >> 3 & 1], *other = &ends[!(head >> 3 & 1)];
    unsigned n = head >> 4;
    const uint8_t *bytes;
    size_t len;

    switch ((enum step)(head & 7)) {
    case STEP_SAY:
        len = take_some(script, n, &bytes);
        say(end, bytes, len);
        break;
    case STEP_SHOUT:
        len = loud(n);
        say(end, many(take(script), len), len);
        break;
    case STEP_MOVE:
        move(end, other, n == 15 ? SIZE_MAX : (size_t)n * n * 40 + 1);
        break;
    case STEP_LISTEN:
        while (listen_once(end) && n-- > 0)
            ;
        break;
    case STEP_BYE:
        if (n & 1 && end->mode == SESSION_STREAM)
            end_stream(end);
        leave(end);
        break;
    case STEP_END:
        if (end->mode == SESSION_STREAM)
            end_stream(end);
        break;
    case STEP_CUT:
        session_end(&end->session);
        end->cut = true;
        break;
    case STEP_FORGE:
        len = take_some(script, n + 1, &bytes);
        end->forged |= receive(end, bytes, len) > 0;
        break;
    }
    for (int i = 0; i < 2; i++) {
        check_heard(&ends[i], &ends[!i]);
        check_settled(&ends[i], &ends[!i]);
        check_bounds(&ends[i]);
    }
}

/* All that came, at once, to somebody who only listens: the same events. What an answer to a goodbye means depends on
 * when that was said. */
static void check_again(const struct end *end)
{
    static struct end again;
    const uint8_t *bytes = buf_bytes(&end->received);
    size_t len = buf_len(&end->received);

    if (end->said_bye && !end->left_first)
        return;
    begin(&again, end->mode);
    if (end->said_bye)
        leave(&again);
    for (size_t at = 0; at < len && !again.heard_broken;) {
        size_t some = receive(&again, bytes + at, len - at);
        at += some;
        if (some == 0)
            listen_once(&again);
    }
    session_end(&again.session);
    again.cut = true;
    while (listen_once(&again))
        ;
    MUST(buf_len(&again.heard) == buf_len(&end->heard));
    MUST(buf_len(&end->heard) == 0 ||
         memcmp(buf_bytes(&again.heard), buf_bytes(&end->heard), buf_len(&end->heard)) == 0);
    MUST(again.heard_eof == end->heard_eof && again.heard_left == end->heard_left);
    MUST(again.heard_broken == end->heard_broken && again.error == end->error);
    finish(&again);
}

/* Let everything arrive; without a cut or a forgery both say goodbye and know it in the end. */
static void come_to_an_end(struct end *ends)
{
    bool whole = !ends[0].cut && !ends[1].cut && !ends[0].forged && !ends[1].forged;
    bool moved = true;

    leave(&ends[0]);
    while (moved) {
        moved = listen_once(&ends[0]);
        moved |= listen_once(&ends[1]);
        moved |= move(&ends[0], &ends[1], SIZE_MAX) > 0;
        moved |= move(&ends[1], &ends[0], SIZE_MAX) > 0;
    }
    for (int i = 0; i < 2; i++) {
        check_heard(&ends[i], &ends[!i]);
        check_settled(&ends[i], &ends[!i]);
        MUST(!whole || session_settled(&ends[i].session));
        session_end(&ends[i].session);
        ends[i].cut = true;
        while (listen_once(&ends[i]))
            ;
        MUST(!whole || !ends[i].heard_broken);
        check_again(&ends[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct end ends[2];
    struct script script = {.bytes = data, .len = size};
    enum session_mode mode = take(&script) & 1 ? SESSION_STREAM : SESSION_TALK;

    begin(&ends[0], mode);
    begin(&ends[1], mode);
    while (script.len > 0)
        play_step(ends, &script);
    come_to_an_end(ends);
    finish(&ends[0]);
    finish(&ends[1]);
    return 0;
}
