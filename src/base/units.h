/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers with units, as they are written on the command line. Pure. */
#ifndef YODEL_BASE_UNITS_H
#define YODEL_BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* The longest DURATION, about 73 years: its milliseconds, added to a clock, never overflow. */
#define UNITS_DURATION_MAX_NS (INT64_C(1) << 61)

/* Parse a DURATION: a decimal number, also with a fraction, followed by ns, us, ms, s, m, h or d; without
 * a unit it is seconds. Returns 0 and *ns >= 0, -ERR_SYNTAX, or -ERR_RANGE (above
 * UNITS_DURATION_MAX_NS). "0.2" is 200 ms; what is more than 0 is at least 1 ns; "-1", "1 s", "" and "nan" are -ERR_SYNTAX. */
int units_duration(const char *text, int64_t *ns);

/* Parse a SIZE in bytes: a whole number followed by nothing, k, M, G (powers of 1000) or Ki, Mi,
 * Gi (powers of 1024). Returns 0, -ERR_SYNTAX, or -ERR_RANGE (outside of min to max). */
int units_size(const char *text, int64_t min, int64_t max, int64_t *bytes);

/* Parse a whole number from min to max. Returns 0, -ERR_SYNTAX or -ERR_RANGE. */
int units_count(const char *text, int64_t min, int64_t max, int64_t *count);

/* Write ns as a short DURATION that units_duration() reads back: "250ms", "1500ms", "2m". Returns text. */
const char *units_print_duration(int64_t ns, char text[static 32]);

#endif
