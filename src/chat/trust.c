/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "chat/trust.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "wire/hello.h"

int trust_look_up(const struct trust *trust, const struct id *id, const char *proposed, struct person *person)
{
    struct contact contact;

    *person = (struct person){.id = *id, .self = id_equal(id, key_id(trust->key))};
    if (person->self) {
        strcpy(person->name, "yourself");
        return 0;
    }
    int found = trust->db ? contact_by_id(trust->db, id, &contact) : 0;
    if (found != 1) {
        contact_name_clean(proposed, person->name);
        return found;
    }
    strcpy(person->name, contact.name);
    person->row = contact.row;
    person->verified = contact.verified;
    return contact.blocked ? -ERR_BLOCKED : 0;
}

bool trust_is_taken(const struct trust *trust, const char *name)
{
    struct contact contact;

    return trust->db && contact_by_name(trust->db, name, &contact) == 1;
}

/* --- the listener's rules */

static void welcome(struct trust_answer *answer, enum greeting_how how)
{
    answer->verdict = TRUST_WELCOME;
    answer->how = how;
}

__attribute__((format(printf, 3, 4))) static void refuse(struct trust_answer *answer, enum greeting_code code,
                                                         const char *format, ...)
{
    va_list args;

    answer->verdict = TRUST_REFUSE;
    answer->code = code;
    va_start(args, format);
    vsnprintf(answer->why, sizeof answer->why, format, args);
    va_end(args);
}

static void judge_ticket(const struct trust *trust, const struct handshake *h, int64_t now_ms,
                         struct trust_answer *answer)
{
    struct person by;
    char id[ID_TEXT_MAX];
    int which = -1;

    switch (tickets_check(&trust->tickets, &h->greeting, &answer->person.id, now_ms, &which)) {
    case TICKETS_GOOD:
        answer->ticket = which;
        welcome(answer, GREETING_BY_TICKET);
        break;
    case TICKETS_WRONG:
        refuse(answer, REFUSE_TICKET_WRONG, "came with a wrong ticket");
        break;
    case TICKETS_USED:
        trust_look_up(trust, &trust->tickets.list[which].by, "somebody", &by);
        refuse(answer, REFUSE_TICKET_USED, "came with a ticket that %s has used already (id %s)", by.name,
               id_print(&by.id, id));
        break;
    case TICKETS_EXPIRED:
        refuse(answer, REFUSE_TICKET_EXPIRED, "came with a ticket that has expired");
        break;
    }
}

static void judge_stranger(const struct trust *trust, struct trust_answer *answer)
{
    if (trust->only)
        refuse(answer, REFUSE_DECLINED, "is not %s", trust->only);
    else if (trust->asks || trust->accept_new)
        answer->verdict = TRUST_ASK;
    else
        refuse(answer, REFUSE_DECLINED,
               "is nobody that you know (--accept-new lets strangers in; or give out the ticket)");
}

void trust_judge(const struct trust *trust, const struct handshake *h, int64_t now_ms,
                 struct trust_answer *answer)
{
    const struct greeting *greeting = &h->greeting;
    struct person *person = &answer->person;

    memset(answer, 0, sizeof *answer);
    answer->ticket = -1;
    int error = trust_look_up(trust, handshake_peer(h), greeting->hello.name, person);
    if (error == -ERR_BLOCKED)
        refuse(answer, REFUSE_DECLINED, "is blocked");
    else if (error && !greeting->has_proof)
        refuse(answer, REFUSE_DECLINED, "may be somebody you have blocked: the contacts cannot be read (%s)",
               err_text(error));
    else if (greeting->hello.mode != trust->mode)
        refuse(answer, REFUSE_MODE,
               trust->mode == HELLO_TALK ? "sends bytes, and this is a chat"
                                         : "wants to chat, and this is a pipe");
    else if (person->self && !trust->only)
        welcome(answer, GREETING_YOURSELF);
    else if (person->row && (!trust->only || person->row == trust->only_row))
        welcome(answer, GREETING_BY_KEY);
    else if (greeting->has_proof && !trust->only)
        judge_ticket(trust, h, now_ms, answer);
    else
        judge_stranger(trust, answer);
    /* A contact that comes with the ticket it was given uses it. */
    if (answer->how == GREETING_BY_KEY && greeting->has_proof) {
        struct trust_answer proven = *answer;
        judge_ticket(trust, h, now_ms, &proven);
        if (proven.verdict == TRUST_WELCOME)
            *answer = proven;
    }
}

/* --- what is remembered */

static int64_t now_s(void)
{
    return (int64_t)time(NULL);
}

int trust_hold(struct trust *trust, int64_t row, const char *name, char why[static TRUST_WHY_MAX])
{
    pid_t holder = 0;

    if (!trust->db || row == 0 || row == trust->held)
        return 0;
    int error = contact_lock(trust->db, row, &holder);
    if (error == -ERR_BUSY && holder)
        snprintf(why, TRUST_WHY_MAX, "another yodel (process %d) talks with %s", (int)holder, name);
    else if (error == -ERR_BUSY)
        snprintf(why, TRUST_WHY_MAX, "another yodel talks with %s", name);
    if (error == -ERR_BUSY)
        return error;
    trust->held = row; /* a lock that cannot be had for another reason keeps nobody from talking */
    return 0;
}

void trust_release(struct trust *trust)
{
    if (trust->db && trust->held)
        contact_unlock(trust->db, trust->held);
    trust->held = 0;
}

