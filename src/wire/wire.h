/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The protocol of a chat: chosen once, the same to whoever uses it.
 *
 * Each function does what its namesake of wire/plain or wire/session does; contracts and limits are theirs. A session
 * that wire_init() sets up talks (SESSION_TALK). Pure. */
#ifndef YODEL_WIRE_WIRE_H
#define YODEL_WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/event.h"
#include "wire/plain.h"
#include "wire/session.h"

enum wire_protocol {
    WIRE_PLAIN,
    WIRE_SESSION,
};

struct wire {
    enum wire_protocol protocol;
    union {
        struct plain plain;
        struct session session;
    };
};

void wire_init(struct wire *w, enum wire_protocol protocol);
void wire_done(struct wire *w);

size_t wire_room(const struct wire *w);
int wire_input(struct wire *w, const uint8_t *bytes, size_t len, int64_t now_ms);
void wire_end(struct wire *w);
bool wire_next(struct wire *w, int64_t now_ms, struct wire_event *event);
int64_t wire_wake_ms(const struct wire *w);

int wire_send(struct wire *w, const uint8_t *text, size_t len);
const uint8_t *wire_output(const struct wire *w, size_t *len);
void wire_sent(struct wire *w, size_t len);

/* Say goodbye. In plain there is no word for it: the end of the connection has to do. */
void wire_leave(struct wire *w);

/* As session_settled(). For plain: whether both directions have gone through it, as far as it knows: nothing waits for the
 * socket, and WIRE_LEFT was given. */
bool wire_settled(const struct wire *w);

#endif
