/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is wrong with an option is told of the option that is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "cmd/option.h"

#define WORDS_MAX 6

static const struct option longs[] = {{"drain", required_argument, NULL, 'd'},
                                      {"json", no_argument, NULL, 'j'},
                                      {"max-conns", required_argument, NULL, 'm'},
                                      {"max-conns-per-ip", required_argument, NULL, 'p'},
                                      {0}};

static const struct {
    const char *words[WORDS_MAX];
    const char *said;
} cases[] = {
    {{"-Z"}, "-Z: no such option"},
    {{"-Zq"}, "-Z: no such option"},
    {{"-="}, "-=: no such option"},
    {{"-qZv"}, "-Z: no such option"},
    {{"--nothing"}, "--nothing: no such option"},
    {{"--nothing=5"}, "--nothing: no such option"},
    {{"--=5"}, "--: ambiguous: --drain, --json, --max-conns, --max-conns-per-ip"},
    {{"--json=5"}, "--json: takes no value"},
    {{"--j=5"}, "--j: takes no value"},
    {{"--json="}, "--json: takes no value"},
    {{"--drain"}, "--drain: needs a value"},
    {{"x", "--dr"}, "--dr: needs a value"},
    {{"-c"}, "-c: needs a value"},
    {{"--drain=5s", "-qc"}, "-c: needs a value"},
    {{"--drain=5s", "-Zq"}, "-Z: no such option"},
    {{"--drain=5s", "-Z"}, "-Z: no such option"},
    {{"--json", "-Zq"}, "-Z: no such option"},
    {{"--drain=5s", "x", "-Zq"}, "-Z: no such option"},
    {{"-c", "--json=5", "-Zq"}, "-Z: no such option"},
    {{"-c", "--nothing", "-Zq"}, "-Z: no such option"},
    {{"--max", "3"}, "--max: ambiguous: --max-conns, --max-conns-per-ip"},
    {{"--max=3"}, "--max: ambiguous: --max-conns, --max-conns-per-ip"},
    {{"--max-conns-p"}, "--max-conns-p: needs a value"},
    {{"-\303\251"}, "-\\xc3: no such option"},
};

/* Standard error goes to a file until said() returns what was written. */
static int standard, written;

static void hush(void)
{
    standard = dup(STDERR_FILENO);
    written = memfd_create("stderr", MFD_CLOEXEC);
    assert_true(standard >= 0 && written >= 0);
    dup2(written, STDERR_FILENO);
}

static const char *said(void)
{
    static char text[1024];

    dup2(standard, STDERR_FILENO);
    close(standard);
    ssize_t len = pread(written, text, sizeof text - 1, 0);
    close(written);
    assert_true(len >= 0);
    text[len] = '\0';
    return text;
}

/* Parse, and return what was said on standard error. */
static const char *complaint(const char *const words[static WORDS_MAX])
{
    char copies[WORDS_MAX][32], name[] = "cmd";
    char *argv[WORDS_MAX + 2] = {name};
    int argc = 1, option;

    for (; argc <= WORDS_MAX && words[argc - 1]; argc++) {
        snprintf(copies[argc - 1], sizeof *copies, "%s", words[argc - 1]);
        argv[argc] = copies[argc - 1];
    }
    hush();
    optind = 0; /* begin anew */
    while ((option = option_next(argc, argv, "c:qv", longs)) != -1 && option != '?')
        ;
    const char *text = said();
    assert_int_equal(option, '?');
    return text;
}

static void the_wrong_option_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[256];
        snprintf(expected, sizeof expected, "yodel: cmd: %s (see 'yodel cmd --help')\n", cases[i].said);
        assert_string_equal(complaint(cases[i].words), expected);
    }
}

static void right_ones_are_returned_in_turn(void **state)
{
    char words[][16] = {"cmd", "x", "-qc", "5", "--dr=5s", "--max-conns", "3", "--", "-Z"};
    char *argv[10] = {0};

    (void)state;
    for (int i = 0; i < 9; i++)
        argv[i] = words[i];
    optind = 0;
    assert_int_equal(option_next(9, argv, "c:qv", longs), 'q');
    assert_int_equal(option_next(9, argv, "c:qv", longs), 'c');
    assert_string_equal(optarg, "5");
    assert_int_equal(option_next(9, argv, "c:qv", longs), 'd');
    assert_string_equal(optarg, "5s");
    assert_int_equal(option_next(9, argv, "c:qv", longs), 'm');
    assert_string_equal(optarg, "3");
    assert_int_equal(option_next(9, argv, "c:qv", longs), -1);
    assert_string_equal(argv[optind], "x");
    assert_string_equal(argv[optind + 1], "-Z");
}

static const struct {
    const char *text, *port; /* the operand, and -p */
    const char *said;        /* NULL: it is right */
    const char *host;
    uint16_t number;
} peers[] = {
    {"box", NULL, NULL, "box", ADDR_PORT_DEFAULT},
    {"box:7", NULL, NULL, "box", 7},
    {"box:7", "9", NULL, "box", 9},
    {"[::1]:7", NULL, NULL, "::1", 7},
    {"::1", "7", NULL, "::1", 7},
    {"5188", NULL, "5188: that is a port, not a host (did you mean localhost:5188?)", NULL, 0},
    {":5188", NULL, ":5188: that is a port, not a host (did you mean localhost:5188?)", NULL, 0},
    {"box:0", NULL, "box:0: the port must be 1 to 65535", NULL, 0},
    {"box:x", NULL, "box:x: the port must be 1 to 65535", NULL, 0},
    {"", NULL, ": not an address (write HOST, HOST:PORT or [IPV6]:PORT)", NULL, 0},
    {"[::1", NULL, "[::1: not an address (write HOST, HOST:PORT or [IPV6]:PORT)", NULL, 0},
    {"box", "0", "-p 0: out of range (1 to 65535)", NULL, 0},
    {"box", "x", "-p x: not a whole number", NULL, 0},
};

static void a_peer_is_read_with_its_port(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        char expected[256] = "";
        struct place spec;
        if (peers[i].said)
            snprintf(expected, sizeof expected, "yodel: cmd: %s\n", peers[i].said);
        hush();
        int status = option_dial("cmd", peers[i].text, peers[i].port, &spec);
        assert_string_equal(said(), expected);
        assert_int_equal(status, peers[i].said ? EXIT_USAGE : 0);
        if (status)
            continue;
        assert_string_equal(spec.host, peers[i].host);
        assert_int_equal(spec.port, peers[i].number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wrong_option_is_named),
        cmocka_unit_test(right_ones_are_returned_in_turn),
        cmocka_unit_test(a_peer_is_read_with_its_port),
    };
    return cmocka_run_group_tests_name("option", tests, NULL, NULL);
}
