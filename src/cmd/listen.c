/* SPDX-License-Identifier: GPL-3.0-or-later */
/* yodel listen: wait for the one peer, and talk. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/units.h"
#include "cmd/cmd.h"
#include "cmd/option.h"
#include "cmd/talk.h"
#include "net/chan.h"
#include "net/own.h"
#include "term/qr.h"

#define ALLOWED_MAX 64
#define ADVERTISED_MAX 4

/* A ticket is to be pasted and read as a QR code: more places would make it too long. */
#define TICKET_PLACES_OWN 6

#define QR_BYTES_MAX ((size_t)256 << 10)

static const char help[] =
    "yodel listen                  print a ticket to hand over; talk with who calls\n"
    "yodel listen --only alice     nobody else; 'yodel peers' lists whom you know\n"
    "yodel listen 7000 > got       in a pipe: keep what the peer sends\n"
    "yodel listen --plain          plain TCP, for nc and the like: anybody may call\n"
    "\n"
    "usage: yodel listen [OPTIONS] [ADDRESS]      ADDRESS: [HOST][:PORT] (*:5188)\n"
    "  --advertise HOST[:PORT]     callers reach you there; may be repeated\n"
    "  --qr                        show the ticket as a QR code, too\n"
    "  --ticket-ttl DURATION       how long the ticket is valid (24h)\n"
    "  --only NAME                 only this contact may come in\n"
    "  --accept-new                let strangers in without a question, unverified\n"
    "  --accept-from CIDR          let only these in, as 10.0.0.0/8; may be repeated\n"
    "  --keep                      go on listening after the peer has left\n"
    "  --name NAME                 what you are called (your login name)\n"
    "  --identity FILE             your key (~/.config/yodel/identity.pem)\n"
    "  --send-from DIR|none        a chat can read no other files (home, and here)\n"
    "  --plain                     no encryption, no tickets, no contacts\n"
    "  --linger, --dead-timeout D  how long to wait for the other direction's end (no\n"
    "                              limit), for a peer of whom nothing is heard (30s)\n"
    "  -4, -6, -q, -h, --help      only IPv4, only IPv6; quiet in a pipe; this\n"
    "At a terminal it is a chat (/help there), else byte streams. Exit status: 0 one\n"
    "side left in order, 1 system error, 2 wrong usage, 3 connection lost, or\n"
    "something not delivered.\n";

struct request {
    struct talk talk;
    struct meet meet;
    struct lobby lobby;
    struct cidr allowed[ALLOWED_MAX];
    int allowed_count;
    struct place advertised[ADVERTISED_MAX];
    int advertised_count;
    bool qr;
    const char *only;
    int64_t ticket_ns;
    struct private private;
};

static int allow(struct request *request, const char *text)
{
    char meant[CIDR_TEXT_MAX];

    if (request->allowed_count == ALLOWED_MAX) {
        err_say("listen: --accept-from %s: too many of them (at most %d)", text, ALLOWED_MAX);
        return EXIT_USAGE;
    }
    struct cidr *cidr = &request->allowed[request->allowed_count];
    int error = cidr_parse(text, cidr);
    if (error == -ERR_RANGE && cidr->bits >= 0)
        err_say("listen: --accept-from %s: bits are set beyond the prefix (did you mean %s?)", text,
                cidr_print(cidr, meant));
    else if (error == -ERR_RANGE)
        err_say("listen: --accept-from %s: the prefix is longer than the address", text);
    else if (error)
        err_say("listen: --accept-from %s: not a network (write 10.0.0.0/8, 2001:db8::/32 or one address)",
                text);
    if (error)
        return EXIT_USAGE;
    request->allowed_count++;
    return 0;
}

static int advertise(struct request *request, const char *text)
{
    struct place *place = &request->advertised[request->advertised_count];

    if (request->advertised_count == ADVERTISED_MAX) {
        err_say("listen: --advertise %s: too many of them (at most %d)", text, ADVERTISED_MAX);
        return EXIT_USAGE;
    }
    int error = addr_parse_dial(text, 0, place); /* 0: the port that we listen on */
    uint8_t bytes[PLACE_BYTES_MAX];
    if (!error && strchr(place->host, '%'))
        error = -ERR_SYNTAX;
    if (!error) {
        struct place with_port = *place;
        with_port.port = with_port.port ? with_port.port : ADDR_PORT_DEFAULT;
        error = place_put(&with_port, bytes) == 0 ? -ERR_SYNTAX : 0;
    }
    if (error) {
        err_say(
            "listen: --advertise %s: not where somebody could call (write HOST, HOST:PORT or [IPV6]:PORT)",
            text);
        return EXIT_USAGE;
    }
    request->advertised_count++;
    return 0;
}

