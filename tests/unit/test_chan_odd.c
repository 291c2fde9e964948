/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whoever speaks TLS in another way, or not at all, is refused, and told apart; nothing that it sends
 * before costs memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/err.h"
#include "net/chan.h"
#include "odd.h"

static void expect(struct odd *odd, int error, const char *why)
{
    int result = odd_talk(odd);

    if (result != error || strcmp(chan_why(odd->chan), why) != 0)
        print_message("# %s: %s\n", err_text(result), chan_why(odd->chan));
    assert_int_equal(result, error);
    assert_string_equal(chan_why(odd->chan), why);
    assert_int_equal(chan_input(odd->chan, "x", 1), error ? error : 0);
    assert_int_equal(ERR_peek_error(), 0);
    assert_true(chan_is_open(odd->chan) == (error == 0));
}

/* What a peer can do otherwise, in its settings. */

static void change_nothing(struct odd *odd)
{
    (void)odd;
}

static void speak_older(struct odd *odd)
{
    SSL_CTX_set_min_proto_version(odd->context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(odd->context, TLS1_2_VERSION);
}

static void speak_more_versions(struct odd *odd)
{
    SSL_CTX_set_min_proto_version(odd->context, TLS1_VERSION);
}

static int take_other(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                      unsigned in_len, void *unused)
{
    (void)ssl, (void)in, (void)in_len, (void)unused;
    *out = (const unsigned char *)"h2";
    *out_len = 2;
    return SSL_TLSEXT_ERR_OK;
}

static int take_none(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                     unsigned in_len, void *unused)
{
    (void)ssl, (void)out, (void)out_len, (void)in, (void)in_len, (void)unused;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void offer_other_alpn(struct odd *odd)
{
    SSL_CTX_set_alpn_protos(odd->context, (const unsigned char *)"\x02h2\x08http/1.1", 12);
}

static void offer_more_alpn(struct odd *odd)
{
    SSL_CTX_set_alpn_protos(odd->context, (const unsigned char *)"\x02h2\x07yodel/1\x08http/1.1", 20);
}

static void offer_near_alpn(struct odd *odd)
{
    SSL_CTX_set_alpn_protos(odd->context, (const unsigned char *)"\x07yodel/2\x06yodel/\x08yodel/11", 24);
}

static void choose_other_alpn(struct odd *odd)
{
    SSL_CTX_set_alpn_select_cb(odd->context, take_other, NULL);
}

static void refuse_alpn(struct odd *odd)
{
    SSL_CTX_set_alpn_select_cb(odd->context, take_none, NULL);
}

static void leave_out_alpn(struct odd *odd)
{
    if (odd->is_client)
        SSL_CTX_set_alpn_protos(odd->context, NULL, 0);
    else
        SSL_CTX_set_alpn_select_cb(odd->context, NULL, NULL);
}

static void take_other_ciphers(struct odd *odd)
{
    SSL_CTX_set_ciphersuites(odd->context, "TLS_AES_256_GCM_SHA384");
}

static void take_chacha(struct odd *odd)
{
    SSL_CTX_set_ciphersuites(odd->context, "TLS_CHACHA20_POLY1305_SHA256");
}

static void take_other_groups(struct odd *odd)
{
    char groups[] = "P-256:X448";

    SSL_CTX_set1_groups_list(odd->context, groups);
}

static void take_more_groups(struct odd *odd)
{
    char groups[] = "P-256:X25519";

    SSL_CTX_set1_groups_list(odd->context, groups);
}

static void take_other_signatures(struct odd *odd)
{
    char signatures[] = "rsa_pss_rsae_sha256:ecdsa_secp256r1_sha256:ed448";

    SSL_CTX_set1_sigalgs_list(odd->context, signatures);
}

static void take_tickets(struct odd *odd)
{
    SSL_CTX_set_num_tickets(odd->context, 4);
}

static void show_no_certificate(struct odd *odd)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    SSL_CTX_set_alpn_protos(context, (const unsigned char *)"\x07yodel/1", 8);
    SSL_CTX_free(odd->context);
    odd->context = context;
}

static void show_two_certificates(struct odd *odd)
{
    assert_int_equal(SSL_CTX_add1_chain_cert(odd->context, odd->x509), 1);
}

static void ask_for_no_certificate(struct odd *odd)
{
    SSL_CTX_set_verify(odd->context, SSL_VERIFY_NONE, NULL);
}

static const char no_alpn[] = "TLS without yodel's ALPN";
static const char old[] = "TLS 1.2 or older";
static const char other_kind[] = "TLS of another kind";
static const char other_exchange[] = "TLS with another key exchange";

static const struct {
    bool is_client;
    const char *algorithm;
    void (*change)(struct odd *odd);
    int error;
    const char *why;
} peers[] = {
    {true, "ED25519", change_nothing, 0, ""},
    {true, "ED25519", speak_more_versions, 0, ""},
    {true, "ED25519", offer_more_alpn, 0, ""},
    {true, "ED25519", take_chacha, 0, ""},
    {true, "ED25519", speak_older, -ERR_TLS, old},
    {true, "ED25519", offer_other_alpn, -ERR_ALPN, no_alpn},
    {true, "ED25519", offer_near_alpn, -ERR_ALPN, no_alpn},
    {true, "ED25519", leave_out_alpn, -ERR_ALPN, no_alpn},
    {true, "ED25519", take_other_ciphers, -ERR_TLS, "TLS with other ciphers"},
    {true, "ED25519", take_other_groups, -ERR_TLS, other_exchange},
    {true, "ED25519", take_more_groups, 0, ""},
    {true, "ED25519", take_other_signatures, -ERR_TLS, "TLS with other signatures"},
    {true, "ED25519", show_no_certificate, -ERR_CERTIFICATE, "no certificate"},
    {true, "ED25519", show_two_certificates, -ERR_CERTIFICATE, "more than one certificate"},
    {true, "RSA", change_nothing, -ERR_CERTIFICATE, "no certificate"},
    {true, "P-256", change_nothing, -ERR_CERTIFICATE, "no certificate"},
    {true, "ED448", change_nothing, -ERR_CERTIFICATE, "no certificate"},
    {false, "ED25519", change_nothing, 0, ""},
    {false, "ED25519", speak_more_versions, 0, ""},
    {false, "ED25519", take_chacha, 0, ""},
    {false, "ED25519", take_tickets, 0, ""},
    {false, "ED25519", speak_older, -ERR_TLS, old},
    {false, "ED25519", choose_other_alpn, -ERR_TLS, "a broken handshake or record"},
    {false, "ED25519", refuse_alpn, -ERR_ALPN, no_alpn},
    {false, "ED25519", leave_out_alpn, -ERR_ALPN, no_alpn},
    {false, "ED25519", take_other_ciphers, -ERR_TLS, other_kind},
    {false, "ED25519", take_other_groups, -ERR_TLS, other_kind},
    {false, "ED25519", take_more_groups, 0, ""},
    {false, "ED25519", take_other_signatures, -ERR_TLS, other_kind},
    {false, "ED25519", ask_for_no_certificate, -ERR_CERTIFICATE, "one that does not ask for our certificate"},
    {false, "ED25519", show_two_certificates, -ERR_CERTIFICATE, "more than one certificate"},
    {false, "RSA", change_nothing, -ERR_TLS, other_kind},
    {false, "P-256", change_nothing, -ERR_TLS, other_kind},
    {false, "ED448", change_nothing, -ERR_TLS, other_kind},
};

static void who_speaks_otherwise_is_refused(void **state)
{
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        struct odd odd;
        odd_init(&odd, peers[i].is_client, peers[i].algorithm);
        peers[i].change(&odd);
        odd_begin(&odd);
        int result = odd_talk(&odd);
        if (result != peers[i].error || strcmp(chan_why(odd.chan), peers[i].why) != 0) {
            print_message("# peer %zu: %d %s (%s)\n", i, result, err_text(result), chan_why(odd.chan));
            wrong++;
        }
        assert_true(peers[i].error != 0 || chan_is_open(odd.chan));
        assert_int_equal(ERR_peek_error(), 0);
        odd_done(&odd);
    }
    assert_int_equal(wrong, 0);
}

