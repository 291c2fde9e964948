/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/frame.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/err.h"

int frame_get(const uint8_t *bytes, size_t len, uint32_t payload_max, struct frame *frame)
{
    uint32_t payload_len = 0;

    if (len < sizeof payload_len)
        return 0;
    memcpy(&payload_len, bytes, sizeof payload_len);
    payload_len = ntohl(payload_len);
    if (payload_len > payload_max || payload_len > FRAME_PAYLOAD_MAX)
        return -ERR_PROTOCOL;
    if (len < FRAME_HEADER_BYTES + payload_len)
        return 0;
    *frame = (struct frame){
        .type = bytes[sizeof payload_len], .payload = bytes + FRAME_HEADER_BYTES, .len = payload_len};
    return (int)(FRAME_HEADER_BYTES + payload_len);
}

int frame_put(struct buf *out, uint8_t type, const void *payload, size_t len)
{
    uint32_t payload_len = htonl((uint32_t)len);

    if (len > FRAME_PAYLOAD_MAX)
        return -ERR_RANGE;
    if (FRAME_HEADER_BYTES + len > buf_space(out))
        return -ERR_FULL;
    buf_append(out, &payload_len, sizeof payload_len);
    buf_append(out, &type, sizeof type);
    return buf_append(out, payload, len);
}

bool frame_may_skip(uint8_t type)
{
    return type >= FRAME_EXTENSIBLE;
}
