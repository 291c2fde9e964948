/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/hello.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/err.h"
#include "wire/frame.h"

/* Version, mode, features, length of the name. */
#define FIXED_BYTES 7

/* Write the number of places and the places, as many as fit into room bytes. Returns how many bytes they are. */
static size_t put_places(const struct hello *hello, uint8_t *out, size_t room)
{
    uint8_t place[PLACE_BYTES_MAX];
    size_t at = 1;

    out[0] = 0;
    for (int i = 0; i < hello->place_count; i++) {
        size_t len = place_put(&hello->places[i], place);
        if (len == 0 || len > room - at)
            continue;
        memcpy(out + at, place, len);
        at += len;
        out[0]++;
    }
    return at;
}

int hello_put(struct buf *out, const struct hello *hello)
{
    uint8_t payload[FRAME_GREETING_MAX];
    uint32_t features = htonl(hello->features);
    size_t at = FIXED_BYTES;

    if (hello->name_len < 1 || hello->name_len > HELLO_NAME_MAX || hello->place_count < 0 ||
        hello->place_count > HELLO_PLACES_MAX)
        return -ERR_RANGE;
    payload[0] = HELLO_VERSION;
    payload[1] = hello->mode;
    memcpy(payload + 2, &features, sizeof features);
    payload[6] = hello->name_len;
    memcpy(payload + at, hello->name, hello->name_len);
    at += hello->name_len;
    at += put_places(hello, payload + at, sizeof payload - at);
    return frame_put(out, FRAME_HELLO, payload, at);
}

static int get_places(const uint8_t *bytes, size_t len, struct hello *hello)
{
    size_t at = 1;

    if (len < 1 || bytes[0] > HELLO_PLACES_MAX)
        return -ERR_PROTOCOL;
    hello->place_count = bytes[0];
    for (int i = 0; i < hello->place_count; i++) {
        ssize_t used = place_get(bytes + at, len - at, &hello->places[i]);
        if (used < 0)
            return -ERR_PROTOCOL;
        at += (size_t)used;
    }
    return 0;
}

int hello_get(const uint8_t *payload, size_t len, struct hello *hello)
{
    *hello = (struct hello){0};
    if (len < 1)
        return -ERR_PROTOCOL;
    if (payload[0] != HELLO_VERSION)
        return -ERR_RANGE;
    if (len < FIXED_BYTES)
        return -ERR_PROTOCOL;
    hello->mode = payload[1];
    memcpy(&hello->features, payload + 2, sizeof hello->features);
    hello->features = ntohl(hello->features);
    hello->name_len = payload[6];
    if (hello->name_len < 1 || hello->name_len > HELLO_NAME_MAX || hello->name_len > len - FIXED_BYTES)
        return -ERR_PROTOCOL;
    memcpy(hello->name, payload + FIXED_BYTES, hello->name_len);
    return get_places(payload + FIXED_BYTES + hello->name_len, len - FIXED_BYTES - hello->name_len, hello);
}