/* What stands in place of the certificate of a peer that has the key to it. */
static int meet_forged(bool is_client, const uint8_t *der, size_t len, const char **why)
{
    static char text[128];
    struct odd odd;

    odd_init(&odd, is_client, "ED25519");
    odd_begin(&odd);
    odd_forge(der, len);
    int result = odd_talk(&odd);
    snprintf(text, sizeof text, "%s", chan_why(odd.chan));
    *why = text;
    assert_true(chan_is_open(odd.chan) == (result == 0));
    assert_int_equal(ERR_peek_error(), 0);
    odd_done(&odd);
    return result;
}

static void refuse_forged(const uint8_t *der, size_t len)
{
    const char *why;

    for (int is_client = 0; is_client < 2; is_client++)
        assert_int_equal(meet_forged(is_client, der, len, &why), -ERR_CERTIFICATE);
}

static void a_certificate_of_another_key_is_refused(void **state)
{
    static const char *const algorithms[] = {"ED25519", "RSA", "P-256", "ED448", "X25519"};

    (void)state;
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
        EVP_PKEY *pkey = odd_key(algorithms[i]);
        EVP_PKEY *signer = odd_key("ED25519");
        X509 *x509 = odd_certificate(pkey, signer, 0, 3600);
        uint8_t *der;
        size_t len = odd_encode(x509, &der);
        for (int is_client = 0; is_client < 2; is_client++) {
            const char *why;
            assert_int_equal(meet_forged(is_client, der, len, &why), -ERR_CERTIFICATE);
            assert_string_equal(why, i == 0 ? "the certificate of another" : "a key that is not Ed25519");
        }
        OPENSSL_free(der);
        X509_free(x509);
        EVP_PKEY_free(signer);
        EVP_PKEY_free(pkey);
    }
}

