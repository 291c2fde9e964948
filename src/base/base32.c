/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/base32.h"

#include "base/err.h"

size_t base32_encode(const uint8_t *bytes, size_t len, char *text)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    size_t count = 0;
    unsigned waiting = 0;
    unsigned bits = 0;

    for (size_t i = 0; i < len; i++) {
        waiting = (waiting << 8 | bytes[i]) & 0xfff;
        for (bits += 8; bits >= 5; bits -= 5)
            text[count++] = alphabet[waiting >> (bits - 5) & 31];
    }
    if (bits > 0)
        text[count++] = alphabet[waiting << (5 - bits) & 31];
    text[count] = '\0';
    return count;
}

/* The five bits of a character, or -1. Letters of the locale are none. */
static int value(char character)
{
    if (character >= 'a' && character <= 'z')
        return character - 'a';
    if (character >= 'A' && character <= 'Z')
        return character - 'A';
    if (character >= '2' && character <= '7')
        return character - '2' + 26;
    return -1;
}

ssize_t base32_decode(const char *text, size_t len, uint8_t *bytes, size_t max)
{
    size_t count = 0;
    unsigned waiting = 0;
    unsigned bits = 0;

    for (size_t i = 0; i < len; i++) {
        int five = value(text[i]);
        if (five < 0)
            return -ERR_SYNTAX;
        waiting = (waiting << 5 | (unsigned)five) & 0xfff;
        bits += 5;
        if (bits < 8)
            continue;
        if (count == max)
            return -ERR_FULL;
        bits -= 8;
        bytes[count++] = (uint8_t)(waiting >> bits);
    }
    if (bits >= 5 || (waiting & ((1u << bits) - 1)) != 0)
        return -ERR_SYNTAX;
    return (ssize_t)count;
}
