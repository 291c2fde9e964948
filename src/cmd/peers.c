/* SPDX-License-Identifier: GPL-3.0-or-later */
/* yodel peers: who this user knows. It never makes a store: somebody who asks whom they know has not begun to know anybody. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "cmd/cmd.h"
#include "cmd/option.h"
#include "cmd/roster.h"
#include "store/contact.h"

struct peers {
    bool json;
    struct db *db; /* NULL: there is none yet */
    const char *name, *second;
    struct contact contact; /* that name means, for those who want one */
};

static const char help[] = "yodel peers                     everybody you know\n"
                           "yodel peers show anna           all about one of them\n"
                           "yodel peers rename anna annie   call them otherwise\n"
                           "\n"
                           "usage: yodel peers [--json]\n"
                           "       yodel peers ACTION NAME\n"
                           "\n"
                           "  show NAME         all that is known of them\n"
                           "  rename OLD NEW    another name, on this side\n"
                           "  verify NAME       you have compared the id with them: it is theirs\n"
                           "  block NAME        never let them in, and do not call them\n"
                           "  unblock NAME      do again\n"
                           "  forget NAME       erase them, and all that belongs to them\n"
                           "\n"
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

static const struct action {
    const char *name;
    int (*run)(struct peers *peers);
    int operands;
} actions[] = {
    {"show", show, 1},   {"rename", rename_to, 2}, {"verify", verify, 1},
    {"block", block, 1}, {"unblock", unblock, 1},  {"forget", forget, 1},
};

static const struct action list_action = {"", list, 0};

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

static int check_operands(const struct action *action, int count)
{
    if (count == action->operands)
        return 0;
    if (action->operands == 2)
        err_say("peers: rename: which one, and to what? (yodel peers rename OLD NEW)");
    else if (count < action->operands)
        err_say("peers: %s: whom? (yodel peers %s NAME)", action->name, action->name);
    else
        err_say("peers: %s: one contact at a time", action->name);
    return EXIT_USAGE;
}

/* Returns NULL after it has said what is wrong. */
static const struct action *find_action(int argc, char **argv)
{
    if (optind == argc)
        return &list_action;
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(argv[optind], actions[i].name) == 0)
            return check_operands(&actions[i], argc - optind - 1) ? NULL : &actions[i];
    err_say(
        "peers: %s: no such action (show, rename, verify, block, unblock, forget; see 'yodel peers --help')",
        argv[optind]);
    return NULL;
}

int cmd_peers(int argc, char **argv)
{
    static const struct option longs[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
    struct peers peers = {.json = false};
    int option;

    option_hold_standard_descriptors();
    setlocale(LC_CTYPE, "");
    while ((option = option_next(argc, argv, "h", longs)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return EXIT_DONE;
        }
        if (option != 'j')
            return EXIT_USAGE;
        peers.json = true;
    }
    const struct action *action = find_action(argc, argv);
    if (!action)
        return EXIT_USAGE;
    if (action->operands > 0)
        peers.name = argv[optind + 1];
    if (action->operands > 1)
        peers.second = argv[optind + 2];
    return run(&peers, action);
}
