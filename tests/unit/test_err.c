/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Error numbers have texts, and err_say() writes one line in one piece. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

static void every_error_of_our_own_has_a_text(void **state)
{
    (void)state;
    for (int code = ERR_SYNTAX; code < ERR_END; code++) {
        const char *text = err_text(-code);
        assert_non_null(text);
        assert_true(strlen(text) > 3);
        assert_string_equal(text, err_text(code));
        assert_true(text[strlen(text) - 1] != '.');
    }
    assert_string_equal(err_text(-ERR_NAME), "no such host");
    assert_string_equal(err_text(-ERR_SELF), "connected to itself");
}

static void errno_begins_in_lower_case_unless_it_is_an_abbreviation(void **state)
{
    (void)state;
    assert_string_equal(err_text(-EADDRINUSE), "address already in use");
    assert_string_equal(err_text(EACCES), "permission denied");
    assert_string_equal(err_text(-ENOTTY), "inappropriate ioctl for device");
    assert_string_equal(err_text(-EXDEV), "invalid cross-device link");
    assert_string_equal(err_text(-EDOTDOT), "RFS specific error");
}

static void a_number_that_is_no_error_has_a_text_too(void **state)
{
    static const int numbers[] = {ERR_END, ERR_SYNTAX - 1, 999999, -999999, INT32_MAX, -INT32_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        assert_true(strlen(err_text(numbers[i])) > 0);
}

/* What err_say() writes, with standard error turned into a pipe that keeps packets apart. */
static ssize_t said(const char *argument, char *line, size_t size)
{
    int ends[2];
    int before = dup(STDERR_FILENO);

    assert_int_equal(pipe2(ends, 040000 /* O_DIRECT: one read, one write */), 0);
    dup2(ends[1], STDERR_FILENO);
    err_say("echo: %s", argument);
    dup2(before, STDERR_FILENO);
    close(before);
    close(ends[1]);
    ssize_t len = read(ends[0], line, size - 1);
    char more;
    assert_true(len >= 0);
    assert_int_equal(read(ends[0], &more, 1), 0);
    close(ends[0]);
    line[len] = '\0';
    return len;
}

static void err_say_writes_one_line_at_once(void **state)
{
    char line[4096];

    (void)state;
    said("no such thing", line, sizeof line);
    assert_string_equal(line, "yodel: echo: no such thing\n");
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
    char line[4096];

    (void)state;
    said("a\nb\r\033[2J\x7f\x01\tm\xc3\xbcller", line, sizeof line);
    assert_string_equal(line, "yodel: echo: a\\nb\\r\\x1b[2J\\x7f\\x01\\tm\xc3\xbcller\n");
}

static void an_overlong_message_is_cut_and_still_ends_in_a_newline(void **state)
{
    char line[4096];
    char argument[3000];

    (void)state;
    memset(argument, 'x', sizeof argument - 1);
    argument[sizeof argument - 1] = '\0';
    ssize_t len = said(argument, line, sizeof line);
    assert_in_range(len, 1000, 1024);
    assert_int_equal(line[len - 1], '\n');
    assert_ptr_equal(strchr(line, '\n'), line + len - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_of_our_own_has_a_text),
        cmocka_unit_test(errno_begins_in_lower_case_unless_it_is_an_abbreviation),
        cmocka_unit_test(a_number_that_is_no_error_has_a_text_too),
        cmocka_unit_test(err_say_writes_one_line_at_once),
        cmocka_unit_test(control_characters_do_not_reach_the_terminal),
        cmocka_unit_test(an_overlong_message_is_cut_and_still_ends_in_a_newline),
    };
    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
