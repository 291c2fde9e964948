/* SPDX-License-Identifier: GPL-3.0-or-later */
/* yodel call: reach the one peer, and talk. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "cmd/cmd.h"
#include "cmd/failure.h"
#include "cmd/option.h"
#include "cmd/talk.h"
#include "net/chan.h"
#include "net/own.h"
#include "wire/ticket.h"

#define TIMEOUT_MIN_NS NS_PER_MS

static const char help[] =
    "yodel call                    ask for the ticket, and talk\n"
    "yodel call alice              whom you know; it does not matter who starts first\n"
    "yodel call box:7000           whoever listens there; both are shown a number\n"
    "yodel call alice < file       in a pipe: send a file\n"
    "yodel call --plain box        plain TCP, for nc and the like\n"
    "\n"
    "usage: yodel call [OPTIONS] [TICKET | NAME | HOST[:PORT]]      (port 5188)\n"
    "  Without an operand the ticket is the first line of standard input: that way\n"
    "  no other user of this machine sees it in the list of processes.\n"
    "  --retry                     try again until somebody is there\n"
    "  --timeout DURATION          how long one try to connect may take (10s)\n"
    "  --accept-new                in a pipe: also call an address with a new key\n"
    "  --name NAME                 what you are called (your login name)\n"
    "  --identity FILE             your key (~/.config/yodel/identity.pem)\n"
    "  --send-from DIR|none        a chat can read no other files (home, and here)\n"
    "  --plain                     no encryption, no tickets, no contacts\n"
    "  --linger, --dead-timeout D  how long to wait for the other direction's end (no\n"
    "                              limit), for a peer of whom nothing is heard (30s)\n"
    "  -4, -6, -q, -h, --help      only IPv4, only IPv6; quiet in a pipe; this\n"
    "  -p PORT                     the port (5188)\n"
    "At a terminal it is a chat (/help there), else byte streams. Exit status: 0 one\n"
    "side left in order, 1 system error, 2 wrong usage, 3 no connection, it was lost,\n"
    "or something not delivered, 4 not the key that it must be, 5 refused.\n";

struct request {
    struct talk talk;
    struct meet meet;
    struct reach reach;
    struct reach_plan plan;
    const char *port; /* -p */
    struct lobby lobby;
    struct private private;
};

enum { OPT_TIMEOUT = 256, OPT_RETRY };

static int set_option(struct request *request, int option)
{
    switch (option) {
    case OPT_TIMEOUT:
        return option_duration("call", "--timeout", optarg, TIMEOUT_MIN_NS, &request->plan.timeout_ns);
    case OPT_RETRY:
        request->plan.retry = true;
        return 0;
    case 'p':
        request->port = optarg;
        return 0;
    default:
        return talk_option(&request->talk, option, optarg);
    }
}

static int operand(const struct request *request, int argc, char **argv)
{
    if (optind == argc && request->talk.plain) {
        err_say("call: whom? (yodel call --plain HOST[:PORT]; see 'yodel call --help')");
        return EXIT_USAGE;
    }
    if (optind + 1 < argc) {
        option_too_many("call", "peer", argv[optind], argv[optind + 1]);
        return EXIT_USAGE;
    }
    return 0;
}

/* Returns 0, an exit status, or -1 when --help was all that was asked. */
static int parse(struct request *request, int argc, char **argv)
{
    static const struct option longs[] = {TALK_LONGS,
                                          {"timeout", required_argument, NULL, OPT_TIMEOUT},
                                          {"retry", no_argument, NULL, OPT_RETRY},
                                          {0}};
    int option;
    int status = 0;

    while (status == 0 && (option = option_next(argc, argv, TALK_SHORTS "p:", longs)) != -1) {
        if (option == 'h')
            return -1;
        status = set_option(request, option);
    }
    if (status == 0)
        status = operand(request, argc, argv);
    return status ? status : talk_check(&request->talk);
}

static int run_plain(struct request *request, const char *whom)
{
    static const struct failure_hints hints = {.timeout = "--timeout says how long to wait", .addresses = ""};

    request->meet.name = whom;
    if (ticket_looks_like(whom)) {
        err_say("call: a ticket is for talking in private (leave out --plain)");
        return EXIT_USAGE;
    }
    int status = option_dial("call", whom, request->port, &request->plan.spec);
    if (status)
        return status;
    request->plan.family = request->talk.family;
    reach_init(&request->reach, &request->plan, clock_ns());
    request->meet.reach = &request->reach;
    status = talk_confine(&request->talk, NULL);
    if (status)
        return status;
    status = talk_run(&request->talk, &request->meet);
    if (request->meet.error)
        status = failure_say("call", &request->reach, request->meet.error, &hints);
    if (request->meet.reach)
        reach_abandon(&request->reach);
    return status;
}

/* --- in private */

