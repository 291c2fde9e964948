/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One side of a greeting against a peer that says anything, and against a user who decides anything: nobody is welcome,
 * nothing is ready and no number is known without the frames that it needs, and what goes out is always a greeting.
 *
 * An input is a script. The first byte says who we are: bit 0: the listener, bit 1: the caller has a ticket, bit 2: both have
 * the same key. Each step begins with a byte: its low 3 bits say what happens, the others, n, what with. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "wire/greeting.h"

enum step {
    STEP_RIGHT,   /* the peer sends a frame of type n as it should be */
    STEP_ANY,     /* of type n, with as many bytes as the next one says, which follow */
    STEP_SKIP,    /* of type 0x80 + n, with 2^(n % 13) bytes */
    STEP_WELCOME, /* we: n is how */
    STEP_COMPARE, /* we */
    STEP_REFUSE,  /* we: n is the code */
    STEP_READY,   /* we */
    STEP_FLUSH,   /* what we have said goes */
};

#define MUST(holds) ((holds) ? (void)0 : fault(__LINE__, #holds))

static void fault(int line, const char *text)
{
    fprintf(stderr, "fuzz_greeting.c:%d: not so: %s\n", line, text);
    abort();
}

static const uint8_t secret[TICKET_SECRET_BYTES] = "a secret of 16 B";
static const struct hello hello = {
    .mode = HELLO_TALK, .name_len = 4, .name = "anna", .place_count = 1, .places = {{"192.0.2.7", 5188}}};

struct script {
    const uint8_t *bytes;
    size_t len;
};

/* What has been said so far. */
struct world {
    struct greeting g;
    bool is_listener, is_self, has_ticket;
    size_t came[FRAME_READY + 1]; /* frames of the peer that were taken, by type */
    size_t went[FRAME_READY + 1]; /* ours */
    size_t told[GREETING_REFUSED + 1];
    size_t said_bytes;
    uint8_t claim[HASH_BYTES]; /* of the caller, whoever it is */
    int error;
};

static uint8_t take(struct script *script)
{
    if (script->len == 0)
        return 0;
    script->len--;
    return *script->bytes++;
}

static struct id id_of(char letter)
{
    struct id id;

    hash_sha256(&(struct hash_part){&letter, 1}, 1, id.bytes);
    return id;
}

static void commit_to(const struct world *w, const uint8_t *nonce, uint8_t *commit)
{
    const struct id *listener = w->is_listener ? &w->g.own : &w->g.peer;
    const struct id *caller = w->is_listener ? &w->g.peer : &w->g.own;
    const struct hash_part parts[] = {{"yodel/1 commit", 14},
                                      {id_of('e').bytes, HASH_BYTES},
                                      {listener->bytes, ID_BYTES},
                                      {caller->bytes, ID_BYTES},
                                      {nonce, GREETING_NONCE_BYTES}};

    hash_sha256(parts, 5, commit);
}

/* Look at what goes out, and let it go. */
static void flush(struct world *w)
{
    struct frame frame;
    size_t len = 0;
    const uint8_t *bytes = greeting_output(&w->g, &len);

    while (len > 0) {
        int used = frame_get(bytes, len, FRAME_GREETING_MAX, &frame);
        MUST(used > 0 && frame.type >= FRAME_HELLO && frame.type <= FRAME_READY);
        MUST(w->went[FRAME_REFUSE] == 0 && w->went[FRAME_READY] == 0);
        MUST((w->went[FRAME_HELLO] > 0) == (frame.type != FRAME_HELLO));
        MUST(w->went[frame.type]++ == 0);
        if (frame.type == FRAME_PROOF || frame.type == FRAME_COMMIT) {
            MUST(!w->is_listener && (frame.type == FRAME_PROOF) == w->has_ticket);
            memcpy(w->claim, frame.payload, HASH_BYTES);
        }
        if (frame.type == FRAME_NONCE)
            MUST(w->is_listener && w->told[GREETING_ASKS] == 1 && w->came[FRAME_COMMIT] == 1 && !w->is_self);
        if (frame.type == FRAME_REVEAL)
            MUST(!w->is_listener && w->came[FRAME_NONCE] == 1);
        if (frame.type == FRAME_WELCOME) {
            uint8_t how = frame.payload[0];
            MUST(w->is_listener && w->told[GREETING_ASKS] == 1 &&
                 w->went[FRAME_NONCE] == w->told[GREETING_NUMBER]);
            MUST((how == GREETING_YOURSELF) == w->is_self);
            MUST((how == GREETING_BY_NUMBER) == (w->told[GREETING_NUMBER] == 1));
            MUST(how != GREETING_BY_TICKET || w->came[FRAME_PROOF] == 1);
        }
        if (frame.type == FRAME_READY)
            MUST(!w->is_listener && w->told[GREETING_WELCOMED] == 1);
        greeting_sent(&w->g, (size_t)used);
        bytes = greeting_output(&w->g, &len);
    }
}

