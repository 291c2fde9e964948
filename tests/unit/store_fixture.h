/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A folder of the test's own, and a store in it. */
#ifndef YODEL_TESTS_STORE_FIXTURE_H
#define YODEL_TESTS_STORE_FIXTURE_H

#include "store/db.h"

/* Make the folder, and remove it with all that is in it. For cmocka_run_group_tests(). */
int store_make_folder(void **state);
int store_remove_folder(void **state);

/* The path of a name in the folder; valid until the next eight calls. */
const char *store_path(const char *name);

/* A path in it that no test has had yet. */
const char *store_new_path(void);

/* Open a store that must open. */
struct db *store_open(const char *path);

#endif