enum { OPT_KEEP = 256, OPT_ACCEPT_FROM, OPT_ADVERTISE, OPT_QR, OPT_TICKET_TTL, OPT_ONLY };

static int set_option(struct request *request, int option)
{
    switch (option) {
    case OPT_KEEP:
        request->meet.keep = true;
        return 0;
    case OPT_ACCEPT_FROM:
        return allow(request, optarg);
    case OPT_ADVERTISE:
        return advertise(request, optarg);
    case OPT_QR:
        request->qr = true;
        return 0;
    case OPT_TICKET_TTL:
        return option_duration("listen", "--ticket-ttl", optarg, NS_PER_S, &request->ticket_ns);
    case OPT_ONLY:
        request->only = optarg;
        return 0;
    default:
        return talk_option(&request->talk, option, optarg);
    }
}

/* What is only for private. */
static int check(const struct request *request)
{
    const char *option = request->advertised_count ? "--advertise"
                         : request->qr             ? "--qr"
                         : request->only           ? "--only"
                                                   : NULL;

    if (!request->talk.plain || !option)
        return 0;
    err_say("listen: %s: with --plain there are no tickets and no contacts (leave one of them out)", option);
    return EXIT_USAGE;
}

/* Returns 0, an exit status, or -1 when --help was all that was asked. */
static int parse(struct request *request, int argc, char **argv)
{
    static const struct option longs[] = {TALK_LONGS,
                                          {"keep", no_argument, NULL, OPT_KEEP},
                                          {"accept-from", required_argument, NULL, OPT_ACCEPT_FROM},
                                          {"advertise", required_argument, NULL, OPT_ADVERTISE},
                                          {"qr", no_argument, NULL, OPT_QR},
                                          {"ticket-ttl", required_argument, NULL, OPT_TICKET_TTL},
                                          {"only", required_argument, NULL, OPT_ONLY},
                                          {0}};
    int option;
    int status = 0;

    while (status == 0 && (option = option_next(argc, argv, TALK_SHORTS, longs)) != -1) {
        if (option == 'h')
            return -1;
        status = set_option(request, option);
    }
    if (status == 0 && optind + 1 < argc) {
        option_too_many("listen", "address", argv[optind], argv[optind + 1]);
        status = EXIT_USAGE;
    }
    if (status == 0)
        status = check(request);
    return status ? status : talk_check(&request->talk);
}

static int say_unbound(const struct addr *addr, int error)
{
    char text[ADDR_TEXT_MAX];
    const char *hint = error == -EADDRINUSE ? " (is another yodel running? Port 0 takes a free one)" : "";

    err_say("listen: %s: %s%s", addr_print(addr, text), err_text(error), hint);
    return EXIT_SYSTEM;
}

static void say_listening(const struct addr *addrs, int count)
{
    char text[ADDR_TEXT_MAX];

    for (int i = 0; i < count; i++)
        dprintf(STDERR_FILENO, "listening on %s\n", addr_print(&addrs[i], text));
}

/* --- in private */

/* Where callers may reach us: what the user says, or else what this machine knows. *public: some of it is for the whole
 * internet. */
static int find_places(const struct request *request, const struct addr *bound, int bound_count,
                       struct place *places, bool *public)
{
    struct addr own[TICKET_PLACES_OWN];
    int count = 0;

    *public = request->advertised_count > 0;
    for (int i = 0; i < request->advertised_count; i++) {
        places[count] = request->advertised[i];
        if (places[count].port == 0)
            places[count].port = addr_port(&bound[0]);
        count++;
    }
    for (int i = 0; i < bound_count && request->advertised_count == 0; i++) {
        int found = own_places(addr_port(&bound[i]), &bound[i], own, TICKET_PLACES_OWN);
        for (int j = 0; j < found && count < TICKET_PLACES_OWN; j++) {
            *public = *public || own_is_public(&own[j]);
            addr_print_host(&own[j], places[count].host);
            places[count++].port = addr_port(&own[j]);
        }
    }
    return count;
}

