/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes become rows that can do nothing but show them. The first byte chooses the columns, 1 to 256. */
#include <locale.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "rows_check.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const char *fault = rows_fault(data + 1, size - 1, 1 + data[0]);
    if (!fault)
        return 0;
    fprintf(stderr, "%s\n", fault);
    abort();
}
