/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/chan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "base/err.h"
#include "net/banner.h"
#include "net/tls.h"

/* How much of our first message is kept to know it again. It has less, in one record. */
#define HELLO_MAX 512

/* What X509_STORE_CTX_set_error() takes so that OpenSSL sends the alert that fits. */
enum verdict {
    ACCEPTED = X509_V_OK,
    BAD_CERTIFICATE = X509_V_ERR_CERT_REJECTED,
    CERTIFICATE_UNKNOWN = X509_V_ERR_PERMITTED_VIOLATION,
    HANDSHAKE_FAILURE = X509_V_ERR_APPLICATION_VERIFICATION,
};

struct chan {
    SSL *ssl;
    struct chan_config config;
    struct buf in;   /* from the network, not opened yet */
    struct buf out;  /* to the network */
    size_t taken;    /* in all, before it was open */
    uint64_t sealed; /* records, since the keys were changed last */
    bool open;
    bool asked;  /* for our certificate */
    bool ended;  /* the peer has said goodbye */
    bool closed; /* we have */
    bool has_peer;
    struct id peer;
    int error;
    char why[TLS_WHY_MAX];
    uint8_t hello[HELLO_MAX]; /* our first message */
    size_t hello_len;
    size_t echoed; /* how much of it has come back, and nothing else */
};

/* The first error stays: those that follow come from it. Returns it. */
static int fail(struct chan *chan, int error, const char *why)
{
    if (chan->error)
        return chan->error;
    chan->error = error;
    snprintf(chan->why, sizeof chan->why, "%s", why);
    return error;
}

/* The same for what OpenSSL says. */
static int fail_as_told(struct chan *chan)
{
    char why[TLS_WHY_MAX];
    int error = tls_tell(chan->ssl, why);

    return fail(chan, error, why);
}

/* What OpenSSL reads and writes: the two buffers, instead of a socket. */

static int bio_read(BIO *bio, char *bytes, int len)
{
    struct chan *chan = BIO_get_data(bio);
    size_t waiting = buf_len(&chan->in);
    size_t some = (size_t)len < waiting ? (size_t)len : waiting;

    BIO_clear_retry_flags(bio);
    if (some == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(bytes, buf_bytes(&chan->in), some);
    buf_consume(&chan->in, some);
    return (int)some;
}

static int bio_write(BIO *bio, const char *bytes, int len)
{
    struct chan *chan = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (buf_append(&chan->out, bytes, (size_t)len) == 0)
        return len;
    BIO_set_retry_write(bio);
    return -1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

/* Made once; NULL without memory. */
static const BIO_METHOD *bio_method(void)
{
    static BIO_METHOD *method;

    if (method)
        return method;
    BIO_METHOD *made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "chan");
    if (!made)
        return NULL;
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_ctrl(made, bio_control);
    return method = made;
}

/* What OpenSSL asks in between. */

static bool is_ours(const SSL *ssl)
{
    const unsigned char *chosen;
    unsigned len;

    SSL_get0_alpn_selected(ssl, &chosen, &len);
    return len == strlen(CHAN_ALPN) && memcmp(chosen, CHAN_ALPN, len) == 0;
}

static int find_id(X509 *certificate, struct id *id)
{
    uint8_t *spki = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &spki);
    int result = len > 0 ? key_id_of(spki, (size_t)len, id) : -ERR_CERTIFICATE;

    OPENSSL_free(spki);
    return result;
}

static enum verdict judge(struct chan *chan, X509 *first, int count)
{
    if (!is_ours(chan->ssl)) {
        fail(chan, -ERR_ALPN, "TLS without yodel's ALPN");
        return HANDSHAKE_FAILURE;
    }
    if (count != 1) {
        fail(chan, -ERR_CERTIFICATE, "more than one certificate");
        return BAD_CERTIFICATE;
    }
    if (find_id(first, &chan->peer) < 0) {
        fail(chan, -ERR_CERTIFICATE, "a key that is not Ed25519");
        return BAD_CERTIFICATE;
    }
    chan->has_peer = true;
    int result = chan->config.judge ? chan->config.judge(chan->config.context, &chan->peer) : 0;
    if (result == 0)
        return ACCEPTED;
    fail(chan, result, "a key that is not accepted");
    return CERTIFICATE_UNKNOWN;
}

static int on_certificate(X509_STORE_CTX *store, void *unused)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    X509 *first = X509_STORE_CTX_get0_cert(store);
    enum verdict verdict =
        judge(SSL_get_app_data(ssl), first, sk_X509_num(X509_STORE_CTX_get0_untrusted(store)));

    (void)unused;
    X509_STORE_CTX_set_error(store, verdict);
    return verdict == ACCEPTED;
}

