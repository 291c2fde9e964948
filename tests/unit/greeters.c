/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "greeters.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <string.h>

#include "base/hash.h"

static const struct hello hello = {
    .mode = HELLO_TALK, .name_len = 4, .name = "anna", .place_count = 1, .places = {{"192.0.2.7", 5188}}};

struct id greeters_id(char letter)
{
    struct id id;

    hash_sha256(&(struct hash_part){&letter, 1}, 1, id.bytes);
    return id;
}

static struct greeting_config config_of(enum greeting_role role, bool has_ticket, bool is_self)
{
    bool is_caller = role == GREETING_CALLER;
    struct greeting_config config = {
        .role = role,
        .own = greeters_id(is_caller || is_self ? 'c' : 'l'),
        .peer = greeters_id(is_caller && !is_self ? 'l' : 'c'),
        .secret = is_caller && has_ticket ? (const uint8_t *)GREETERS_SECRET : NULL,
        .hello = &hello,
    };

    memcpy(config.exporter, greeters_id('e').bytes, sizeof config.exporter);
    memcpy(config.nonce, greeters_id(is_caller ? 'm' : 'n').bytes, sizeof config.nonce);
    return config;
}

void greeters_begin(struct greeters *both, bool has_ticket, bool is_self)
{
    struct greeting_config caller = config_of(GREETING_CALLER, has_ticket, is_self);
    struct greeting_config listener = config_of(GREETING_LISTENER, has_ticket, is_self);

    memset(both, 0xff, sizeof *both);
    both->told[0] = '\0';
    assert_int_equal(greeting_init(&both->caller, &caller), 0);
    assert_int_equal(greeting_init(&both->listener, &listener), 0);
}

void greeters_end(struct greeters *both)
{
    greeting_done(&both->caller);
    greeting_done(&both->listener);
}

size_t greeters_take(struct greeting *g, uint8_t bytes[static 8192])
{
    struct frame frame;
    size_t len = 0;
    const uint8_t *output = greeting_output(g, &len);
    int used = frame_get(output, len, FRAME_GREETING_MAX, &frame);

    if (len == 0)
        return 0;
    assert_in_range(used, 1, len);
    memcpy(bytes, output, (size_t)used);
    greeting_sent(g, (size_t)used);
    return (size_t)used;
}

int greeters_tell(struct greeting *g, uint8_t type, const void *payload, size_t len,
                  enum greeting_event *event)
{
    struct frame frame = {.type = type, .payload = payload, .len = (uint32_t)len};

    memset(event, 0xff, sizeof *event);
    return greeting_frame(g, &frame, event);
}

static bool deliver(struct greeters *both, struct greeting *from, struct greeting *to)
{
    static const char of_listener[] = {'-', 'a', 'n', '?', 'r', 'x'},
                      of_caller[] = {'-', '?', 'N', 'W', '?', 'X'};
    uint8_t bytes[8192];
    enum greeting_event event;
    size_t at = strlen(both->told);

    if (greeters_take(from, bytes) == 0)
        return false;
    struct frame frame;
    assert_in_range(frame_get(bytes, sizeof bytes, FRAME_GREETING_MAX, &frame), 5, sizeof bytes);
    assert_int_equal(greeters_tell(to, frame.type, frame.payload, frame.len, &event), 0);
    assert_in_range(event, GREETING_NONE, GREETING_REFUSED);
    if (event != GREETING_NONE) {
        both->told[at] = to->role == GREETING_LISTENER ? of_listener[event] : of_caller[event];
        both->told[at + 1] = '\0';
    }
    return true;
}

void greeters_talk(struct greeters *both)
{
    while (deliver(both, &both->caller, &both->listener) || deliver(both, &both->listener, &both->caller))
        ;
}

static size_t hashed(const char *label, const struct greeting *g, const struct id *nonce, uint8_t *out)
{
    struct id listener = g->role == GREETING_LISTENER ? g->own : g->peer;
    struct id caller = g->role == GREETING_LISTENER ? g->peer : g->own;
    const struct hash_part parts[] = {{label, strlen(label)},
                                      {g->exporter, sizeof g->exporter},
                                      {listener.bytes, ID_BYTES},
                                      {caller.bytes, ID_BYTES},
                                      {nonce->bytes, ID_BYTES}};

    hash_sha256(parts, 5, out);
    return HASH_BYTES;
}

