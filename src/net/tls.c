/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/tls.h"

#include <stdint.h>
#include <stdio.h>

#include <openssl/err.h>

#include "base/err.h"
#include "base/hash.h"
#include "net/chan.h"

/* A Certificate message (RFC 8446, section 4.4.2): an empty context, two lengths, the certificate, no
 * extensions. */
#define CERTIFICATE_MESSAGE_MAX (1 + 3 + 3 + CHAN_CERTIFICATE_MAX + 2)

/* OpenSSL numbers the alerts that it has received from here. */
#define REASON_ALERT 1000

static bool set_up(SSL_CTX *context, bool is_listener)
{
    char ciphers[] = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256";
    char groups[] = "X25519";
    char signatures[] = "ed25519";

    if (!SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) ||
        !SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) ||
        !SSL_CTX_set_ciphersuites(context, ciphers) || !SSL_CTX_set1_groups_list(context, groups) ||
        !SSL_CTX_set1_sigalgs_list(context, signatures) ||
        !SSL_CTX_set1_client_sigalgs_list(context, signatures) || !SSL_CTX_set_num_tickets(context, 0))
        return false;
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(context, CERTIFICATE_MESSAGE_MAX);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    const unsigned char list[] = TLS_ALPN_LIST;
    return is_listener || SSL_CTX_set_alpn_protos(context, list, sizeof list - 1) == 0;
}

SSL_CTX *tls_context(bool is_listener)
{
    hash_prepare();
    OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_SSL_STRINGS | OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    SSL_CTX *context = SSL_CTX_new(is_listener ? TLS_server_method() : TLS_client_method());
    if (context && set_up(context, is_listener))
        return context;
    SSL_CTX_free(context);
    return NULL;
}

static const struct meaning {
    int reason, error;
    const char *why;
} meanings[] = {
    {SSL_R_UNSUPPORTED_PROTOCOL, ERR_TLS, "TLS 1.2 or older"},
    {SSL_R_WRONG_VERSION_NUMBER, ERR_TLS, "TLS of an unknown version"},
    {SSL_R_WRONG_SSL_VERSION, ERR_TLS, "TLS 1.2 or older"},
    {SSL_R_BAD_PROTOCOL_VERSION_NUMBER, ERR_TLS, "TLS of an unknown version"},
    {SSL_R_NO_APPLICATION_PROTOCOL, ERR_ALPN, "TLS without yodel's ALPN"},
    {SSL_R_NO_SHARED_CIPHER, ERR_TLS, "TLS with other ciphers"},
    {SSL_R_NO_SUITABLE_KEY_SHARE, ERR_TLS, "TLS with another key exchange"},
    {SSL_R_NO_SHARED_GROUPS, ERR_TLS, "TLS with another key exchange"},
    {SSL_R_BAD_KEY_SHARE, ERR_TLS, "TLS with another key exchange"},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, ERR_TLS, "TLS with other signatures"},
    {SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, ERR_TLS, "TLS with other signatures"},
    {SSL_R_WRONG_SIGNATURE_TYPE, ERR_TLS, "TLS with other signatures"},
    {SSL_R_BAD_SIGNATURE, ERR_CERTIFICATE, "the certificate of another"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, ERR_CERTIFICATE, "no certificate"},
    {SSL_R_EXCESSIVE_MESSAGE_SIZE, ERR_TLS, "too long a message"},
    {SSL_R_CERT_LENGTH_MISMATCH, ERR_CERTIFICATE, "a malformed certificate"},
    {SSL_R_UNKNOWN_CERTIFICATE_TYPE, ERR_CERTIFICATE, "another kind of certificate"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, ERR_TLS, "a record that was changed on its way"},
    {REASON_ALERT + SSL_AD_PROTOCOL_VERSION, ERR_TLS, "TLS 1.2 or older"},
    {REASON_ALERT + SSL_AD_NO_APPLICATION_PROTOCOL, ERR_ALPN, "TLS without yodel's ALPN"},
    {REASON_ALERT + SSL_AD_BAD_CERTIFICATE, ERR_REFUSED, "one that does not accept our key"},
    {REASON_ALERT + SSL_AD_UNSUPPORTED_CERTIFICATE, ERR_REFUSED, "one that does not accept our key"},
    {REASON_ALERT + SSL_AD_CERTIFICATE_UNKNOWN, ERR_REFUSED, "one that does not accept our key"},
    {REASON_ALERT + SSL_AD_UNKNOWN_CA, ERR_REFUSED, "one that does not accept our key"},
    {REASON_ALERT + SSL_AD_ACCESS_DENIED, ERR_REFUSED, "one that does not accept our key"},
};

/* Returns whether the reason is one of those. */
static bool find_meaning(int reason, int *error, char why[static TLS_WHY_MAX])
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (meanings[i].reason != reason)
            continue;
        snprintf(why, TLS_WHY_MAX, "%s", meanings[i].why);
        *error = -meanings[i].error;
        return true;
    }
    return false;
}

/* What one entry of the queue says by itself. The only ASN.1 in a handshake of ours is that of
 * certificates. A peer that speaks TLS and has nothing in common with us, a web server for instance, says
 * only that it failed. */
static bool understand(unsigned long entry, int *error, char why[static TLS_WHY_MAX])
{
    int reason = ERR_GET_REASON(entry);

    *error = -ERR_TLS;
    switch (ERR_GET_LIB(entry)) {
    case ERR_LIB_ASN1:
    case ERR_LIB_X509:
        snprintf(why, TLS_WHY_MAX, "a malformed certificate");
        *error = -ERR_CERTIFICATE;
        return true;
    case ERR_LIB_SSL:
        break;
    default:
        return false;
    }
    if (find_meaning(reason, error, why))
        return true;
    if (reason < REASON_ALERT || reason > REASON_ALERT + UINT8_MAX)
        return false;
    if (reason == REASON_ALERT + SSL_AD_HANDSHAKE_FAILURE)
        snprintf(why, TLS_WHY_MAX, "TLS of another kind");
    else
        snprintf(why, TLS_WHY_MAX, "an alert (%s)", SSL_alert_desc_string_long(reason - REASON_ALERT));
    return true;
}

static bool awaits_certificate(const SSL *ssl)
{
    OSSL_HANDSHAKE_STATE state = SSL_get_state(ssl);

    return state == TLS_ST_CR_CERT || state == TLS_ST_SR_CERT;
}

int tls_tell(const SSL *ssl, char why[static TLS_WHY_MAX])
{
    unsigned long entry;
    int error = -ERR_TLS;

    snprintf(why, TLS_WHY_MAX, "a broken handshake or record");
    while ((entry = ERR_get_error()) != 0)
        if (understand(entry, &error, why))
            break;
    ERR_clear_error();
    if (ERR_GET_REASON(entry) == SSL_R_EXCESSIVE_MESSAGE_SIZE && awaits_certificate(ssl)) {
        snprintf(why, TLS_WHY_MAX, "a certificate that is too long");
        return -ERR_CERTIFICATE;
    }
    return error;
}
