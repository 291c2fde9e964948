/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/key.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/secret.h"

#define SEED_BYTES 32
#define PUBLIC_BYTES 32
#define SIGNATURE_BYTES 64

/* A private key in PKCS#8 (RFC 8410, section 7) has one form, too: these bytes, then the seed. 48 bytes
 * are 64 characters. */
#define PKCS8_PREFIX "\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"
#define PKCS8_PREFIX_BYTES 16
#define PKCS8_BYTES (PKCS8_PREFIX_BYTES + SEED_BYTES)
#define PKCS8_CHARACTERS (PKCS8_BYTES / 3 * 4)

#define PEM_BEGIN "-----BEGIN PRIVATE KEY-----"
#define PEM_END "-----END PRIVATE KEY-----"

/* The certificate, but for the public key and the signature. The lengths count those, too. */
#define VERSION_3 "\xa0\x03\x02\x01\x02"
#define SERIAL_1 "\x02\x01\x01"
#define ED25519 "\x30\x05\x06\x03\x2b\x65\x70"
#define CN_YODEL "\x30\x10\x31\x0e\x30\x0c\x06\x03\x55\x04\x03\x0c\x05yodel"
#define UTC_TIME "\x17\x0d"
#define GENERALIZED_TIME "\x18\x0f"
#define VALIDITY "\x30\x20" UTC_TIME "700101000000Z" GENERALIZED_TIME "99991231235959Z"
#define SPKI KEY_SPKI_PREFIX "\0"
#define TO_BE_SIGNED "\x30\x81\x81" VERSION_3 SERIAL_1 ED25519 CN_YODEL VALIDITY CN_YODEL SPKI
#define CERTIFICATE_HEAD "\x30\x81\xce"
#define SIGNATURE_HEAD ED25519 "\x03\x41\x00"

struct key {
    EVP_PKEY *pkey;
    uint8_t seed[SEED_BYTES]; /* again: OpenSSL leaves copies in memory when it is asked for it */
    struct id id;
    uint8_t certificate[KEY_CERTIFICATE_BYTES];
};

/* Append a piece, of which sizeof counts a NUL too many. */
#define PUT(end, piece) ((uint8_t *)memcpy(end, piece, sizeof(piece) - 1) + sizeof(piece) - 1)

/* Returns whether there was the memory for it. */
static bool sign(EVP_PKEY *pkey, const uint8_t *bytes, size_t len, uint8_t signature[static SIGNATURE_BYTES])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t signature_len = SIGNATURE_BYTES;
    bool done = context && EVP_DigestSignInit(context, NULL, NULL, NULL, pkey) == 1 &&
                EVP_DigestSign(context, signature, &signature_len, bytes, len) == 1;

    EVP_MD_CTX_free(context);
    return done;
}

static bool certify(struct key *key, const uint8_t public[static PUBLIC_BYTES])
{
    uint8_t *begin = PUT(key->certificate, CERTIFICATE_HEAD);
    uint8_t *end = PUT(begin, TO_BE_SIGNED);

    memcpy(end, public, PUBLIC_BYTES);
    end += PUBLIC_BYTES;
    uint8_t *signature = PUT(end, SIGNATURE_HEAD);
    return sign(key->pkey, begin, (size_t)(end - begin), signature);
}

static int key_from_seed(struct key **key, const uint8_t seed[static SEED_BYTES])
{
    uint8_t public[PUBLIC_BYTES];
    uint8_t spki[KEY_SPKI_BYTES] = KEY_SPKI_PREFIX;
    size_t len = sizeof public;
    struct key *made = calloc(1, sizeof *made);

    hash_prepare();
    if (!made || !(made->pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SEED_BYTES)) ||
        EVP_PKEY_get_raw_public_key(made->pkey, public, &len) != 1 || !certify(made, public)) {
        err_say("out of memory: a key needs some");
        exit(EXIT_SYSTEM);
    }
    memcpy(made->seed, seed, SEED_BYTES);
    memcpy(spki + KEY_SPKI_PREFIX_BYTES, public, sizeof public);
    key_id_of(spki, sizeof spki, &made->id);
    *key = made;
    return 0;
}

int key_new(struct key **key)
{
    uint8_t seed[SEED_BYTES];

    secret_random(seed, sizeof seed);
    int result = key_from_seed(key, seed);
    secret_wipe(seed, sizeof seed);
    return result;
}

static bool is_space(char character)
{
    return character == ' ' || character == '\t' || character == '\r' || character == '\n';
}

/* Collect the characters between the two lines, without white space. Returns whether it is as many as
 * there must be. */
static bool find_body(const char *pem, size_t len, char body[static PKCS8_CHARACTERS])
{
    const char *begin = memmem(pem, len, PEM_BEGIN, strlen(PEM_BEGIN));
    size_t count = 0;

    if (!begin)
        return false;
    begin += strlen(PEM_BEGIN);
    const char *end = memmem(begin, (size_t)(pem + len - begin), PEM_END, strlen(PEM_END));
    if (!end)
        return false;
    for (; begin < end; begin++) {
        if (is_space(*begin))
            continue;
        if (count == PKCS8_CHARACTERS)
            return false;
        body[count++] = *begin;
    }
    return count == PKCS8_CHARACTERS;
}

int key_from_pem(struct key **key, const char *pem, size_t len)
{
    char body[PKCS8_CHARACTERS];
    uint8_t der[PKCS8_BYTES];
    int result = -ERR_KEY;

    if (find_body(pem, len, body) && !memchr(body, '=', sizeof body) &&
        EVP_DecodeBlock(der, (const unsigned char *)body, sizeof body) == sizeof der &&
        memcmp(der, PKCS8_PREFIX, PKCS8_PREFIX_BYTES) == 0)
        result = key_from_seed(key, der + PKCS8_PREFIX_BYTES);
    secret_wipe(body, sizeof body);
    secret_wipe(der, sizeof der);
    return result;
}

int key_to_pem(const struct key *key, char pem[static KEY_PEM_MAX])
{
    uint8_t der[PKCS8_BYTES] = PKCS8_PREFIX;
    char body[PKCS8_CHARACTERS + 1];

    memcpy(der + PKCS8_PREFIX_BYTES, key->seed, SEED_BYTES);
    EVP_EncodeBlock((unsigned char *)body, der, sizeof der);
    int written = snprintf(pem, KEY_PEM_MAX, PEM_BEGIN "\n%s\n" PEM_END "\n", body);
    secret_wipe(der, sizeof der);
    secret_wipe(body, sizeof body);
    return written;
}

const struct id *key_id(const struct key *key)
{
    return &key->id;
}

const uint8_t *key_certificate(const struct key *key)
{
    return key->certificate;
}

int key_id_of(const uint8_t *spki, size_t len, struct id *id)
{
    if (len != KEY_SPKI_BYTES || memcmp(spki, KEY_SPKI_PREFIX, KEY_SPKI_PREFIX_BYTES) != 0)
        return -ERR_CERTIFICATE;
    hash_sha256(&(struct hash_part){spki, len}, 1, id->bytes);
    return 0;
}

void key_free(struct key *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->pkey);
    secret_wipe(key, sizeof *key);
    free(key);
}

struct evp_pkey_st *key_openssl(const struct key *key)
{
    return key->pkey;
}
