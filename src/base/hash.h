/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SHA-256, and HMAC (RFC 2104) with it. Pure. Without memory the process ends with a message; nothing else
 * can fail. */
#ifndef YODEL_BASE_HASH_H
#define YODEL_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_BYTES 32

/* A piece of what is hashed: len bytes, 0 or more. */
struct hash_part {
    const void *bytes;
    size_t len;
};

/* Hash count parts, one after the other and nothing between. */
void hash_sha256(const struct hash_part *parts, int count, uint8_t out[static HASH_BYTES]);

/* The same with a key of key_len bytes (0 or more). */
void hash_hmac(const void *key, size_t key_len, const struct hash_part *parts, int count,
               uint8_t out[static HASH_BYTES]);

/* Make OpenSSL ready, for whoever uses it first, in this file or another: it reads no configuration of the
 * machine (openssl.cnf could load other algorithms, and change what TLS allows) and loads no texts of
 * errors. Every call but the first does nothing. */
void hash_prepare(void);

#endif
