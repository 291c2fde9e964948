/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char folder[] = "/tmp/yodel-test-store-XXXXXX";

int store_make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
    (void)info, (void)flag, (void)ftw;
    return remove(path);
}

int store_remove_folder(void **state)
{
    (void)state;
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *store_path(const char *name)
{
    static char paths[8][256];
    static int next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

const char *store_new_path(void)
{
    static int count;
    char name[32];

    snprintf(name, sizeof name, "%d.db", count++);
    return store_path(name);
}

struct db *store_open(const char *path)
{
    char why[DB_WHY_MAX] = "";
    struct db *db = NULL;

    if (db_open(&db, path, why, sizeof why) < 0)
        print_message("# %s\n", why);
    assert_non_null(db);
    return db;
}
