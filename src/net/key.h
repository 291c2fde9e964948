/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An Ed25519 key pair (RFC 8032), which is who we are, and the certificate that carries it in TLS. Where
 * the key is kept is not the business of this room. */
#ifndef YODEL_NET_KEY_H
#define YODEL_NET_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "base/id.h"

/* The longest text of a key and a NUL; what key_to_pem() writes is shorter. */
#define KEY_PEM_MAX 256

/* A certificate is always the same but for the key and the signature: self-signed, version 3 without
 * extensions, serial number 1, CN=yodel, valid from 1970 to 9999. It is made together with the key and
 * never stored. */
#define KEY_CERTIFICATE_BYTES 209

/* The SubjectPublicKeyInfo of an Ed25519 key (DER, RFC 8410, section 4) has one form: these bytes, then
 * the 32 of the key. */
#define KEY_SPKI_BYTES 44
#define KEY_SPKI_PREFIX "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21"
#define KEY_SPKI_PREFIX_BYTES 12 /* the last one is 0 */

struct key;

/* Make a new key. Returns 0 and *key, which is the caller's. */
int key_new(struct key **key);

/* Read a key that is written as PKCS#8 in PEM (RFC 5958, RFC 7468), not encrypted, as OpenSSL and OpenSSH
 * tools and key_to_pem() write it; text before and behind it is skipped. len is at most what the caller
 * has read. Returns 0 and *key, which is the caller's, or -ERR_KEY. */
int key_from_pem(struct key **key, const char *pem, size_t len);

/* Write the private key as text with a NUL, 119 characters in three lines. It is secret: whoever gets it
 * wipes it. Returns its length. */
int key_to_pem(const struct key *key, char pem[static KEY_PEM_MAX]);

/* Who has this key. Valid as long as the key. */
const struct id *key_id(const struct key *key);

/* The certificate (DER, RFC 5280), KEY_CERTIFICATE_BYTES of them. Valid as long as the key. */
const uint8_t *key_certificate(const struct key *key);

/* The id of a key by its SubjectPublicKeyInfo. Returns 0, or -ERR_CERTIFICATE if it is not an Ed25519 key
 * in its one form. */
int key_id_of(const uint8_t *spki, size_t len, struct id *id);

/* Wipe and free a key; a chan that was given it ends before. */
void key_free(struct key *key);

/* The same key as OpenSSL knows it. Valid as long as the key. */
struct evp_pkey_st *key_openssl(const struct key *key);

#endif
