/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A histogram of latencies in nanoseconds, log-linear as HdrHistogram's: each power of two is cut into
 * HIST_HALF equal cells, so that the memory is fixed and the relative error is too. Pure.
 *
 * Precision: values below 2 * HIST_HALF ns are kept exactly; any other is told as at most 1/HIST_HALF
 * (0.1 %) more than it was, never as less. Minimum, maximum and count are exact. */
#ifndef YODEL_LOAD_HIST_H
#define YODEL_LOAD_HIST_H

#include <stdint.h>

#define HIST_HALF_BITS 10
#define HIST_HALF (1 << HIST_HALF_BITS)

/* 0 to 2^63 - 1: whatever a clock of 64 bits can measure. */
#define HIST_CELLS ((64 - HIST_HALF_BITS) * HIST_HALF)

struct hist {
    uint64_t count;
    int64_t min_ns, max_ns; /* 0 while count is 0 */
    double sum_ns;          /* exact up to 2^53 ns (104 days of latencies) */
    uint64_t cells[HIST_CELLS];
};

/* 432 KiB of zeros, of which only the touched pages take memory. hist_free(NULL) is fine. */
struct hist *hist_new(void);
void hist_free(struct hist *hist);

/* Count a value. A negative one (a clock's fault) counts as 0. */
void hist_record(struct hist *hist, int64_t ns);

/* Add what from has counted to into. */
void hist_merge(struct hist *into, const struct hist *from);

/* The smallest value that percent (0 to 100) of what was counted do not exceed, to the precision above and
 * never more than max_ns: rank ceil(percent / 100 * count), at least the first. 0 while nothing is
 * counted. */
int64_t hist_percentile(const struct hist *hist, double percent);

/* The arithmetic mean, rounded; 0 while nothing is counted. */
int64_t hist_mean(const struct hist *hist);

#endif
