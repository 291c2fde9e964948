/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/folders.h"
#include "store/handle.h"
#include "store/query.h"
#include "store/schema.h"

#define NAME "/yodel.db"
#define CACHE_KIB 128
#define RETRY_MS 1

/* The smallest database there is, one page. */
#define FILE_MIN 512

/* --- errors */

/* What cannot be written, for a file on a medium that cannot be written either. */
static int read_only(const struct db *db)
{
    struct statvfs info;

    return statvfs(db->path, &info) == 0 && info.f_flag & ST_RDONLY ? -EROFS : -EACCES;
}

static int system_error(const struct db *db)
{
    int error = db->sqlite ? sqlite3_system_errno(db->sqlite) : 0;

    return error > 0 ? -error : -EIO;
}

int db_error(const struct db *db, int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return -ERR_BUSY;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_READONLY:
        return read_only(db);
    case SQLITE_NOMEM:
        return -ERR_MEMORY;
    case SQLITE_CONSTRAINT:
        return -ERR_TAKEN;
    case SQLITE_TOOBIG:
        return -ERR_RANGE;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return code == SQLITE_IOERR_NOMEM ? -ERR_MEMORY : system_error(db);
    default: /* NOTADB, CORRUPT, and what only tables that are not as we made them can cause */
        return -ERR_CORRUPT;
    }
}

static const char *advice(int error)
{
    switch (error) {
    case -ERR_NEWER:
        return "nothing was changed; use the newer one, also from now on";
    case -ERR_CORRUPT:
        return "nothing was changed; put a copy of it back, or move it away to begin with no contacts";
    case -ERR_NOT_OURS:
        return "run yodel as that user, or set HOME to a folder of yours";
    case -ERR_BUSY:
        return "nothing was changed; another yodel is at work on it; try again when it is done";
    case -EACCES:
    case -EROFS:
    case -EPERM:
        return "yodel must be able to write this file and its folder";
    case -ENOSPC:
    case -EDQUOT:
    case -EFBIG:
        return "nothing that was there is lost; make room and try again";
    case -EISDIR:
        return "move it away: a file is to stand there";
    default:
        return "";
    }
}

static const char *reason(int error, char text[static 128])
{
    if (error == -ERR_CORRUPT)
        return "damaged, or no store of yodel's";
    if (error == -ERR_NOT_OURS)
        return "belongs to another user";
    snprintf(text, 128, "%s", err_text(error));
    return text;
}

static const char *explain(const char *path, int error, char *why, size_t why_len)
{
    char text[128];
    const char *what = advice(error);

    snprintf(why, why_len, *what ? "%s: %s (%s)" : "%s: %s", path, reason(error, text), what);
    return why;
}

const char *db_explain(const struct db *db, int error, char *why, size_t why_len)
{
    return explain(db->path, error, why, why_len);
}

/* --- the file */

/* The default path, in path. Returns 0, or a negative error and the sentence. */
static int find_default(char path[static FOLDERS_PATH_MAX], char *why, size_t why_len)
{
    int error = folders_data(path, FOLDERS_PATH_MAX - sizeof NAME);

    if (error)
        folders_explain(path, error, why, why_len);
    else
        strcat(path, NAME);
    return error;
}

/* The folder of a default path: it must be this user's, or the file would be somebody else's trap. */
static int make_folder(const char *path, char *why, size_t why_len)
{
    char folder[FOLDERS_PATH_MAX];
    struct stat info;

    snprintf(folder, sizeof folder, "%.*s", (int)(strlen(path) - strlen(NAME)), path);
    int error = folders_make(folder);
    if (!error && stat(folder, &info) < 0)
        error = -errno;
    if (!error && info.st_uid != geteuid())
        error = -ERR_NOT_OURS;
    if (error)
        explain(folder, error, why, why_len);
    return error;
}

/* Nobody else is to read it. What cannot be helped (a file system without modes, or read-only) is no
 * error. */
static void tighten(const char *path, const struct stat *info)
{
    if (info->st_mode & 077 && info->st_uid == geteuid() && chmod(path, info->st_mode & 0600) < 0)
        return;
}

static void tighten_companion(const char *path, const char *suffix)
{
    char name[FOLDERS_PATH_MAX];
    struct stat info;

    snprintf(name, sizeof name, "%s%s", path, suffix);
    if (lstat(name, &info) == 0 && S_ISREG(info.st_mode))
        tighten(name, &info);
}

/* The descriptor is closed at once and only of a file that is new: SQLite has none of it open yet, so that no
 * lock is lost with it. SQLite itself would make the file for everybody whom the umask does not keep out. */
static int prepare_file(const char *path)
{
    struct stat info;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0) {
        close(fd);
        return 0;
    }
    if (errno != EEXIST)
        return -errno;
    if (stat(path, &info) < 0)
        return -errno;
    if (!S_ISREG(info.st_mode))
        return S_ISDIR(info.st_mode) ? -EISDIR : -ERR_CORRUPT;
    if (info.st_uid != geteuid())
        return -ERR_NOT_OURS;
    if (info.st_size > 0 &&
        info.st_size < FILE_MIN) /* SQLite takes one byte for nothing, and overwrites it */
        return -ERR_CORRUPT;
    tighten(path, &info);
    tighten_companion(path, "-wal");
    tighten_companion(path, "-shm");
    return 0;
}

