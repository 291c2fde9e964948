/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file of the store: who can read it, what is no store of ours and stays as it is, and changes that
 * belong together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "store/contact.h"
#include "store/query.h"
#include "store/schema.h"
#include "store_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define FILE_MAX (1 << 20)

static mode_t mode_of(const char *path)
{
    struct stat info;

    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

static const char *beside(const char *path, const char *suffix)
{
    static char name[300];

    snprintf(name, sizeof name, "%s%s", path, suffix);
    return name;
}

static void put(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static size_t get(const char *path, char bytes[static FILE_MAX])
{
    FILE *file = fopen(path, "re");

    assert_non_null(file);
    size_t len = fread(bytes, 1, FILE_MAX, file);
    fclose(file);
    return len;
}

static int add(struct db *db, uint8_t number, const char *name)
{
    struct contact contact;
    struct id id = {.bytes = {number}};

    return contact_add(db, &id, name, false, NULL, 1, &contact);
}

static int count_one(void *context, const struct contact *contact)
{
    (void)contact;
    ++*(int *)context;
    return 0;
}

static int count(struct db *db)
{
    int contacts = 0;
    int error = contact_each(db, count_one, &contacts);

    return error ? error : contacts;
}

/* Make a store with one contact, and change it by SQL that yodel has not. */
static const char *store_with(const char *sql)
{
    const char *path = store_new_path();
    struct db *db = store_open(path);
    sqlite3 *sqlite;

    assert_int_equal(add(db, 1, "anna"), 0);
    db_close(db);
    assert_int_equal(sqlite3_open(path, &sqlite), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sqlite, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(sqlite), SQLITE_OK);
    return path;
}

static int64_t number_of(struct db *db, const char *sql)
{
    struct query query;

    query_init(&query, db, sql);
    assert_int_equal(query_next(&query), 1);
    int64_t number = query_int(&query, 0);
    assert_int_equal(query_done(&query), 0);
    return number;
}

static void new_store_says_what_it_is_and_is_for_the_user_only(void **state)
{
    const char *path = store_new_path();
    struct db *db;
    struct query query;

    (void)state;
    umask(0);
    db = store_open(path);
    assert_int_equal(add(db, 1, "anna"), 0);
    assert_string_equal(db_path(db), path);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(mode_of(beside(path, "-wal")), 0600);
    assert_int_equal(mode_of(beside(path, "-shm")), 0600);
    assert_int_equal(number_of(db, "PRAGMA application_id"), SCHEMA_APPLICATION);
    assert_int_equal(number_of(db, "PRAGMA user_version"), SCHEMA_VERSION);
    assert_int_equal(number_of(db, "PRAGMA synchronous"), 2);
    assert_int_equal(number_of(db, "PRAGMA secure_delete"), 1);
    assert_int_equal(number_of(db, "PRAGMA foreign_keys"), 1);
    query_init(&query, db, "PRAGMA journal_mode");
    assert_int_equal(query_next(&query), 1);
    assert_string_equal(query_text(&query, 0), "wal");
    assert_int_equal(query_done(&query), 0);
    db_close(db);
    assert_int_equal(access(beside(path, "-wal"), F_OK), -1);
}

static void store_that_others_can_read_is_closed_to_them(void **state)
{
    const char *path = store_with("");
    struct db *writer = store_open(path), *db;

    (void)state;
    db_close(writer);
    assert_int_equal(chmod(path, 0644), 0);
    db = store_open(path);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(add(db, 2, "berta"), 0);
    assert_int_equal(mode_of(beside(path, "-wal")), 0600);
    assert_int_equal(count(db), 2);
    db_close(db);
    /* What a process that was killed has left is closed, too. */
    pid_t child = fork();
    if (child == 0) {
        db = store_open(path);
        _exit(add(db, 3, "clara") != 0 || chmod(beside(path, "-wal"), 0666) < 0 ||
              chmod(beside(path, "-shm"), 0666) < 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    db = store_open(path);
    assert_int_equal(mode_of(beside(path, "-wal")), 0600);
    assert_int_equal(mode_of(beside(path, "-shm")), 0600);
    assert_int_equal(count(db), 3);
    db_close(db);
}

static void assert_refused(const char *path, int error, const char *sentence)
{
    char why[DB_WHY_MAX], want[DB_WHY_MAX];
    struct db *db = NULL;

    snprintf(want, sizeof want, "%s: %s", path, sentence);
    assert_int_equal(db_open(&db, path, why, sizeof why), error);
    assert_null(db);
    assert_string_equal(why, want);
}

#define DAMAGED                                                                                              \
    "damaged, or no store of yodel's (nothing was changed; put a copy of it back, or move it away to begin " \
    "with no contacts)"

static void what_is_no_store_of_ours_is_left_as_it_is(void **state)
{
    static const struct {
        const char *sql;
        int error;
        const char *sentence;
    } cases[] = {
        {"PRAGMA user_version = 7; CREATE TABLE other (x)", -ERR_NEWER,
         "made by a newer version of yodel: its version is 7, and this one knows 1 (nothing was changed; use "
         "the newer one, also "
         "from now on)"},
        {"PRAGMA application_id = 0", -ERR_CORRUPT, DAMAGED},
        {"PRAGMA application_id = 99", -ERR_CORRUPT, DAMAGED},
        {"PRAGMA user_version = 0", -ERR_CORRUPT, DAMAGED},
        {"PRAGMA user_version = -1", -ERR_CORRUPT, DAMAGED},
        {"PRAGMA application_id = 0; PRAGMA user_version = 0", -ERR_CORRUPT, DAMAGED},
    };
    static char before[FILE_MAX], after[FILE_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *path = store_with(cases[i].sql);
        size_t len = get(path, before);
        assert_refused(path, cases[i].error, cases[i].sentence);
        assert_int_equal(get(path, after), len);
        assert_memory_equal(before, after, len);
    }
}

static void damaged_files_are_left_as_they_are(void **state)
{
    static char bytes[FILE_MAX], after[FILE_MAX];
    static const size_t lengths[] = {1, 16, 99, 100, 4096, 5000};

    (void)state;
    memset(bytes, 'x', sizeof bytes);
    for (size_t i = 0; i < COUNT(lengths); i++) {
        const char *path = store_new_path();
        put(path, bytes, lengths[i]);
        assert_refused(path, -ERR_CORRUPT, DAMAGED);
        assert_int_equal(get(path, after), lengths[i]);
        assert_memory_equal(bytes, after, lengths[i]);
    }
    /* A store of which the end is missing, and one whose first page is in pieces. */
    const char *path = store_with("");
    size_t len = get(path, bytes);
    put(path, bytes, len / 2);
    assert_refused(path, -ERR_CORRUPT, DAMAGED);
    assert_int_equal(get(path, after), len / 2);
    memset(bytes + 100, 0xff, 300);
    put(path, bytes, len);
    assert_refused(path, -ERR_CORRUPT, DAMAGED);
    assert_int_equal(get(path, after), len);
    assert_memory_equal(bytes, after, len);
}

/* Later pages are looked at when they are used. */
static void damage_is_told_when_it_is_met(void **state)
{
    static char bytes[FILE_MAX];
    const char *path = store_with("");
    size_t len = get(path, bytes);
    char why[DB_WHY_MAX];

    (void)state;
    assert_true(len > 8192);
    memset(bytes + 4096, 0xa5, len - 4096);
    put(path, bytes, len);
    struct db *db = store_open(path);
    assert_int_equal(count(db), -ERR_CORRUPT);
    assert_int_equal(add(db, 2, "berta"), -ERR_CORRUPT);
    assert_string_equal(db_explain(db, -ERR_CORRUPT, why, sizeof why) + strlen(path) + 2, DAMAGED);
    db_close(db);
}

static void other_things_of_that_name_are_refused(void **state)
{
    const char *path = store_new_path();

    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    assert_refused(path, -EISDIR, "is a directory (move it away: a file is to stand there)");
    path = store_new_path();
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_refused(path, -ERR_CORRUPT, DAMAGED);
    path = store_path("no/such/folder.db");
    assert_refused(path, -ENOENT, "no such file or directory");
    path = store_new_path();
    assert_int_equal(symlink("/no/such/file", path), 0);
    assert_refused(path, -ENOENT, "no such file or directory");
}

static void store_behind_a_link_is_used(void **state)
{
    const char *path = store_with(""), *link = store_new_path();
    struct db *db;

    (void)state;
    assert_int_equal(symlink(path, link), 0);
    db = store_open(link);
    assert_int_equal(count(db), 1);
    db_close(db);
}

static void store_of_another_user_is_refused(void **state)
{
    const char *path = store_with("");

    (void)state;
    if (chown(path, 12345, 12345) < 0) {
        print_message("# skip: only root can give a file away\n");
        skip();
    }
    assert_refused(path, -ERR_NOT_OURS,
                   "belongs to another user (run yodel as that user, or set HOME to a folder of yours)");
}

static void default_place_is_made_on_the_way(void **state)
{
    char where[DB_WHY_MAX], why[DB_WHY_MAX];
    const char *home = store_path("home"), *path = store_path("home/.local/share/yodel/yodel.db");
    struct db *db;

    (void)state;
    assert_int_equal(unsetenv("XDG_DATA_HOME"), 0);
    assert_int_equal(setenv("HOME", home, 1), 0);
    assert_int_equal(db_find(NULL, where, sizeof where), -ENOENT);
    assert_int_equal(db_open(&db, NULL, why, sizeof why), -ENOENT);
    assert_string_equal(where, why);
    assert_non_null(strstr(why, "/home: there is no such home (set HOME to the folder"));
    assert_int_equal(mkdir(home, 0755), 0);
    assert_int_equal(db_find(NULL, where, sizeof where), 0);
    assert_string_equal(where, path);
    assert_int_equal(access(store_path("home/.local"), F_OK), -1);
    db = store_open(NULL);
    assert_string_equal(db_path(db), path);
    assert_int_equal(mode_of(store_path("home/.local/share/yodel")), 0700);
    assert_int_equal(db_find(NULL, where, sizeof where), 1);
    db_close(db);
    assert_int_equal(setenv("XDG_DATA_HOME", store_path("data"), 1), 0);
    db = store_open(NULL);
    assert_string_equal(db_path(db), store_path("data/yodel/yodel.db"));
    db_close(db);
}

static void changes_come_about_together_or_not_at_all(void **state)
{
    struct db *db = store_open(store_new_path());

    (void)state;
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(add(db, 1, "anna"), 0);
    assert_int_equal(db_end(db, -EIO), -EIO);
    assert_int_equal(count(db), 0);
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(add(db, 1, "anna"), 0);
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(add(db, 2, "berta"), 0);
    assert_int_equal(db_end(db, 0), 0);
    assert_int_equal(db_end(db, 7), 7);
    assert_int_equal(count(db), 2);
    /* An inner failure cannot be undone alone. */
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(add(db, 3, "clara"), 0);
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(db_end(db, -ERR_TAKEN), -ERR_TAKEN);
    assert_int_equal(db_end(db, 0), -ECANCELED);
    assert_int_equal(count(db), 2);
    assert_int_equal(add(db, 3, "clara"), 0);
    assert_int_equal(count(db), 3);
    db_close(db);
}

static void what_was_begun_is_undone_by_closing(void **state)
{
    const char *path = store_new_path();
    struct db *db = store_open(path);

    (void)state;
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(add(db, 1, "anna"), 0);
    db_close(db);
    db = store_open(path);
    assert_int_equal(count(db), 0);
    db_close(db);
    db_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_store_says_what_it_is_and_is_for_the_user_only),
        cmocka_unit_test(store_that_others_can_read_is_closed_to_them),
        cmocka_unit_test(what_is_no_store_of_ours_is_left_as_it_is),
        cmocka_unit_test(damaged_files_are_left_as_they_are),
        cmocka_unit_test(damage_is_told_when_it_is_met),
        cmocka_unit_test(other_things_of_that_name_are_refused),
        cmocka_unit_test(store_behind_a_link_is_used),
        cmocka_unit_test(store_of_another_user_is_refused),
        cmocka_unit_test(default_place_is_made_on_the_way),
        cmocka_unit_test(changes_come_about_together_or_not_at_all),
        cmocka_unit_test(what_was_begun_is_undone_by_closing),
    };

    return cmocka_run_group_tests(tests, store_make_folder, store_remove_folder);
}
