/* SPDX-License-Identifier: GPL-3.0-or-later */
/* yodel listen: wait for the one peer, and talk. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "cmd/cmd.h"
#include "cmd/option.h"
#include "cmd/talk.h"

#define ALLOWED_MAX 64

static const char help[] =
    "yodel listen --plain                    wait on port 5188, talk with who calls\n"
    "yodel listen --plain 7000 > got         keep what the peer sends\n"
    "yodel listen --plain --keep localhost   the next one after each\n"
    "\n"
    "usage: yodel listen [OPTIONS] [ADDRESS]      ADDRESS: [HOST][:PORT] (*:5188)\n"
    "\n"
    "  --plain                  plain TCP; needed until talking in private is there\n"
    "  --name NAME              your name on your own screen (your login name)\n"
    "  --keep                   go on listening after the peer has left\n"
    "  --accept-from CIDR       let only these in, as 10.0.0.0/8; may be repeated\n"
    "  --linger DURATION        in a pipe: once one direction has ended, how long the\n"
    "                           other may go on (no limit)\n"
    "  --dead-timeout DURATION  give up a peer of whom nothing is heard (30s)\n"
    "  -4, -6                   only IPv4, only IPv6\n"
    "  -q                       in a pipe: no more than `listening on` and errors\n"
    "  -h, --help               this\n"
    "\n"
    "At a terminal it is a chat (/help there). Otherwise standard input goes to the\n"
    "peer, and what the peer sends to standard output, byte for byte.\n"
    "Exit status: 0 one side left in order, 1 system error, 2 wrong usage,\n"
    "3 connection lost or something not delivered.\n";

struct request {
    struct talk talk;
    struct meet meet;
    struct lobby lobby;
    struct cidr allowed[ALLOWED_MAX];
    int allowed_count;
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

/* Returns 0, an exit status, or -1 when --help was all that was asked. */
static int parse(struct request *request, int argc, char **argv)
{
    enum { OPT_KEEP = 256, OPT_ACCEPT_FROM };
    static const struct option longs[] = {TALK_LONGS,
                                          {"keep", no_argument, NULL, OPT_KEEP},
                                          {"accept-from", required_argument, NULL, OPT_ACCEPT_FROM},
                                          {0}};
    int option;
    int status = 0;

    while (status == 0 && (option = option_next(argc, argv, TALK_SHORTS, longs)) != -1) {
        if (option == 'h')
            return -1;
        if (option == OPT_KEEP)
            request->meet.keep = true;
        else
            status = option == OPT_ACCEPT_FROM ? allow(request, optarg)
                                               : talk_option(&request->talk, option, optarg);
    }
    if (status == 0 && optind + 1 < argc) {
        option_too_many("listen", "address", argv[optind], argv[optind + 1]);
        status = EXIT_USAGE;
    }
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

static int run(struct request *request, const char *where)
{
    struct addr addrs[LOBBY_LISTENERS_MAX];
    struct lobby *lobby = &request->lobby;
    int count = option_listen("listen", where, request->talk.family, addrs, LOBBY_LISTENERS_MAX);

    if (count < 0)
        return -count;
    int error = lobby_open(lobby, addrs, count, request->allowed_count ? request->allowed : NULL,
                           request->allowed_count);
    int status = error ? say_unbound(&addrs[lobby->count], error) : 0;
    if (!error) {
        say_listening(addrs, count);
        request->meet.lobby = lobby;
        status = talk_run(&request->talk, &request->meet);
    }
    lobby_close(lobby);
    return status;
}

int cmd_listen(int argc, char **argv)
{
    static struct request request;

    option_hold_standard_descriptors();
    talk_init(&request.talk, "listen");
    int status = parse(&request, argc, argv);
    if (status < 0) {
        fputs(help, stdout);
        return EXIT_DONE;
    }
    return status ? status : run(&request, optind < argc ? argv[optind] : "*");
}