static void check_event(struct world *w, enum greeting_event event, const struct frame *frame)
{
    MUST(event <= GREETING_REFUSED);
    w->told[event]++;
    if (event == GREETING_NONE)
        return;
    MUST(w->told[event] == 1 && w->came[FRAME_HELLO] + w->came[FRAME_REFUSE] > 0);
    switch (event) {
    case GREETING_ASKS:
        MUST(w->is_listener && w->came[FRAME_PROOF] + w->came[FRAME_COMMIT] == 1);
        MUST(w->g.has_proof == (w->came[FRAME_PROOF] == 1));
        MUST(greeting_proves(&w->g, secret) <= w->g.has_proof);
        break;
    case GREETING_NUMBER:
        MUST(strlen(w->g.number) == GREETING_NUMBER_MAX - 1 && greeting_is_exchanging(&w->g));
        if (w->is_listener) {
            uint8_t commit[HASH_BYTES];
            commit_to(w, frame->payload, commit);
            MUST(frame->type == FRAME_REVEAL && w->went[FRAME_NONCE] == 1);
            MUST(memcmp(commit, w->claim, sizeof commit) == 0);
        } else {
            MUST(frame->type == FRAME_NONCE && !w->has_ticket && !w->is_self);
        }
        break;
    case GREETING_WELCOMED:
        MUST(!w->is_listener && w->came[FRAME_WELCOME] == 1 && w->g.how == frame->payload[0]);
        MUST((w->g.how == GREETING_YOURSELF) == w->is_self);
        MUST((w->g.how == GREETING_BY_NUMBER) == (w->told[GREETING_NUMBER] == 1));
        MUST(w->g.how != GREETING_BY_TICKET || w->has_ticket);
        break;
    case GREETING_READY:
        MUST(w->is_listener && w->went[FRAME_WELCOME] == 1 && w->came[FRAME_READY] == 1);
        break;
    default:
        MUST(w->came[FRAME_REFUSE] == 1 && w->g.code == frame->payload[0] && w->g.code != 0);
    }
}

/* The peer sends a frame, from a piece of memory that is no longer than it. */
static void tell(struct world *w, uint8_t type, const uint8_t *payload, size_t len)
{
    uint8_t *exact = malloc(len + !len);
    struct frame frame = {.type = type, .payload = exact, .len = (uint32_t)len};
    enum greeting_event event = GREETING_REFUSED + 1;

    MUST(exact);
    if (len > 0)
        memcpy(exact, payload, len);
    flush(w);
    bool over = w->told[GREETING_REFUSED] + w->told[GREETING_READY] + w->went[FRAME_READY] > 0;
    bool refused = w->went[FRAME_REFUSE] > 0;
    w->said_bytes += FRAME_HEADER_BYTES + len;
    int result = greeting_frame(&w->g, &frame, &event);
    MUST(result == 0 || result == -ERR_PROTOCOL || (result == -ERR_RANGE && w->came[FRAME_HELLO] == 0));
    MUST(w->error == 0 || result == w->error);
    MUST(!over || result < 0);
    MUST(result < 0 || refused || w->said_bytes <= GREETING_BYTES_MAX);
    MUST(result == 0 || event == GREETING_NONE);
    w->error = result;
    if (result == 0 && !refused) {
        MUST(type <= FRAME_READY || type >= FRAME_EXTENSIBLE);
        if (type <= FRAME_READY)
            w->came[type]++;
        if (type == FRAME_PROOF || type == FRAME_COMMIT)
            memcpy(w->claim, frame.payload, HASH_BYTES);
        check_event(w, event, &frame);
    }
    MUST(!refused || event == GREETING_NONE);
    free(exact);
}

