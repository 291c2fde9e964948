/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store: one SQLite file of this user's, with what must outlive a process. Several processes may use
 * it at once.
 *
 * A commit is on the disk when it returns (WAL, synchronous=FULL; where the file system knows no shared
 * memory, a rollback journal). What is deleted is overwritten (secure_delete). Only this user can read it:
 * the file is made 0600, and made so again if it is not. A file that is damaged, of a newer version or not
 * yodel's is left as it is.
 *
 * SQLite is used by one thread of a process, and by at most one open store of the same file: closing one
 * would drop the locks of the other (POSIX). */
#ifndef YODEL_STORE_DB_H
#define YODEL_STORE_DB_H

#include <stdbool.h>
#include <stddef.h>

/* The longest sentence about a store: a path and what is wrong with it. */
#define DB_WHY_MAX 4608

/* How long a change waits for the one of another process. */
#define DB_BUSY_MS 5000

struct db;

/* Open the store, and make it if it is not there: at path, whose folder must exist, or (NULL) as yodel.db in
 * folders_data(), which is made, too. An older schema is brought up to date, in one transaction. SIGXFSZ is
 * ignored from then on if nothing was done about it: a file that may not grow is an error, not the end of the
 * process. Returns 0, or a negative error and in why the whole sentence with what to do, without an end:
 *   -ERR_NEWER       of a newer version of yodel
 *   -ERR_CORRUPT     damaged, or no store of yodel's
 *   -ERR_NOT_OURS    belongs to another user
 *   -ERR_BUSY        another process has held it for DB_BUSY_MS
 *   -EACCES, -EROFS  cannot be written, or its folder cannot
 *   -ENOSPC, -EDQUOT, -EFBIG, -EIO, -ENOENT (no home), -EISDIR, ...
 * Nothing that was there is lost or overwritten then. *db is NULL after an error. */
int db_open(struct db **db, const char *path, char *why, size_t why_len);

/* Changes that were begun and not ended are undone. db_close(NULL) is fine. */
void db_close(struct db *db);

/* Write where db_open() with the same path would look, and tell whether something is there: 1 or 0; or a
 * negative error, and the sentence in where. Makes nothing. */
int db_find(const char *path, char *where, size_t where_len);

/* The path of the file; lives as long as the store is open. */
const char *db_path(const struct db *db);

/* Say in one line, without an end, what an error of a function of this folder means and what can be done: for
 * those errors that db_open() has, too. Returns why. */
const char *db_explain(const struct db *db, int error, char *why, size_t why_len);

/* Several changes that come about together or not at all: begin, change, end. What is read in between is
 * not changed by another process. db_begin() returns 0 or a negative error. db_end() undoes everything if
 * error is negative and returns it, else commits and returns error, or the negative error of the commit,
 * after which nothing has changed. Pairs may stand within one another: the outermost commits, and if an
 * inner one failed, so does it (with -ECANCELED, unless it has an error of its own). */
int db_begin(struct db *db);
int db_end(struct db *db, int error);

/* After something was deleted: leave no copy of it in the write-ahead log, either. That must wait while
 * others read, and is made up for by the next call, or when the last one closes the store. */
void db_scrub(struct db *db);

#endif
