/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Durations, sizes and counts: every unit, every boundary, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/units.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Never a result: whoever fails leaves it in place. */
#define UNTOUCHED INT64_C(-77)

struct duration_case {
    const char *text;
    int error;
    int64_t ns;
};

static const struct duration_case durations[] = {
    {"0", 0, 0},
    {"0s", 0, 0},
    {"0ns", 0, 0},
    {"00000000000000000000000000001", 0, NS_PER_S},
    {"1", 0, NS_PER_S},
    {"20ms", 0, 20 * NS_PER_MS},
    {"5s", 0, 5 * NS_PER_S},
    {"2m", 0, 120 * NS_PER_S},
    {"1h", 0, 3600 * NS_PER_S},
    {"1d", 0, 86400 * NS_PER_S},
    {"7us", 0, 7 * NS_PER_US},
    {"9ns", 0, 9},
    {"0.2", 0, 200 * NS_PER_MS},
    {".5", 0, 500 * NS_PER_MS},
    {"5.", 0, 5 * NS_PER_S},
    {"1.5s", 0, 1500 * NS_PER_MS},
    {"0.5m", 0, 30 * NS_PER_S},
    {"0.1d", 0, 8640 * NS_PER_S},
    {"0.25h", 0, 900 * NS_PER_S},
    {"0.000000001", 0, 1},
    {"0.0000000001", 0, 1}, /* not 0, which means something else */
    {"0.1ns", 0, 1},
    {"0.0ns", 0, 0},
    {"0.0000000000", 0, 0},
    {"0.9ns", 0, 1},
    {"1.0000000019", 0, NS_PER_S + 1},
    {"0.333333333333333333333333333333333", 0, 333333333},
    {"0.01m", 0, 600 * NS_PER_MS},
    {"0.001h", 0, 3600 * NS_PER_MS},
    /* Digits of an hour's fraction beyond its exact tenths: 3600 s is no power of ten. */
    {"0.12345678901h", 0, 444444440436},
    {"2305843009.213693952", 0, UNITS_DURATION_MAX_NS},
    {"2305843009213693952ns", 0, UNITS_DURATION_MAX_NS},
    {"2305843009.213693953", -ERR_RANGE, 0},
    {"2305843009213693953ns", -ERR_RANGE, 0},
    {"9223372036854775807ns", -ERR_RANGE, 0},
    {"9223372036854775808ns", -ERR_RANGE, 0},
    {"9223372036.9", -ERR_RANGE, 0},
    {"106752d", -ERR_RANGE, 0},
    {"1000000000000000000000000000000", -ERR_RANGE, 0},
    {"1000000000000000000000000000000d", -ERR_RANGE, 0},
    {"", -ERR_SYNTAX, 0},
    {".", -ERR_SYNTAX, 0},
    {".s", -ERR_SYNTAX, 0},
    {"s", -ERR_SYNTAX, 0},
    {"-1", -ERR_SYNTAX, 0},
    {"-0", -ERR_SYNTAX, 0},
    {"+1", -ERR_SYNTAX, 0},
    {" 1", -ERR_SYNTAX, 0},
    {"1 ", -ERR_SYNTAX, 0},
    {"1 s", -ERR_SYNTAX, 0},
    {"1S", -ERR_SYNTAX, 0},
    {"1M", -ERR_SYNTAX, 0},
    {"1min", -ERR_SYNTAX, 0},
    {"1sec", -ERR_SYNTAX, 0},
    {"1ss", -ERR_SYNTAX, 0},
    {"1m30s", -ERR_SYNTAX, 0},
    {"1.2.3", -ERR_SYNTAX, 0},
    {"1,5", -ERR_SYNTAX, 0},
    {"1e3", -ERR_SYNTAX, 0},
    {"1e30", -ERR_SYNTAX, 0},
    {"0x10", -ERR_SYNTAX, 0},
    {"nan", -ERR_SYNTAX, 0},
    {"inf", -ERR_SYNTAX, 0},
    {"infinity", -ERR_SYNTAX, 0},
    {"1s\n", -ERR_SYNTAX, 0},
    {"\xd9\xa1", -ERR_SYNTAX, 0}, /* an Arabic digit one */
};

