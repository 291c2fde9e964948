/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What OpenSSL is told, so that it speaks TLS in the one way that chan.h describes, and what it tells. For
 * chan.c alone. */
#ifndef YODEL_NET_TLS_H
#define YODEL_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

/* The longest text of tls_tell() and a NUL. */
#define TLS_WHY_MAX 96

/* The name of the protocol as it stands in the list of a message: its length first (RFC 7301, section
 * 3.1). */
#define TLS_ALPN_LIST "\x07" CHAN_ALPN

/* Settings for one side: everything but callbacks, certificates and keys. Both sides must show a
 * certificate; who looks at it is set by the owner, who frees them. Returns NULL without memory. */
SSL_CTX *tls_context(bool is_listener);

/* What OpenSSL's queue of errors means after a call for ssl has failed: one of chan_input()'s errors, and
 * words for people in why. The queue is empty then. */
int tls_tell(const SSL *ssl, char why[static TLS_WHY_MAX]);

#endif
