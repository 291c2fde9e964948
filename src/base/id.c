/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/id.h"

#include <string.h>

#include "base/base32.h"
#include "base/err.h"

#define CHARACTERS BASE32_CHARACTERS(ID_BYTES)
#define GROUP 4

_Static_assert(CHARACTERS + CHARACTERS / GROUP - 1 + 1 == ID_TEXT_MAX,
               "groups, dashes between them, and a NUL");

const char *id_print(const struct id *id, char text[static ID_TEXT_MAX])
{
    char plain[CHARACTERS + 1];
    size_t end = 0;

    base32_encode(id->bytes, ID_BYTES, plain);
    for (size_t i = 0; i < CHARACTERS; i++) {
        if (i > 0 && i % GROUP == 0)
            text[end++] = '-';
        text[end++] = plain[i];
    }
    text[end] = '\0';
    return text;
}

int id_parse(const char *text, struct id *id)
{
    char plain[CHARACTERS];
    size_t end = 0;
    struct id parsed;

    for (; *text != '\0'; text++) {
        if (*text == '-')
            continue;
        if (end == CHARACTERS)
            return -ERR_SYNTAX;
        plain[end++] = *text;
    }
    if (base32_decode(plain, end, parsed.bytes, ID_BYTES) != ID_BYTES)
        return -ERR_SYNTAX;
    *id = parsed;
    return 0;
}

bool id_equal(const struct id *a, const struct id *b)
{
    return id_compare(a, b) == 0;
}

int id_compare(const struct id *a, const struct id *b)
{
    return memcmp(a->bytes, b->bytes, ID_BYTES);
}