static void durations_are_read_to_the_nanosecond(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(durations); i++) {
        const struct duration_case *c = &durations[i];
        int64_t ns = UNTOUCHED;
        int error = units_duration(c->text, &ns);
        if (error != c->error || ns != (c->error ? UNTOUCHED : c->ns))
            fail_msg("'%s': error %d, %lld ns; not error %d, %lld ns", c->text, error, (long long)ns,
                     c->error, (long long)c->ns);
    }
}

static void durations_do_not_depend_on_the_locale(void **state)
{
    static const char *const commas[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "C.UTF-8"};
    int64_t ns = UNTOUCHED;

    (void)state;
    for (size_t i = 0; i < COUNT(commas); i++) {
        if (!setlocale(LC_ALL, commas[i]))
            continue;
        assert_int_equal(units_duration("1.5", &ns), 0);
        assert_int_equal(ns, 1500 * NS_PER_MS);
        assert_int_equal(units_duration("1,5", &ns), -ERR_SYNTAX);
    }
    setlocale(LC_ALL, "C");
}

struct number_case {
    const char *text;
    int64_t min, max;
    int error;
    int64_t number;
};

static const struct number_case sizes[] = {
    {"0", 0, INT64_MAX, 0, 0},
    {"1", 0, INT64_MAX, 0, 1},
    {"512", 0, INT64_MAX, 0, 512},
    {"1k", 0, INT64_MAX, 0, 1000},
    {"1Ki", 0, INT64_MAX, 0, 1024},
    {"3M", 0, INT64_MAX, 0, 3000000},
    {"3Mi", 0, INT64_MAX, 0, 3 << 20},
    {"1G", 0, INT64_MAX, 0, 1000000000},
    {"1Gi", 0, INT64_MAX, 0, 1 << 30},
    {"4Gi", 0, INT64_MAX, 0, INT64_C(1) << 32},
    {"9223372036854775807", 0, INT64_MAX, 0, INT64_MAX},
    {"9223372036854775808", 0, INT64_MAX, -ERR_RANGE, 0},
    {"9223372036854775807k", 0, INT64_MAX, -ERR_RANGE, 0},
    {"18446744073709551617", 0, INT64_MAX, -ERR_RANGE, 0},
    {"9Gi", 0, INT64_C(9) << 30, 0, INT64_C(9) << 30},
    {"9Gi", 0, (INT64_C(9) << 30) - 1, -ERR_RANGE, 0},
    {"1", 1, 1, 0, 1},
    {"0", 1, 1, -ERR_RANGE, 0},
    {"2", 1, 1, -ERR_RANGE, 0},
    {"-1", 0, 10, -ERR_RANGE, 0},
    {"-0", 0, 10, -ERR_RANGE, 0},
    {"-1k", 0, 10, -ERR_RANGE, 0},
    {"", 0, 10, -ERR_SYNTAX, 0},
    {"-", 0, 10, -ERR_SYNTAX, 0},
    {"--1", 0, 10, -ERR_SYNTAX, 0},
    {"+1", 0, 10, -ERR_SYNTAX, 0},
    {"k", 0, 10, -ERR_SYNTAX, 0},
    {"1K", 0, INT64_MAX, -ERR_SYNTAX, 0},
    {"1m", 0, INT64_MAX, -ERR_SYNTAX, 0},
    {"1ki", 0, INT64_MAX, -ERR_SYNTAX, 0},
    {"1kB", 0, INT64_MAX, -ERR_SYNTAX, 0},
    {"1.5k", 0, INT64_MAX, -ERR_SYNTAX, 0},
    {"1 k", 0, INT64_MAX, -ERR_SYNTAX, 0},
    {" 1", 0, INT64_MAX, -ERR_SYNTAX, 0},
    {"0x10", 0, INT64_MAX, -ERR_SYNTAX, 0},
    {"1e3", 0, INT64_MAX, -ERR_SYNTAX, 0},
};

