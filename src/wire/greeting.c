/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/greeting.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/secret.h"

#define COMMIT_LABEL "yodel/1 commit"
#define NUMBER_LABEL "yodel/1 number"

/* A number has 12 digits. */
#define NUMBER_END UINT64_C(1000000000000)

/* One HELLO, and six other frames with at most a hash each. */
#define OUTPUT_MAX ((size_t)FRAME_GREETING_MAX + 6 * HASH_BYTES + 7 * FRAME_HEADER_BYTES)

/* The parts of a hash that all have: label, exporter, the listener's id, the caller's. */
#define COMMON_PARTS 4

static void common_parts(const struct greeting *g, const char *label, struct hash_part *parts)
{
    bool is_listener = g->role == GREETING_LISTENER;

    parts[0] = (struct hash_part){label, strlen(label)};
    parts[1] = (struct hash_part){g->exporter, sizeof g->exporter};
    parts[2] = (struct hash_part){is_listener ? g->own.bytes : g->peer.bytes, ID_BYTES};
    parts[3] = (struct hash_part){is_listener ? g->peer.bytes : g->own.bytes, ID_BYTES};
}

/* What a caller that will reveal this nonce has to say first. */
static void commit_to(const struct greeting *g, const uint8_t *caller_nonce,
                      uint8_t commit[static HASH_BYTES])
{
    struct hash_part parts[COMMON_PARTS + 1];

    common_parts(g, COMMIT_LABEL, parts);
    parts[COMMON_PARTS] = (struct hash_part){caller_nonce, GREETING_NONCE_BYTES};
    hash_sha256(parts, COMMON_PARTS + 1, commit);
}

static void find_number(struct greeting *g, const uint8_t *caller_nonce, const uint8_t *listener_nonce)
{
    struct hash_part parts[COMMON_PARTS + 2];
    uint8_t hash[HASH_BYTES];
    uint64_t number = 0;

    common_parts(g, NUMBER_LABEL, parts);
    parts[COMMON_PARTS] = (struct hash_part){caller_nonce, GREETING_NONCE_BYTES};
    parts[COMMON_PARTS + 1] = (struct hash_part){listener_nonce, GREETING_NONCE_BYTES};
    hash_sha256(parts, COMMON_PARTS + 2, hash);
    for (size_t i = 0; i < sizeof number; i++)
        number = number << 8 | hash[i];
    number %= NUMBER_END;
    snprintf(g->number, sizeof g->number, "%04u %04u %04u", (unsigned)(number / 100000000),
             (unsigned)(number / 10000 % 10000), (unsigned)(number % 10000));
    g->has_number = true;
}

int greeting_init(struct greeting *g, const struct greeting_config *config)
{
    uint8_t claim[HASH_BYTES];

    *g = (struct greeting){
        .role = config->role, .state = GREETING_AWAITS_HELLO, .own = config->own, .peer = config->peer};
    memcpy(g->exporter, config->exporter, sizeof g->exporter);
    memcpy(g->nonce, config->nonce, sizeof g->nonce);
    buf_init(&g->out, OUTPUT_MAX);
    g->error = hello_put(&g->out, config->hello);
    if (g->error)
        g->state = GREETING_BROKEN;
    if (g->error || g->role == GREETING_LISTENER)
        return g->error;
    g->has_proof = config->secret != NULL;
    if (g->has_proof)
        ticket_prove(config->secret, g->exporter, &g->peer, &g->own, claim);
    else
        commit_to(g, g->nonce, claim);
    return frame_put(&g->out, g->has_proof ? FRAME_PROOF : FRAME_COMMIT, claim, sizeof claim);
}

void greeting_done(struct greeting *g)
{
    buf_done(&g->out);
    secret_wipe(g, sizeof *g);
}

/* Whether a caller may be let in like this, as far as both can know. */
static bool fits(const struct greeting *g, uint8_t how)
{
    if ((how == GREETING_YOURSELF) != id_equal(&g->own, &g->peer) ||
        (how == GREETING_BY_NUMBER) != g->has_number)
        return false;
    return how == GREETING_BY_TICKET ? g->has_proof : how >= GREETING_BY_KEY && how <= GREETING_YOURSELF;
}

