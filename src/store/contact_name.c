/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/contact_name.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define SUFFIX_MAX 8 /* "-9999999" */

enum kind { GOOD, BAD, UNSEEN };

/* Blanks that are not ASCII's, and letters that have no shape. */
static bool is_blank(uint32_t character)
{
    static const uint32_t blanks[] = {0x20,   0xa0,   0x115f, 0x1160, 0x1680, 0x202f,
                                      0x205f, 0x2800, 0x3000, 0x3164, 0xffa0};

    for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++)
        if (character == blanks[i])
            return true;
    return character >= 0x2000 && character <= 0x200a;
}

/* What has no place of its own, and is not among the unsafe ones of base/text. */
static bool is_unseen(uint32_t character)
{
    return character == 0x34f || character == 0x17b4 || character == 0x17b5 ||
           (character >= 0x180b && character <= 0x180f) || (character >= 0xfe00 && character <= 0xfe0f);
}

/* The first character of a string that is not empty, and its length in bytes. */
static enum kind look(const char *text, size_t *len)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t left = strlen(text), shown_len;
    char shown[TEXT_UNIT_MAX];
    uint32_t character = 0;

    *len = text_decode(bytes, left, &character);
    if (*len == 0) {
        *len = 1;
        return BAD;
    }
    if (character < ' ' || character == 0x7f || (character < 0x80 && strchr(".:/[]\\ ", (int)character)) ||
        is_blank(character))
        return BAD;
    text_unit(bytes, left, shown, &shown_len);
    if (is_unseen(character) || shown_len != *len || memcmp(shown, text, shown_len) != 0)
        return UNSEEN;
    return GOOD;
}

/* What is allowed, and yet more than a character to a shell. */
static bool is_special(char character)
{
    return character > ' ' && character < 0x7f && strchr("!\"#$%&'()*;<=>?^`{|}~", character);
}

static bool is_reserved(const char *name)
{
    return *name == '\0' || *name == '-' || strcasecmp(name, "localhost") == 0;
}

bool contact_name_is_valid(const char *name)
{
    size_t len = 0;

    if (is_reserved(name) || strlen(name) > CONTACT_NAME_MAX)
        return false;
    for (const char *at = name; *at; at += len)
        if (look(at, &len) != GOOD)
            return false;
    return true;
}

/* What nobody may propose to be called: a chat with one's own key has that name. */
static bool is_misleading(const char *name)
{
    return is_reserved(name) || strcasecmp(name, "yourself") == 0;
}

/* Whether a stranger's proposal may stay as it is. */
static bool is_harmless(const char *name)
{
    for (const char *at = name; *at; at++)
        if (is_special(*at))
            return false;
    return contact_name_is_valid(name) && !is_misleading(name);
}

void contact_name_clean(const char *proposed, char name[static CONTACT_NAME_MAX + 1])
{
    size_t used = 0, len = 0;

    if (is_harmless(proposed)) {
        memcpy(name, proposed, strlen(proposed) + 1);
        return;
    }
    for (const char *at = proposed; *at; at += len) {
        enum kind kind = look(at, &len);
        bool dash = kind == BAD || *at == '-' || is_special(*at);
        if (kind == UNSEEN || (dash && (used == 0 || name[used - 1] == '-')))
            continue;
        if (used + (dash ? 1 : len) > CONTACT_NAME_MAX)
            break;
        memcpy(name + used, dash ? "-" : at, dash ? 1 : len);
        used += dash ? 1 : len;
    }
    while (used && name[used - 1] == '-')
        used--;
    name[used] = '\0';
    if (is_misleading(name))
        memcpy(name, "peer", sizeof "peer");
}

int contact_name_stem(const char *name)
{
    size_t len = strlen(name);

    if (len > CONTACT_NAME_MAX - SUFFIX_MAX) {
        len = CONTACT_NAME_MAX - SUFFIX_MAX;
        while (((uint8_t)name[len] & 0xc0) == 0x80)
            len--;
    }
    return (int)len;
}

void contact_name_number(const char *name, int number, char numbered[static CONTACT_NAME_MAX + 1])
{
    snprintf(numbered, CONTACT_NAME_MAX + 1, "%.*s-%d", contact_name_stem(name), name, number);
}
