/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/schema.h"

#include <stdio.h>

#include "base/err.h"
#include "store/query.h"

/* Each brings the tables from the version that is its index to the next one. Never change one that was
 * released.
 *
 * Rows of contacts are never used again (AUTOINCREMENT): a process that still holds the number of a forgotten
 * contact finds nobody by it. A burnt ticket outlives its contact: it stays burnt. Times are seconds since
 * 1970. */
static const char *const steps[SCHEMA_VERSION] = {
    "CREATE TABLE contact ("
    "  row INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  id BLOB NOT NULL UNIQUE CHECK (length(id) = 32),"
    "  name TEXT NOT NULL UNIQUE COLLATE NOCASE,"
    "  verified INTEGER NOT NULL,"
    "  blocked INTEGER NOT NULL,"
    "  added INTEGER NOT NULL,"
    "  met INTEGER NOT NULL" /* 0: never */
    ") STRICT;"
    "CREATE TABLE place (" /* where a contact has said that it listens */
    "  contact INTEGER NOT NULL REFERENCES contact ON DELETE CASCADE,"
    "  position INTEGER NOT NULL,"
    "  host TEXT NOT NULL,"
    "  port INTEGER NOT NULL,"
    "  PRIMARY KEY (contact, position)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE pin (" /* who answered where the user has called by address */
    "  host TEXT NOT NULL,"
    "  port INTEGER NOT NULL,"
    "  contact INTEGER NOT NULL REFERENCES contact ON DELETE CASCADE,"
    "  PRIMARY KEY (host, port)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX pin_contact ON pin (contact);"
    "CREATE TABLE ticket (" /* those that are burnt */
    "  hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),"
    "  contact INTEGER REFERENCES contact ON DELETE SET NULL,"
    "  burnt INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX ticket_contact ON ticket (contact);",
};

int schema_look(struct db *db, int64_t *version)
{
    struct query query;
    int64_t application = 0, tables = 0;

    *version = 0;
    query_init(&query, db,
               "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)"
               " FROM pragma_application_id, pragma_user_version");
    if (query_next(&query) > 0) {
        application = query_int(&query, 0);
        *version = query_int(&query, 1);
        tables = query_int(&query, 2);
    }
    int error = query_done(&query);
    if (error)
        return error;
    if (application == 0 && *version == 0 && tables == 0)
        return 0;
    if (application != SCHEMA_APPLICATION || *version < 1 || tables == 0)
        return -ERR_CORRUPT;
    return *version > SCHEMA_VERSION ? -ERR_NEWER : 0;
}

static int climb(struct db *db)
{
    char sql[128];
    int64_t version;
    int error = schema_look(db, &version); /* again: another process may have been quicker */

    if (error || version == SCHEMA_VERSION)
        return error;
    for (; version < SCHEMA_VERSION; version++)
        if ((error = query_script(db, steps[version])))
            return error;
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d", SCHEMA_APPLICATION,
             SCHEMA_VERSION);
    return query_script(db, sql);
}

int schema_update(struct db *db)
{
    int64_t version;
    int error = schema_look(db, &version);

    if (error || version == SCHEMA_VERSION)
        return error;
    if ((error = db_begin(db)))
        return error;
    return db_end(db, climb(db));
}
