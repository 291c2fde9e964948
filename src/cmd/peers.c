/* SPDX-License-Identifier: GPL-3.0-or-later */
/* yodel peers: who this user knows. It never makes a store: somebody who asks whom they know has not begun to
 * know anybody. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "chat/identity.h"
#include "cmd/cmd.h"
#include "cmd/option.h"
#include "cmd/roster.h"
#include "store/contact.h"

struct peers {
    bool json;
    struct db *db;        /* NULL: there is none yet */
    const char *identity; /* --identity, or NULL */
    const char *name, *second;
    struct contact contact; /* that name means, for those who want one */
};

static const char help[] = "yodel peers                     everybody you know\n"
                           "yodel peers show anna           all about one of them\n"
                           "yodel peers rename anna annie   call them otherwise\n"
                           "\n"
                           "usage: yodel peers [--json]\n"
                           "       yodel peers ACTION NAME\n"
                           "       yodel peers me [--identity FILE]\n"
                           "\n"
                           "  show NAME         all that is known of them\n"
                           "  rename OLD NEW    another name, on this side\n"
                           "  verify NAME       you have compared the id with them: it is theirs\n"
                           "  block NAME        never let them in, and do not call them\n"
                           "  unblock NAME      undo that\n"
                           "  forget NAME       erase them, and all that belongs to them\n"
                           "  me                your own id, which others compare\n"
                           "\n"
                           "  --identity FILE   with me: that of another key\n"
                           "  --json            one JSON object for each contact, a line each\n"
                           "  -h, --help        this\n"
                           "\n"
                           "NAME is a contact's name or its whole id. A contact is made by talking\n"
                           "with somebody in private.\n"
                           "Exit status: 0 done, 1 system error or no such contact, 2 wrong usage,\n"
                           "5 another process talks with that contact.\n";

static int say_failed(const struct peers *peers, int error)
{
    char why[DB_WHY_MAX];

    if (error == -ENOENT)
        err_say("peers: %s: forgotten meanwhile", peers->name);
    else
        err_say("peers: %s", db_explain(peers->db, error, why, sizeof why));
    return EXIT_SYSTEM;
}

static int finish(const struct peers *peers, int error, const char *done)
{
    if (error)
        return say_failed(peers, error);
    printf("%s %s\n", peers->contact.name, done);
    return EXIT_DONE;
}

static int list(struct peers *peers)
{
    int count = peers->db ? roster_list(peers->db, peers->json, stdout) : 0;

    if (count < 0)
        return say_failed(peers, count);
    if (count == 0 && !peers->json)
        err_say("peers: nobody yet ('yodel listen' prints a ticket; who calls with it becomes a contact)");
    return EXIT_DONE;
}

static int show(struct peers *peers)
{
    int error = roster_show(peers->db, &peers->contact, peers->json, stdout);

    return error ? say_failed(peers, error) : EXIT_DONE;
}

static int rename_to(struct peers *peers)
{
    const char *name = peers->second;
    int error = contact_rename(peers->db, peers->contact.row, name);

    if (error == -ERR_SYNTAX) {
        err_say("peers: %s: no name for a contact (1 to %d bytes without . : / [ ], backslashes, spaces or "
                "what cannot be "
                "seen, no - at its beginning, not localhost)",
                name, CONTACT_NAME_MAX);
        return EXIT_USAGE;
    }
    if (error == -ERR_TAKEN) {
        err_say("peers: %s: another contact has that name ('yodel peers show %s')", name, name);
        return EXIT_SYSTEM;
    }
    if (error)
        return say_failed(peers, error);
    printf("%s is called %s now\n", peers->contact.name, name);
    return EXIT_DONE;
}

static int verify(struct peers *peers)
{
    char done[64 + ID_TEXT_MAX], id[ID_TEXT_MAX];

    snprintf(done, sizeof done, "is verified: %s", id_print(&peers->contact.id, id));
    return finish(peers, contact_verify(peers->db, peers->contact.row), done);
}

static int block(struct peers *peers)
{
    return finish(peers, contact_block(peers->db, peers->contact.row, true), "is blocked");
}

static int unblock(struct peers *peers)
{
    return finish(peers, contact_block(peers->db, peers->contact.row, false), "is not blocked");
}

/* Not from under a process that talks with them. */
static int forget(struct peers *peers)
{
    pid_t holder;
    int error = contact_lock(peers->db, peers->contact.row, &holder);

    if (error == -ERR_BUSY) {
        if (holder)
            err_say("peers: %s: process %d talks with them (end that chat first)", peers->contact.name,
                    holder);
        else
            err_say("peers: %s: another process talks with them (end that chat first)", peers->contact.name);
        return EXIT_REFUSED;
    }
    if (!error)
        error = contact_forget(peers->db, peers->contact.row);
    return finish(peers, error, "is forgotten");
}

