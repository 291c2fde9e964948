/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "chat/rendezvous.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/secret.h"

void rendezvous_init(struct rendezvous *r, struct trust *trust, const struct hello *hello)
{
    memset(r, 0, sizeof *r);
    r->trust = trust;
    r->hello = *hello;
    r->give_up_ms = INT64_MAX;
    r->whom = "";
    news_init(&r->news);
    answering_init(&r->answering, trust, &r->hello, &r->news);
}

void rendezvous_done(struct rendezvous *r)
{
    answering_done(&r->answering);
    if (r->calls)
        calling_done(&r->calling);
    r->calls = false;
    secret_wipe(r->secret, sizeof r->secret);
    tickets_done(&r->trust->tickets);
    trust_release(r->trust);
}

/* --- whom we call */

/* The peer's certificate is judged before ours goes out. */
static int judge_called(void *context, const struct id *peer)
{
    struct rendezvous *r = context;
    struct person person;

    if (r->expects && !id_equal(&r->expected, peer) && id_equal(key_id(r->trust->key), peer)) {
        r->answering.met_self = true; /* where the peer was once, and we listen now */
        return -ERR_SELF;
    }
    if (r->expects && !id_equal(&r->expected, peer)) {
        r->stranger = *peer;
        r->met_stranger = true;
        return -ERR_STRANGER;
    }
    int error = trust_look_up(r->trust, peer, "", &person);
    if (error == -ERR_BLOCKED)
        return error;
    if (error && r->call != RENDEZVOUS_TICKET) {
        r->unreadable = error;
        return error;
    }
    if (!r->expects && !person.row && !person.self && !r->trust->asks && !r->trust->accept_new)
        return -ERR_UNKNOWN;
    return 0;
}

void rendezvous_call(struct rendezvous *r, const struct calling_plan *plan, int64_t now_ms)
{
    const struct handshake_config config = {.role = GREETING_CALLER,
                                            .key = r->trust->key,
                                            .hello = &r->hello,
                                            .secret = r->call == RENDEZVOUS_TICKET ? r->secret : NULL,
                                            .judge = judge_called,
                                            .context = r};

    calling_init(&r->calling, plan, &config, now_ms);
    r->calls = true;
    r->answering.calling = &r->calling;
    r->answering.crosses = r->call == RENDEZVOUS_CONTACT;
}

/* It is over. */
__attribute__((format(printf, 3, 4))) static void end(struct rendezvous *r, int status, const char *format,
                                                      ...)
{
    va_list args;

    r->status = status;
    va_start(args, format);
    vsnprintf(r->why, sizeof r->why, format, args);
    va_end(args);
}

static const char *place_of(const struct rendezvous *r, int which, char text[static CALLING_PLACE_TEXT_MAX])
{
    const struct place *place = &r->calling.plan.places[which];

    snprintf(text, CALLING_PLACE_TEXT_MAX, strchr(place->host, ':') ? "[%s]:%u" : "%s:%u", place->host,
             place->port);
    return text;
}

static void on_called_failure(struct rendezvous *r, int which, int64_t now_ms)
{
    struct calling_try *attempt = &r->calling.tries[which];
    bool exchanged = greeting_is_exchanging(&attempt->handshake.greeting);
    char place[CALLING_PLACE_TEXT_MAX];
    char id[ID_TEXT_MAX], expected[ID_TEXT_MAX];

    place_of(r, which, place);
    if (attempt->error == -ERR_SELF && r->call == RENDEZVOUS_CONTACT)
        return;
    bool duplicate = attempt->error == -ERR_REFUSED && attempt->code == REFUSE_DUPLICATE;
    if (duplicate && r->call == RENDEZVOUS_CONTACT && !exchanged) {
        calling_pause(&r->calling, now_ms + CALLING_PAUSE_MS);
        return;
    }
    if (exchanged)
        news_say(&r->news, "%s broke off after the numbers were exchanged", place);
    if (attempt->error == -ERR_REFUSED) {
        end(r, EXIT_REFUSED, "%s: %s", *r->whom ? r->whom : place, greeting_refusal_text(attempt->code));
    } else if (attempt->error == -ERR_STRANGER && r->call == RENDEZVOUS_ADDRESS) {
        end(r, EXIT_WRONG_PEER,
            "%s: ANOTHER KEY ANSWERS THERE: it was %s, now it is %s. Somebody may be in the middle, or the "
            "other side has a new key or machine. Ask them by another way; if it is right: yodel peers "
            "forget "
            "%s, then call again",
            place, id_print(&r->expected, expected), id_print(&r->stranger, id), r->expected_name);
    } else if (attempt->error == -ERR_STRANGER && !attempt->warned) {
        attempt->warned = true;
        news_say(&r->news, "%s is somebody else: id %s; skipped", place, id_print(&r->stranger, id));
    } else if (r->unreadable) {
        end(r, EXIT_SYSTEM, "%s: the contacts cannot be read, so nobody can tell who is there: %s", place,
            err_text(r->unreadable));
    } else if (attempt->error == -ERR_BLOCKED) {
        end(r, EXIT_REFUSED, "%s: you have blocked whoever is there", place);
    } else if (attempt->error == -ERR_UNKNOWN) {
        end(r, EXIT_WRONG_PEER,
            "%s: nobody you know is there (at a terminal both are shown a number; --accept-new takes whoever "
            "it is)",
            place);
    } else if (exchanged) { /* another one would be another guess: for the user to begin */
        end(r, EXIT_NO_CONNECTION, "%s: no talking in private: %s", place, attempt->why);
    } else if (attempt->error != -ERR_STRANGER && !attempt->warned) {
        attempt->warned = r->calling.plan.retry;
        if (attempt->warned)
            news_say(&r->news, "%s: no talking in private: %s%s", place, attempt->why,
                     handshake_hint(attempt->error));
    }
}

