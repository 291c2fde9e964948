/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One statement of SQL, from its text to its last row. An error sticks: what is asked of the query after it
 * does nothing, and query_done() tells it. */
#ifndef YODEL_STORE_QUERY_H
#define YODEL_STORE_QUERY_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/db.h"

struct query {
    struct db *db;
    sqlite3_stmt *statement;
    int code;  /* of SQLite, the last one */
    int bound; /* how many parameters have their value */
};

/* Begin a statement; sql is one statement of ours, with a ? for each value. */
void query_init(struct query *query, struct db *db, const char *sql);

/* Give the next parameter its value. Text and bytes are not copied: they stay as they are until query_done().
 * NULL is SQL's. */
void query_bind_int(struct query *query, int64_t value);
void query_bind_text(struct query *query, const char *text);
void query_bind_bytes(struct query *query, const void *bytes, size_t len);

/* Step to the next row, with every parameter bound. Returns 1; 0: there are no more; or a negative error. */
int query_next(struct query *query);

/* A column of the row, from 0. Text is never NULL and lives until the next step. query_bytes() tells whether
 * the column has exactly len bytes, and copies them then. */
int64_t query_int(const struct query *query, int column);
const char *query_text(const struct query *query, int column);
bool query_bytes(const struct query *query, int column, void *bytes, size_t len);

/* End it. Returns 0 or the first negative error. */
int query_done(struct query *query);

/* Step through all rows and end it. Returns 0 or a negative error. */
int query_run(struct query *query);

/* Run statements without parameters and results. Returns 0 or a negative error. */
int query_script(struct db *db, const char *sql);

#endif
