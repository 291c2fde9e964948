/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a listener hands over, on another way than this one, so that one caller knows where it is and who it is, and
 * can show that it was meant: addresses, the listener's id, and a secret for one use. PROTOCOL.md has the form. Pure. */
#ifndef YODEL_WIRE_TICKET_H
#define YODEL_WIRE_TICKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base32.h"
#include "base/hash.h"
#include "base/id.h"
#include "base/place.h"

#define TICKET_PLACES_MAX 16
#define TICKET_SECRET_BYTES 16
#define TICKET_PROOF_BYTES HASH_BYTES

/* A ticket as bytes: version, number of places, places, id, secret, check. */
#define TICKET_BYTES_MAX (2 + TICKET_PLACES_MAX * PLACE_BYTES_MAX + ID_BYTES + TICKET_SECRET_BYTES + 4)

/* As text: "yodel://", base32, NUL. One of three addresses has about 140 characters. */
#define TICKET_TEXT_MAX (8 + BASE32_CHARACTERS(TICKET_BYTES_MAX) + 1)

struct ticket {
    int count; /* 1 to TICKET_PLACES_MAX */
    struct place places[TICKET_PLACES_MAX];
    struct id listener;
    uint8_t secret[TICKET_SECRET_BYTES]; /* the owner wipes it */
};

/* Write a ticket as one line without its end. Places that have no form as bytes (place_put()) are left out. Returns 0, or
 * -ERR_RANGE if none is left or count is not in its range. The text is a secret, too. */
int ticket_print(const struct ticket *ticket, char text[static TICKET_TEXT_MAX]);

/* Read a ticket, in any case; ASCII white space anywhere and '-' behind "yodel://" are skipped, since mail programs wrap and
 * people group. Returns 0; -ERR_TICKET if it is none, or not a whole one, or one in which something was changed; or
 * -ERR_NEWER if it is a whole one of another version. Nothing of the secret is left behind after an error. */
int ticket_parse(const char *text, struct ticket *ticket);

/* Whether this is meant to be a ticket, though perhaps not a whole one: begins with "yodel:", in any case and after any
 * white space, and not with "yodel:" and a port, which is a host of that name. */
bool ticket_looks_like(const char *text);

/* What shows that the caller knows the secret, on this connection and to this listener only: the exporter belongs to the
 * connection, but does not cover the caller's certificate (RFC 8446, 7.5), therefore both ids. */
void ticket_prove(const uint8_t secret[static TICKET_SECRET_BYTES], const uint8_t exporter[static HASH_BYTES],
                  const struct id *listener, const struct id *caller,
                  uint8_t proof[static TICKET_PROOF_BYTES]);

#endif
