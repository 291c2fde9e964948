/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text as a ticket, and any bytes behind a right check: what is taken has one text, and nothing is left of what is
 * not.
 *
 * If the first byte is 's', the check of the bytes that follow is added, and they are written as a ticket; else all
 * of it is the text. */
#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "wire/ticket.h"

#define MUST(holds) ((holds) ? (void)0 : fault(__LINE__, #holds))

static void fault(int line, const char *text)
{
    fprintf(stderr, "fuzz_ticket.c:%d: not so: %s\n", line, text);
    abort();
}

/* What a text is without what may be in it. */
static size_t squeeze(const char *text, char *out)
{
    size_t len = 0;

    for (; *text; text++) {
        if (!strchr(" \t\n\v\f\r", *text) && (*text != '-' || len < 8))
            out[len++] = (char)tolower((unsigned char)*text);
    }
    out[len] = '\0';
    return len;
}

static void check_text(const char *text)
{
    static const struct ticket none;
    char again[TICKET_TEXT_MAX];
    struct ticket ticket;

    memset(&ticket, 0xff, sizeof ticket);
    int result = ticket_parse(text, &ticket);
    MUST(result == 0 || result == -ERR_TICKET || result == -ERR_NEWER);
    if (result < 0) {
        MUST(memcmp(&ticket, &none, sizeof none) == 0);
        return;
    }
    char *squeezed = malloc(strlen(text) + 1);
    MUST(squeezed && squeeze(text, squeezed) < TICKET_TEXT_MAX);
    MUST(ticket.count >= 1 && ticket.count <= TICKET_PLACES_MAX);
    MUST(ticket_print(&ticket, again) == 0);
    MUST(strcmp(again, squeezed) == 0);
    MUST(ticket_looks_like(squeezed));
    free(squeezed);
}

static void check_sealed(const uint8_t *bytes, size_t len)
{
    uint8_t sealed[TICKET_BYTES_MAX], hash[HASH_BYTES];
    char text[TICKET_TEXT_MAX] = "yodel://";

    if (len > TICKET_BYTES_MAX - 4)
        return;
    memcpy(sealed, bytes, len);
    hash_sha256(&(struct hash_part){bytes, len}, 1, hash);
    memcpy(sealed + len, hash, 4);
    base32_encode(sealed, len + 4, text + 8);
    check_text(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len > 0 && bytes[0] == 's') {
        check_sealed(bytes + 1, len - 1);
        return 0;
    }
    char *text = malloc(len + 1);
    MUST(text);
    if (len > 0)
        memcpy(text, bytes, len);
    text[len] = '\0';
    ticket_looks_like(text);
    check_text(text);
    free(text);
    return 0;
}
