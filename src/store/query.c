/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/query.h"

#include <string.h>

#include "store/handle.h"

static bool is_well(const struct query *query)
{
    return query->code == SQLITE_OK || query->code == SQLITE_ROW || query->code == SQLITE_DONE;
}

void query_init(struct query *query, struct db *db, const char *sql)
{
    query->db = db;
    query->statement = NULL;
    query->bound = 0;
    query->code = sqlite3_prepare_v2(db->sqlite, sql, -1, &query->statement, NULL);
}

void query_bind_int(struct query *query, int64_t value)
{
    if (is_well(query))
        query->code = sqlite3_bind_int64(query->statement, ++query->bound, value);
}

void query_bind_text(struct query *query, const char *text)
{
    if (is_well(query))
        query->code = sqlite3_bind_text(query->statement, ++query->bound, text, -1, SQLITE_STATIC);
}

void query_bind_bytes(struct query *query, const void *bytes, size_t len)
{
    if (is_well(query))
        query->code = sqlite3_bind_blob64(query->statement, ++query->bound, bytes, len, SQLITE_STATIC);
}

int query_next(struct query *query)
{
    if (is_well(query))
        query->code = sqlite3_step(query->statement);
    return query->code == SQLITE_ROW ? 1 : db_error(query->db, query->code);
}

int64_t query_int(const struct query *query, int column)
{
    return sqlite3_column_int64(query->statement, column);
}

const char *query_text(const struct query *query, int column)
{
    const unsigned char *text = sqlite3_column_text(query->statement, column);

    return text ? (const char *)text : "";
}

bool query_bytes(const struct query *query, int column, void *bytes, size_t len)
{
    const void *found = sqlite3_column_blob(query->statement, column);

    if (!found || (size_t)sqlite3_column_bytes(query->statement, column) != len)
        return false;
    memcpy(bytes, found, len);
    return true;
}

int query_done(struct query *query)
{
    int error = db_error(query->db, query->code);

    sqlite3_finalize(query->statement);
    query->statement = NULL;
    return error;
}

int query_run(struct query *query)
{
    while (query_next(query) > 0)
        ;
    return query_done(query);
}

int query_script(struct db *db, const char *sql)
{
    return db_error(db, sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL));
}
