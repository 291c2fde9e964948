/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What goes through the encrypted connection, cut into frames: the payload's length (u32, big-endian), the type (u8), the
 * payload. PROTOCOL.md says which payload each type has. Pure. */
#ifndef YODEL_WIRE_FRAME_H
#define YODEL_WIRE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* What stands before the payload. */
#define FRAME_HEADER_BYTES ((size_t)5)

/* The longest payload, and the longest until READY was sent or received: who has proven nothing need not be kept much of. */
#define FRAME_PAYLOAD_MAX ((uint32_t)65536)
#define FRAME_GREETING_MAX ((uint32_t)4096)

enum frame_type {
    /* the greeting: wire/greeting */
    FRAME_HELLO = 0x01,
    FRAME_PROOF = 0x02,
    FRAME_COMMIT = 0x03,
    FRAME_NONCE = 0x04,
    FRAME_REVEAL = 0x05,
    FRAME_WELCOME = 0x06,
    FRAME_REFUSE = 0x07,
    FRAME_READY = 0x08,
    /* the session: wire/session */
    FRAME_TEXT = 0x10,
    FRAME_DATA = 0x11,
    FRAME_EOF = 0x12,
    FRAME_BYE = 0x13,
    FRAME_BYE_ACK = 0x14,
    /* from here on: the extensible range */
    FRAME_EXTENSIBLE = 0x80,
};

struct frame {
    uint8_t type;
    const uint8_t *payload; /* len bytes, within those that it was read from */
    uint32_t len;
};

/* Read the frame at the beginning of len bytes. Returns how many bytes it has; 0 if it is not there as a whole yet; or
 * -ERR_PROTOCOL if its payload is longer than payload_max, which the first 4 bytes tell. Any type will do. */
int frame_get(const uint8_t *bytes, size_t len, uint32_t payload_max, struct frame *frame);

/* Append a frame with len bytes of payload (which do not lie in the buffer; NULL will do if there are none), whole or not
 * at all. Returns 0, -ERR_FULL if the buffer has no room for it, or -ERR_RANGE if len exceeds FRAME_PAYLOAD_MAX. */
int frame_put(struct buf *out, uint8_t type, const void *payload, size_t len);

/* Whether a frame of a type that one does not know is to be skipped: those of the extensible range. Any other breaks
 * the protocol. */
bool frame_may_skip(uint8_t type);

#endif
