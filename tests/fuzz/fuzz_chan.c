/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever a peer says, and whoever changes what two of us say to each other: a chan opens only for the
 * one who has the key, ends with an error that has words, and keeps to its bounds.
 *
 * The first byte of an input says what the others are: its low 2 bits the kind, the next one the role of
 * the chan (1: it listens), the rest, and one more, how many bytes come at a time. */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/err.h"
#include "net/chan.h"

enum kind {
    KIND_RAW,         /* all that the peer says */
    KIND_CERTIFICATE, /* the certificate of a peer that says everything else right; DER */
    KIND_CHANGES, /* changes of what two chans say: 2 bytes for the place, 1 to be xored with what is there */
    KIND_LATE,    /* all that comes behind a handshake that went well */
};

#define MUST(holds) ((holds) ? (void)0 : fault(__LINE__, #holds))

static void fault(int line, const char *text)
{
    fprintf(stderr, "fuzz_chan.c:%d: not so: %s\n", line, text);
    abort();
}

static const char *const pems[2] = {
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
    "-----END PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
    "-----END PRIVATE KEY-----\n",
};

/* By enum chan_role; made once. */
static const struct key *key_of(enum chan_role role)
{
    static struct key *keys[2];

    if (!keys[role])
        MUST(key_from_pem(&keys[role], pems[role], strlen(pems[role])) == 0);
    return keys[role];
}

static struct chan *begin(enum chan_role role)
{
    struct chan *chan;

    MUST(chan_new(&chan, &(struct chan_config){.role = role, .key = key_of(role)}) == 0);
    return chan;
}

/* What must hold of any chan at any time; result is what a call has returned. */
static void check(struct chan *chan, int result)
{
    size_t len;

    chan_output(chan, &len);
    MUST(len <= CHAN_OUTPUT_MAX + CHAN_ALERTS_MAX);
    MUST(result >= 0 || result == -EAGAIN || result == -ERR_TLS || result == -ERR_NOT_TLS ||
         result == -ERR_ALPN || result == -ERR_CERTIFICATE || result == -ERR_REFUSED);
    MUST((result < 0 && result != -EAGAIN) == (*chan_why(chan) != '\0'));
    MUST(result >= 0 || result == -EAGAIN || chan_room(chan) == 0);
    MUST(!chan_is_open(chan) || chan_peer(chan));
    MUST(ERR_peek_error() == 0);
}

/* Say bytes to a chan, step at a time. Returns what it says of them. */
static int say(struct chan *chan, const uint8_t *bytes, size_t len, size_t step)
{
    uint8_t heard[64];
    int result = 0;

    while (len > 0 && result == 0) {
        size_t some = len < step ? len : step;
        some = some < chan_room(chan) ? some : chan_room(chan);
        result = some > 0 ? chan_input(chan, bytes, some) : 0;
        check(chan, result);
        bytes += some;
        len -= some;
        ssize_t count = result < 0 ? result : chan_read(chan, heard, sizeof heard);
        check(chan, (int)count);
        result = count < 0 && count != -EAGAIN ? (int)count : result;
        if (count == 0)
            break;
    }
    return result;
}

static void fuzz_raw(enum chan_role role, size_t step, const uint8_t *data, size_t size)
{
    struct chan *chan = begin(role);

    say(chan, data, size, step);
    MUST(!chan_is_open(chan));
    chan_free(chan);
}

static const uint8_t *forged; /* while a peer of the next kind speaks */
static size_t forged_len;

typedef int encoder(const X509 *x509, unsigned char **out);

/* libssl calls this one instead of libcrypto's when it puts a certificate into a message. */
int i2d_X509(const X509 *x509, unsigned char **out)
{
    static encoder *real;

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "i2d_X509");
    if (!forged)
        return real(x509, out);
    if (out) {
        memcpy(*out, forged, forged_len);
        *out += forged_len;
    }
    return (int)forged_len;
}

static int take_all(X509_STORE_CTX *store, void *unused)
{
    (void)store;
    (void)unused;
    return 1;
}

static int take_first(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                      unsigned in_len, void *unused)
{
    (void)ssl;
    (void)unused;
    MUST(in_len > 1);
    *out = in + 1;
    *out_len = in[0];
    return SSL_TLSEXT_ERR_OK;
}

/* OpenSSL as it is, in the role that the chan does not have. */
static SSL *begin_peer(enum chan_role role)
{
    static SSL_CTX *contexts[2];
    static const unsigned char alpn[] = "\x07" CHAN_ALPN;

    if (!contexts[role]) {
        SSL_CTX *context = SSL_CTX_new(role == CHAN_LISTENER ? TLS_server_method() : TLS_client_method());
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_cert_verify_callback(context, take_all, NULL);
        SSL_CTX_set_alpn_protos(context, alpn, sizeof alpn - 1);
        SSL_CTX_set_alpn_select_cb(context, take_first, NULL);
        SSL_CTX_use_certificate_ASN1(context, KEY_CERTIFICATE_BYTES, key_certificate(key_of(role)));
        SSL_CTX_use_PrivateKey(context, key_openssl(key_of(role)));
        contexts[role] = context;
    }
    SSL *ssl = SSL_new(contexts[role]);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (role == CHAN_LISTENER)
        SSL_set_accept_state(ssl);
    else
        SSL_set_connect_state(ssl);
    return ssl;
}

