/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The clock that never jumps (CLOCK_MONOTONIC). Pure code never reads it: it is passed in. */
#ifndef YODEL_BASE_CLOCK_H
#define YODEL_BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

int64_t clock_ns(void);
int64_t clock_ms(void);

#endif
