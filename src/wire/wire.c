/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/wire.h"

void wire_init(struct wire *w, enum wire_protocol protocol)
{
    w->protocol = protocol;
    if (protocol == WIRE_PLAIN)
        plain_init(&w->plain);
    else
        session_init(&w->session, SESSION_TALK);
}

void wire_done(struct wire *w)
{
    if (w->protocol == WIRE_PLAIN)
        plain_done(&w->plain);
    else
        session_done(&w->session);
}

size_t wire_room(const struct wire *w)
{
    return w->protocol == WIRE_PLAIN ? plain_room(&w->plain) : session_room(&w->session);
}

int wire_input(struct wire *w, const uint8_t *bytes, size_t len, int64_t now_ms)
{
    return w->protocol == WIRE_PLAIN ? plain_input(&w->plain, bytes, len, now_ms)
                                     : session_input(&w->session, bytes, len, now_ms);
}

void wire_end(struct wire *w)
{
    if (w->protocol == WIRE_PLAIN)
        plain_end(&w->plain);
    else
        session_end(&w->session);
}

bool wire_next(struct wire *w, int64_t now_ms, struct wire_event *event)
{
    return w->protocol == WIRE_PLAIN ? plain_next(&w->plain, now_ms, event)
                                     : session_next(&w->session, now_ms, event);
}

int64_t wire_wake_ms(const struct wire *w)
{
    return w->protocol == WIRE_PLAIN ? plain_wake_ms(&w->plain) : session_wake_ms(&w->session);
}

int wire_send(struct wire *w, const uint8_t *text, size_t len)
{
    return w->protocol == WIRE_PLAIN ? plain_send(&w->plain, text, len)
                                     : session_send(&w->session, text, len);
}

const uint8_t *wire_output(const struct wire *w, size_t *len)
{
    return w->protocol == WIRE_PLAIN ? plain_output(&w->plain, len) : session_output(&w->session, len);
}

void wire_sent(struct wire *w, size_t len)
{
    if (w->protocol == WIRE_PLAIN)
        plain_sent(&w->plain, len);
    else
        session_sent(&w->session, len);
}

void wire_leave(struct wire *w)
{
    if (w->protocol == WIRE_SESSION)
        session_leave(&w->session);
}

bool wire_settled(const struct wire *w)
{
    size_t waiting;

    if (w->protocol == WIRE_SESSION)
        return session_settled(&w->session);
    plain_output(&w->plain, &waiting);
    return waiting == 0 && w->plain.left;
}