/* A certificate that is taken is that of the peer's key, and not too long. */
static void fuzz_certificate(enum chan_role role, size_t step, const uint8_t *data, size_t size)
{
    enum chan_role other = role == CHAN_CALLER ? CHAN_LISTENER : CHAN_CALLER;
    struct chan *chan = begin(role);
    SSL *peer = begin_peer(other);
    uint8_t flight[8192];
    int result = 0;

    for (int turn = 0; turn < 3 && result == 0; turn++) {
        size_t len;
        const uint8_t *out = chan_output(chan, &len);
        if (len > 0)
            BIO_write(SSL_get_rbio(peer), out, (int)len);
        chan_sent(chan, len);
        forged = data;
        forged_len = size;
        SSL_do_handshake(peer);
        forged = NULL;
        ERR_clear_error();
        int taken = BIO_read(SSL_get_wbio(peer), flight, sizeof flight);
        result = taken > 0 ? say(chan, flight, (size_t)taken, step) : 0;
    }
    MUST(result == 0 || (result == -ERR_CERTIFICATE && !chan_is_open(chan)) ||
         size == 0); /* it cannot send none */
    MUST(!chan_is_open(chan) ||
         (size <= CHAN_CERTIFICATE_MAX && id_equal(chan_peer(chan), key_id(key_of(other)))));
    SSL_free(peer);
    chan_free(chan);
}

struct changes {
    const uint8_t *bytes;
    size_t len;
    size_t at; /* how much has been carried, in all directions */
};

/* Carry what one has said to the other, with its changes. */
static int carry(struct chan *from, struct chan *to, struct changes *changes, size_t step)
{
    static uint8_t bytes[CHAN_OUTPUT_MAX + CHAN_ALERTS_MAX];
    size_t len;
    const uint8_t *out = chan_output(from, &len);

    if (len == 0)
        return 0;
    memcpy(bytes, out, len);
    chan_sent(from, len);
    for (size_t i = 0; i + 3 <= changes->len; i += 3) {
        size_t place = (size_t)changes->bytes[i] << 8 | changes->bytes[i + 1];
        if (place >= changes->at && place < changes->at + len)
            bytes[place - changes->at] ^= changes->bytes[i + 2];
    }
    changes->at += len;
    return say(to, bytes, len, step);
}

/* If both have opened, they agree on who they are and on their secret. */
static void check_agreement(struct chan *chans[static 2])
{
    uint8_t secrets[2][HASH_BYTES];

    if (!chan_is_open(chans[CHAN_LISTENER]))
        return;
    MUST(chan_is_open(chans[CHAN_CALLER]));
    for (enum chan_role role = CHAN_CALLER; role <= CHAN_LISTENER; role++) {
        MUST(id_equal(chan_peer(chans[role]), key_id(key_of(!role))));
        MUST(chan_export(chans[role], secrets[role]) == 0);
    }
    MUST(memcmp(secrets[0], secrets[1], HASH_BYTES) == 0);
}

static void fuzz_changes(size_t step, const uint8_t *data, size_t size)
{
    struct chan *chans[2] = {begin(CHAN_CALLER), begin(CHAN_LISTENER)};
    struct changes changes = {.bytes = data, .len = size};
    int result = 0;

    for (int turn = 0; turn < 6 && result == 0; turn++) {
        enum chan_role from = turn % 2 ? CHAN_LISTENER : CHAN_CALLER;
        chan_write(chans[from], "hello", 5);
        result = carry(chans[from], chans[!from], &changes, step);
        check_agreement(chans);
    }
    chan_free(chans[CHAN_CALLER]);
    chan_free(chans[CHAN_LISTENER]);
}

/* Without the keys nothing can be said that is heard. */
static void fuzz_late(enum chan_role role, size_t step, const uint8_t *data, size_t size)
{
    struct chan *chans[2] = {begin(CHAN_CALLER), begin(CHAN_LISTENER)};
    struct changes none = {.len = 0};
    uint8_t heard[64];

    for (int turn = 0; turn < 3; turn++)
        MUST(carry(chans[turn % 2], chans[!(turn % 2)], &none, SIZE_MAX) == 0);
    check_agreement(chans);
    MUST(chan_is_open(chans[role]));
    for (size_t at = 0; at < size && chan_room(chans[role]) > 0; at += step) {
        check(chans[role], chan_input(chans[role], data + at, size - at < step ? size - at : step));
        ssize_t count = chan_read(chans[role], heard, sizeof heard);
        MUST(count == -EAGAIN || count == -ERR_TLS);
        check(chans[role], (int)count);
    }
    chan_free(chans[CHAN_CALLER]);
    chan_free(chans[CHAN_LISTENER]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    enum kind kind = data[0] & 3;
    enum chan_role role = data[0] & 4 ? CHAN_LISTENER : CHAN_CALLER;
    size_t step = (data[0] >> 3) + (size_t)1;
    if (step == 32)
        step = SIZE_MAX;
    uint8_t *rest = malloc(size - 1); /* so that a sanitizer sees who reads on */
    memcpy(rest, data + 1, size - 1);
    hash_prepare();
    switch (kind) {
    case KIND_RAW:
        fuzz_raw(role, step, rest, size - 1);
        break;
    case KIND_CERTIFICATE:
        fuzz_certificate(role, step, rest, size - 1);
        break;
    case KIND_CHANGES:
        fuzz_changes(step, rest, size - 1);
        break;
    case KIND_LATE:
        fuzz_late(role, step < size ? step : size, rest, size - 1);
        break;
    }
    free(rest);
    return 0;
}
