/* SPDX-License-Identifier: GPL-3.0-or-later */
/* yodel call: reach the one peer, and talk. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "cmd/cmd.h"
#include "cmd/failure.h"
#include "cmd/option.h"
#include "cmd/talk.h"

#define TIMEOUT_MIN_NS NS_PER_MS

static const char help[] =
    "yodel call --plain box                  talk with who listens on box, port 5188\n"
    "yodel call --plain --retry box:7000     try until somebody is there\n"
    "yodel call --plain box < file > answer  send a file, keep what comes back\n"
    "\n"
    "usage: yodel call [OPTIONS] HOST[:PORT]      (port 5188 if none is given)\n"
    "\n"
    "  --plain                  plain TCP; needed until talking in private is there\n"
    "  --name NAME              your name on your own screen (your login name)\n"
    "  --timeout DURATION       how long one try to connect may take (10s)\n"
    "  --retry                  try again until somebody is there\n"
    "  --linger DURATION        in a pipe: once one direction has ended, how long the\n"
    "                           other may go on (no limit)\n"
    "  --dead-timeout DURATION  give up a peer of whom nothing is heard (30s)\n"
    "  -4, -6                   only IPv4, only IPv6\n"
    "  -p PORT                  the port (5188)\n"
    "  -q                       in a pipe: errors only\n"
    "  -h, --help               this\n"
    "\n"
    "At a terminal it is a chat (/help there). Otherwise standard input goes to the\n"
    "peer, and what the peer sends to standard output, byte for byte.\n"
    "Exit status: 0 one side left in order, 1 system error, 2 wrong usage,\n"
    "3 no connection, connection lost or something not delivered, 5 the peer is busy.\n";

struct request {
    struct talk talk;
    struct meet meet;
    struct reach reach;
    struct reach_plan plan;
    const char *port; /* -p */
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

static int operand(int argc, char **argv)
{
    if (optind == argc) {
        err_say("call: whom? (yodel call --plain HOST[:PORT]; see 'yodel call --help')");
        return EXIT_USAGE;
    }
    if (optind + 1 < argc) {
        option_too_many("call", "host", argv[optind], argv[optind + 1]);
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
        status = operand(argc, argv);
    return status ? status : talk_check(&request->talk);
}

static int run(struct request *request, const char *whom)
{
    static const struct failure_hints hints = {.timeout = "--timeout says how long to wait", .addresses = ""};

    request->meet.name = whom;
    int status = option_dial("call", whom, request->port, &request->plan.spec);
    if (status)
        return status;
    request->plan.family = request->talk.family;
    reach_init(&request->reach, &request->plan, clock_ns());
    request->meet.reach = &request->reach;
    status = talk_run(&request->talk, &request->meet);
    if (request->meet.error)
        status = failure_say("call", &request->reach, request->meet.error, &hints);
    if (request->meet.reach)
        reach_abandon(&request->reach);
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
    return status ? status : run(&request, argv[optind]);
}
