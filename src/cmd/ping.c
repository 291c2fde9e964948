/* SPDX-License-Identifier: GPL-3.0-or-later */
/* yodel ping: its options, and what joins dialling, measuring and reporting. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/output.h"
#include "base/signals.h"
#include "base/sink.h"
#include "base/units.h"
#include "cmd/cmd.h"
#include "cmd/failure.h"
#include "cmd/option.h"
#include "load/report.h"
#include "net/reach.h"

#define COUNT_MAX INT64_C(1000000000000000)
#define WAIT_MIN_NS NS_PER_MS
#define ANSWER_SHOWN 40
#define OUTPUT_QUEUE_MAX (1 << 20)

/* How long a reader of standard output may take nothing before a run that was ended gives up on it. */
#define READER_PATIENCE_NS NS_PER_S

struct ping {
    enum addr_family family;
    bool quiet, verbose, json;
    const char *target, *port;
    int64_t run_ns; /* -w, 0: none */
    struct probe_plan plan;
    struct report report;
    int wake_fd; /* INT and TERM */
    struct output *output;
};

static const char help[] = "yodel ping localhost              measure until Ctrl-C\n"
                           "yodel ping -c 10 -i 0.2 box:7     ten messages, five a second, port 7\n"
                           "yodel ping -i 0 -w 10 -q box      as fast as it answers, for ten seconds\n"
                           "\n"
                           "usage: yodel ping [OPTIONS] HOST[:PORT]      (port 5188 if none is given)\n"
                           "\n"
                           "  -c COUNT      stop after COUNT messages and their replies\n"
                           "  -i DURATION   one message each DURATION (1s); 0: when the last came back\n"
                           "  -s SIZE       bytes a message, 1 to 1Mi (64)\n"
                           "  -W DURATION   how long to wait for the connection and each reply (10s)\n"
                           "  -w DURATION   how long the whole run may take\n"
                           "  -q            only the connection and the statistics\n"
                           "  -v            say of each address how connecting went\n"
                           "  --json        one JSON object a line\n"
                           "  -4, -6        only IPv4, only IPv6\n"
                           "  -p PORT       the port\n"
                           "  -h, --help    this\n"
                           "\n"
                           "DURATION: 20ms, 1.5s, 2m; a bare number is seconds. SIZE: 512, 16k, 16Ki.\n"
                           "Exit status: 0 all came back right and in time, 1 some did not,\n"
                           "2 wrong usage, 3 no connection.\n";

static int operands(struct ping *ping, int argc, char **argv)
{
    if (optind == argc) {
        err_say("ping: which host? (yodel ping HOST[:PORT]; see 'yodel ping --help')");
        return EXIT_USAGE;
    }
    if (optind + 1 < argc) {
        err_say("ping: %s: one host at a time (see 'yodel ping --help')", argv[optind + 1]);
        return EXIT_USAGE;
    }
    ping->target = argv[optind];
    return 0;
}

static int set_option(struct ping *ping, int option)
{
    int64_t number = 0;
    int failed = 0;

    switch (option) {
    case 'c':
        failed = option_count("ping", "-c", optarg, 1, COUNT_MAX, &number);
        ping->plan.count = (uint64_t)number;
        break;
    case 'i':
        return option_duration("ping", "-i", optarg, 0, &ping->plan.interval_ns);
    case 's':
        failed = option_size("ping", "-s", optarg, 1, FLOW_SIZE_MAX, &number);
        ping->plan.size = (size_t)number;
        break;
    case 'W':
        return option_duration("ping", "-W", optarg, WAIT_MIN_NS, &ping->plan.wait_ns);
    case 'w':
        return option_duration("ping", "-w", optarg, WAIT_MIN_NS, &ping->run_ns);
    case 'q':
        ping->quiet = true;
        break;
    case 'v':
        ping->verbose = true;
        break;
    case 'j':
        ping->json = true;
        break;
    case '4':
        ping->family = ADDR_IPV4;
        break;
    case '6':
        ping->family = ADDR_IPV6;
        break;
    case 'p':
        ping->port = optarg;
        break;
    default:
        return EXIT_USAGE;
    }
    return failed;
}