static int get_hello(struct greeting *g, const struct frame *frame)
{
    int result = hello_get(frame->payload, frame->len, &g->hello);

    if (result == -ERR_RANGE)
        greeting_refuse(g, REFUSE_VERSION);
    if (result == 0)
        g->state = g->role == GREETING_CALLER ? GREETING_AWAITS_ANSWER : GREETING_AWAITS_CLAIM;
    return result;
}

static int get_claim(struct greeting *g, const struct frame *frame, enum greeting_event *event)
{
    if (frame->len != sizeof g->claim)
        return -ERR_PROTOCOL;
    memcpy(g->claim, frame->payload, sizeof g->claim);
    g->has_proof = frame->type == FRAME_PROOF;
    g->state = GREETING_DECIDES;
    *event = GREETING_ASKS;
    return 0;
}

static int get_nonce(struct greeting *g, const struct frame *frame, enum greeting_event *event)
{
    if (frame->len != GREETING_NONCE_BYTES || g->has_proof || id_equal(&g->own, &g->peer))
        return -ERR_PROTOCOL;
    find_number(g, g->nonce, frame->payload);
    frame_put(&g->out, FRAME_REVEAL, g->nonce, sizeof g->nonce);
    g->exchanging = true;
    g->state = GREETING_REVEALED;
    *event = GREETING_NUMBER;
    return 0;
}

static int get_reveal(struct greeting *g, const struct frame *frame, enum greeting_event *event)
{
    uint8_t commit[HASH_BYTES];

    if (frame->len != GREETING_NONCE_BYTES)
        return -ERR_PROTOCOL;
    commit_to(g, frame->payload, commit);
    if (!secret_equal(commit, g->claim, sizeof commit))
        return -ERR_PROTOCOL;
    find_number(g, frame->payload, g->nonce);
    g->state = GREETING_COMPARES;
    *event = GREETING_NUMBER;
    return 0;
}

static int get_welcome(struct greeting *g, const struct frame *frame, enum greeting_event *event)
{
    if (frame->len != 1 || !fits(g, frame->payload[0]))
        return -ERR_PROTOCOL;
    g->how = frame->payload[0];
    g->exchanging = false;
    g->state = GREETING_ANSWERS;
    *event = GREETING_WELCOMED;
    return 0;
}

static int get_refuse(struct greeting *g, const struct frame *frame, enum greeting_event *event)
{
    if (frame->len != 1 || frame->payload[0] == 0)
        return -ERR_PROTOCOL;
    g->code = frame->payload[0];
    g->state = GREETING_OVER;
    *event = GREETING_REFUSED;
    return 0;
}

static int get_ready(struct greeting *g, const struct frame *frame, enum greeting_event *event)
{
    if (frame->len != 0)
        return -ERR_PROTOCOL;
    g->state = GREETING_OVER;
    *event = GREETING_READY;
    return 0;
}

/* One of the frames that belong to a greeting, if it may come now. */
static int get_frame(struct greeting *g, const struct frame *frame, enum greeting_event *event)
{
    if (frame->type == FRAME_REFUSE)
        return get_refuse(g, frame, event);
    switch (g->state) {
    case GREETING_AWAITS_HELLO:
        return frame->type == FRAME_HELLO ? get_hello(g, frame) : -ERR_PROTOCOL;
    case GREETING_AWAITS_CLAIM:
        if (frame->type == FRAME_PROOF || frame->type == FRAME_COMMIT)
            return get_claim(g, frame, event);
        return -ERR_PROTOCOL;
    case GREETING_AWAITS_REVEAL:
        return frame->type == FRAME_REVEAL ? get_reveal(g, frame, event) : -ERR_PROTOCOL;
    case GREETING_AWAITS_READY:
        return frame->type == FRAME_READY ? get_ready(g, frame, event) : -ERR_PROTOCOL;
    case GREETING_AWAITS_ANSWER:
        if (frame->type == FRAME_NONCE)
            return get_nonce(g, frame, event);
        return frame->type == FRAME_WELCOME ? get_welcome(g, frame, event) : -ERR_PROTOCOL;
    case GREETING_REVEALED:
        return frame->type == FRAME_WELCOME ? get_welcome(g, frame, event) : -ERR_PROTOCOL;
    default:
        return -ERR_PROTOCOL;
    }
}

