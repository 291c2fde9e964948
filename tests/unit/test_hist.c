/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Percentiles against those of the sorted values, to the precision that hist.h promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "load/hist.h"

#define VALUES 5000

static uint64_t seed;

static double uniform(void) /* 0 < x <= 1; the same every time */
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return ((double)(seed >> 11) + 1) / 9007199254740992.0;
}

static int64_t exact_ns(void)
{
    return (int64_t)(uniform() * 2047);
}

static int64_t even(void)
{
    return (int64_t)(uniform() * 1e9);
}

static int64_t halving(void) /* twice the time is half as likely */
{
    int64_t ns = (int64_t)(uniform() * 100e3);

    while (uniform() < 0.5)
        ns *= 2;
    return ns;
}

static int64_t bimodal(void)
{
    return uniform() < 0.98 ? (int64_t)(50e3 + uniform() * 5e3) : (int64_t)(2e8 + uniform() * 1e8);
}

static int64_t heavy_tail(void)
{
    return (int64_t)(40e3 / uniform());
}

static int64_t edges(void)
{
    int64_t power = INT64_C(1) << (int)(uniform() * 62);

    return power + (int64_t)(uniform() * 3) - 1;
}

static int64_t constant(void)
{
    return 123456789;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void check(const struct hist *hist, int64_t *values, int count)
{
    static const double percents[] = {0, 0.1, 1, 10, 25, 50, 75, 90, 99, 99.9, 99.99, 100};

    qsort(values, (size_t)count, sizeof *values, by_value);
    assert_true(hist->count == (uint64_t)count);
    assert_true(hist->min_ns == values[0]);
    assert_true(hist->max_ns == values[count - 1]);
    for (size_t i = 0; i < sizeof percents / sizeof *percents; i++) {
        int64_t rank = ((int64_t)(percents[i] * 100 + 0.5) * count + 9999) / 10000; /* without its slack */
        int64_t exact = values[rank < 1 ? 0 : rank - 1];
        int64_t told = hist_percentile(hist, percents[i]);
        assert_true(told >= exact);
        assert_true(told - exact <= exact / HIST_HALF);
        if (exact < 2 * HIST_HALF)
            assert_true(told == exact);
        assert_true(told <= hist->max_ns);
    }
}

static void percentiles_are_within_the_precision(void **state)
{
    static int64_t (*const distributions[])(void) = {exact_ns,   even,  halving, bimodal,
                                                     heavy_tail, edges, constant};
    static const int counts[] = {1, 2, 3, 10, 99, 100, 101, 1000, VALUES};
    int64_t values[VALUES];

    (void)state;
    for (size_t d = 0; d < sizeof distributions / sizeof *distributions; d++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            struct hist *hist = hist_new();
            seed = d * 100 + c;
            for (int i = 0; i < counts[c]; i++)
                hist_record(hist, values[i] = distributions[d]());
            check(hist, values, counts[c]);
            hist_free(hist);
        }
}

static void merged_is_as_if_recorded_together(void **state)
{
    struct hist *both = hist_new(), *one = hist_new(), *other = hist_new(), *empty = hist_new();

    (void)state;
    seed = 7;
    for (int i = 0; i < VALUES; i++) {
        int64_t ns = i % 3 ? bimodal() : heavy_tail();
        hist_record(both, ns);
        hist_record(i % 2 ? one : other, ns);
    }
    hist_merge(one, other);
    hist_merge(one, empty);
    assert_true(one->count == both->count);
    assert_true(one->min_ns == both->min_ns && one->max_ns == both->max_ns);
    assert_true(hist_mean(one) == hist_mean(both));
    for (double percent = 0; percent <= 100; percent += 0.5)
        assert_true(hist_percentile(one, percent) == hist_percentile(both, percent));
    hist_merge(empty, both);
    assert_true(empty->min_ns == both->min_ns && empty->count == both->count);
    hist_free(both);
    hist_free(one);
    hist_free(other);
    hist_free(empty);
}

static void extremes_fit(void **state)
{
    struct hist *hist = hist_new();

    (void)state;
    assert_true(hist_percentile(hist, 50) == 0);
    assert_true(hist_mean(hist) == 0);
    hist_record(hist, INT64_MAX);
    assert_true(hist_percentile(hist, 50) == INT64_MAX);
    hist_record(hist, -5);
    assert_true(hist->min_ns == 0);
    assert_true(hist_percentile(hist, 50) == 0);
    assert_true(hist_percentile(hist, 51) == INT64_MAX);
    hist_free(hist);
}

static void a_rank_that_is_whole_is_not_rounded_up(void **state)
{
    struct hist *hist = hist_new();

    (void)state;
    for (int i = 1; i <= 1000; i++)
        hist_record(hist, i);
    assert_true(hist_percentile(hist, 99.9) == 999);
    assert_true(hist_percentile(hist, 99.91) == 1000);
    assert_true(hist_percentile(hist, 50) == 500);
    assert_true(hist_percentile(hist, 0.1) == 1);
    assert_true(hist_mean(hist) == 501); /* 500.5 */
    hist_free(hist);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_within_the_precision),
        cmocka_unit_test(merged_is_as_if_recorded_together),
        cmocka_unit_test(extremes_fit),
        cmocka_unit_test(a_rank_that_is_whole_is_not_rounded_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