static const struct number_case counts[] = {
    {"0", 0, 10, 0, 0},
    {"10", 0, 10, 0, 10},
    {"11", 0, 10, -ERR_RANGE, 0},
    {"007", 0, 10, 0, 7},
    {"1", 2, 10, -ERR_RANGE, 0},
    {"-1", 0, 10, -ERR_RANGE, 0},
    {"-1000000000000000000000000000000", 0, 10, -ERR_RANGE, 0},
    {"1000000000000000000000000000000", 0, INT64_MAX, -ERR_RANGE, 0},
    {"1e30", 0, INT64_MAX, -ERR_SYNTAX, 0},
    {"9223372036854775807", 1, INT64_MAX, 0, INT64_MAX},
    {"9223372036854775808", 1, INT64_MAX, -ERR_RANGE, 0},
    {"1k", 0, INT64_MAX, -ERR_SYNTAX, 0},
    {"1.0", 0, INT64_MAX, -ERR_SYNTAX, 0},
    {"1.", 0, INT64_MAX, -ERR_SYNTAX, 0},
    {"", 0, 10, -ERR_SYNTAX, 0},
    {"-", 0, 10, -ERR_SYNTAX, 0},
    {"five", 0, 10, -ERR_SYNTAX, 0},
    {"5 ", 0, 10, -ERR_SYNTAX, 0},
    {"\t5", 0, 10, -ERR_SYNTAX, 0},
};

static void check_numbers(const struct number_case *cases, size_t count,
                          int (*parse)(const char *, int64_t, int64_t, int64_t *))
{
    for (const struct number_case *c = cases; c < cases + count; c++) {
        int64_t number = UNTOUCHED;
        int error = parse(c->text, c->min, c->max, &number);
        if (error != c->error || number != (c->error ? UNTOUCHED : c->number))
            fail_msg("'%s' in %lld..%lld: error %d, %lld; not error %d, %lld", c->text, (long long)c->min,
                     (long long)c->max, error, (long long)number, c->error, (long long)c->number);
    }
}

static void sizes_know_powers_of_1000_and_1024(void **state)
{
    (void)state;
    check_numbers(sizes, COUNT(sizes), units_size);
}

static void counts_are_whole_numbers_in_range(void **state)
{
    (void)state;
    check_numbers(counts, COUNT(counts), units_count);
}

static const struct duration_case printed[] = {
    {"0s", 0, 0},
    {"1ns", 0, 1},
    {"1us", 0, NS_PER_US},
    {"1001ns", 0, 1001},
    {"250ms", 0, 250 * NS_PER_MS},
    {"1500ms", 0, 1500 * NS_PER_MS},
    {"1s", 0, NS_PER_S},
    {"90s", 0, 90 * NS_PER_S},
    {"2m", 0, 120 * NS_PER_S},
    {"24h", 0, 86400 * NS_PER_S},
    {"2305843009213693952ns", 0, UNITS_DURATION_MAX_NS},
};

static void a_printed_duration_reads_back(void **state)
{
    char text[32];
    int64_t ns = UNTOUCHED;

    (void)state;
    for (size_t i = 0; i < COUNT(printed); i++) {
        assert_string_equal(units_print_duration(printed[i].ns, text), printed[i].text);
        assert_int_equal(units_duration(text, &ns), 0);
        assert_int_equal(ns, printed[i].ns);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read_to_the_nanosecond),
        cmocka_unit_test(durations_do_not_depend_on_the_locale),
        cmocka_unit_test(sizes_know_powers_of_1000_and_1024),
        cmocka_unit_test(counts_are_whole_numbers_in_range),
        cmocka_unit_test(a_printed_duration_reads_back),
    };
    return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
