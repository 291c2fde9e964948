/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What must hold of term/text, whatever the text: for the unit test and for the fuzzer. It reads the rows as a
 * terminal and a reader would and knows nothing of how they were made. */
#ifndef YODEL_TESTS_ROWS_CHECK_H
#define YODEL_TESTS_ROWS_CHECK_H

#include <stddef.h>
#include <stdint.h>

/* Show len bytes in rows of so many columns, and as one line. Returns NULL if all is well, else what is not: a text that is
 * valid until the next call. The locale has UTF-8. */
const char *rows_fault(const uint8_t *bytes, size_t len, int columns);

#endif