/* Read one line behind the len characters that are there. Returns how many there are then, or a negative error. */
static ssize_t read_line(char text[static TICKET_TEXT_MAX], size_t len)
{
    ssize_t count;

    while ((count = read(STDIN_FILENO, text + len, 1)) == 1 && text[len] != '\n' && len + 1 < TICKET_TEXT_MAX)
        len++;
    text[len] = '\0';
    return count < 0 ? -errno : (ssize_t)len;
}

/* At a terminal a ticket may be pasted in the rows that another screen has shown it in: the next line belongs to it, until it is
 * whole or a line is empty. What is typed behind it is not for the shell. */
static ssize_t read_pasted(char text[static TICKET_TEXT_MAX])
{
    struct ticket ticket;
    ssize_t len = 0, before = -1;

    dprintf(STDERR_FILENO, "ticket: ");
    while (len >= 0 && len != before) {
        before = len;
        len = read_line(text, (size_t)len);
        if (len < 0 || !ticket_looks_like(text) || ticket_parse(text, &ticket) != -ERR_TICKET)
            break;
    }
    secret_wipe(&ticket, sizeof ticket);
    tcflush(STDIN_FILENO, TCIFLUSH);
    return len;
}

/* In a pipe it is the first line of standard input; nothing behind it is read, it may be what is to be sent. Returns 0 or an exit
 * status. */
static int read_ticket(char text[static TICKET_TEXT_MAX])
{
    ssize_t len = isatty(STDIN_FILENO) ? read_pasted(text) : read_line(text, 0);

    if (len > 0)
        return 0;
    if (len < 0)
        err_say("call: standard input: %s", err_text((int)len));
    else
        err_say("call: no ticket on the first line of standard input (yodel call NAME and HOST[:PORT] need "
                "none)");
    return len < 0 ? EXIT_SYSTEM : EXIT_USAGE;
}

/* text is wiped. Returns 0 or an exit status. */
static int use_ticket(struct request *request, char *text, struct calling_plan *plan)
{
    struct rendezvous *r = &request->private.rendezvous;
    struct ticket ticket;

    int error = ticket_parse(text, &ticket);
    memset(text, '*',
           strlen(text)); /* it is read by whoever lists processes: no compiler may leave that out */
    __asm__ volatile("" : : "r"(text) : "memory");
    if (error == -ERR_NEWER) {
        err_say("call: the ticket is of a newer version of yodel (bring this one up to date)");
        return EXIT_REFUSED;
    }
    if (error) {
        err_say("call: that is not a whole ticket: a character is wrong or missing (copy all of it, from "
                "yodel:// on)");
        return EXIT_REFUSED;
    }
    private_begin(&request->private, request->talk.name, NULL, 0);
    plan->count = ticket.count;
    memcpy(plan->places, ticket.places, (size_t)ticket.count * sizeof *ticket.places);
    r->call = RENDEZVOUS_TICKET;
    r->expects = true;
    r->expected = ticket.listener;
    memcpy(r->secret, ticket.secret, sizeof r->secret);
    secret_wipe(&ticket, sizeof ticket);
    request->meet.name = "the ticket's address";
    return 0;
}

/* Listen, too, so that it does not matter who starts first; where somebody else listens already, it does. */
static int listen_meanwhile(struct request *request, struct place *places)
{
    struct addr bound, own[CONTACT_PLACES_MAX];
    struct place all = {.host = "*", .port = ADDR_PORT_DEFAULT};

    if (addr_resolve_listen(&all, request->talk.family, &bound, 1) != 1 ||
        lobby_open(&request->lobby, &bound, 1, NULL, 0) < 0)
        return 0;
    request->meet.lobby = &request->lobby;
    int count = own_places(addr_port(&bound), &bound, own, CONTACT_PLACES_MAX);
    for (int i = 0; i < count; i++) {
        addr_print_host(&own[i], places[i].host);
        places[i].port = addr_port(&own[i]);
    }
    return count > 0 ? count : 0;
}

/* Who calls by name listens on the usual port meanwhile: look for the contact there, too, wherever it was met. */
static void add_usual_port(struct calling_plan *plan)
{
    int known = plan->count;

    for (int i = 0; i < known && plan->count < CALLING_PLACES_MAX; i++) {
        bool there = false;
        for (int j = 0; j < plan->count; j++)
            there = there || (strcmp(plan->places[i].host, plan->places[j].host) == 0 &&
                              plan->places[j].port == ADDR_PORT_DEFAULT);
        if (there)
            continue;
        plan->places[plan->count] = plan->places[i];
        plan->places[plan->count++].port = ADDR_PORT_DEFAULT;
    }
}