static void a_certificate_that_is_no_certificate_is_refused(void **state)
{
    static uint8_t bytes[CHAN_CERTIFICATE_MAX + 1];
    struct key *key;

    (void)state;
    assert_int_equal(key_new(&key), 0);
    refuse_forged(bytes, 1);
    refuse_forged(bytes, 100);
    refuse_forged((const uint8_t *)"\x30\x00", 2);
    refuse_forged((const uint8_t *)"\x30\x80\x00\x00", 4);
    refuse_forged((const uint8_t *)"\x30\x84\xff\xff\xff\xff", 6);
    memset(bytes, 0x30, sizeof bytes); /* as deep as it goes */
    refuse_forged(bytes, CHAN_CERTIFICATE_MAX);
    memcpy(bytes, key_certificate(key), KEY_CERTIFICATE_BYTES);
    refuse_forged(bytes, KEY_CERTIFICATE_BYTES - 1);
    refuse_forged(bytes, KEY_CERTIFICATE_BYTES + 1);
    key_free(key);
}

/* Each byte of a certificate is spoilt once: it is refused, or what was spoilt does not matter. */
static void a_spoilt_certificate_is_refused_or_harmless(void **state)
{
    struct odd odd;

    (void)state;
    for (size_t i = 0; i < KEY_CERTIFICATE_BYTES; i++) {
        struct key *key;
        uint8_t der[KEY_CERTIFICATE_BYTES];
        odd_init(&odd, i % 2, "ED25519");
        assert_int_equal(key_new(&key), 0);
        memcpy(der, key_certificate(key), sizeof der);
        der[i] ^= 0xff;
        const uint8_t *whole = key_certificate(key);
        X509 *x509 = d2i_X509(NULL, &whole, KEY_CERTIFICATE_BYTES);
        assert_int_equal(SSL_CTX_use_certificate(odd.context, x509), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(odd.context, key_openssl(key)), 1);
        X509_free(x509);
        odd_begin(&odd);
        odd_forge(der, sizeof der);
        int result = odd_talk(&odd);
        assert_true(result == -ERR_CERTIFICATE || result == 0);
        if (result == 0)
            assert_true(id_equal(chan_peer(odd.chan), key_id(key)));
        odd_done(&odd);
        key_free(key);
    }
}

static void a_certificate_may_be_so_long_and_no_longer(void **state)
{
    (void)state;
    for (int is_client = 0; is_client < 2; is_client++) {
        static const size_t lengths[] = {100, CHAN_CERTIFICATE_MAX, CHAN_CERTIFICATE_MAX + 1, 7000};
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            struct odd odd;
            odd_init(&odd, is_client, "ED25519");
            /* a comment makes it longer by more than itself: by how much is found out */
            X509 *x509 = odd_certificate(odd.pkey, odd.pkey, 1000, -1800);
            uint8_t *der;
            size_t len = odd_encode(x509, &der);
            OPENSSL_free(der);
            X509_free(x509);
            size_t comment = lengths[i] > len ? 1000 + lengths[i] - len : 1;
            x509 = odd_certificate(odd.pkey, odd.pkey, comment, -1800); /* it has expired, too */
            len = odd_encode(x509, &der);
            OPENSSL_free(der);
            assert_true(i == 0 || len == lengths[i]);
            assert_int_equal(SSL_CTX_use_certificate(odd.context, x509), 1);
            X509_free(x509);
            odd_begin(&odd);
            bool is_short = len <= CHAN_CERTIFICATE_MAX;
            expect(&odd, is_short ? 0 : -ERR_CERTIFICATE, is_short ? "" : "a certificate that is too long");
            odd_done(&odd);
        }
    }
}

