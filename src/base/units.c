/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/units.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit durations[] = {
    {"ns", 1},
    {"us", NS_PER_US},
    {"ms", NS_PER_MS},
    {"s", NS_PER_S},
    {"m", 60 * NS_PER_S},
    {"h", 3600 * NS_PER_S},
    {"d", 86400 * NS_PER_S},
    {"", NS_PER_S},
    {NULL, 0},
};

static const struct unit sizes[] = {
    {"", 1},         {"k", 1000},     {"M", 1000000},  {"G", 1000000000},
    {"Ki", 1 << 10}, {"Mi", 1 << 20}, {"Gi", 1 << 30}, {NULL, 0},
};

static const struct unit plain[] = {{"", 1}, {NULL, 0}};

static const struct unit *unit_find(const struct unit *units, const char *name)
{
    for (; units->name; units++)
        if (strcmp(units->name, name) == 0)
            return units;
    return NULL;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Parse "whole[.fraction]unit". Written out, because strtod() knows locales, exponents, hexadecimal
 * digits and infinity, none of which belongs here. */
static int parse(const char *text, const struct unit *units, bool fractions, int64_t max, int64_t *value)
{
    const char *p = text;
    const char *whole = p;
    while (is_digit(*p))
        p++;
    const char *whole_end = p;
    const char *fraction = p;
    if (fractions && *p == '.') {
        fraction = ++p;
        while (is_digit(*p))
            p++;
    }
    if (whole == whole_end && fraction == p)
        return -ERR_SYNTAX;
    const struct unit *unit = unit_find(units, p);
    if (!unit)
        return -ERR_SYNTAX;

    int64_t sum = 0;
    for (const char *d = whole; d < whole_end; d++)
        if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, *d - '0', &sum))
            return -ERR_RANGE;
    if (__builtin_mul_overflow(sum, unit->factor, &sum))
        return -ERR_RANGE;
    int64_t place = unit->factor;
    for (const char *d = fraction; d < p && place > 0; d++) {
        place /= 10;
        if (__builtin_add_overflow(sum, place * (*d - '0'), &sum))
            return -ERR_RANGE;
    }
    if (sum == 0 && strcspn(text, "123456789") < (size_t)(p - text))
        sum = 1;
    if (sum > max)
        return -ERR_RANGE;
    *value = sum;
    return 0;
}

int units_duration(const char *text, int64_t *ns)
{
    return parse(text, durations, true, UNITS_DURATION_MAX_NS, ns);
}

static int whole_number(const char *text, const struct unit *units, int64_t min, int64_t max, int64_t *value)
{
    bool negative = *text == '-';
    int64_t parsed = 0;
    int error = parse(text + negative, units, false, max, &parsed);

    if (error)
        return error;
    if (negative || parsed < min)
        return -ERR_RANGE;
    *value = parsed;
    return 0;
}

int units_size(const char *text, int64_t min, int64_t max, int64_t *bytes)
{
    return whole_number(text, sizes, min, max, bytes);
}

int units_count(const char *text, int64_t min, int64_t max, int64_t *count)
{
    return whole_number(text, plain, min, max, count);
}

const char *units_print_duration(int64_t ns, char text[static 32])
{
    static const struct unit steps[] = {
        {"h", 3600 * NS_PER_S}, {"m", 60 * NS_PER_S}, {"s", NS_PER_S},
        {"ms", NS_PER_MS},      {"us", NS_PER_US},    {"ns", 1},
    };

    if (ns == 0)
        return strcpy(text, "0s");
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (ns % steps[i].factor == 0) {
            snprintf(text, 32, "%lld%s", (long long)(ns / steps[i].factor), steps[i].name);
            return text;
        }
    }
    return text;
}
