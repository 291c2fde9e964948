/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "odd.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/hash.h"

static const uint8_t *forged;
static size_t forged_len;
static bool is_odd; /* who speaks now */

typedef int encoder(const X509 *x509, unsigned char **out);

/* libssl calls this one instead of libcrypto's when it puts a certificate into a message. */
int i2d_X509(const X509 *x509, unsigned char **out)
{
    encoder *real;

    if (!forged || !is_odd) {
        *(void **)&real = dlsym(RTLD_NEXT, "i2d_X509");
        return real(x509, out);
    }
    if (out) {
        memcpy(*out, forged, forged_len);
        *out += forged_len;
    }
    return (int)forged_len;
}

void odd_forge(const uint8_t *der, size_t len)
{
    forged = der;
    forged_len = len;
}

size_t odd_encode(X509 *x509, uint8_t **der)
{
    *der = NULL;
    int len = i2d_X509(x509, der);
    assert_true(len > 0);
    return (size_t)len;
}

static void add_comment(X509 *x509, size_t len)
{
    static uint8_t text[8192];
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();

    assert_in_range(len, 1, sizeof text);
    assert_int_equal(ASN1_OCTET_STRING_set(octets, text, (int)len), 1);
    X509_EXTENSION *extension = X509_EXTENSION_create_by_NID(NULL, NID_netscape_comment, 0, octets);
    assert_int_equal(X509_add_ext(x509, extension, -1), 1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(octets);
}

X509 *odd_certificate(EVP_PKEY *pkey, EVP_PKEY *signer, size_t comment, long valid_s)
{
    X509 *x509 = X509_new();
    X509_NAME *name = X509_NAME_new();
    bool is_edwards = EVP_PKEY_is_a(signer, "ED25519") || EVP_PKEY_is_a(signer, "ED448");

    X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const unsigned char *)"somebody else", -1, -1, 0);
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 4711);
    X509_set_subject_name(x509, name);
    X509_set_issuer_name(x509, name);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), valid_s);
    assert_int_equal(X509_set_pubkey(x509, pkey), 1);
    if (comment > 0)
        add_comment(x509, comment);
    assert_true(X509_sign(x509, signer, is_edwards ? NULL : EVP_sha256()) > 0);
    X509_NAME_free(name);
    return x509;
}

static int take_ours(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                     unsigned in_len, void *unused)
{
    static const unsigned char list[] = "\x07" CHAN_ALPN;
    unsigned char *chosen;

    (void)ssl;
    (void)unused;
    if (SSL_select_next_proto(&chosen, out_len, list, sizeof list - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int take_all(X509_STORE_CTX *store, void *unused)
{
    (void)store;
    (void)unused;
    return 1;
}

EVP_PKEY *odd_key(const char *algorithm)
{
    EVP_PKEY *pkey = strcmp(algorithm, "RSA") == 0     ? EVP_RSA_gen(2048)
                     : strcmp(algorithm, "P-256") == 0 ? EVP_EC_gen("P-256")
                                                       : EVP_PKEY_Q_keygen(NULL, NULL, algorithm);

    assert_non_null(pkey);
    return pkey;
}

void odd_init(struct odd *odd, bool is_client, const char *algorithm)
{
    static const unsigned char list[] = "\x07" CHAN_ALPN;

    *odd = (struct odd){.is_client = is_client};
    hash_prepare();
    odd_forge(NULL, 0);
    assert_int_equal(key_new(&odd->key), 0);
    odd->context = SSL_CTX_new(is_client ? TLS_client_method() : TLS_server_method());
    assert_non_null(odd->context);
    odd->pkey = odd_key(algorithm);
    odd->x509 = odd_certificate(odd->pkey, odd->pkey, 0, 3600);
    assert_int_equal(SSL_CTX_use_certificate(odd->context, odd->x509), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(odd->context, odd->pkey), 1);
    SSL_CTX_set_verify(odd->context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(odd->context, take_all, NULL);
    if (is_client)
        assert_int_equal(SSL_CTX_set_alpn_protos(odd->context, list, sizeof list - 1), 0);
    else
        SSL_CTX_set_alpn_select_cb(odd->context, take_ours, NULL);
}

void odd_begin(struct odd *odd)
{
    struct chan_config config = {.role = odd->is_client ? CHAN_LISTENER : CHAN_CALLER, .key = odd->key};

    assert_int_equal(chan_new(&odd->chan, &config), 0);
    odd->ssl = SSL_new(odd->context);
    SSL_set_bio(odd->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (odd->is_client)
        SSL_set_connect_state(odd->ssl);
    else
        SSL_set_accept_state(odd->ssl);
}

void odd_done(struct odd *odd)
{
    odd_forge(NULL, 0);
    chan_free(odd->chan);
    key_free(odd->key);
    SSL_free(odd->ssl);
    SSL_CTX_free(odd->context);
    X509_free(odd->x509);
    EVP_PKEY_free(odd->pkey);
}

size_t odd_take(struct odd *odd, uint8_t *bytes, size_t max)
{
    int len = BIO_read(SSL_get_wbio(odd->ssl), bytes, (int)max);

    return len > 0 ? (size_t)len : 0;
}

/* Returns whether something was carried. */
static bool carry(struct odd *odd)
{
    uint8_t bytes[4096];
    size_t out_len;
    const uint8_t *out = chan_output(odd->chan, &out_len);
    size_t room = chan_room(odd->chan);

    if (out_len > 0)
        assert_int_equal(BIO_write(SSL_get_rbio(odd->ssl), out, (int)out_len), out_len);
    chan_sent(odd->chan, out_len);
    size_t in_len = odd_take(odd, bytes, room < sizeof bytes ? room : sizeof bytes);
    if (in_len > 0)
        odd->result = chan_input(odd->chan, bytes, in_len);
    return in_len > 0 || out_len > 0;
}

int odd_talk(struct odd *odd)
{
    do {
        char byte;
        is_odd = true;
        if (SSL_is_init_finished(odd->ssl))
            SSL_read(odd->ssl, &byte, 1);
        else
            SSL_do_handshake(odd->ssl);
        is_odd = false;
        ERR_clear_error();
    } while (carry(odd));
    if (odd->result == 0 && chan_is_open(odd->chan)) {
        char byte;
        ssize_t count = chan_read(odd->chan, &byte, 1);
        odd->result = count < 0 && count != -EAGAIN ? (int)count : 0;
    }
    return odd->result;
}
