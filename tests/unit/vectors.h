/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The test vectors in tests/vectors: records of lines "NAME VALUE", an empty line between. What is not as it must be
 * fails the test. */
#ifndef YODEL_TESTS_VECTORS_H
#define YODEL_TESTS_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/place.h"

#define VECTORS_LINES_MAX 32

struct vectors {
    char *text; /* the file, cut into lines as it is read */
    char *rest;
    int count; /* of the lines of this record */
    char *names[VECTORS_LINES_MAX];
    char *values[VECTORS_LINES_MAX];
};

/* Open "place.txt". No record is read yet. */
void vectors_open(struct vectors *v, const char *name);
void vectors_close(struct vectors *v);

/* The next record. Returns false if there are no more. */
bool vectors_next(struct vectors *v);

/* The value of the first line of that name; NULL: there is none. Valid until vectors_close(). */
const char *vectors_text(const struct vectors *v, const char *name);

/* The same as bytes, which must be there. Returns how many; at most max. */
size_t vectors_bytes(const struct vectors *v, const char *name, uint8_t *bytes, size_t max);

/* Exactly len of them. */
void vectors_exactly(const struct vectors *v, const char *name, uint8_t *bytes, size_t len);

/* Any hexadecimal text. */
size_t vectors_unhex(const char *hex, uint8_t *bytes, size_t max);

/* A place as the vectors write it: "192.0.2.7 5188". */
struct place vectors_place(const char *text);

#endif
