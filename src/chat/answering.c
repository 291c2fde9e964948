/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "chat/answering.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/secret.h"

void answering_init(struct answering *a, struct trust *trust, const struct hello *hello, struct news *news)
{
    memset(a, 0, sizeof *a);
    a->trust = trust;
    a->news = news;
    a->asked = -1;
    waiting_init(&a->waiting,
                 &(struct handshake_config){.role = GREETING_LISTENER, .key = trust->key, .hello = hello});
}

void answering_done(struct answering *a)
{
    waiting_done(&a->waiting);
}

/* --- tickets */

void answering_give_ticket(struct answering *a, int64_t now_ms, char text[static TICKET_TEXT_MAX])
{
    tickets_issue(&a->trust->tickets, now_ms + a->ticket_ms, a->ticket.secret);
    a->ticket.listener = *key_id(a->trust->key);
    ticket_print(&a->ticket, text);
    secret_wipe(a->ticket.secret, sizeof a->ticket.secret);
}

static void see_to_ticket(struct answering *a, int64_t now_ms)
{
    char text[TICKET_TEXT_MAX];

    if (!a->reissue || a->ticket_ms == 0 || a->seated || tickets_is_open(&a->trust->tickets, now_ms))
        return;
    answering_give_ticket(a, now_ms, text);
    news_say(a->news, "a new ticket, for one more: %s", text);
    secret_wipe(text, sizeof text);
}

/* --- who comes to us */

void answering_add(struct answering *a, int fd, const struct addr *peer, int64_t now_ms)
{
    char name[ADDR_TEXT_MAX];

    if (waiting_add(&a->waiting, fd, peer, now_ms) < 0)
        news_of_stranger(a->news, "%s was turned away: too many are at the door", addr_print(peer, name));
}

/* What the user is about to answer must not be taken for the answer to the next question, which may look the same. */
static void withdraw_question(struct answering *a, int slot, int64_t now_ms)
{
    if (a->asked != slot)
        return;
    a->asked = -1;
    a->exchange_ms = now_ms + ANSWERING_EXCHANGE_MS;
}

/* Whether it knows a number, or could: each such exchange may be a guess, and however it ends is told. */
static bool has_exchanged(const struct answering *a, int slot)
{
    enum waiting_stage stage = a->waiting.slots[slot].stage;

    return stage == WAITING_COMPARE || stage == WAITING_ANSWER;
}

static void turn_away(struct answering *a, int slot, enum greeting_code code, const char *why, int64_t now_ms)
{
    struct handshake *h = &a->waiting.slots[slot].handshake;
    const char *name = a->answers[slot].person.name;

    withdraw_question(a, slot, now_ms);
    if (has_exchanged(a, slot))
        news_say(a->news, "%s (%s) %s: turned away", name, h->name, why);
    else
        news_of_stranger(a->news, "%s (%s) %s: turned away", name, h->name, why);
    handshake_refuse(h, code, now_ms);
}

static bool is_welcome(const struct waiting_slot *slot)
{
    return slot->handshake.fd >= 0 && !slot->handshake.over && slot->stage == WAITING_WELCOME;
}

bool answering_is_welcoming(const struct answering *a)
{
    for (int i = 0; i < WAITING_MAX; i++)
        if (is_welcome(&a->waiting.slots[i]))
            return true;
    return false;
}

/* Whether the seat is taken, or about to be, by somebody else. */
static bool is_busy(const struct answering *a, int slot)
{
    const struct person *person = &a->answers[slot].person;

    for (int i = 0; i < WAITING_MAX; i++) {
        bool other = i != slot && !id_equal(&a->answers[i].person.id, &person->id);
        if (other && is_welcome(&a->waiting.slots[i]))
            return true;
    }
    if (!a->seated)
        return false;
    /* A chat goes on with a peer that comes back; a stream does not know where it was. */
    return a->trust->mode != HELLO_TALK || person->self || !id_equal(&a->seat.id, &person->id);
}

/* Of two connections one stays. Returns whether it is the one that we have dialled. */
static bool prefers_own(struct answering *a, const struct id *peer, int64_t now_ms)
{
    if (!a->calling || id_compare(key_id(a->trust->key), peer) >= 0)
        return false;
    if (calling_is_known(a->calling, peer))
        return true;
    calling_pause(a->calling, now_ms + HANDSHAKE_MS);
    return false;
}