/* What the peer would say. */
static void tell_right(struct world *w, uint8_t type)
{
    uint8_t payload[FRAME_GREETING_MAX];
    struct id nonce = id_of(w->is_listener ? 'm' : 'n');
    struct buf out;
    size_t len = HASH_BYTES;

    memcpy(payload, nonce.bytes, sizeof nonce.bytes);
    switch (type) {
    case FRAME_HELLO:
        buf_init(&out, FRAME_HEADER_BYTES + FRAME_GREETING_MAX);
        MUST(hello_put(&out, &hello) == 0);
        len = buf_len(&out) - FRAME_HEADER_BYTES;
        memcpy(payload, buf_bytes(&out) + FRAME_HEADER_BYTES, len);
        buf_done(&out);
        break;
    case FRAME_PROOF:
        ticket_prove(secret, id_of('e').bytes, &w->g.own, &w->g.peer, payload);
        break;
    case FRAME_COMMIT:
        commit_to(w, nonce.bytes, payload);
        break;
    case FRAME_NONCE:
    case FRAME_REVEAL:
        break;
    case FRAME_WELCOME:
        payload[0] = w->is_self                 ? GREETING_YOURSELF
                     : w->told[GREETING_NUMBER] ? GREETING_BY_NUMBER
                                                : GREETING_BY_KEY;
        len = 1;
        break;
    case FRAME_REFUSE:
        payload[0] = REFUSE_BUSY;
        len = 1;
        break;
    default:
        len = 0;
    }
    tell(w, type, payload, len);
}

static void step(struct world *w, struct script *script)
{
    static const uint8_t zeros[FRAME_GREETING_MAX];
    uint8_t byte = take(script), n = byte >> 3;
    size_t len = 0;

    switch ((enum step)(byte & 7)) {
    case STEP_RIGHT:
        tell_right(w, n);
        break;
    case STEP_ANY:
        len = take(script);
        len = len < script->len ? len : script->len;
        tell(w, n, script->bytes, len);
        script->bytes += len;
        script->len -= len;
        break;
    case STEP_SKIP:
        tell(w, (uint8_t)(FRAME_EXTENSIBLE + n), zeros, (size_t)1 << n % 13);
        break;
    case STEP_WELCOME:
        greeting_welcome(&w->g, (enum greeting_how)n);
        break;
    case STEP_COMPARE:
        greeting_compare(&w->g);
        break;
    case STEP_REFUSE:
        greeting_refuse(&w->g, (enum greeting_code)(n ? n : 1));
        break;
    case STEP_READY:
        greeting_ready(&w->g);
        break;
    case STEP_FLUSH:
        flush(w);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct script script = {bytes, len};
    uint8_t who = take(&script);
    struct world w = {.is_listener = who & 1, .has_ticket = who & 2, .is_self = who & 4};
    struct greeting_config config = {
        .role = w.is_listener ? GREETING_LISTENER : GREETING_CALLER,
        .own = id_of(w.is_listener && !w.is_self ? 'l' : 'c'),
        .peer = id_of(w.is_listener || w.is_self ? 'c' : 'l'),
        .secret = w.has_ticket && !w.is_listener ? secret : NULL,
        .hello = &hello,
    };

    memcpy(config.exporter, id_of('e').bytes, sizeof config.exporter);
    memcpy(config.nonce, id_of(w.is_listener ? 'n' : 'm').bytes, sizeof config.nonce);
    MUST(greeting_init(&w.g, &config) == 0);
    while (script.len > 0)
        step(&w, &script);
    flush(&w);
    greeting_done(&w.g);
    return 0;
}