static void print_qr(const char *ticket)
{
    struct winsize window = {.ws_col = 80};
    struct buf rows;

    buf_init(&rows, QR_BYTES_MAX);
    ioctl(STDERR_FILENO, TIOCGWINSZ, &window);
    if (qr_rows(ticket, &rows, window.ws_col) < 0)
        err_say("listen: --qr: the window is too narrow for it (the ticket itself stands above)");
    else
        dprintf(STDERR_FILENO, "%.*s", (int)buf_len(&rows), (const char *)buf_bytes(&rows));
    buf_done(&rows);
}

/* Whether nobody else's machine can call there. */
static bool is_local(const struct place *places, int count)
{
    for (int i = 0; i < count; i++)
        if (strncmp(places[i].host, "127.", 4) != 0 && strcmp(places[i].host, "::1") != 0 &&
            strcmp(places[i].host, "localhost") != 0)
            return false;
    return true;
}

static void give_ticket(struct request *request, const struct place *places, int count, bool public)
{
    struct answering *a = &request->private.rendezvous.answering;
    char text[TICKET_TEXT_MAX], ttl[32];

    a->ticket_ms = request->ticket_ns / NS_PER_MS;
    a->reissue = request->meet.keep;
    a->ticket.count = count;
    memcpy(a->ticket.places, places, (size_t)count * sizeof *places);
    answering_give_ticket(a, clock_ms(), text);
    dprintf(STDERR_FILENO, "ticket for one caller, valid for %s; there: yodel call, and paste it\n%s\n",
            units_print_duration(request->ticket_ns, ttl), text);
    if (request->qr)
        print_qr(text);
    if (is_local(places, count))
        dprintf(STDERR_FILENO,
                "only this machine can call there (yodel listen, without an address, takes all)\n");
    else if (!public)
        dprintf(STDERR_FILENO, "these addresses are private: callers from outside your network need port\n"
                               "forwarding on your router, and a ticket made with --advertise HOST[:PORT]\n");
    secret_wipe(text, sizeof text);
}

/* Returns 0 or an exit status. */
static int set_only(struct request *request)
{
    struct contact contact;

    if (!request->only)
        return 0;
    int found = private_find(&request->private, request->only, &contact);
    if (found < 0)
        return -found;
    if (found == 0) {
        err_say("listen: --only %s: no such contact (yodel peers lists them)", request->only);
        return EXIT_USAGE;
    }
    request->private.trust.only = request->only;
    request->private.trust.only_row = contact.row;
    return 0;
}

static void begin_private(struct request *request, const struct addr *bound, int bound_count)
{
    struct place places[TICKET_PLACES_MAX];
    bool public;
    int count = find_places(request, bound, bound_count, places, &public);

    private_begin(&request->private, request->talk.name, places, count);
    request->meet.private = &request->private.rendezvous;
    if (!request->only && !request->talk.quiet && count > 0)
        give_ticket(request, places, count, public);
    chan_prepare(CHAN_LISTENER);
}

/* Everything is ready but the listeners. Returns the exit status. */
static int listen_on(struct request *request, struct addr *addrs, int count)
{
    struct lobby *lobby = &request->lobby;
    int error = lobby_open(lobby, addrs, count, request->allowed_count ? request->allowed : NULL,
                           request->allowed_count);
    int status = error ? say_unbound(&addrs[lobby->count], error) : 0;

    if (!error) {
        say_listening(addrs, count);
        request->meet.lobby = lobby;
        if (!request->talk.plain)
            begin_private(request, addrs, count);
        status = talk_run(&request->talk, &request->meet);
    }
    lobby_close(lobby);
    return status;
}

static int run(struct request *request, const char *where)
{
    struct addr addrs[LOBBY_LISTENERS_MAX];
    int count = option_listen("listen", where, request->talk.family, addrs, LOBBY_LISTENERS_MAX);

    if (count < 0)
        return -count;
    int status = request->talk.plain ? 0 : talk_open_private(&request->talk, &request->private);
    if (status == 0)
        status = set_only(request);
    if (status == 0)
        status = talk_confine(&request->talk, request->private.trust.db);
    if (status == 0)
        status = listen_on(request, addrs, count);
    private_close(&request->private);
    return status;
}

int cmd_listen(int argc, char **argv)
{
    static struct request request = {.ticket_ns = 24 * 3600 * NS_PER_S};

    option_hold_standard_descriptors();
    talk_init(&request.talk, "listen");
    int status = parse(&request, argc, argv);
    if (status < 0) {
        fputs(help, stdout);
        return EXIT_DONE;
    }
    return status ? status : run(&request, optind < argc ? argv[optind] : "*");
}