static void forget_store(struct trust *trust, int error, char why[static TRUST_WHY_MAX])
{
    char sentence[DB_WHY_MAX];

    snprintf(why, TRUST_WHY_MAX, "not remembered: %.300s",
             db_explain(trust->db, error, sentence, sizeof sentence));
}

/* Where it was seen goes before where it says it listens. One that does not listen now may do so later, on the usual port: that is
 * no more than a guess, for whom no place is known. */
static void remember_places(struct trust *trust, const struct person *person, const struct place *seen,
                            const struct hello *hello, bool guess)
{
    struct place places[CONTACT_PLACES_MAX];
    int count = 0;

    if (guess && contact_places(trust->db, person->row, places, 1) != 0)
        return;
    places[count++] = *seen;
    for (int i = 0; i < hello->place_count && count < CONTACT_PLACES_MAX; i++) {
        const struct place *place = &hello->places[i];
        if (strcmp(seen->host, place->host) != 0 || seen->port != place->port)
            places[count++] = *place;
    }
    contact_set_places(trust->db, person->row, places, count);
}

/* What there is to be remembered of somebody who comes in, or who was called. */
struct note {
    const struct hello *hello;
    bool verified;
    const uint8_t *ticket_hash; /* to be burnt, or NULL */
    const struct place *seen;
    bool guess;              /* seen is one, see remember_places() */
    const struct place *pin; /* where this key and no other is expected from now on, or NULL */
};

/* Make, or find, the contact. Fills in *person. Returns 0 or a negative error. */
static int remember(struct trust *trust, const struct note *note, struct person *person,
                    char why[static TRUST_WHY_MAX])
{
    struct contact contact;
    bool known = person->row != 0;

    int error = contact_add(trust->db, &person->id, note->hello->name, note->verified, note->ticket_hash,
                            now_s(), &contact);
    if (error)
        return error;
    if (!known && strcmp(contact.name, person->name) != 0)
        snprintf(why, TRUST_WHY_MAX,
                 "you know somebody else as %s: this one is %s here (yodel peers rename changes that)",
                 person->name, contact.name);
    strcpy(person->name, contact.name);
    person->row = contact.row;
    person->verified = contact.verified;
    contact_met(trust->db, contact.row, now_s());
    remember_places(trust, person, note->seen, note->hello, note->guess);
    if (note->pin)
        contact_pin(trust->db, note->pin->host, note->pin->port, person->row);
    return 0;
}

/* All of it in one commit, for which the other side waits: each has the disk write. Returns 0, or -ERR_TICKET; what else fails is
 * said in why, and *person is as before. */
static int take_note(struct trust *trust, const struct note *note, struct person *person,
                     char why[static TRUST_WHY_MAX])
{
    struct person before = *person;

    int error = db_begin(trust->db);
    if (!error)
        error = db_end(trust->db, remember(trust, note, person, why));
    if (error == 0 || error == -ERR_TICKET)
        return error;
    *person = before;
    forget_store(trust, error, why);
    return 0;
}

int trust_admit(struct trust *trust, const struct handshake *h, struct trust_answer *answer,
                char why[static TRUST_WHY_MAX])
{
    struct person *person = &answer->person;
    const struct hello *hello = &h->greeting.hello;
    uint8_t hash[HASH_BYTES];
    struct place seen;
    const struct note note = {.hello = hello,
                              .verified = answer->how == GREETING_BY_TICKET,
                              .ticket_hash = answer->ticket >= 0 ? hash : NULL,
                              .seen = &seen,
                              .guess = hello->place_count == 0};

    *why = '\0';
    if (person->self)
        return 0;
    int error = trust_hold(trust, person->row, person->name, why);
    if (error)
        return error;
    if (answer->ticket >= 0)
        tickets_hash(&trust->tickets, answer->ticket, hash);
    addr_print_host(&h->peer, seen.host);
    seen.port = hello->place_count > 0 ? hello->places[0].port : ADDR_PORT_DEFAULT;
    if (trust->db)
        error = take_note(trust, &note, person, why);
    else
        person->verified = note.verified;
    if (error) {
        snprintf(why, TRUST_WHY_MAX, "came with a ticket that was used already");
        return error;
    }
    if (answer->ticket >= 0)
        tickets_burn(&trust->tickets, answer->ticket, &person->id);
    return trust_hold(trust, person->row, person->name, why);
}

int trust_admit_called(struct trust *trust, const struct handshake *h, const struct trust_called *called,
                       struct person *person, char why[static TRUST_WHY_MAX])
{
    const struct hello *hello = &h->greeting.hello;
    const struct note note = {.hello = hello,
                              .verified = called->ticket,
                              .seen = called->place,
                              .pin = called->pin ? called->place : NULL};

    *why = '\0';
    trust_look_up(trust, handshake_peer(h), hello->name, person);
    if (person->self)
        return 0;
    int error = trust_hold(trust, person->row, person->name, why);
    if (error)
        return error;
    if (!trust->db) {
        person->verified = called->ticket;
        return 0;
    }
    take_note(trust, &note, person, why);
    return trust_hold(trust, person->row, person->name, why);
}

int trust_verify(struct trust *trust, struct person *person, char why[static TRUST_WHY_MAX])
{
    int error = trust->db && person->row ? contact_verify(trust->db, person->row) : -ENOENT;

    *why = '\0';
    if (error == -ENOENT)
        snprintf(why, TRUST_WHY_MAX, "there is no contact to be verified");
    else if (error)
        forget_store(trust, error, why);
    person->verified = error == 0;
    return error;
}
