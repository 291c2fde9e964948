/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/contact.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "store/handle.h"
#include "store/query.h"

#define COLUMNS "contact.row, contact.id, contact.name, verified, blocked, added, met"
#define DB_SUFFIX ".db"

static int read_row(const struct query *query, struct contact *contact)
{
    memset(contact, 0, sizeof *contact);
    contact->row = query_int(query, 0);
    if (!query_bytes(query, 1, contact->id.bytes, ID_BYTES))
        return -ERR_CORRUPT;
    snprintf(contact->name, sizeof contact->name, "%s", query_text(query, 2));
    contact->verified = query_int(query, 3) != 0;
    contact->blocked = query_int(query, 4) != 0;
    contact->added_s = query_int(query, 5);
    contact->met_s = query_int(query, 6);
    return 0;
}

/* End a query for at most one contact, its parameters bound. Returns 1, 0 or a negative error. */
static int find(struct query *query, struct contact *contact)
{
    int found = query_next(query);
    int error = found > 0 ? read_row(query, contact) : 0;
    int failed = query_done(query);

    return failed ? failed : error ? error : found > 0;
}

int contact_by_id(struct db *db, const struct id *id, struct contact *contact)
{
    struct query query;

    query_init(&query, db, "SELECT " COLUMNS " FROM contact WHERE id = ?");
    query_bind_bytes(&query, id->bytes, ID_BYTES);
    return find(&query, contact);
}

int contact_by_name(struct db *db, const char *name, struct contact *contact)
{
    struct query query;

    query_init(&query, db, "SELECT " COLUMNS " FROM contact WHERE name = ?");
    query_bind_text(&query, name);
    return find(&query, contact);
}

int contact_each(struct db *db, int (*each)(void *context, const struct contact *contact), void *context)
{
    struct contact contact;
    struct query query;
    int result = 0;

    query_init(&query, db, "SELECT " COLUMNS " FROM contact ORDER BY name");
    while (result == 0 && query_next(&query) > 0) {
        result = read_row(&query, &contact);
        if (result == 0)
            result = each(context, &contact);
    }
    int error = query_done(&query);
    return error ? error : result;
}

/* --- adding */

/* The one number that a query finds. */
static int read_number(struct query *query, int64_t *number)
{
    if (query_next(query) > 0)
        *number = query_int(query, 0);
    return query_done(query);
}

/* Whether a name is free, and the smallest number that makes it so: one question, for a stranger may bring
 * thousands of keys of one name. */
static int free_number(struct db *db, const char *name, int64_t *number)
{
    char stem[CONTACT_NAME_MAX + 1];
    struct query query;

    *number = 0;
    query_init(&query, db, "SELECT count(*) FROM contact WHERE name = ?");
    query_bind_text(&query, name);
    int error = read_number(&query, number);
    if (error || *number == 0)
        return error;
    snprintf(stem, sizeof stem, "%.*s", contact_name_stem(name), name);
    query_init(&query, db,
               "WITH RECURSIVE tried(number) AS (SELECT 2 UNION ALL SELECT number + 1 FROM tried WHERE EXISTS"
               " (SELECT 1 FROM contact WHERE name = ? || '-' || number)) SELECT max(number) FROM tried");
    query_bind_text(&query, stem);
    return read_number(&query, number);
}

static int insert(struct db *db, const struct contact *contact)
{
    struct query query;

    query_init(&query, db,
               "INSERT INTO contact (id, name, verified, blocked, added, met) VALUES (?, ?, ?, 0, ?, 0)");
    query_bind_bytes(&query, contact->id.bytes, ID_BYTES);
    query_bind_text(&query, contact->name);
    query_bind_int(&query, contact->verified);
    query_bind_int(&query, contact->added_s);
    return query_run(&query);
}

static int make(struct db *db, const struct id *id, const char *proposed_name, bool verified, int64_t now_s,
                struct contact *contact)
{
    char name[CONTACT_NAME_MAX + 1];
    int64_t number;