/* Returns 0, an exit status, or -1 when --help was all that was asked. */
static int parse(struct ping *ping, int argc, char **argv)
{
    static const struct option longs[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
    int option;

    while ((option = option_next(argc, argv, "c:i:s:W:w:p:qv46h", longs)) != -1) {
        if (option == 'h')
            return -1;
        int failed = set_option(ping, option);
        if (failed)
            return failed;
    }
    return operands(ping, argc, argv);
}

/* Make standard error, which is mostly the same terminal, drop what it does not take at once: while write() waits,
 * no signal is read. */
static void never_wait_for_errors(void)
{
    struct sink sink;

    sink_open(&sink, STDERR_FILENO);
    if (sink.fd == STDERR_FILENO)
        return;
    dup2(sink.fd, STDERR_FILENO);
    close(sink.fd);
}

/* Say it, now or when somebody reads. Only when very much waits, this waits for room: not longer than until a
 * signal (-EINTR) or the end of -w (-ERR_TIMEOUT). Returns 0, one of these, or -errno. */
static int put(const struct ping *ping, const char *text, size_t len)
{
    int error;

    while ((error = output_write(ping->output, text, len)) == -EAGAIN)
        if ((error = output_wait(ping->output, ping->wake_fd, ping->plan.deadline_ns)))
            return error;
    return error;
}

/* Say what still waits. After a signal or -w nobody has to wait for a reader that takes nothing. */
static int drain(const struct ping *ping, enum probe_end end)
{
    bool hurried = end == PROBE_INTERRUPTED || end == PROBE_DEADLINE;
    int error;

    while ((error = output_flush(ping->output)) == -EAGAIN)
        if ((error = output_wait(ping->output, ping->wake_fd,
                                 hurried ? clock_ns() + READER_PATIENCE_NS : INT64_MAX)))
            return error;
    return error;
}

static int on_pending(void *context)
{
    const struct ping *ping = context;

    return output_fd(ping->output);
}

static int on_flush(void *context)
{
    const struct ping *ping = context;
    int error = output_flush(ping->output);

    return error == -EAGAIN ? 0 : error;
}

static int on_reply(void *context, const struct flow_reply *reply, int64_t rtt_ns, bool late)
{
    const struct ping *ping = context;
    char text[REPORT_MAX];

    if (ping->quiet)
        return 0;
    return put(ping, text, report_reply(&ping->report, text, reply, rtt_ns, late));
}

static int on_missed(void *context, uint64_t seq, bool sent)
{
    const struct ping *ping = context;
    char text[REPORT_MAX];

    if (ping->quiet)
        return 0;
    return put(ping, text, report_missed(&ping->report, text, seq, sent, ping->plan.wait_ns));
}

static int on_stray(void *context, const uint8_t *bytes, size_t len, bool spontaneous)
{
    const struct ping *ping = context;
    char text[REPORT_MAX];

    if (ping->quiet)
        return 0;
    return put(ping, text, report_stray(&ping->report, text, bytes, len, spontaneous));
}

static int on_foreign(void *context, const uint8_t *bytes, size_t len)
{
    const struct ping *ping = context;
    int most = len < ANSWER_SHOWN ? (int)len : ANSWER_SHOWN;

    err_say("ping: %s: does not seem to be an echo service: it answers \"%.*s\"", ping->report.name, most,
            (const char *)bytes); /* up to a zero byte; err_say() makes it safe */
    return 0;
}

/* -v: what became of each address. */
static void say_attempts(const struct dial *dial)
{
    char peer[ADDR_TEXT_MAX];

    for (int i = 0; i < dial->count; i++) {
        const struct dial_attempt *attempt = &dial->attempts[i];
        const char *fate = attempt->error      ? err_text(attempt->error)
                           : i == dial->winner ? "connected"
                           : attempt->began_ns ? "given up for one that answered"
                                               : "not tried";
        err_say("ping: connect %s: %s", addr_print(&attempt->addr, peer), fate);
    }
}

/* Returns the connected descriptor, or a negative error that it has told. */
static int connect_to(struct ping *ping, const struct place *spec)
{
    const struct failure_hints hints = {.timeout = "-W and -w say how long to wait",
                                        .addresses = ping->verbose ? NULL : ", -v tells of each"};
    int64_t now_ns = clock_ns();
    int64_t left_ns = ping->plan.deadline_ns - now_ns;
    struct reach_plan plan = {.spec = *spec,
                              .family = ping->family,
                              .timeout_ns = left_ns < ping->plan.wait_ns ? left_ns : ping->plan.wait_ns};
    struct reach reach;

    reach_init(&reach, &plan, now_ns);
    int fd = reach_wait(&reach, ping->wake_fd);
    if (ping->verbose)
        say_attempts(&reach.dial);
    if (fd < 0)
        failure_say("ping", &reach, fd, &hints);
    else
        report_connected(&ping->report, &reach.peer, reach.dial.took_ns);
    return fd;
}

static void say_end(const struct ping *ping, enum probe_end end, int error)
{
    const char *peer = ping->report.peer;

    if (end == PROBE_CLOSED)
        err_say("ping: %s: the peer closed the connection", peer);
    else if (end == PROBE_RESET)
        err_say("ping: %s: the peer reset the connection", peer);
    else if (end == PROBE_BROKEN)
        err_say("ping: %s: connection lost: %s", peer, err_text(error == -ETIMEDOUT ? -ERR_TIMEOUT : error));
}

static int say_mute(int error)
{
    if (error != -EINTR)
        err_say("ping: standard output: %s", error == -ERR_TIMEOUT ? "nobody reads it" : err_text(error));
    return EXIT_SYSTEM;
}

static int judge(const struct ping *ping, enum probe_end end, const struct outcome *outcome)
{
    bool lost = end == PROBE_CLOSED || end == PROBE_RESET || end == PROBE_BROKEN;
    bool too_few = end == PROBE_DEADLINE && outcome->sent < ping->plan.count;

    return outcome_clean(outcome) && !lost && !too_few ? EXIT_DONE : EXIT_SYSTEM;
}

/* A full queue was in the way of the end: what ended the run is what interrupted put(). */
static enum probe_end end_of_mute(const struct ping *ping, int error)
{
    if (error == -ERR_TIMEOUT)
        return PROBE_DEADLINE;
    if (error == -EINTR && signals_next(ping->wake_fd))
        return PROBE_INTERRUPTED;
    return PROBE_MUTE;
}

static int conclude(struct ping *ping, enum probe_end end, int error, const struct outcome *outcome)
{
    char text[REPORT_MAX];

    if (end == PROBE_MUTE)
        end = end_of_mute(ping, error);
    if (end == PROBE_MUTE)
        return say_mute(error);
    say_end(ping, end, error);
    size_t len = report_summary(&ping->report, text, end, outcome);
    error = drain(ping, end);
    if (!error && (error = output_write(ping->output, text, len)) == 0)
        error = drain(ping, end);
    return error ? say_mute(error) : judge(ping, end, outcome);
}

static int measure(struct ping *ping, int fd)
{
    const struct probe_listener listener = {on_reply,   on_missed, on_stray, on_foreign,
                                            on_pending, on_flush,  ping};
    char text[REPORT_MAX];
    struct outcome outcome;
    int error = put(ping, text, report_connect(&ping->report, text));

    if (error)
        return say_mute(error);
    outcome_init(&outcome);
    enum probe_end end = probe_run(fd, ping->wake_fd, &ping->plan, &listener, &outcome, &error);
    int status = conclude(ping, end, error, &outcome);
    outcome_done(&outcome);
    return status;
}

static int run(struct ping *ping)
{
    static const int signals[] = {SIGINT, SIGTERM};
    struct place spec;
    int64_t begin_ns = clock_ns();
    int status = option_dial("ping", ping->target, ping->port, &spec);

    if (status)
        return status;
    report_init(&ping->report, ping->json, &spec, ping->plan.size);
    ping->plan.deadline_ns = ping->run_ns ? begin_ns + ping->run_ns : INT64_MAX;
    if (getrandom(&ping->plan.key, sizeof ping->plan.key, 0) < 0)
        ping->plan.key = (uint64_t)begin_ns;
    never_wait_for_errors();
    ping->wake_fd = signals_open(signals, sizeof signals / sizeof *signals);
    if (ping->wake_fd < 0) {
        err_say("ping: signals: %s", err_text(ping->wake_fd));
        return EXIT_SYSTEM;
    }
    int fd = connect_to(ping, &spec);
    status = EXIT_NO_CONNECTION;
    if (fd >= 0) {
        ping->output = output_new(STDOUT_FILENO, OUTPUT_QUEUE_MAX);
        status = measure(ping, fd);
        output_free(ping->output);
        close(fd);
    }
    close(ping->wake_fd);
    return status;
}

int cmd_ping(int argc, char **argv)
{
    struct ping ping = {.wake_fd = -1,
                        .plan = {.size = 64, .interval_ns = NS_PER_S, .wait_ns = 10 * NS_PER_S}};
    option_hold_standard_descriptors();
    int status = parse(&ping, argc, argv);

    if (status < 0) {
        fputs(help, stdout);
        return EXIT_DONE;
    }
    return status ? status : run(&ping);
}
