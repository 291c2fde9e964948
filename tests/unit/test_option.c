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

/* Parse, and return what was said on standard error. */
static const char *complaint(const char *const words[static WORDS_MAX])
{
    static char text[1024];
    char copies[WORDS_MAX][32], name[] = "cmd";
    char *argv[WORDS_MAX + 2] = {name};
    int argc = 1, option;
    int standard = dup(STDERR_FILENO), fd = memfd_create("stderr", MFD_CLOEXEC);

    for (; argc <= WORDS_MAX && words[argc - 1]; argc++) {
        snprintf(copies[argc - 1], sizeof *copies, "%s", words[argc - 1]);
        argv[argc] = copies[argc - 1];
    }
    assert_true(standard >= 0 && fd >= 0);
    dup2(fd, STDERR_FILENO);
    optind = 0; /* begin anew */
    while ((option = option_next(argc, argv, "c:qv", longs)) != -1 && option != '?')
        ;
    dup2(standard, STDERR_FILENO);
    close(standard);
    assert_int_equal(option, '?');
    ssize_t len = pread(fd, text, sizeof text - 1, 0);
    close(fd);
    assert_true(len > 0);
    text[len] = '\0';
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wrong_option_is_named),
        cmocka_unit_test(right_ones_are_returned_in_turn),
    };
    return cmocka_run_group_tests_name("option", tests, NULL, NULL);
}
