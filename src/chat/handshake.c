/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "chat/handshake.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/secret.h"
#include "net/key.h"
#include "wire/frame.h"

/* Room for the greeting's longest frame, and for what may stand behind the last one. */
#define IN_MAX (16 << 10)

/* One step receives so often at most: others want their turn too. */
#define RECEIVES_MAX 8

void handshake_init(struct handshake *h)
{
    memset(h, 0, sizeof *h);
    h->fd = -1;
}

int handshake_begin(struct handshake *h, const struct handshake_config *config, int fd,
                    const struct addr *peer, int64_t now_ms)
{
    const struct chan_config chan = {.role = config->role == GREETING_CALLER ? CHAN_CALLER : CHAN_LISTENER,
                                     .key = config->key,
                                     .judge = config->judge,
                                     .context = config->context};

    handshake_init(h);
    h->config = *config;
    h->peer = *peer;
    addr_print(peer, h->name);
    h->until_ms = now_ms + HANDSHAKE_MS;
    buf_init(&h->in, IN_MAX);
    int error = chan_new(&h->chan, &chan);
    if (error)
        close(fd);
    else
        h->fd = fd;
    return error;
}

/* --- bytes */

/* Send what is sealed. Returns whether all of it is on its way. */
static bool flush(struct handshake *h)
{
    size_t len;
    const uint8_t *bytes;

    if (h->greets) {
        bytes = greeting_output(&h->greeting, &len);
        greeting_sent(&h->greeting, chan_write(h->chan, bytes, len));
    }
    while ((bytes = chan_output(h->chan, &len)) && len > 0) {
        ssize_t count = send(h->fd, bytes, len, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno != EAGAIN)
            chan_sent(h->chan, len); /* nobody takes it any more; receiving tells why */
        if (count < 0)
            return errno != EAGAIN;
        chan_sent(h->chan, (size_t)count);
    }
    return true;
}

/* Returns whether there may be more. */
static bool receive(struct handshake *h)
{
    uint8_t bytes[IN_MAX];
    size_t room = chan_room(h->chan);
    ssize_t count = -1;

    if (room > 0)
        count = recv(h->fd, bytes, room < sizeof bytes ? room : sizeof bytes, 0);
    if (room == 0 || (count < 0 && errno == EAGAIN))
        return false;
    if (count < 0 && errno == EINTR)
        return true;
    if (count == 0)
        h->error = -ERR_CUT;
    else if (count < 0)
        h->error = -errno;
    else
        h->error = chan_input(h->chan, bytes, (size_t)count);
    return count > 0 && !h->error;
}

/* Take what the channel has opened. */
static void take_opened(struct handshake *h)
{
    uint8_t bytes[IN_MAX];

    while (buf_space(&h->in) > 0) {
        size_t room = buf_space(&h->in);
        ssize_t count = chan_read(h->chan, bytes, room < sizeof bytes ? room : sizeof bytes);
        if (count == -EAGAIN)
            return;
        if (count <= 0) {
            if (!h->error)
                h->error = count == 0 ? -ERR_CUT : (int)count;
            return;
        }
        buf_append(&h->in, bytes, (size_t)count);
    }
}

/* --- the greeting */

static void begin_greeting(struct handshake *h)
{
    struct greeting_config config = {.role = h->config.role,
                                     .own = *key_id(h->config.key),
                                     .peer = *chan_peer(h->chan),
                                     .secret = h->config.secret,
                                     .hello = h->config.hello};

    secret_random(config.nonce, sizeof config.nonce);
    h->error = chan_export(h->chan, config.exporter);
    if (!h->error) {
        h->greets = true;
        h->error = greeting_init(&h->greeting, &config);
    }
    secret_wipe(&config, sizeof config);
}

static enum handshake_event event_of(enum greeting_event event)
{
    switch (event) {
    case GREETING_NONE:
        return HANDSHAKE_NONE;
    case GREETING_ASKS:
        return HANDSHAKE_ASKS;
    case GREETING_NUMBER:
        return HANDSHAKE_NUMBER;
    case GREETING_WELCOMED:
        return HANDSHAKE_WELCOMED;
    case GREETING_READY:
        return HANDSHAKE_READY;
    case GREETING_REFUSED:
        return HANDSHAKE_REFUSED;
    }
    return HANDSHAKE_NONE;
}

/* The first thing that the frames that are there tell. */
static enum handshake_event take_frames(struct handshake *h)
{
    enum greeting_event event = GREETING_NONE;
    struct frame frame;
    int used;

    while (event == GREETING_NONE &&
           (used = frame_get(buf_bytes(&h->in), buf_len(&h->in), FRAME_GREETING_MAX, &frame)) != 0) {
        int error = used < 0 ? used : greeting_frame(&h->greeting, &frame, &event);
        if (error) {
            h->error = error;
            return HANDSHAKE_NONE;
        }
        buf_consume(&h->in, (size_t)used);
    }
    return event_of(event);
}

/* --- the end */