    contact_name_clean(proposed_name, name);
    int error = free_number(db, name, &number);
    if (error)
        return error;
    *contact = (struct contact){.id = *id, .verified = verified, .added_s = now_s};
    if (number)
        contact_name_number(name, (int)number, contact->name);
    else
        memcpy(contact->name, name, sizeof name);
    error = insert(db, contact);
    contact->row = sqlite3_last_insert_rowid(db->sqlite);
    return error;
}

int contact_by_ticket(struct db *db, const uint8_t ticket_hash[static HASH_BYTES], struct contact *contact)
{
    struct query query;
    int64_t burnt = 0;

    memset(contact, 0, sizeof *contact);
    query_init(&query, db, "SELECT count(*) FROM ticket WHERE hash = ?");
    query_bind_bytes(&query, ticket_hash, HASH_BYTES);
    int error = read_number(&query, &burnt);
    if (error || !burnt)
        return error;
    query_init(&query, db,
               "SELECT " COLUMNS " FROM ticket JOIN contact ON ticket.contact = contact.row WHERE hash = ?");
    query_bind_bytes(&query, ticket_hash, HASH_BYTES);
    int found = find(&query, contact);
    return found < 0 ? found : 1;
}

static int burn(struct db *db, const uint8_t *ticket_hash, int64_t row, int64_t now_s)
{
    struct contact burner;
    struct query query;
    int burnt = contact_by_ticket(db, ticket_hash, &burner);

    if (burnt < 0)
        return burnt;
    if (burnt)
        return burner.row == row ? 0 : -ERR_TICKET;
    query_init(&query, db, "INSERT INTO ticket (hash, contact, burnt) VALUES (?, ?, ?)");
    query_bind_bytes(&query, ticket_hash, HASH_BYTES);
    query_bind_int(&query, row);
    query_bind_int(&query, now_s);
    return query_run(&query);
}

int contact_add(struct db *db, const struct id *id, const char *proposed_name, bool verified,
                const uint8_t *ticket_hash, int64_t now_s, struct contact *contact)
{
    int error = db_begin(db);

    if (error)
        return error;
    int found = contact_by_id(db, id, contact);
    error = found < 0 ? found : 0;
    if (found == 0)
        error = make(db, id, proposed_name, verified, now_s, contact);
    else if (found > 0 && verified && !contact->verified) {
        error = contact_verify(db, contact->row);
        contact->verified = true;
    }
    if (!error && ticket_hash)
        error = burn(db, ticket_hash, contact->row, now_s);
    return db_end(db, error);
}

/* --- changing */

/* End a change of one contact, its parameters bound. */
static int change(struct query *query)
{
    struct db *db = query->db;
    int error = query_run(query);

    return error ? error : sqlite3_changes(db->sqlite) ? 0 : -ENOENT;
}

int contact_rename(struct db *db, int64_t row, const char *name)
{
    struct query query;

    if (!contact_name_is_valid(name))
        return -ERR_SYNTAX;
    query_init(&query, db, "UPDATE contact SET name = ? WHERE row = ?");
    query_bind_text(&query, name);
    query_bind_int(&query, row);
    return change(&query);
}

static int set_number(struct db *db, const char *sql, int64_t number, int64_t row)
{
    struct query query;

    query_init(&query, db, sql);
    query_bind_int(&query, number);
    query_bind_int(&query, row);
    return change(&query);
}

int contact_verify(struct db *db, int64_t row)
{
    return set_number(db, "UPDATE contact SET verified = ? WHERE row = ?", 1, row);
}

int contact_block(struct db *db, int64_t row, bool blocked)
{
    return set_number(db, "UPDATE contact SET blocked = ? WHERE row = ?", blocked, row);
}

int contact_met(struct db *db, int64_t row, int64_t now_s)
{
    return set_number(db, "UPDATE contact SET met = ? WHERE row = ?", now_s, row);
}

int contact_forget(struct db *db, int64_t row)
{
    struct query query;

    query_init(&query, db, "DELETE FROM contact WHERE row = ?");
    query_bind_int(&query, row);
    int error = change(&query);
    if (!error)
        db_scrub(db);
    return error;
}

