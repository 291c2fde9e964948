/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Uses a store as `yodel listen` and `yodel call` do, for the tests; the store is that of the environment.
 *
 *   store_tool add NAME FIRST COUNT    make COUNT contacts of the keys FIRST, FIRST+1, ... and burn a ticket for each;
 *                                      "KEY CALLED" once each is there
 *   store_tool rename FIRST COUNT      give each of those keys COUNT names in turn; "KEY CALLED" once it has each
 *   store_tool hold NAME               hold a contact until the end of standard input; "held"
 *
 * Key N is the one whose id has N in its first four bytes, big-endian. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "store/contact.h"

static struct id id_of(long number)
{
    struct id id = {.bytes = {0}};

    for (int i = 0; i < 4; i++)
        id.bytes[i] = (uint8_t)(number >> (24 - 8 * i));
    return id;
}

static int fail(const struct db *db, const char *what, int error)
{
    char why[DB_WHY_MAX];

    err_say("%s: %s", what, db_explain(db, error, why, sizeof why));
    return EXIT_SYSTEM;
}

/* In one write: whoever kills this process has the whole line or none of it. */
static void tell(long number, const char *name)
{
    char line[128];
    int len = snprintf(line, sizeof line, "%ld %s\n", number, name);

    if (write(STDOUT_FILENO, line, (size_t)len) != len)
        exit(EXIT_SYSTEM);
}

static int add(struct db *db, const char *name, long first, long count)
{
    struct contact contact;

    for (long number = first; number < first + count; number++) {
        struct id id = id_of(number);
        int error = contact_add(db, &id, name, true, id.bytes, time(NULL), &contact);
        if (error)
            return fail(db, "add", error);
        tell(number, contact.name);
    }
    return EXIT_DONE;
}

static int rename_all(struct db *db, long first, long count)
{
    struct contact contact;
    char name[64];

    for (long round = 0; round < count; round++) {
        struct id id = id_of(first + round % 10);
        int found = contact_by_id(db, &id, &contact);
        if (found <= 0)
            return fail(db, "find", found);
        snprintf(name, sizeof name, "name-%ld-%ld", first, round);
        int error = contact_rename(db, contact.row, name);
        if (error)
            return fail(db, "rename", error);
        tell(first + round % 10, name);
    }
    return EXIT_DONE;
}

static int hold(struct db *db, const char *name)
{
    struct contact contact;
    pid_t holder;
    int found = contact_by_name(db, name, &contact);

    if (found <= 0)
        return fail(db, "find", found);
    int error = contact_lock(db, contact.row, &holder);
    if (error)
        return fail(db, "hold", error);
    puts("held");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return EXIT_DONE;
}

int main(int argc, char **argv)
{
    char why[DB_WHY_MAX];
    struct db *db;
    int status = EXIT_USAGE;

    if (db_open(&db, NULL, why, sizeof why) < 0) {
        err_say("%s", why);
        return EXIT_SYSTEM;
    }
    if (argc == 5 && strcmp(argv[1], "add") == 0)
        status = add(db, argv[2], atol(argv[3]), atol(argv[4]));
    else if (argc == 4 && strcmp(argv[1], "rename") == 0)
        status = rename_all(db, atol(argv[2]), atol(argv[3]));
    else if (argc == 3 && strcmp(argv[1], "hold") == 0)
        status = hold(db, argv[2]);
    db_close(db);
    return status;
}
