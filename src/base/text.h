/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Making foreign text safe to show: it can do nothing to a terminal and cannot pretend to be something
 * else. Pure. */
#ifndef YODEL_BASE_TEXT_H
#define YODEL_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* The most that one unit of text becomes: "\xNN" or four bytes of UTF-8. */
#define TEXT_UNIT_MAX 4

/* Show the first unit of len bytes (1 or more): a printable character of valid UTF-8 (RFC 3629) as it is; a control,
 * a backslash, a byte that is no valid UTF-8, and each byte of a character that reorders, joins or hides text as an
 * escape: \n \r \t \\ \xNN. Writes *out_len bytes (1 to TEXT_UNIT_MAX) to out and returns how many of the
 * bytes were used (1 to 4). A character cut off by the end of the bytes counts as invalid. */
size_t text_unit(const uint8_t *bytes, size_t len, char out[static TEXT_UNIT_MAX], size_t *out_len);

/* Decode the first character of len bytes (1 or more) of UTF-8 (RFC 3629). Returns how many bytes it has (1 to
 * 4), or 0 if there is no valid one. */
size_t text_decode(const uint8_t *bytes, size_t len, uint32_t *character);

#endif