static size_t copied(const void *bytes, size_t len, uint8_t *out)
{
    memcpy(out, bytes, len);
    return len;
}

size_t greeters_payload(const struct greeting *g, uint8_t type, uint8_t payload[static 8192])
{
    struct id nonce = greeters_id(g->role == GREETING_CALLER ? 'n' : 'm');
    struct buf buf;
    size_t len = 0;

    switch (type) {
    case FRAME_HELLO:
        buf_init(&buf, 8192);
        assert_int_equal(hello_put(&buf, &hello), 0);
        len = copied(buf_bytes(&buf) + FRAME_HEADER_BYTES, buf_len(&buf) - FRAME_HEADER_BYTES, payload);
        buf_done(&buf);
        return len;
    case FRAME_PROOF:
        ticket_prove((const uint8_t *)GREETERS_SECRET, g->exporter, &g->own, &g->peer, payload);
        return HASH_BYTES;
    case FRAME_COMMIT:
        return hashed("yodel/1 commit", g, &nonce, payload);
    case FRAME_NONCE:
    case FRAME_REVEAL:
        return copied(nonce.bytes, sizeof nonce.bytes, payload);
    case FRAME_WELCOME:
        payload[0] = g->has_number ? GREETING_BY_NUMBER : GREETING_BY_KEY;
        return 1;
    case FRAME_REFUSE:
        payload[0] = REFUSE_BUSY;
        return 1;
    default:
        return 0;
    }
}

static void tell_right(struct greeting *g, uint8_t type)
{
    uint8_t payload[8192];
    enum greeting_event event;
    size_t len = greeters_payload(g, type, payload);

    assert_int_equal(greeters_tell(g, type, payload, len, &event), 0);
}

static void bring_listener(struct greeting *g, enum greeting_state state, bool has_ticket)
{
    tell_right(g, FRAME_HELLO);
    if (state == GREETING_AWAITS_CLAIM)
        return;
    tell_right(g, has_ticket ? FRAME_PROOF : FRAME_COMMIT);
    if (state == GREETING_AWAITS_REVEAL || state == GREETING_COMPARES)
        greeting_compare(g);
    if (state == GREETING_COMPARES)
        tell_right(g, FRAME_REVEAL);
    if (state == GREETING_AWAITS_READY || state == GREETING_OVER)
        greeting_welcome(g, has_ticket ? GREETING_BY_TICKET : GREETING_BY_KEY);
    if (state == GREETING_OVER)
        tell_right(g, FRAME_READY);
}

static void bring_caller(struct greeting *g, enum greeting_state state)
{
    tell_right(g, FRAME_HELLO);
    if (state == GREETING_REVEALED)
        tell_right(g, FRAME_NONCE);
    if (state == GREETING_ANSWERS || state == GREETING_OVER)
        tell_right(g, FRAME_WELCOME);
    if (state == GREETING_OVER)
        greeting_ready(g);
}

void greeters_bring(struct greeting *g, enum greeting_role role, enum greeting_state state, bool has_ticket)
{
    struct greeting_config config = config_of(role, has_ticket, false);

    assert_int_equal(greeting_init(g, &config), 0);
    if (state == GREETING_DECLINED)
        greeting_refuse(g, REFUSE_BUSY);
    else if (state != GREETING_AWAITS_HELLO && role == GREETING_LISTENER)
        bring_listener(g, state, has_ticket);
    else if (state != GREETING_AWAITS_HELLO)
        bring_caller(g, state);
    assert_int_equal(g->state, state);
}

bool greeters_has(enum greeting_role role, enum greeting_state state, bool has_ticket)
{
    switch (state) {
    case GREETING_AWAITS_CLAIM:
    case GREETING_DECIDES:
    case GREETING_AWAITS_READY:
        return role == GREETING_LISTENER;
    case GREETING_AWAITS_REVEAL:
    case GREETING_COMPARES:
        return role == GREETING_LISTENER && !has_ticket;
    case GREETING_AWAITS_ANSWER:
    case GREETING_ANSWERS:
        return role == GREETING_CALLER;
    case GREETING_REVEALED:
        return role == GREETING_CALLER && !has_ticket;
    case GREETING_BROKEN:
        return false;
    default:
        return true;
    }
}
