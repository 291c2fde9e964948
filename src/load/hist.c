/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "load/hist.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

struct hist *hist_new(void)
{
    struct hist *hist = calloc(1, sizeof *hist);

    if (!hist) {
        err_say("out of memory");
        exit(EXIT_SYSTEM);
    }
    return hist;
}

void hist_free(struct hist *hist)
{
    free(hist);
}

/* Cells 0 to 2 * HIST_HALF - 1 are one ns wide; each further HIST_HALF cells are twice as wide as those
 * before. */
static unsigned cell_of(int64_t ns)
{
    uint64_t value = (uint64_t)ns;

    if (value < 2 * HIST_HALF)
        return (unsigned)value;
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - HIST_HALF_BITS;
    return shift * HIST_HALF + (unsigned)(value >> shift);
}

static int64_t highest_in(unsigned cell)
{
    if (cell < 2 * HIST_HALF)
        return cell;
    unsigned shift = cell / HIST_HALF - 1;
    uint64_t lowest = (uint64_t)(cell - shift * HIST_HALF) << shift;
    return (int64_t)(lowest + ((UINT64_C(1) << shift) - 1));
}

void hist_record(struct hist *hist, int64_t ns)
{
    if (ns < 0)
        ns = 0;
    if (hist->count == 0 || ns < hist->min_ns)
        hist->min_ns = ns;
    if (ns > hist->max_ns)
        hist->max_ns = ns;
    hist->count++;
    hist->sum_ns += (double)ns;
    hist->cells[cell_of(ns)]++;
}

void hist_merge(struct hist *into, const struct hist *from)
{
    if (from->count == 0)
        return;
    if (into->count == 0 || from->min_ns < into->min_ns)
        into->min_ns = from->min_ns;
    if (from->max_ns > into->max_ns)
        into->max_ns = from->max_ns;
    into->count += from->count;
    into->sum_ns += from->sum_ns;
    for (unsigned i = 0; i < HIST_CELLS; i++)
        into->cells[i] += from->cells[i];
}

/* ceil(percent / 100 * count), but 99.9 % of 1000 is 999 although 99.9 has no exact double. */
static uint64_t rank_of(double percent, uint64_t count)
{
    double exact = percent / 100 * (double)count;
    double slack = (double)count * 1e-12;
    uint64_t rank = (uint64_t)exact;

    if (exact - (double)rank > slack)
        rank++;
    return rank < 1 ? 1 : rank > count ? count : rank;
}

int64_t hist_percentile(const struct hist *hist, double percent)
{
    if (hist->count == 0)
        return 0;
    uint64_t left = rank_of(percent, hist->count);
    unsigned cell = cell_of(hist->min_ns);
    while (cell < HIST_CELLS - 1 && hist->cells[cell] < left)
        left -= hist->cells[cell++];
    int64_t ns = highest_in(cell);
    return ns > hist->max_ns ? hist->max_ns : ns;
}

int64_t hist_mean(const struct hist *hist)
{
    return hist->count ? (int64_t)(hist->sum_ns / (double)hist->count + 0.5) : 0;
}
