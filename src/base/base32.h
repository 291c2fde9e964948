/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes as letters and digits that survive being read aloud, mailed and typed: base32 (RFC 4648, section
 * 6), in lower case and without padding. Pure. */
#ifndef YODEL_BASE_BASE32_H
#define YODEL_BASE_BASE32_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How many characters len bytes make. */
#define BASE32_CHARACTERS(len) (((len)*8 + 4) / 5)

/* Write len bytes as BASE32_CHARACTERS(len) characters and a NUL. Returns their number, without the NUL. */
size_t base32_encode(const uint8_t *bytes, size_t len, char *text);

/* Read len characters, in any case. Only what base32_encode() writes is understood: nothing between the
 * characters, no padding, and the bits that no byte needs are 0. Returns the number of bytes; -ERR_SYNTAX;
 * or -ERR_FULL if there are more than max of them. What is in bytes after an error is undefined. */
ssize_t base32_decode(const char *text, size_t len, uint8_t *bytes, size_t max);

#endif