/* What a chan of ours shows to a peer of any other make. */
static void openssl_sees_what_the_protocol_says(void **state)
{
    (void)state;
    for (int is_client = 0; is_client < 2; is_client++) {
        struct odd odd;
        const unsigned char *alpn;
        unsigned alpn_len;
        uint8_t ours[HASH_BYTES];
        uint8_t its[HASH_BYTES];
        uint8_t *der;
        odd_init(&odd, is_client, "ED25519");
        odd_begin(&odd);
        expect(&odd, 0, "");
        assert_int_equal(SSL_version(odd.ssl), TLS1_3_VERSION);
        /* the listener takes the first of the caller's that it has */
        assert_string_equal(SSL_get_cipher_name(odd.ssl),
                            is_client ? "TLS_CHACHA20_POLY1305_SHA256" : "TLS_AES_128_GCM_SHA256");
        assert_int_equal(SSL_get_negotiated_group(odd.ssl), NID_X25519);
        SSL_get0_alpn_selected(odd.ssl, &alpn, &alpn_len);
        assert_int_equal(alpn_len, 7);
        assert_memory_equal(alpn, "yodel/1", 7);
        assert_int_equal(
            SSL_export_keying_material(odd.ssl, its, sizeof its, "EXPORTER-yodel-1", 16, NULL, 0, 0), 1);
        assert_int_equal(chan_export(odd.chan, ours), 0);
        assert_memory_equal(ours, its, sizeof its);
        X509 *x509 = SSL_get1_peer_certificate(odd.ssl);
        assert_int_equal(odd_encode(x509, &der), KEY_CERTIFICATE_BYTES);
        assert_memory_equal(der, key_certificate(odd.key), KEY_CERTIFICATE_BYTES);
        if (is_client)
            assert_int_equal(SSL_SESSION_has_ticket(SSL_get0_session(odd.ssl)), 0);
        OPENSSL_free(der);
        X509_free(x509);
        odd_done(&odd);
    }
}

/* Carry what the chan has said to the peer. */
static void drain(struct odd *odd)
{
    size_t len;
    const uint8_t *out = chan_output(odd->chan, &len);

    if (len > 0)
        assert_int_equal(BIO_write(SSL_get_rbio(odd->ssl), out, (int)len), len);
    chan_sent(odd->chan, len);
}

/* A peer may change its keys as often as it likes. The answers to that wait, too: when there are too many
 * of them, reading waits, and goes on once they have gone. */
static void key_updates_are_answered_and_bounded(void **state)
{
    struct odd odd;
    uint8_t bytes[4096];
    char heard[8];
    size_t longest = 0;
    bool has_waited = false;

    (void)state;
    odd_init(&odd, true, "ED25519");
    odd_begin(&odd);
    assert_int_equal(odd_talk(&odd), 0);
    for (int i = 0; i < 20000; i++) {
        size_t out_len;
        assert_int_equal(SSL_key_update(odd.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(odd.ssl), 1);
        size_t len = odd_take(&odd, bytes, sizeof bytes);
        while (len > chan_room(odd.chan)) {
            has_waited = true;
            drain(&odd);
            assert_int_equal(chan_read(odd.chan, heard, sizeof heard), -EAGAIN);
        }
        assert_int_equal(chan_input(odd.chan, bytes, len), 0);
        assert_int_equal(chan_read(odd.chan, heard, sizeof heard), -EAGAIN);
        chan_output(odd.chan, &out_len);
        longest = out_len > longest ? out_len : longest;
    }
    assert_true(has_waited);
    assert_in_range(longest, CHAN_OUTPUT_MAX, CHAN_OUTPUT_MAX + CHAN_ALERTS_MAX);
    for (ssize_t count = 1; count > 0;) {
        size_t len;
        drain(&odd);
        assert_int_equal(chan_read(odd.chan, heard, sizeof heard), -EAGAIN);
        chan_output(odd.chan, &len);
        count = (ssize_t)len;
    }
    assert_int_equal(chan_write(odd.chan, "still", 5), 5);
    drain(&odd);
    assert_int_equal(SSL_read(odd.ssl, heard, sizeof heard), 5);
    assert_memory_equal(heard, "still", 5);
    odd_done(&odd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_speaks_otherwise_is_refused),
        cmocka_unit_test(a_certificate_of_another_key_is_refused),
        cmocka_unit_test(a_certificate_that_is_no_certificate_is_refused),
        cmocka_unit_test(a_spoilt_certificate_is_refused_or_harmless),
        cmocka_unit_test(a_certificate_may_be_so_long_and_no_longer),
        cmocka_unit_test(openssl_sees_what_the_protocol_says),
        cmocka_unit_test(key_updates_are_answered_and_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
