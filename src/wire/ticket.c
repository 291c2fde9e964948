/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/ticket.h"

#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/secret.h"

#define SCHEME "yodel://"
#define SCHEME_LEN (sizeof SCHEME - 1)
#define PROOF_LABEL "yodel/1 ticket caller"

#define TICKET_VERSION 1
#define CHECK_BYTES 4
#define VERSION_AND_COUNT 2
#define CHARACTERS_MAX BASE32_CHARACTERS(TICKET_BYTES_MAX)

static const char white_space[] = " \t\n\v\f\r";

/* The first bytes of the hash of all that stands before: against what eyes, fingers and mail programs change. */
static void check_of(const uint8_t *bytes, size_t len, uint8_t check[static CHECK_BYTES])
{
    uint8_t hash[HASH_BYTES];

    hash_sha256(&(struct hash_part){bytes, len}, 1, hash);
    memcpy(check, hash, CHECK_BYTES);
    secret_wipe(hash, sizeof hash);
}

/* Version, count and places. Returns how many bytes they are, or 0 if no place has a form. */
static size_t put_places(const struct ticket *ticket, uint8_t *bytes)
{
    size_t at = VERSION_AND_COUNT;

    bytes[0] = TICKET_VERSION;
    bytes[1] = 0;
    for (int i = 0; i < ticket->count; i++) {
        size_t len = place_put(&ticket->places[i], bytes + at);
        at += len;
        bytes[1] = (uint8_t)(bytes[1] + (len > 0));
    }
    return bytes[1] > 0 ? at : 0;
}

int ticket_print(const struct ticket *ticket, char text[static TICKET_TEXT_MAX])
{
    uint8_t bytes[TICKET_BYTES_MAX];

    if (ticket->count < 1 || ticket->count > TICKET_PLACES_MAX)
        return -ERR_RANGE;
    size_t at = put_places(ticket, bytes);
    if (at == 0)
        return -ERR_RANGE;
    memcpy(bytes + at, ticket->listener.bytes, ID_BYTES);
    memcpy(bytes + at + ID_BYTES, ticket->secret, TICKET_SECRET_BYTES);
    at += ID_BYTES + TICKET_SECRET_BYTES;
    check_of(bytes, at, bytes + at);
    memcpy(text, SCHEME, SCHEME_LEN);
    base32_encode(bytes, at + CHECK_BYTES, text + SCHEME_LEN);
    secret_wipe(bytes, sizeof bytes);
    return 0;
}

/* Copy the text without white space and, behind the scheme, '-'. Returns its length, or 0 if it is too long. */
static size_t squeeze(const char *text, char *out, size_t max)
{
    size_t len = 0;

    for (; *text; text++) {
        if (strchr(white_space, *text) || (*text == '-' && len >= SCHEME_LEN))
            continue;
        if (len == max)
            return 0;
        out[len++] = *text;
    }
    return len;
}

/* What stands before the check, which is right. */
static int get_fields(const uint8_t *bytes, size_t len, struct ticket *ticket)
{
    size_t at = VERSION_AND_COUNT;

    if (bytes[0] != TICKET_VERSION)
        return -ERR_NEWER;
    if (bytes[1] < 1 || bytes[1] > TICKET_PLACES_MAX)
        return -ERR_TICKET;
    ticket->count = bytes[1];
    for (int i = 0; i < ticket->count; i++) {
        ssize_t used = place_get(bytes + at, len - at, &ticket->places[i]);
        if (used < 0)
            return -ERR_TICKET;
        at += (size_t)used;
    }
    if (len - at != ID_BYTES + TICKET_SECRET_BYTES)
        return -ERR_TICKET;
    memcpy(ticket->listener.bytes, bytes + at, ID_BYTES);
    memcpy(ticket->secret, bytes + at + ID_BYTES, TICKET_SECRET_BYTES);
    return 0;
}

static int get_ticket(const uint8_t *bytes, size_t len, struct ticket *ticket)
{
    uint8_t check[CHECK_BYTES];

    if (len < VERSION_AND_COUNT + CHECK_BYTES)
        return -ERR_TICKET;
    check_of(bytes, len - CHECK_BYTES, check);
    if (memcmp(check, bytes + len - CHECK_BYTES, CHECK_BYTES) != 0)
        return -ERR_TICKET;
    return get_fields(bytes, len - CHECK_BYTES, ticket);
}

int ticket_parse(const char *text, struct ticket *ticket)
{
    char squeezed[SCHEME_LEN + CHARACTERS_MAX];
    uint8_t bytes[TICKET_BYTES_MAX];
    int result = -ERR_TICKET;

    *ticket = (struct ticket){0};
    size_t len = squeeze(text, squeezed, sizeof squeezed);
    if (len > SCHEME_LEN && strncasecmp(squeezed, SCHEME, SCHEME_LEN) == 0) {
        ssize_t used = base32_decode(squeezed + SCHEME_LEN, len - SCHEME_LEN, bytes, sizeof bytes);
        result = used > 0 ? get_ticket(bytes, (size_t)used, ticket) : -ERR_TICKET;
    }
    secret_wipe(squeezed, sizeof squeezed);
    secret_wipe(bytes, sizeof bytes);
    if (result < 0)
        *ticket = (struct ticket){0};
    return result;
}

bool ticket_looks_like(const char *text)
{
    static const char scheme[] = "yodel:";

    text += strspn(text, white_space);
    if (strncasecmp(text, scheme, sizeof scheme - 1) != 0)
        return false;
    text += sizeof scheme - 1;
    size_t digits = strspn(text, "0123456789");
    return digits == 0 || text[digits] != '\0';
}

void ticket_prove(const uint8_t secret[static TICKET_SECRET_BYTES], const uint8_t exporter[static HASH_BYTES],
                  const struct id *listener, const struct id *caller,
                  uint8_t proof[static TICKET_PROOF_BYTES])
{
    const struct hash_part parts[] = {
        {PROOF_LABEL, sizeof PROOF_LABEL - 1},
        {exporter, HASH_BYTES},
        {listener->bytes, ID_BYTES},
        {caller->bytes, ID_BYTES},
    };

    hash_hmac(secret, TICKET_SECRET_BYTES, parts, sizeof parts / sizeof *parts, proof);
}