static void let_in(struct answering *a, int slot, int64_t now_ms)
{
    struct waiting_slot *waiting = &a->waiting.slots[slot];
    struct trust_answer *answer = &a->answers[slot];
    char why[TRUST_WHY_MAX];

    withdraw_question(a, slot, now_ms);
    int error = trust_admit(a->trust, &waiting->handshake, answer, why);
    if (error) {
        turn_away(a, slot, error == -ERR_TICKET ? REFUSE_TICKET_USED : REFUSE_BUSY, why, now_ms);
        return;
    }
    if (*why)
        news_say(a->news, "%s", why);
    waiting->stage = WAITING_WELCOME;
    handshake_welcome(&waiting->handshake, answer->how, now_ms);
}

/* Whether a slot's caller waits for the user, in any way. */
static bool is_waiting(const struct waiting_slot *slot)
{
    bool waits =
        slot->stage == WAITING_LINE || slot->stage == WAITING_COMPARE || slot->stage == WAITING_ANSWER;

    return waits && slot->handshake.fd >= 0 && !slot->handshake.over;
}

static int in_line(const struct answering *a)
{
    int count = 0;

    for (int i = 0; i < WAITING_MAX; i++)
        count += is_waiting(&a->waiting.slots[i]);
    return count;
}

static void on_asks(struct answering *a, int slot, int64_t now_ms)
{
    struct waiting_slot *waiting = &a->waiting.slots[slot];
    struct trust_answer *answer = &a->answers[slot];

    trust_judge(a->trust, &waiting->handshake, now_ms, answer);
    if (answer->verdict == TRUST_REFUSE)
        turn_away(a, slot, answer->code, answer->why, now_ms);
    else if (is_busy(a, slot))
        turn_away(a, slot, REFUSE_BUSY, "called while the seat is taken", now_ms);
    else if (answer->verdict == TRUST_WELCOME && prefers_own(a, &answer->person.id, now_ms))
        handshake_refuse(&waiting->handshake, REFUSE_DUPLICATE, now_ms);
    else if (answer->verdict == TRUST_WELCOME)
        let_in(a, slot, now_ms);
    else if (a->seated || in_line(a) >= ANSWERING_LINE_MAX)
        turn_away(a, slot, REFUSE_BUSY, "called while others are in line", now_ms);
    else {
        waiting->stage = WAITING_LINE;
        waiting->until_ms = now_ms + ANSWERING_QUESTION_MS;
        handshake_wait(&waiting->handshake, INT64_MAX);
    }
}

static void on_number(struct answering *a, int slot, int64_t now_ms)
{
    struct waiting_slot *waiting = &a->waiting.slots[slot];
    const struct person *person = &a->answers[slot].person;
    char id[ID_TEXT_MAX];

    a->answers[slot].how = GREETING_BY_NUMBER;
    news_say(a->news, "%s (%s) calls, whom you do not know; id %s", person->name, waiting->handshake.name,
             id_print(&person->id, id));
    if (trust_is_taken(a->trust, person->name))
        news_say(a->news, "it is NOT the %s whom you know: that one has another key", person->name);
    news_say(a->news, "number: %s (both of you see the same one, unless somebody is in the middle)",
             waiting->handshake.greeting.number);
    if (a->trust->accept_new) {
        let_in(a, slot, now_ms);
        return;
    }
    waiting->stage = WAITING_ANSWER;
    waiting->until_ms = now_ms + ANSWERING_QUESTION_MS;
    handshake_wait(&waiting->handshake, INT64_MAX);
    a->asked = slot;
}

static bool has_hung_up(const struct handshake *h)
{
    return h->error == -ERR_CUT || h->error == -ECONNRESET || h->error == -EPIPE;
}

static void on_failure(struct answering *a, int slot, int64_t now_ms)
{
    struct waiting_slot *waiting = &a->waiting.slots[slot];
    struct handshake *h = &waiting->handshake;

    withdraw_question(a, slot, now_ms);
    if (a->met_self && h->error == -ERR_REFUSED)
        return; /* that was us */
    if (a->crosses && !has_exchanged(a, slot) && has_hung_up(h))
        return;
    if (has_exchanged(a, slot))
        news_say(a->news, "%s (%s) broke off after the numbers were exchanged: %s",
                 a->answers[slot].person.name, h->name, handshake_why(h));
    else
        news_of_stranger(a->news, "%s was turned away: %s%s", h->name, handshake_why(h),
                         handshake_hint(h->error));
}

/* The caller does not want to come in any more. */
static void on_refusal(struct answering *a, int slot, int64_t now_ms)
{
    const struct handshake *h = &a->waiting.slots[slot].handshake;
    const char *name = a->answers[slot].person.name;

    withdraw_question(a, slot, now_ms);
    if (has_exchanged(a, slot))
        news_say(a->news, "%s (%s) broke off after the numbers were exchanged", name, h->name);
}

