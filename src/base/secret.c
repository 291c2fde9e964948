/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/secret.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/crypto.h>

#include "base/err.h"

/* A signal cuts short only what is longer than 256 bytes, or waits for the seed: the rest is asked for
 * again. */
void secret_random(void *bytes, size_t len)
{
    uint8_t *rest = bytes;

    while (len > 0) {
        ssize_t count = getrandom(rest, len, 0);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) {
            err_say("no random numbers: %s", err_text(errno));
            exit(EXIT_SYSTEM);
        }
        rest += count;
        len -= (size_t)count;
    }
}

void secret_wipe(void *bytes, size_t len)
{
    explicit_bzero(bytes, len);
}

bool secret_equal(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}
