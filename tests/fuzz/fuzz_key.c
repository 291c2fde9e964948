/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever is in the file of a key: it is a key, which is written and read back as the same one, or it is
 * refused. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "net/key.h"

#define MUST(holds) ((holds) ? (void)0 : fault(__LINE__, #holds))

static void fault(int line, const char *text)
{
    fprintf(stderr, "fuzz_key.c:%d: not so: %s\n", line, text);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct key *key = NULL;
    struct key *again = NULL;
    char pem[KEY_PEM_MAX];
    int result = key_from_pem(&key, (const char *)data, size);

    if (result != 0) {
        MUST(result == -ERR_KEY && !key);
        return 0;
    }
    int len = key_to_pem(key, pem);
    MUST(len == (int)strlen(pem) && len < KEY_PEM_MAX);
    MUST(key_from_pem(&again, pem, (size_t)len) == 0);
    MUST(id_equal(key_id(key), key_id(again)));
    MUST(memcmp(key_certificate(key), key_certificate(again), KEY_CERTIFICATE_BYTES) == 0);
    key_free(again);
    key_free(key);
    return 0;
}
