/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables of the store, version by version. */
#ifndef YODEL_STORE_SCHEMA_H
#define YODEL_STORE_SCHEMA_H

#include <stdint.h>

#include "store/db.h"

/* The header of the file says that it is yodel's (application_id, "yodl") and which version the tables have
 * (user_version). */
#define SCHEMA_APPLICATION 0x796f646c
#define SCHEMA_VERSION 1

/* Read the version without changing anything; 0: the store is empty, nothing was ever put there. Returns 0;
 * -ERR_NEWER (and *version); -ERR_CORRUPT: this is no store of yodel's; or another negative error. */
int schema_look(struct db *db, int64_t *version);

/* Bring the tables to SCHEMA_VERSION, in one transaction; if they are of it, nothing is written. Returns 0 or
 * a negative error; nothing has changed then. */
int schema_update(struct db *db);

#endif
