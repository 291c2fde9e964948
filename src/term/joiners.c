/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "term/joiners.h"

#include <stdbool.h>
#include <string.h>

#define LEN 3

static const char all[][LEN] = {
    {'\342', '\200', '\215'}, /* U+200D */
    {'\357', '\270', '\216'}, /* U+FE0E */
    {'\357', '\270', '\217'}, /* U+FE0F */
};

static bool is_begun(const char *bytes, size_t len)
{
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (memcmp(all[i], bytes, len) == 0)
            return true;
    return false;
}

size_t joiners_drop(struct joiners *joiners, const char *bytes, size_t len, char *out)
{
    size_t written = 0;

    for (size_t i = 0; i < len; i++) {
        joiners->held[joiners->count++] = bytes[i];
        while (joiners->count > 0 && !is_begun(joiners->held, joiners->count)) {
            out[written++] = joiners->held[0];
            joiners->count--;
            memmove(joiners->held, joiners->held + 1, joiners->count);
        }
        if (joiners->count == LEN)
            joiners->count = 0;
    }
    return written;
}
