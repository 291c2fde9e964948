/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who this user knows: each is a key (its id) and the name that this user calls it by. Addresses are only
 * where it was said or seen to be.
 *
 * Every function that takes a store returns a negative error of its (db_explain() has the sentence), or what
 * is said below; each change is one commit. Times are seconds since 1970. */
#ifndef YODEL_STORE_CONTACT_H
#define YODEL_STORE_CONTACT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/hash.h"
#include "base/id.h"
#include "base/place.h"
#include "store/contact_name.h"
#include "store/db.h"

/* How many places are kept of a contact. */
#define CONTACT_PLACES_MAX 16

struct contact {
    int64_t row; /* its number in this store, 1 or more; never given to another contact */
    struct id id;
    char name[CONTACT_NAME_MAX + 1];
    bool verified; /* the user, or a ticket, has made sure of the key */
    bool blocked;  /* is to be refused */
    int64_t added_s;
    int64_t met_s; /* when it was last talked with; 0: never */
};

/* Find one; a name in any case of ASCII, as no two contacts differ by that alone. Returns 1, or 0: there is
 * none. */
int contact_by_id(struct db *db, const struct id *id, struct contact *contact);
int contact_by_name(struct db *db, const char *name, struct contact *contact);

/* Make a contact of a key, or find it if it is there: then its name stays, and it becomes verified if
 * verified is true, never the reverse. A new one gets the proposed name, cleaned (contact_name_clean())
 * and, if it is taken, with a number: "anna-2"; whoever wants to tell compares contact->name with it.
 * ticket_hash (HASH_BYTES, the hash of the ticket's secret) or NULL: the ticket is burnt in the same
 * commit. Fills *contact and returns 0; or -ERR_TICKET: another key has burnt that ticket
 * (contact_by_ticket() tells which), and nothing has changed. */
int contact_add(struct db *db, const struct id *id, const char *proposed_name, bool verified,
                const uint8_t *ticket_hash, int64_t now_s, struct contact *contact);

/* Who has burnt a ticket. Returns 1, with contact->row 0 if whoever it was has been forgotten; 0: it is not
 * burnt. */
int contact_by_ticket(struct db *db, const uint8_t ticket_hash[static HASH_BYTES], struct contact *contact);

/* Change one. Each returns 0, or -ENOENT: there is none with this row any more. contact_rename(): also
 * -ERR_SYNTAX, the name is not valid; -ERR_TAKEN, another contact has it. contact_forget() takes with it its
 * places and pins, and leaves none of its bytes in the files (db_scrub()); tickets that it has burnt stay
 * burnt. */
int contact_rename(struct db *db, int64_t row, const char *name);
int contact_verify(struct db *db, int64_t row);
int contact_block(struct db *db, int64_t row, bool blocked);
int contact_met(struct db *db, int64_t row, int64_t now_s);
int contact_forget(struct db *db, int64_t row);

/* Call each for every contact, in the order of their names; each may ask the store, and must not change it.
 * Ends early with what it returns unless that is 0. Returns 0, that, or a negative error. */
int contact_each(struct db *db, int (*each)(void *context, const struct contact *contact), void *context);

/* Where it listens, the best first, as it said last. contact_places() fills at most max and returns how
 * many; contact_set_places() replaces all, keeps the first CONTACT_PLACES_MAX, writes nothing if nothing
 * is new, and returns 0, or -ENOENT. */
int contact_places(struct db *db, int64_t row, struct place *places, int max);
int contact_set_places(struct db *db, int64_t row, const struct place *places, int count);

/* Which key answered where this user has called by address. host is as the user wrote it, in any case of
 * ASCII. contact_pin() replaces an older pin of the place and returns 0 or -ENOENT; contact_pinned() returns
 * 1, or 0: nobody is known to be there. */
int contact_pin(struct db *db, const char *host, uint16_t port, int64_t row);
int contact_pinned(struct db *db, const char *host, uint16_t port, struct contact *contact);

/* Hold a contact until contact_unlock(), or the end of this process or of the store. A child does not inherit
 * it. Returns 0, also if this process holds it already; or -ERR_BUSY: *holder has it (0: a process that this
 * one cannot see). Needs the file NAME.lock beside NAME.db. */
int contact_lock(struct db *db, int64_t row, pid_t *holder);
void contact_unlock(struct db *db, int64_t row);

#endif
