/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The book: what is counted, what is said at which level, and how seldom a shortage is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "echo/ledger.h"

static int ends[2];
static struct log log_to_pipe;
static struct stats_shared shared;
static struct ledger ledger;

static int begin(void **state)
{
    (void)state;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    log_open(&log_to_pipe, ends[1], LOG_LOGFMT);
    memset(&ledger, 0, sizeof ledger);
    ledger.log = &log_to_pipe;
    ledger.level = LEDGER_NORMAL;
    ledger.shared = &shared;
    return 0;
}

static int end(void **state)
{
    (void)state;
    if (log_to_pipe.sink.fd != ends[1])
        close(log_to_pipe.sink.fd);
    close(ends[0]);
    close(ends[1]);
    limit_free(ledger.limit);
    return 0;
}

/* What was logged since, without the times. */
static const char *said(void)
{
    static char text[8192];
    static char bare[8192];
    ssize_t count = read(ends[0], text, sizeof text - 1);
    size_t len = 0;

    text[count > 0 ? count : 0] = '\0';
    for (char *p = text; *p;) {
        if (strncmp(p, " time=", 6) == 0)
            p += strcspn(p, "\n");
        else
            bare[len++] = *p++;
    }
    bare[len] = '\0';
    return bare;
}

static struct guest guest(void)
{
    struct guest made = {.port = 4000, .opened_ms = 100};

    made.host.s6_addr[10] = made.host.s6_addr[11] = 0xff;
    made.host.s6_addr[12] = 127;
    made.host.s6_addr[15] = 1;
    return made;
}

static void a_connection_is_told_and_counted(void **state)
{
    struct guest one = guest();
    struct stats worker = {0};
    struct tally tally = {5, 4};
    struct log_line line;
    const struct tally live = {10, 20};

    (void)state;
    assert_true(ledger_admit(&ledger, &one));
    ledger_open(&ledger, &one, 7, 1, 99);
    assert_string_equal(said(), "event=open ip=127.0.0.1 port=4000 id=7 worker=1 pid=99 conns=1\n");
    ledger_close(&ledger, &one, 7, &tally, HAND_RESET, &worker, 142);
    assert_string_equal(
        said(),
        "event=close ip=127.0.0.1 port=4000 id=7 bytes_in=5 bytes_out=4 ms=42 reason=reset conns=0\n");
    assert_int_equal(worker.bytes_in, 5);
    assert_int_equal(worker.bytes_out, 4);
    assert_int_equal(worker.closed[HAND_RESET], 1);
    log_begin(&line, &log_to_pipe, "stats");
    ledger_totals(&ledger, &line, &live);
    log_end(&line, &log_to_pipe);
    assert_string_equal(
        said(), "event=stats conns=0 accepted=1 refused=0 bytes_in=15 bytes_out=24 eof=0 reset=1 idle=0 "
                "dead=0 drain=0 killed=0 error=0 accept_errors=0 log_dropped=0 print_dropped=0\n");
}

static void who_is_one_too_many_is_refused_and_not_counted_as_accepted(void **state)
{
    struct guest one = guest();
    struct tally tally = {0};

    (void)state;
    ledger.limit = limit_new(10, 1, 3);
    assert_true(ledger_admit(&ledger, &one));
    assert_false(ledger_admit(&ledger, &one));
    assert_string_equal(said(), "event=refused ip=127.0.0.1 port=4000 reason=max-conns-per-ip\n");
    assert_int_equal(ledger.refused, 1);
    assert_int_equal(ledger.total.accepted, 1);
    assert_int_equal(ledger.conns, 1);
    ledger_close(&ledger, &one, 0, &tally, HAND_EOF, NULL, 100);
    assert_true(ledger_admit(&ledger, &one));
}

static void quiet_says_nothing_of_connections(void **state)
{
    struct guest one = guest();
    struct tally tally = {0};

    (void)state;
    ledger.level = LEDGER_QUIET;
    assert_true(ledger_admit(&ledger, &one));
    ledger_open(&ledger, &one, 7, 1, 99);
    ledger_close(&ledger, &one, 7, &tally, HAND_EOF, NULL, 142);
    assert_string_equal(said(), "");
    ledger_pause(&ledger, PAUSE_PROCESSES, 1);
    assert_string_equal(said(), "event=paused reason=processes conns=0\n");
}

static void a_shortage_that_comes_and_goes_is_told_once(void **state)
{
    (void)state;
    int64_t now = 1000;
    for (int i = 0; i < 1000; i++, now++) {
        ledger_pause(&ledger, PAUSE_MAX_CONNS, now);
        ledger_pause(&ledger, PAUSE_NONE, now);
    }
    assert_string_equal(said(), "event=paused reason=max-conns conns=0\nevent=resumed conns=0\n");
    ledger_pause(&ledger, PAUSE_DESCRIPTORS, now); /* another one is news */
    assert_string_equal(said(), "event=paused reason=descriptors conns=0\n");
    ledger_pause(&ledger, PAUSE_NONE, now);
    said();
    ledger_pause(&ledger, PAUSE_MAX_CONNS, 1000 + LEDGER_PAUSE_INTERVAL_MS);
    assert_string_equal(said(), "event=paused reason=max-conns conns=0\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_connection_is_told_and_counted, begin, end),
        cmocka_unit_test_setup_teardown(who_is_one_too_many_is_refused_and_not_counted_as_accepted, begin,
                                        end),
        cmocka_unit_test_setup_teardown(quiet_says_nothing_of_connections, begin, end),
        cmocka_unit_test_setup_teardown(a_shortage_that_comes_and_goes_is_told_once, begin, end),
    };
    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
