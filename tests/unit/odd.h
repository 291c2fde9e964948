/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A peer that speaks TLS in another way than a chan: OpenSSL as it is, and certificates of any kind. */
#ifndef YODEL_TESTS_ODD_H
#define YODEL_TESTS_ODD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "net/chan.h"

struct odd {
    bool is_client; /* then the chan listens */
    SSL_CTX *context;
    SSL *ssl;
    EVP_PKEY *pkey;
    X509 *x509;
    struct key *key; /* of the chan */
    struct chan *chan;
    int result; /* what chan_input() has returned last */
};

/* A peer that does all that a chan wants to see, with a new key ("ED25519", "RSA", "P-256"...) and a
 * certificate of its own, and a chan that lets it in. What it shall do otherwise is set in context before
 * odd_begin() and in ssl after it. */
void odd_init(struct odd *odd, bool is_client, const char *algorithm);
void odd_begin(struct odd *odd);
void odd_done(struct odd *odd);

/* Let both speak until nobody has anything more to say. Returns what the chan says of it: 0 or an error. */
int odd_talk(struct odd *odd);

/* Take what the peer has said and was not carried yet. Returns how many bytes, at most max. */
size_t odd_take(struct odd *odd, uint8_t *bytes, size_t max);

/* A certificate for pkey, signed by signer, with a comment of so many bytes; valid until so many seconds
 * from now. */
X509 *odd_certificate(EVP_PKEY *pkey, EVP_PKEY *signer, size_t comment, long valid_s);

/* A new key. */
EVP_PKEY *odd_key(const char *algorithm);

/* From now on the peer sends these bytes in place of every certificate; NULL: no longer. */
void odd_forge(const uint8_t *der, size_t len);

/* The DER of a certificate; freed with OPENSSL_free(). Returns its length. */
size_t odd_encode(X509 *x509, uint8_t **der);

#endif
