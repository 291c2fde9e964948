/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/units.h"
#include "cmd/cmd.h"
#include "cmd/option.h"
#include "echo/crew.h"
#include "echo/door.h"

enum {
    OPT_ENGINE = 256,
    OPT_WORKERS,
    OPT_MAX_CONNS,
    OPT_MAX_CONNS_PER_IP,
    OPT_IDLE_TIMEOUT,
    OPT_DEAD_TIMEOUT,
    OPT_DRAIN,
    OPT_PRINT,
    OPT_LOG_FORMAT,
    OPT_USER,
};

static const struct option longs[] = {
    {"engine", required_argument, NULL, OPT_ENGINE},
    {"workers", required_argument, NULL, OPT_WORKERS},
    {"max-conns", required_argument, NULL, OPT_MAX_CONNS},
    {"max-conns-per-ip", required_argument, NULL, OPT_MAX_CONNS_PER_IP},
    {"idle-timeout", required_argument, NULL, OPT_IDLE_TIMEOUT},
    {"dead-timeout", required_argument, NULL, OPT_DEAD_TIMEOUT},
    {"drain", required_argument, NULL, OPT_DRAIN},
    {"print", optional_argument, NULL, OPT_PRINT},
    {"log-format", required_argument, NULL, OPT_LOG_FORMAT},
    {"user", required_argument, NULL, OPT_USER},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static const char help[] = "yodel echo                         answer on port 5188, IPv6 and IPv4\n"
                           "yodel echo localhost 10.0.0.1:7    on these addresses; a bare number is a port\n"
                           "yodel echo --print --engine fork   the classic: a child a client, who is shown\n"
                           "\n"
                           "usage: yodel echo [OPTIONS] [ADDRESS...]     ADDRESS: [HOST][:PORT] (*:5188)\n"
                           "\n"
                           "  --engine auto|epoll|fork   how children serve (auto)\n"
                           "  --workers N                children, with epoll (the CPUs)\n"
                           "  --max-conns N              more wait their turn (what the descriptors allow)\n"
                           "  --max-conns-per-ip N       more are turned away (no limit)\n"
                           "  --idle-timeout DURATION    close who neither sends nor takes anything (off)\n"
                           "  --dead-timeout DURATION    give up who acknowledges nothing any more (120s)\n"
                           "  --drain DURATION           at the end, let clients finish (5s)\n"
                           "  --print[=text|hex]         show what clients send, on standard output\n"
                           "  --log-format logfmt|json   the log, on standard error (logfmt)\n"
                           "  --user NAME                run as NAME\n"
                           "  -4, -6                     only IPv4, only IPv6\n"
                           "  -q, -v                     no line for each client; more lines\n"
                           "  -h, --help                 this\n"
                           "\n"
                           "DURATION: 20ms, 1.5s, 2m; a bare number is seconds.\n"
                           "TERM, INT: finish and end; again: end at once. USR1: log the counters.\n";

struct request {
    struct door_config config;
    struct sandbox_user user;
    enum addr_family family;
};

static int set_engine(struct door_config *config, const char *name)
{
    config->engine = engine_find(name);
    if (config->engine)
        return 0;
    err_say("echo: --engine %s: no such engine (auto, epoll or fork)", name);
    return EXIT_USAGE;
}

static int set_print(struct door_config *config, const char *mode)
{
    if (!mode || strcmp(mode, "text") == 0)
        config->print = PRINT_TEXT;
    else if (strcmp(mode, "hex") == 0)
        config->print = PRINT_HEX;
    else {
        err_say("echo: --print=%s: no such form (text or hex)", mode);
        return EXIT_USAGE;
    }
    return 0;
}

static int set_log_format(struct door_config *config, const char *name)
{
    if (strcmp(name, "logfmt") == 0)
        config->log_format = LOG_LOGFMT;
    else if (strcmp(name, "json") == 0)
        config->log_format = LOG_JSON;
    else {
        err_say("echo: --log-format %s: no such format (logfmt or json)", name);
        return EXIT_USAGE;
    }
    return 0;
}

static int set_user(struct request *request, const char *name)
{
    int error = sandbox_find_user(name, &request->user);

    request->config.user = &request->user;
    if (!error)
        return 0;
    err_say("echo: --user %s: %s", name, error == -ERR_NAME ? "no such user" : err_text(error));
    return EXIT_SYSTEM;
}

static int set_count(const char *name, const char *text, uint32_t max, uint32_t *count)
{
    int64_t value = 0;
    int status = option_count("echo", name, text, 1, max, &value);

    *count = (uint32_t)value;
    return status;
}

static int set_duration(const char *name, const char *text, int64_t min_ns, int64_t *ms)
{
    int64_t ns = 0;
    int status = option_duration("echo", name, text, min_ns, &ns);

    *ms = ns / NS_PER_MS;
    return status;
}

/* Returns 0 or an exit status. */
static int set_option(struct request *request, int option, const char *value)
{
    struct door_config *config = &request->config;

    switch (option) {
    case OPT_ENGINE:
        return set_engine(config, value);
    case OPT_WORKERS:
        return set_count("--workers", value, CREW_WORKERS_MAX, &config->workers);
    case OPT_MAX_CONNS:
        return set_count("--max-conns", value, SEAT_TOTAL_MAX, &config->max_conns);
    case OPT_MAX_CONNS_PER_IP:
        return set_count("--max-conns-per-ip", value, SEAT_TOTAL_MAX, &config->max_conns_per_ip);
    case OPT_IDLE_TIMEOUT:
        return set_duration("--idle-timeout", value, NS_PER_MS, &config->watch.idle_ms);
    case OPT_DEAD_TIMEOUT:
        return set_duration("--dead-timeout", value, NS_PER_S, &config->watch.dead_ms);
    case OPT_DRAIN:
        return set_duration("--drain", value, 0, &config->drain_ms);
    case OPT_PRINT:
        return set_print(config, value);
    case OPT_LOG_FORMAT:
        return set_log_format(config, value);
    case OPT_USER:
        return set_user(request, value);
    case '4':
        request->family = ADDR_IPV4;
        return 0;
    case '6':
        request->family = ADDR_IPV6;
        return 0;
    case 'q':
        config->level = LEDGER_QUIET;
        return 0;
    case 'v':
        config->level = LEDGER_VERBOSE;
        return 0;
    default:
        return EXIT_USAGE;
    }
}

static uint32_t cpus(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return 1;
    int count = CPU_COUNT(&set);
    return count > CREW_WORKERS_MAX ? CREW_WORKERS_MAX : (uint32_t)count;
}

int cmd_echo(int argc, char **argv)
{
    static struct request request;
    static struct addr addrs[GATE_MAX];
    char everywhere[] = "*";
    char *default_operands[] = {everywhere, NULL};
    int option;
    int count = 0;

    request.config = (struct door_config){.engine = engine_find("auto"),
                                          .watch = {.dead_ms = 120 * 1000},
                                          .drain_ms = 5 * 1000,
                                          .level = LEDGER_NORMAL};
    while ((option = option_next(argc, argv, "46qvh", longs)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return EXIT_DONE;
        }
        int status = set_option(&request, option, optarg);
        if (status)
            return status;
    }
    if (request.config.workers && !request.config.engine->pooled) {
        err_say("echo: --workers: the %s engine starts a child for each client (leave it out)",
                request.config.engine->name);
        return EXIT_USAGE;
    }
    if (!request.config.workers)
        request.config.workers = cpus();
    char **operands = optind < argc ? argv + optind : default_operands;
    for (; *operands; operands++) {
        if (count == GATE_MAX) {
            err_say("echo: %s: too many addresses (at most %d)", *operands, GATE_MAX);
            return EXIT_USAGE;
        }
        int found = option_listen("echo", *operands, request.family, addrs + count, GATE_MAX - count);
        if (found < 0)
            return -found;
        count += found;
    }
    return door_run(&request.config, addrs, count);
}