static int call_contact(struct request *request, const struct contact *contact, struct calling_plan *plan)
{
    struct rendezvous *r = &request->private.rendezvous;
    struct trust *trust = &request->private.trust;
    struct place places[CONTACT_PLACES_MAX];
    char why[TRUST_WHY_MAX];

    if (contact->blocked) {
        err_say("call: %s is blocked (yodel peers unblock %s)", contact->name, contact->name);
        return EXIT_REFUSED;
    }
    if (trust_hold(trust, contact->row, contact->name, why) < 0) {
        err_say("call: %s", why);
        return EXIT_REFUSED;
    }
    plan->count = contact_places(trust->db, contact->row, plan->places, CALLING_PLACES_MAX);
    if (plan->count < 0)
        plan->count = 0;
    add_usual_port(plan);
    private_begin(&request->private, request->talk.name, places, listen_meanwhile(request, places));
    if (plan->count == 0 && !request->meet.lobby) {
        err_say("call: %s: no address is known, and nobody can call here: port %d is taken (yodel call "
                "HOST[:PORT])",
                contact->name, ADDR_PORT_DEFAULT);
        return EXIT_NO_CONNECTION;
    }
    if (!request->talk.quiet)
        dprintf(STDERR_FILENO, "%s is a contact: calling %d address%s%s\n", contact->name, plan->count,
                plan->count == 1 ? "" : "es", request->meet.lobby ? ", and listening meanwhile" : "");
    r->call = RENDEZVOUS_CONTACT;
    r->listens = request->meet.lobby != NULL;
    r->whom = request->meet.name;
    r->expects = true;
    r->expected = contact->id;
    trust->only = request->meet.name;
    trust->only_row = contact->row;
    if (!talk_is_chat() && !request->plan.retry)
        r->give_up_ms = clock_ms() + request->plan.timeout_ns / NS_PER_MS;
    plan->retry = true;
    return 0;
}

static int call_address(struct request *request, const char *whom, struct calling_plan *plan)
{
    static struct contact pinned;
    struct rendezvous *r = &request->private.rendezvous;
    struct db *db = request->private.trust.db;

    int status = option_dial("call", whom, request->port, &plan->places[0]);
    if (status)
        return status;
    plan->count = 1;
    private_begin(&request->private, request->talk.name, NULL, 0);
    r->call = RENDEZVOUS_ADDRESS;
    r->whom = whom;
    int known = db ? contact_pinned(db, plan->places[0].host, plan->places[0].port, &pinned) : 0;
    if (private_check(&request->private, known) < 0)
        return EXIT_SYSTEM;
    if (known == 1) {
        r->expects = true;
        r->expected = pinned.id;
        r->expected_name = pinned.name;
    }
    return 0;
}

static int run_private(struct request *request, char *whom)
{
    static const struct failure_hints hints = {.timeout = "--timeout says how long to wait", .addresses = ""};
    static struct calling_plan plan;
    static struct contact contact;
    char line[TICKET_TEXT_MAX];
    struct rendezvous *r = &request->private.rendezvous;

    plan.family = request->talk.family;
    plan.timeout_ns = request->plan.timeout_ns;
    plan.retry = request->plan.retry;
    int status = whom ? 0 : read_ticket(line);
    if (status == 0)
        status = talk_open_private(&request->talk, &request->private);
    if (status)
        return status;
    request->meet.name = whom;
    bool ticket = !whom || ticket_looks_like(whom);
    int known = ticket || request->port ? 0 : private_find(&request->private, whom, &contact);
    if (ticket)
        status = use_ticket(request, whom ? whom : line, &plan);
    else if (known != 0)
        status = known < 0 ? -known : call_contact(request, &contact, &plan);
    else
        status = call_address(request, whom, &plan);
    if (status)
        return status;
    chan_prepare(CHAN_CALLER);
    if (plan.count > 0)
        rendezvous_call(r, &plan, clock_ms());
    request->meet.private = r;
    status = talk_confine(&request->talk, request->private.trust.db);
    if (status)
        return status;
    status = talk_run(&request->talk, &request->meet);
    if (!r->status)
        return status;
    if (*r->why)
        err_say("call: %s", r->why);
    else
        failure_say("call", &r->calling.tries[r->failed].reach, r->calling.tries[r->failed].reach.error,
                    &hints);
    return r->status;
}

static int run(struct request *request, char *whom)
{
    if (request->talk.plain)
        return run_plain(request, whom);
    int status = run_private(request, whom);
    private_close(&request->private);
    if (request->meet.lobby)
        lobby_close(&request->lobby);
    return status;
}

int cmd_call(int argc, char **argv)
{
    static struct request request = {.plan = {.timeout_ns = 10 * NS_PER_S}};

    option_hold_standard_descriptors();
    talk_init(&request.talk, "call");
    int status = parse(&request, argc, argv);
    if (status < 0) {
        fputs(help, stdout);
        return EXIT_DONE;
    }
    return status ? status : run(&request, optind < argc ? argv[optind] : NULL);
}
