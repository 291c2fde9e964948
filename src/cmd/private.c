/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/private.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/sandbox.h"
#include "chat/identity.h"
#include "wire/hello.h"

#define WHY_MAX DB_WHY_MAX

int private_open(struct private *private, const struct private_config *config)
{
    struct trust *trust = &private->trust;
    char why[WHY_MAX];

    memset(private, 0, sizeof *private);
    private->command = config->command;
    sandbox_keep_secrets();
    if (identity_open(&private->key, config->identity, why, sizeof why) < 0) {
        err_say("%s: %s", config->command, why);
        return EXIT_SYSTEM;
    }
    trust->key = private->key;
    trust->mode = config->chat ? HELLO_TALK : HELLO_STREAM;
    trust->asks = config->chat;
    trust->accept_new = config->accept_new;
    tickets_init(&trust->tickets);
    if (db_open(&trust->db, NULL, why, sizeof why) == 0)
        return 0;
    if (trust->accept_new) {
        err_say("%s: %s; without contacts --accept-new would let in whom you have blocked", config->command,
                why);
        return EXIT_SYSTEM;
    }
    err_say("%s: %s; going on without contacts: nobody is known, and nothing is remembered", config->command,
            why);
    return 0;
}

void private_close(struct private *private)
{
    if (private->rendezvous.trust)
        rendezvous_done(&private->rendezvous);
    db_close(private->trust.db);
    key_free(private->key);
    memset(private, 0, sizeof *private);
}

int private_check(const struct private *private, int result)
{
    char why[WHY_MAX];

    if (result >= 0)
        return result;
    err_say("%s: %s", private->command, db_explain(private->trust.db, result, why, sizeof why));
    return -EXIT_SYSTEM;
}

int private_find(struct private *private, const char *name, struct contact *contact)
{
    if (!private->trust.db || !contact_name_is_valid(name))
        return 0;
    return private_check(private, contact_by_name(private->trust.db, name, contact));
}

void private_begin(struct private *private, const char *name, const struct place *places, int count)
{
    struct hello hello = {.mode = private->trust.mode};

    snprintf(hello.name, sizeof hello.name, "%s", name);
    hello.name_len = (uint8_t)strlen(hello.name);
    for (int i = 0; i < count && i < HELLO_PLACES_MAX; i++)
        hello.places[hello.place_count++] = places[i];
    rendezvous_init(&private->rendezvous, &private->trust, &hello);
}