/* The same, and those that are skipped, all of them bounded. */
static int take_frame(struct greeting *g, const struct frame *frame, enum greeting_event *event)
{
    g->came_bytes += FRAME_HEADER_BYTES + frame->len;
    if (g->state == GREETING_OVER || g->came_bytes > GREETING_BYTES_MAX)
        return -ERR_PROTOCOL;
    return frame_may_skip(frame->type) ? 0 : get_frame(g, frame, event);
}

int greeting_frame(struct greeting *g, const struct frame *frame, enum greeting_event *event)
{
    *event = GREETING_NONE;
    if (g->error == 0 && g->state != GREETING_DECLINED)
        g->error = take_frame(g, frame, event);
    if (g->error)
        g->state = GREETING_BROKEN;
    return g->error;
}

bool greeting_proves(const struct greeting *g, const uint8_t secret[static TICKET_SECRET_BYTES])
{
    uint8_t proof[TICKET_PROOF_BYTES];

    if (g->role != GREETING_LISTENER || !g->has_proof)
        return false;
    ticket_prove(secret, g->exporter, &g->own, &g->peer, proof);
    bool proves = secret_equal(proof, g->claim, sizeof proof);
    secret_wipe(proof, sizeof proof);
    return proves;
}

void greeting_compare(struct greeting *g)
{
    if (g->state != GREETING_DECIDES)
        return;
    if (g->has_proof || id_equal(&g->own, &g->peer)) {
        greeting_refuse(g, REFUSE_DECLINED);
        return;
    }
    frame_put(&g->out, FRAME_NONCE, g->nonce, sizeof g->nonce);
    g->exchanging = true;
    g->state = GREETING_AWAITS_REVEAL;
}

void greeting_welcome(struct greeting *g, enum greeting_how how)
{
    uint8_t payload = (uint8_t)how;

    if (g->state != GREETING_DECIDES && g->state != GREETING_COMPARES)
        return;
    if (!fits(g, payload)) {
        greeting_refuse(g, REFUSE_DECLINED);
        return;
    }
    frame_put(&g->out, FRAME_WELCOME, &payload, sizeof payload);
    g->exchanging = false;
    g->state = GREETING_AWAITS_READY;
}

void greeting_refuse(struct greeting *g, enum greeting_code code)
{
    uint8_t payload = (uint8_t)code;

    if (g->state >= GREETING_DECLINED)
        return;
    frame_put(&g->out, FRAME_REFUSE, &payload, sizeof payload);
    g->exchanging = false;
    g->state = GREETING_DECLINED;
}

void greeting_ready(struct greeting *g)
{
    if (g->state != GREETING_ANSWERS)
        return;
    frame_put(&g->out, FRAME_READY, NULL, 0);
    g->state = GREETING_OVER;
}

const uint8_t *greeting_output(const struct greeting *g, size_t *len)
{
    *len = buf_len(&g->out);
    return buf_bytes(&g->out);
}

void greeting_sent(struct greeting *g, size_t len)
{
    buf_consume(&g->out, len);
}

bool greeting_is_exchanging(const struct greeting *g)
{
    return g->exchanging;
}

const char *greeting_refusal_text(uint8_t code)
{
    static const char *const texts[] = {
        [REFUSE_BUSY] = "it talks with somebody else",
        [REFUSE_DECLINED] = "it does not let you in",
        [REFUSE_TICKET_WRONG] = "the ticket is not valid there",
        [REFUSE_TICKET_USED] = "the ticket was already used",
        [REFUSE_TICKET_EXPIRED] = "the ticket has expired",
        [REFUSE_DUPLICATE] = "its own connection to you is used instead",
        [REFUSE_MODE] = "one of you has a pipe, the other a terminal",
        [REFUSE_VERSION] = "it speaks another version of the protocol",
        [REFUSE_TIMEOUT] = "nobody answered in time",
    };

    return code > 0 && code < sizeof texts / sizeof *texts ? texts[code] : "it said no";
}