/* All places have failed. */
static void on_end(struct rendezvous *r)
{
    char place[CALLING_PLACE_TEXT_MAX];
    int failed = 0;

    if (r->met_stranger) {
        end(r, EXIT_WRONG_PEER, "%s: somebody else answers there (another key), and nowhere the right one",
            *r->whom ? r->whom : place_of(r, 0, place));
        return;
    }
    for (int i = 0; i < r->calling.plan.count; i++)
        if (*r->calling.tries[i].why)
            failed = i;
    const struct calling_try *attempt = &r->calling.tries[failed];
    r->failed = failed;
    if (!*attempt->why)
        r->status = EXIT_NO_CONNECTION;
    else
        end(r, EXIT_NO_CONNECTION, "%s: no talking in private: %s%s", place_of(r, failed, place),
            attempt->why, handshake_hint(attempt->error));
}

static void give_up(struct rendezvous *r)
{
    on_end(r);
    if (r->status == EXIT_NO_CONNECTION)
        end(r, EXIT_NO_CONNECTION, "%s: not there in time (--retry waits for ever)", r->whom);
}

static bool on_welcome(struct rendezvous *r, int which, int64_t now_ms, struct arrival *arrival)
{
    struct handshake *h = &r->calling.tries[which].handshake;
    const struct trust_called called = {.place = &r->calling.plan.places[which],
                                        .ticket = r->call == RENDEZVOUS_TICKET,
                                        .pin = r->call == RENDEZVOUS_ADDRESS};
    struct person person;
    char why[TRUST_WHY_MAX];

    if (h->greeting.hello.mode != r->hello.mode) {
        handshake_refuse(h, REFUSE_MODE, now_ms);
        end(r, EXIT_REFUSED, "%s", greeting_refusal_text(REFUSE_MODE));
        return false;
    }
    if (trust_admit_called(r->trust, h, &called, &person, why) < 0) {
        handshake_refuse(h, REFUSE_BUSY, now_ms);
        end(r, EXIT_REFUSED, "%s", why);
        return false;
    }
    if (*why)
        news_say(&r->news, "%s", why);
    handshake_ready(h, now_ms);
    arrival_take(arrival, h, &person, h->greeting.how);
    return true;
}

static void stop_calling(struct rendezvous *r)
{
    if (r->calls)
        calling_done(&r->calling);
    r->calls = false;
    r->answering.calling = NULL;
}

static bool call_on(struct rendezvous *r, int64_t now_ms, struct arrival *arrival)
{
    int which;
    enum calling_event event;

    while (!r->status && (event = calling_step(&r->calling, now_ms, &which)) != CALLING_NONE) {
        struct handshake *h = &r->calling.tries[which].handshake;
        switch (event) {
        case CALLING_NUMBER:
            news_say(&r->news,
                     "number: %s; the other side sees the same one, unless somebody is in the middle, and is "
                     "asked whether you may come in",
                     h->greeting.number);
            break;
        case CALLING_WELCOMED:
            if (on_welcome(r, which, now_ms, arrival))
                return true;
            break;
        case CALLING_FAILED:
            on_called_failure(r, which, now_ms);
            break;
        case CALLING_ENDED:
            if (!r->listens) {
                on_end(r);
                break;
            }
            stop_calling(r); /* they may call us */
            return false;
        case CALLING_NONE:
            break;
        }
    }
    return false;
}

static void tell_of_retry(struct rendezvous *r)
{
    const struct calling_try *first = &r->calling.tries[0];

    if (!r->told && first->state == CALLING_REACH && first->reach.tries > 0) {
        r->told = true;
        news_say(&r->news, "%s: %s; trying again until somebody is there", r->whom,
                 err_text(first->reach.error));
    }
}

/* --- both */

static void take_seat(struct rendezvous *r, const struct arrival *arrival)
{
    answering_seat(&r->answering, &arrival->person);
    stop_calling(r);
}

bool rendezvous_step(struct rendezvous *r, bool taken, int64_t now_ms, struct arrival *arrival)
{
    if (r->answering.seated && !taken) {
        answering_seat(&r->answering, NULL);
        trust_release(r->trust);
    }
    if (answering_step(&r->answering, now_ms, arrival) || (r->calls && call_on(r, now_ms, arrival))) {
        take_seat(r, arrival);
        return true;
    }
    if (!r->answering.seated && r->call != RENDEZVOUS_CONTACT && !answering_is_welcoming(&r->answering))
        trust_release(r->trust); /* whoever was welcome did not come in */
    if (r->calls && !r->status)
        tell_of_retry(r);
    if (!r->answering.seated && !r->status && now_ms >= r->give_up_ms)
        give_up(r);
    return false;
}

int rendezvous_pollfds(const struct rendezvous *r, struct pollfd fds[static RENDEZVOUS_POLL_MAX])
{
    int count = waiting_pollfds(&r->answering.waiting, fds);

    return r->calls ? count + calling_pollfds(&r->calling, fds + count) : count;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t rendezvous_wake_ms(const struct rendezvous *r)
{
    int64_t wake_ms = earlier(answering_wake_ms(&r->answering), news_wake_ms(&r->news));

    if (r->calls)
        wake_ms = earlier(wake_ms, calling_wake_ms(&r->calling));
    return r->answering.seated ? wake_ms : earlier(wake_ms, r->give_up_ms);
}