/* Returns whether somebody is in. */
static bool answer_on(struct answering *a, int slot, int64_t now_ms, struct arrival *arrival)
{
    struct waiting_slot *waiting = &a->waiting.slots[slot];

    for (;;) {
        switch (handshake_step(&waiting->handshake, now_ms)) {
        case HANDSHAKE_ASKS:
            on_asks(a, slot, now_ms);
            break;
        case HANDSHAKE_NUMBER:
            on_number(a, slot, now_ms);
            break;
        case HANDSHAKE_READY:
            if (is_busy(a, slot)) { /* somebody else was faster */
                handshake_drop(&waiting->handshake);
                return false;
            }
            arrival_take(arrival, &waiting->handshake, &a->answers[slot].person, a->answers[slot].how);
            return true;
        case HANDSHAKE_REFUSED:
            on_refusal(a, slot, now_ms);
            break;
        case HANDSHAKE_FAILED:
            on_failure(a, slot, now_ms);
            break;
        case HANDSHAKE_NONE:
        case HANDSHAKE_WELCOMED: /* of a caller */
            return false;
        }
    }
}

/* Nobody waits any more once the seat is taken, nor for ever. */
static void clear_line(struct answering *a, int64_t now_ms)
{
    for (int i = 0; i < WAITING_MAX; i++) {
        const struct waiting_slot *slot = &a->waiting.slots[i];
        if (!is_waiting(slot))
            continue;
        if (a->seated)
            turn_away(a, i, REFUSE_BUSY, "had to wait, and now the seat is taken", now_ms);
        else if (slot->stage != WAITING_COMPARE && now_ms >= slot->until_ms)
            turn_away(a, i, REFUSE_TIMEOUT, "got no answer in time", now_ms);
    }
}

/* Begin the exchange with whoever has been in line for longest. */
static void serve_line(struct answering *a, int64_t now_ms)
{
    int next = -1;

    clear_line(a, now_ms);
    if (a->asked >= 0 || now_ms < a->exchange_ms)
        return;
    for (int i = 0; i < WAITING_MAX; i++) {
        const struct waiting_slot *slot = &a->waiting.slots[i];
        if (!is_waiting(slot))
            continue;
        if (slot->stage == WAITING_COMPARE)
            return;
        if (next < 0 || slot->order < a->waiting.slots[next].order)
            next = i;
    }
    if (next < 0)
        return;
    a->exchange_ms = now_ms + ANSWERING_EXCHANGE_MS;
    a->waiting.slots[next].stage = WAITING_COMPARE;
    handshake_compare(&a->waiting.slots[next].handshake, now_ms);
}

bool answering_question(const struct answering *a, char text[static ANSWERING_QUESTION_MAX])
{
    if (a->asked < 0)
        return false;
    snprintf(text, ANSWERING_QUESTION_MAX, "let %s in? (y or n) ", a->answers[a->asked].person.name);
    return true;
}

void answering_answer(struct answering *a, bool yes, int64_t now_ms)
{
    int slot = a->asked;

    if (slot < 0)
        return;
    if (yes)
        let_in(a, slot, now_ms);
    else
        turn_away(a, slot, REFUSE_DECLINED, "was not wanted", now_ms);
}

/* --- one turn */

void answering_seat(struct answering *a, const struct person *person)
{
    a->seated = person != NULL;
    if (person)
        a->seat = *person;
}

bool answering_step(struct answering *a, int64_t now_ms, struct arrival *arrival)
{
    for (int i = 0; i < WAITING_MAX; i++)
        if (answer_on(a, i, now_ms, arrival))
            return true;
    serve_line(a, now_ms);
    waiting_serve(&a->waiting, now_ms);
    see_to_ticket(a, now_ms);
    return false;
}

int64_t answering_wake_ms(const struct answering *a)
{
    int64_t wake_ms = waiting_wake_ms(&a->waiting);
    int64_t line_ms = INT64_MAX;
    bool busy = a->asked >= 0;

    for (int i = 0; i < WAITING_MAX; i++) {
        const struct waiting_slot *slot = &a->waiting.slots[i];
        if (!is_waiting(slot))
            continue;
        if (a->seated)
            return 0; /* they are to be told */
        busy = busy || slot->stage == WAITING_COMPARE;
        if (slot->stage == WAITING_LINE)
            line_ms = a->exchange_ms;
        if (slot->stage != WAITING_COMPARE && slot->until_ms < wake_ms)
            wake_ms = slot->until_ms;
    }
    return !busy && line_ms < wake_ms ? line_ms : wake_ms;
}