/* --- opening */

/* Before the first use: one thread, no statistics, no memory put aside. Fails harmlessly when SQLite runs
 * already. */
static void start_sqlite(void)
{
    struct sigaction action;

    sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    if (sigaction(SIGXFSZ, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
        signal(SIGXFSZ, SIG_IGN);
}

/* Asked by SQLite before each new try, and told how many there were. Its own handler sleeps for 100 ms before
 * long: beside a process that writes all the time its turn never came, measured. */
static int wait_for_turn(void *context, int tries)
{
    struct db *db = context;

    if (tries == 0)
        db->deadline_ms = clock_ms() + (db->patient ? DB_BUSY_MS : 0);
    if (clock_ms() >= db->deadline_ms)
        return 0;
    usleep(RETRY_MS * 1000);
    return 1;
}

static int configure(struct db *db)
{
    sqlite3_extended_result_codes(db->sqlite, 1);
    sqlite3_busy_handler(db->sqlite, wait_for_turn, db);
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_LOOKASIDE, NULL, 0, 0);
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    if (sqlite3_db_readonly(db->sqlite, "main") == 1)
        return read_only(db);
    return 0;
}

/* To change the journal wants the file alone, and SQLite does not wait for that by itself: two processes that
 * make a store at once would stand in each other's way. */
static int use_wal(struct db *db)
{
    int64_t deadline_ms = clock_ms() + DB_BUSY_MS;
    int error;

    while ((error = query_script(db, "PRAGMA journal_mode = WAL")) == -ERR_BUSY && clock_ms() < deadline_ms)
        usleep(RETRY_MS * 1000);
    return error;
}

static int settle(struct db *db)
{
    char sql[256];

    snprintf(sql, sizeof sql,
             "PRAGMA cache_size = -%d; PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON;"
             "PRAGMA synchronous = FULL; PRAGMA cell_size_check = ON",
             CACHE_KIB);
    return query_script(db, sql);
}

/* Whose store it is, and of which version, is known before the first byte is written. */
static int begin_use(struct db *db, int64_t *version)
{
    int error = configure(db);

    if (!error)
        error = schema_look(db, version);
    if (!error)
        error = use_wal(db);
    if (!error)
        error = settle(db);
    return error ? error : schema_update(db);
}

static int open_file(struct db *db, int64_t *version)
{
    int error = prepare_file(db->path);

    if (error)
        return error;
    error = db_error(
        db, sqlite3_open_v2(db->path, &db->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_PRIVATECACHE, NULL));
    return error ? error : begin_use(db, version);
}

static void explain_newer(const char *path, int64_t version, char *why, size_t why_len)
{
    snprintf(why, why_len, "%s: %s: its version is %lld, and this one knows %d (%s)", path,
             err_text(-ERR_NEWER), (long long)version, SCHEMA_VERSION, advice(-ERR_NEWER));
}

int db_open(struct db **db, const char *path, char *why, size_t why_len)
{
    char found[FOLDERS_PATH_MAX];
    int64_t version = 0;
    int error;

    *db = NULL;
    if (!path && ((error = find_default(found, why, why_len)) || (error = make_folder(found, why, why_len))))
        return error;
    struct db *opened = calloc(1, sizeof *opened);
    if (!opened || !(opened->path = strdup(path ? path : found))) {
        free(opened);
        snprintf(why, why_len, "the store: %s", err_text(-ERR_MEMORY));
        return -ERR_MEMORY;
    }
    opened->patient = true;
    lock_init(&opened->lock);
    start_sqlite();
    error = open_file(opened, &version);
    if (!error) {
        *db = opened;
        return 0;
    }
    if (error == -ERR_NEWER)
        explain_newer(opened->path, version, why, why_len);
    else
        db_explain(opened, error, why, why_len);
    db_close(opened);
    return error;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    lock_done(&db->lock);
    sqlite3_close(db->sqlite);
    free(db->path);
    free(db);
}

int db_find(const char *path, char *where, size_t where_len)
{
    char found[FOLDERS_PATH_MAX];
    struct stat info;
    int error = path ? 0 : find_default(found, where, where_len);

    if (error)
        return error;
    snprintf(where, where_len, "%s", path ? path : found);
    return lstat(path ? path : found, &info) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

const char *db_path(const struct db *db)
{
    return db->path;
}

/* --- transactions */

int db_begin(struct db *db)
{
    if (db->depth == 0) {
        int error = query_script(db, "BEGIN IMMEDIATE");
        if (error)
            return error;
        db->failed = false;
    }
    db->depth++;
    return 0;
}

/* SQLite may have undone it by itself, after a full disk for one. */
static void undo(struct db *db)
{
    if (!sqlite3_get_autocommit(db->sqlite))
        query_script(db, "ROLLBACK");
}

int db_end(struct db *db, int error)
{
    db->failed = db->failed || error < 0;
    if (--db->depth > 0)
        return error;
    if (db->failed) {
        undo(db);
        return error < 0 ? error : -ECANCELED;
    }
    int failed = query_script(db, "COMMIT");
    if (failed)
        undo(db);
    return failed ? failed : error;
}

void db_scrub(struct db *db)
{
    db->patient = false;
    sqlite3_wal_checkpoint_v2(db->sqlite, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    db->patient = true;
}