/* --- places */

int contact_places(struct db *db, int64_t row, struct place *places, int max)
{
    struct query query;
    int count = 0;

    query_init(&query, db, "SELECT host, port FROM place WHERE contact = ? ORDER BY position LIMIT ?");
    query_bind_int(&query, row);
    query_bind_int(&query, max);
    while (count < max && query_next(&query) > 0) {
        snprintf(places[count].host, PLACE_HOST_MAX, "%s", query_text(&query, 0));
        places[count++].port = (uint16_t)query_int(&query, 1);
    }
    int error = query_done(&query);
    return error < 0 ? error : count;
}

/* Returns 1 if these are the places that are there, 0 or a negative error. */
static int has_places(struct db *db, int64_t row, const struct place *places, int count)
{
    struct place there[CONTACT_PLACES_MAX];
    int found = contact_places(db, row, there, CONTACT_PLACES_MAX);

    if (found != count)
        return found < 0 ? found : 0;
    for (int i = 0; i < count; i++)
        if (there[i].port != places[i].port || strcmp(there[i].host, places[i].host) != 0)
            return 0;
    return 1;
}

static int replace_places(struct db *db, int64_t row, const struct place *places, int count)
{
    struct query query;

    query_init(&query, db, "DELETE FROM place WHERE contact = ?");
    query_bind_int(&query, row);
    int error = query_run(&query);
    for (int i = 0; !error && i < count; i++) {
        query_init(&query, db,
                   "INSERT INTO place (contact, position, host, port) SELECT row, ?, ?, ? FROM contact"
                   " WHERE row = ?");
        query_bind_int(&query, i);
        query_bind_text(&query, places[i].host);
        query_bind_int(&query, places[i].port);
        query_bind_int(&query, row);
        error = change(&query);
    }
    return error;
}

int contact_set_places(struct db *db, int64_t row, const struct place *places, int count)
{
    int kept = count < CONTACT_PLACES_MAX ? count : CONTACT_PLACES_MAX;
    int same = has_places(db, row, places, kept);

    if (same)
        return same < 0 ? same : 0;
    int error = db_begin(db);
    return error ? error : db_end(db, replace_places(db, row, places, kept));
}

/* --- pins */

/* SQLite's lower() knows ASCII only, which is what a host's case is about. */
int contact_pin(struct db *db, const char *host, uint16_t port, int64_t row)
{
    struct query query;

    query_init(&query, db,
               "INSERT INTO pin (host, port, contact) SELECT lower(?), ?, row FROM contact WHERE row = ?"
               " ON CONFLICT (host, port) DO UPDATE SET contact = excluded.contact");
    query_bind_text(&query, host);
    query_bind_int(&query, port);
    query_bind_int(&query, row);
    return change(&query);
}

int contact_pinned(struct db *db, const char *host, uint16_t port, struct contact *contact)
{
    struct query query;

    query_init(&query, db,
               "SELECT " COLUMNS " FROM pin JOIN contact ON pin.contact = contact.row"
               " WHERE host = lower(?) AND port = ?");
    query_bind_text(&query, host);
    query_bind_int(&query, port);
    return find(&query, contact);
}

/* --- locks */

int contact_lock(struct db *db, int64_t row, pid_t *holder)
{
    char path[4096];
    size_t len = strlen(db->path), suffix = sizeof DB_SUFFIX - 1;

    *holder = 0;
    if (len > suffix && strcmp(db->path + len - suffix, DB_SUFFIX) == 0)
        len -= suffix;
    if ((size_t)snprintf(path, sizeof path, "%.*s.lock", (int)len, db->path) >= sizeof path)
        return -ENAMETOOLONG;
    int error = lock_open(&db->lock, path);
    return error ? error : lock_take(&db->lock, row, holder);
}

void contact_unlock(struct db *db, int64_t row)
{
    if (db->lock.fd >= 0)
        lock_release(&db->lock, row);
}
