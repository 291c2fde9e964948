/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS 1.3 (RFC 8446) as bytes in, bytes out, between two who have a key each. Pure but for the randomness
 * that it needs: owns no descriptor, knows no clock. Deadlines, and who may come in, are the owner's
 * business.
 *
 * The one way to speak: X25519; TLS_AES_128_GCM_SHA256 or TLS_CHACHA20_POLY1305_SHA256; Ed25519
 * signatures; ALPN CHAN_ALPN from both; from both exactly one certificate with an Ed25519 key, of which
 * nothing else is looked at. No tickets, no resumption, no early data, no compression; whatever deviates
 * ends it with an error.
 *
 * The owner's loop: read at most chan_room() bytes from the socket into chan_input(); chan_read() until
 * -EAGAIN; write what chan_output() has and tell chan_sent(); the same after an error, for its alert. An
 * end of the socket for which chan_read() has not returned 0 is a cut, never a goodbye. */
#ifndef YODEL_NET_CHAN_H
#define YODEL_NET_CHAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/hash.h"
#include "base/id.h"
#include "net/key.h"

#define CHAN_ALPN "yodel/1"

/* The label of chan_export() (RFC 8446, section 7.5). */
#define CHAN_EXPORT_LABEL "EXPORTER-yodel-1"

/* The longest certificate that is taken, in DER. Ours have KEY_CERTIFICATE_BYTES. */
#define CHAN_CERTIFICATE_MAX 2048

/* What a peer may say in all before the handshake is complete, data that comes together with its end
 * included. A handshake of ours needs 1 KiB. */
#define CHAN_HANDSHAKE_MAX ((size_t)16 << 10)

/* The memory that a peer can make a chan take before that: OpenSSL believes a ClientHello that claims to be 128 KiB
 * long. One that says nothing takes 12 KiB. Measured with OpenSSL 3.0. */
#define CHAN_STRANGER_BYTES ((size_t)192 << 10)

/* What waits for chan_read() at most after that. */
#define CHAN_INPUT_MAX ((size_t)64 << 10)

/* What fits into one record (RFC 8446, section 5.1), and what sealing it adds. */
#define CHAN_RECORD_MAX ((size_t)16 << 10)
#define CHAN_SEAL_BYTES 22

/* What chan_write() leaves waiting in chan_output() at most; alerts and the handshake come on top,
 * CHAN_ALERTS_MAX of them. */
#define CHAN_OUTPUT_MAX (4 * (CHAN_RECORD_MAX + CHAN_SEAL_BYTES))
#define CHAN_ALERTS_MAX ((size_t)4 << 10)

/* After so many records, 4 GiB if they are full, we change the keys that we seal with: long before AES-GCM must
 * (RFC 8446, section 5.5), so that it can be tested. */
#define CHAN_REKEY_RECORDS (UINT64_C(1) << 18)

struct chan;

enum chan_role { CHAN_CALLER, CHAN_LISTENER };

struct chan_config {
    enum chan_role role;
    const struct key *key; /* outlives the chan */
    /* Called once, inside chan_input(), with the id in the peer's certificate; for the caller before its
     * own goes out. That the peer has the key to it is proven only when chan_is_open(). Returns 0 to go
     * on, or a negative error, which chan_input() then returns; the peer is told that the key is not
     * accepted. NULL: everybody may go on. */
    int (*judge)(void *context, const struct id *peer);
    void *context;
};

/* Make now what all channels of a role share, so that the first one is made sooner: it takes some milliseconds. */
void chan_prepare(enum chan_role role);

/* Begin. The caller's first bytes are in chan_output() at once. Returns 0 and *chan, or -ERR_MEMORY. */
int chan_new(struct chan **chan, const struct chan_config *config);

void chan_free(struct chan *chan);

/* How many bytes the next chan_input() may bring. 0: chan_read() first, which makes room or returns an
 * error. */
size_t chan_room(const struct chan *chan);

/* Take in len bytes from the network. What follows the peer's close_notify is ignored (RFC 8446, section
 * 6.1). Returns 0; -ERR_FULL, with nothing taken in, if len exceeds chan_room(); or the error that ended
 * it, which every later call returns, too: -ERR_NOT_TLS: its first byte is not TLS, or it repeats what we
 * say; -ERR_ALPN: TLS of somebody else; -ERR_CERTIFICATE: none, more than one, too long, malformed, not an
 * Ed25519 key; or it did not ask for ours; -ERR_REFUSED: it does not accept our key; -ERR_TLS: everything
 * else: other versions and algorithms, a record that was changed, too long a handshake; what judge
 * returned. */
int chan_input(struct chan *chan, const void *bytes, size_t len);

/* Take up to len bytes (1 or more) of what the peer has said. Returns how many; 0: it has said goodbye
 * with close_notify; -EAGAIN: more must come in first (or, if chan_output() is full of answers to the
 * peer's key updates, go out); or the error, as chan_input(). For the caller a refusal comes only here:
 * the listener sees its certificate after the caller's side is complete. */
ssize_t chan_read(struct chan *chan, void *bytes, size_t len);

/* Seal len bytes, in whole records of CHAN_RECORD_MAX and one with the rest. Returns how many were taken:
 * 0 to len, as the records fit into CHAN_OUTPUT_MAX; 0 before chan_is_open(), after an error and after
 * chan_close(). */
size_t chan_write(struct chan *chan, const void *bytes, size_t len);

/* Say goodbye with close_notify, behind what was written. Reading goes on. Before chan_is_open() and after
 * an error it does nothing. */
void chan_close(struct chan *chan);

/* What may go to the socket; *len is 0 if there is nothing. Valid until the next call that is given the
 * chan without const. */
const uint8_t *chan_output(const struct chan *chan, size_t *len);

/* Tell that the first len bytes of it (0 to all) have gone. */
void chan_sent(struct chan *chan, size_t len);

/* The handshake is complete on our side: the peer has proven that it has the key of its id. A caller does
 * not know yet whether the listener accepts its own. */
bool chan_is_open(const struct chan *chan);

/* The id in the peer's certificate; NULL before it came. Proven once chan_is_open(); stays after an error.
 * Valid as long as the chan. */
const struct id *chan_peer(const struct chan *chan);

/* Write 32 bytes that only the two ends of this very connection know (RFC 8446, section 7.5:
 * CHAN_EXPORT_LABEL, empty context). They do not cover the caller's certificate. Secret. Returns 0, or
 * -ERR_TLS before chan_is_open(). */
int chan_export(struct chan *chan, uint8_t out[static HASH_BYTES]);

/* After an error, words for people, a noun phrase: what was met instead of a yodel that says what it
 * should: "an HTTP client", "an SSH server", "plain text", "an echo service", "TLS 1.2 or older", "TLS
 * without yodel's ALPN", "no certificate". "" before that. Valid as long as the chan. */
const char *chan_why(const struct chan *chan);

#endif
