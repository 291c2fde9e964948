/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/hash.h"

#include <stdbool.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/err.h"

void hash_prepare(void)
{
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS, NULL);
}

/* All that OpenSSL can fail at here is finding memory. */
static void must(bool done)
{
    if (done)
        return;
    err_say("out of memory: a hash needs some");
    exit(EXIT_SYSTEM);
}

void hash_sha256(const struct hash_part *parts, int count, uint8_t out[static HASH_BYTES])
{
    hash_prepare();
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    must(context && EVP_DigestInit_ex(context, EVP_sha256(), NULL));
    for (int i = 0; i < count; i++)
        must(EVP_DigestUpdate(context, parts[i].bytes, parts[i].len));
    must(EVP_DigestFinal_ex(context, out, NULL));
    EVP_MD_CTX_free(context);
}

void hash_hmac(const void *key, size_t key_len, const struct hash_part *parts, int count,
               uint8_t out[static HASH_BYTES])
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    hash_prepare();
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = mac ? EVP_MAC_CTX_new(mac) : NULL;
    /* OpenSSL takes NULL for "the key that was there before", also if its length is 0. */
    must(context && EVP_MAC_init(context, key ? key : "", key_len, params));
    for (int i = 0; i < count; i++)
        must(EVP_MAC_update(context, parts[i].bytes, parts[i].len));
    must(EVP_MAC_final(context, out, NULL, HASH_BYTES));
    EVP_MAC_CTX_free(context);
    EVP_MAC_free(mac);
}