/* An older version is told by OpenSSL itself, behind this. */
static int on_hello(SSL *ssl, int *alert, void *unused)
{
    const unsigned char *bytes;
    size_t len;

    (void)unused;
    if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_versions, &bytes, &len) ||
        SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &bytes, &len))
        return SSL_CLIENT_HELLO_SUCCESS;
    fail(SSL_get_app_data(ssl), -ERR_ALPN, "TLS without yodel's ALPN");
    *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
    return SSL_CLIENT_HELLO_ERROR;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                   unsigned in_len, void *unused)
{
    static const unsigned char list[] = TLS_ALPN_LIST;
    unsigned char *chosen;

    (void)ssl;
    (void)unused;
    if (SSL_select_next_proto(&chosen, out_len, list, sizeof list - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int on_certificate_request(SSL *ssl, void *unused)
{
    struct chan *chan = SSL_get_app_data(ssl);

    (void)unused;
    chan->asked = true;
    return 1;
}

/* Made once for each role; NULL without memory. */
static SSL_CTX *context_of(enum chan_role role)
{
    static SSL_CTX *contexts[2];
    SSL_CTX *made;

    if (contexts[role] || !(made = tls_context(role == CHAN_LISTENER)))
        return contexts[role];
    SSL_CTX_set_cert_verify_callback(made, on_certificate, NULL);
    if (role == CHAN_LISTENER) {
        SSL_CTX_set_client_hello_cb(made, on_hello, NULL);
        SSL_CTX_set_alpn_select_cb(made, on_alpn, NULL);
    } else {
        SSL_CTX_set_cert_cb(made, on_certificate_request, NULL);
    }
    return contexts[role] = made;
}

void chan_prepare(enum chan_role role)
{
    context_of(role); /* what is missing is told by chan_new() */
    ERR_clear_error();
}

static int shake(struct chan *chan)
{
    ERR_clear_error();
    int result = SSL_do_handshake(chan->ssl);
    int problem = result == 1 ? SSL_ERROR_NONE : SSL_get_error(chan->ssl, result);
    switch (problem) {
    case SSL_ERROR_NONE:
        if (chan->config.role == CHAN_CALLER && !chan->asked)
            return fail(chan, -ERR_CERTIFICATE, "one that does not ask for our certificate");
        chan->open = true;
        return 0;
    case SSL_ERROR_WANT_READ:
        if (chan->taken < CHAN_HANDSHAKE_MAX)
            return 0;
        return fail(chan, -ERR_TLS, "too long a handshake");
    case SSL_ERROR_ZERO_RETURN:
        return fail(chan, -ERR_TLS, "a goodbye instead of a handshake");
    default:
        return fail_as_told(chan);
    }
}

static bool attach(struct chan *chan)
{
    SSL_CTX *context = context_of(chan->config.role);
    const BIO_METHOD *method = bio_method();
    BIO *bio;

    if (!context || !method || !(chan->ssl = SSL_new(context)) || !(bio = BIO_new(method)))
        return false;
    BIO_set_data(bio, chan);
    BIO_set_init(bio, 1);
    SSL_set_bio(chan->ssl, bio, bio);
    SSL_set_app_data(chan->ssl, chan);
    return SSL_use_certificate_ASN1(chan->ssl, key_certificate(chan->config.key), KEY_CERTIFICATE_BYTES) ==
               1 &&
           SSL_use_PrivateKey(chan->ssl, key_openssl(chan->config.key)) == 1;
}

/* The first message of a caller, and a copy of it. */
static int call(struct chan *chan)
{
    SSL_set_connect_state(chan->ssl);
    int error = shake(chan);
    size_t len = buf_len(&chan->out);

    chan->hello_len = len < HELLO_MAX ? len : HELLO_MAX;
    if (len > 0)
        memcpy(chan->hello, buf_bytes(&chan->out), chan->hello_len);
    return error;
}

int chan_new(struct chan **chan, const struct chan_config *config)
{
    struct chan *made = calloc(1, sizeof *made);

    if (!made)
        return -ERR_MEMORY;
    made->config = *config;
    buf_init(&made->in, CHAN_HANDSHAKE_MAX > CHAN_INPUT_MAX ? CHAN_HANDSHAKE_MAX : CHAN_INPUT_MAX);
    buf_init(&made->out, CHAN_OUTPUT_MAX + CHAN_ALERTS_MAX);
    bool done = attach(made);
    if (done && config->role == CHAN_LISTENER)
        SSL_set_accept_state(made->ssl);
    else if (done)
        done = call(made) == 0;
    ERR_clear_error();
    if (!done) {
        chan_free(made);
        return -ERR_MEMORY;
    }
    *chan = made;
    return 0;
}

void chan_free(struct chan *chan)
{
    if (!chan)
        return;
    SSL_free(chan->ssl);
    buf_done(&chan->in);
    buf_done(&chan->out);
    free(chan);
}

size_t chan_room(const struct chan *chan)
{
    if (chan->error)
        return 0;
    return chan->open ? CHAN_INPUT_MAX - buf_len(&chan->in) : CHAN_HANDSHAKE_MAX - chan->taken;
}

/* Whether it is the other end of a loop: our first message comes back, up to its last byte. */
static bool is_echo(struct chan *chan, const uint8_t *bytes, size_t len)
{
    if (chan->taken != chan->echoed || chan->hello_len == 0)
        return false;
    size_t rest = chan->hello_len - chan->echoed;
    size_t some = len < rest ? len : rest;
    if (memcmp(bytes, chan->hello + chan->echoed, some) != 0)
        return false;
    chan->echoed += some;
    return chan->echoed == chan->hello_len;
}

static int take_in_stranger(struct chan *chan, const uint8_t *bytes, size_t len)
{
    if (chan->taken == 0 && !banner_is_tls(bytes[0]))
        return fail(chan, -ERR_NOT_TLS, banner_tell(chan->config.role == CHAN_LISTENER, bytes, len));
    if (is_echo(chan, bytes, len))
        return fail(chan, -ERR_NOT_TLS, "an echo service");
    buf_append(&chan->in, bytes, len);
    chan->taken += len;
    return shake(chan);
}

int chan_input(struct chan *chan, const void *bytes, size_t len)
{
    if (chan->error)
        return chan->error;
    if (chan->ended || len == 0)
        return 0;
    if (len > chan_room(chan))
        return -ERR_FULL;
    return chan->open ? buf_append(&chan->in, bytes, len) : take_in_stranger(chan, bytes, len);
}

ssize_t chan_read(struct chan *chan, void *bytes, size_t len)
{
    size_t count = 0;

    if (chan->error)
        return chan->error;
    if (chan->ended)
        return 0;
    if (!chan->open)
        return -EAGAIN;
    ERR_clear_error();
    if (SSL_read_ex(chan->ssl, bytes, len, &count) == 1)
        return (ssize_t)count;
    switch (SSL_get_error(chan->ssl, 0)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        chan->ended = true;
        buf_consume(&chan->in, buf_len(&chan->in));
        return 0;
    default:
        return fail_as_told(chan);
    }
}

/* Returns whether a record of len bytes went into the output. */
static bool seal(struct chan *chan, const uint8_t *bytes, size_t len)
{
    size_t count = 0;

    ERR_clear_error();
    if (chan->sealed == CHAN_REKEY_RECORDS) {
        SSL_key_update(chan->ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
        chan->sealed = 0;
    }
    if (SSL_write_ex(chan->ssl, bytes, len, &count) == 1) {
        chan->sealed++;
        return true;
    }
    fail_as_told(chan);
    return false;
}

size_t chan_write(struct chan *chan, const void *bytes, size_t len)
{
    const uint8_t *next = bytes;
    size_t taken = 0;

    if (!chan->open || chan->error || chan->closed)
        return 0;
    while (taken < len) {
        size_t some = len - taken < CHAN_RECORD_MAX ? len - taken : CHAN_RECORD_MAX;
        if (buf_len(&chan->out) + some + CHAN_SEAL_BYTES > CHAN_OUTPUT_MAX || !seal(chan, next + taken, some))
            break;
        taken += some;
    }
    return taken;
}

void chan_close(struct chan *chan)
{
    if (!chan->open || chan->error || chan->closed)
        return;
    ERR_clear_error();
    SSL_shutdown(chan->ssl);
    ERR_clear_error();
    chan->closed = true;
}

const uint8_t *chan_output(const struct chan *chan, size_t *len)
{
    *len = buf_len(&chan->out);
    return buf_bytes(&chan->out);
}

void chan_sent(struct chan *chan, size_t len)
{
    buf_consume(&chan->out, len);
}

bool chan_is_open(const struct chan *chan)
{
    return chan->open;
}

const struct id *chan_peer(const struct chan *chan)
{
    return chan->has_peer ? &chan->peer : NULL;
}

int chan_export(struct chan *chan, uint8_t out[static HASH_BYTES])
{
    if (!chan->open)
        return -ERR_TLS;
    ERR_clear_error();
    int done = SSL_export_keying_material(chan->ssl, out, HASH_BYTES, CHAN_EXPORT_LABEL,
                                          strlen(CHAN_EXPORT_LABEL), NULL, 0, 0);
    ERR_clear_error();
    return done == 1 ? 0 : -ERR_TLS;
}

const char *chan_why(const struct chan *chan)
{
    return chan->why;
}