/* Closing while something unread is there would be a reset, which can overtake what was said last. */
static void see_out(struct handshake *h, int64_t now_ms)
{
    uint8_t bytes[IN_MAX];
    ssize_t count = 0;

    if (flush(h) && !h->shut) {
        h->shut = true;
        shutdown(h->fd, SHUT_WR);
    }
    for (int i = 0; i < RECEIVES_MAX && (i == 0 || count > 0); i++)
        count = recv(h->fd, bytes, sizeof bytes, 0);
    bool there = count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
    if (!there || now_ms >= h->until_ms)
        handshake_drop(h);
}

static void leave(struct handshake *h, int64_t now_ms)
{
    h->over = true;
    h->until_ms = now_ms + HANDSHAKE_LEAVING_MS;
    chan_close(h->chan);
    flush(h);
}

/* Now it depends on the listener's user. */
static void be_patient(struct handshake *h, int64_t now_ms)
{
    bool caller = h->config.role == GREETING_CALLER;

    if (h->patient || !caller || !h->greets || h->greeting.hello.name_len == 0)
        return;
    h->patient = true;
    h->until_ms = now_ms + HANDSHAKE_ANSWER_MS;
}

enum handshake_event handshake_step(struct handshake *h, int64_t now_ms)
{
    enum handshake_event event;

    if (h->fd < 0)
        return HANDSHAKE_NONE;
    if (h->over) {
        see_out(h, now_ms);
        return HANDSHAKE_NONE;
    }
    for (int i = 0; i < RECEIVES_MAX && receive(h); i++)
        ;
    if (!h->greets && !h->error && chan_is_open(h->chan))
        begin_greeting(h);
    if (h->greets)
        take_opened(h);
    event = h->greets ? take_frames(h) : HANDSHAKE_NONE; /* what was said before the end counts */
    be_patient(h, now_ms);
    if (event == HANDSHAKE_NONE && !h->error && now_ms >= h->until_ms)
        h->error = -ERR_TIMEOUT;
    if (event == HANDSHAKE_NONE && h->error)
        event = HANDSHAKE_FAILED;
    flush(h);
    if (event == HANDSHAKE_FAILED || event == HANDSHAKE_REFUSED)
        leave(h, now_ms);
    return event;
}

/* --- decisions */

void handshake_wait(struct handshake *h, int64_t until_ms)
{
    h->until_ms = until_ms;
}

void handshake_compare(struct handshake *h, int64_t now_ms)
{
    greeting_compare(&h->greeting);
    h->until_ms = now_ms + HANDSHAKE_MS;
    flush(h);
}

void handshake_welcome(struct handshake *h, enum greeting_how how, int64_t now_ms)
{
    greeting_welcome(&h->greeting, how);
    h->until_ms = now_ms + HANDSHAKE_MS;
    flush(h);
}

void handshake_refuse(struct handshake *h, enum greeting_code code, int64_t now_ms)
{
    greeting_refuse(&h->greeting, code);
    flush(h);
    leave(h, now_ms);
}

void handshake_ready(struct handshake *h, int64_t now_ms)
{
    (void)now_ms;
    greeting_ready(&h->greeting);
    flush(h);
}

/* --- what is known */

const struct id *handshake_peer(const struct handshake *h)
{
    return h->chan ? chan_peer(h->chan) : NULL;
}

bool handshake_is_known(const struct handshake *h)
{
    return h->fd >= 0 && !h->over && !h->error && chan_is_open(h->chan);
}

const char *handshake_why(const struct handshake *h)
{
    const char *why = h->chan ? chan_why(h->chan) : NULL;

    if (h->error == -ERR_RANGE) /* of the version in a HELLO */
        return greeting_refusal_text(REFUSE_VERSION);
    return why && *why ? why : err_text(h->error);
}

const char *handshake_hint(int error)
{
    return error == -ERR_NOT_TLS || error == -ERR_TIMEOUT ? " (--plain talks with nc and the like)" : "";
}

short handshake_events(const struct handshake *h)
{
    size_t sealed = 0;

    if (h->fd < 0)
        return 0;
    chan_output(h->chan, &sealed);
    bool takes = h->over || (chan_room(h->chan) > 0 && buf_space(&h->in) > 0);
    return (short)((takes ? POLLIN : 0) | (sealed > 0 ? POLLOUT : 0));
}

int64_t handshake_wake_ms(const struct handshake *h)
{
    return h->fd < 0 ? INT64_MAX : h->until_ms;
}

static void forget(struct handshake *h)
{
    if (h->greets)
        greeting_done(&h->greeting);
    buf_done(&h->in);
    handshake_init(h);
}

int handshake_take(struct handshake *h, struct chan **chan, struct buf *early)
{
    int fd = h->fd;

    *chan = h->chan;
    *early = h->in;
    buf_init(&h->in, IN_MAX);
    forget(h);
    return fd;
}

void handshake_drop(struct handshake *h)
{
    if (h->fd >= 0)
        close(h->fd);
    chan_free(h->chan);
    forget(h);
}