/* Makes the key, if this is its first use. */
static int me(struct peers *peers)
{
    char why[DB_WHY_MAX], id[ID_TEXT_MAX];
    struct key *key;

    if (identity_open(&key, peers->identity, why, sizeof why) < 0) {
        err_say("peers: %s", why);
        return EXIT_SYSTEM;
    }
    printf(peers->json ? "{\"id\":\"%s\"}\n" : "%s\n", id_print(key_id(key), id));
    key_free(key);
    return EXIT_DONE;
}

static const struct action {
    const char *name;
    int (*run)(struct peers *peers);
    int operands;
} actions[] = {
    {"show", show, 1},   {"rename", rename_to, 2}, {"verify", verify, 1},
    {"block", block, 1}, {"unblock", unblock, 1},  {"forget", forget, 1},
};

static const struct action list_action = {"", list, 0}, me_action = {"me", me, 0};

/* Fill in the contact that the first operand means. */
static int find(struct peers *peers)
{
    struct id id;
    int found = peers->db ? contact_by_name(peers->db, peers->name, &peers->contact) : 0;

    if (found == 0 && peers->db && id_parse(peers->name, &id) == 0)
        found = contact_by_id(peers->db, &id, &peers->contact);
    if (found < 0)
        return say_failed(peers, found);
    if (found == 0) {
        err_say("peers: %s: no such contact ('yodel peers' lists them)", peers->name);
        return EXIT_SYSTEM;
    }
    return 0;
}

static int run(struct peers *peers, const struct action *action)
{
    char why[DB_WHY_MAX];
    int there = db_find(NULL, why, sizeof why);

    if (there < 0 || (there && db_open(&peers->db, NULL, why, sizeof why) < 0)) {
        err_say("peers: %s", why);
        return EXIT_SYSTEM;
    }
    int status = action->operands ? find(peers) : 0;
    if (!status)
        status = action->run(peers);
    db_close(peers->db);
    return status;
}

static int check_count(const struct action *action, int count)
{
    if (count == action->operands)
        return 0;
    if (action->operands == 0)
        err_say("peers: me: takes no name (yodel peers me)");
    else if (action->operands == 2)
        err_say("peers: rename: which one, and to what? (yodel peers rename OLD NEW)");
    else if (count < action->operands)
        err_say("peers: %s: whom? (yodel peers %s NAME)", action->name, action->name);
    else
        err_say("peers: %s: one contact at a time", action->name);
    return EXIT_USAGE;
}

/* Returns NULL after it has said what is wrong. */
static const struct action *find_action(const char *name)
{
    if (!name)
        return &list_action;
    if (strcmp(name, me_action.name) == 0)
        return &me_action;
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(name, actions[i].name) == 0)
            return &actions[i];
    err_say("peers: %s: no such action (show, rename, verify, block, unblock, forget, me; see 'yodel peers "
            "--help')",
            name);
    return NULL;
}

/* Returns 0, an exit status, or -1 when --help was all that was asked. */
static int parse(struct peers *peers, const struct action **action, int argc, char **argv)
{
    static const struct option longs[] = {{"json", no_argument, NULL, 'j'},
                                          {"identity", required_argument, NULL, 'i'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    int option;

    while ((option = option_next(argc, argv, "h", longs)) != -1) {
        if (option == 'h')
            return -1;
        if (option == 'j')
            peers->json = true;
        else if (option == 'i')
            peers->identity = optarg;
        else
            return EXIT_USAGE;
    }
    *action = find_action(argv[optind]);
    if (!*action || (optind < argc && check_count(*action, argc - optind - 1)))
        return EXIT_USAGE;
    if (peers->identity && *action != &me_action) {
        err_say("peers: --identity: only with me (contacts are the same whatever key you use)");
        return EXIT_USAGE;
    }
    peers->name = (*action)->operands > 0 ? argv[optind + 1] : NULL;
    peers->second = (*action)->operands > 1 ? argv[optind + 2] : NULL;
    return 0;
}

int cmd_peers(int argc, char **argv)
{
    struct peers peers = {.json = false};
    const struct action *action = NULL;

    option_hold_standard_descriptors();
    setlocale(LC_CTYPE, "");
    int status = parse(&peers, &action, argc, argv);
    if (status < 0) {
        fputs(help, stdout);
        return EXIT_DONE;
    }
    if (status)
        return status;
    return action == &me_action ? me(&peers) : run(&peers, action);
}
