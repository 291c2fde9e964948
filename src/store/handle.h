/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of this folder know of an open store. */
#ifndef YODEL_STORE_HANDLE_H
#define YODEL_STORE_HANDLE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/lock.h"

struct db {
    sqlite3 *sqlite;
    char *path;
    int depth;           /* of db_begin() */
    bool failed;         /* an inner pair has failed */
    bool patient;        /* what another process holds is waited for */
    int64_t deadline_ms; /* of the wait for another process */
    struct lock lock;    /* of contacts: see contact_lock() */
};

/* The negative error for a result code that a function of SQLite has just returned for this store; 0 for
 * SQLITE_OK, SQLITE_ROW and SQLITE_DONE. */
int db_error(const struct db *db, int code);

#endif
