/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who somebody is: the SHA-256 of the SubjectPublicKeyInfo (DER, RFC 8410) of their key. An address is
 * only where they were last seen. Pure. */
#ifndef YODEL_BASE_ID_H
#define YODEL_BASE_ID_H

#include <stdbool.h>
#include <stdint.h>

#define ID_BYTES 32

/* The text of an id and a NUL: 13 groups of 4 lower-case characters of base32, '-' between. The same
 * everywhere. */
#define ID_TEXT_MAX 65

struct id {
    uint8_t bytes[ID_BYTES];
};

/* Write an id as "abcd-efgh-...-wxyz". Returns text. */
const char *id_print(const struct id *id, char text[static ID_TEXT_MAX]);

/* Read a whole id, in any case and with its dashes anywhere or nowhere. Each id has one text: the 4 bits that
 * it does not need must be 0. Returns 0 or -ERR_SYNTAX, which leaves *id alone. */
int id_parse(const char *text, struct id *id);

bool id_equal(const struct id *a, const struct id *b);

/* Negative, 0 or positive: a stands before b, is the same, stands behind it, by their bytes. */
int id_compare(const struct id *a, const struct id *b);

#endif
