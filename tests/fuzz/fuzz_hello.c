/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as the payload of HELLO: what is taken is written as the same bytes, but for what may follow. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "wire/frame.h"
#include "wire/hello.h"

#define MUST(holds) ((holds) ? (void)0 : fault(__LINE__, #holds))

static void fault(int line, const char *text)
{
    fprintf(stderr, "fuzz_hello.c:%d: not so: %s\n", line, text);
    abort();
}

static void check_taken(const uint8_t *payload, size_t len, const struct hello *hello)
{
    struct buf out;
    struct frame frame;

    MUST(hello->name_len >= 1 && hello->name_len <= HELLO_NAME_MAX && hello->name[hello->name_len] == '\0');
    MUST(hello->place_count >= 0 && hello->place_count <= HELLO_PLACES_MAX);
    for (int i = 0; i < hello->place_count; i++)
        MUST(hello->places[i].port > 0 && strlen(hello->places[i].host) >= 1);
    buf_init(&out, FRAME_HEADER_BYTES + FRAME_GREETING_MAX);
    MUST(hello_put(&out, hello) == 0);
    MUST(frame_get(buf_bytes(&out), buf_len(&out), FRAME_GREETING_MAX, &frame) == (int)buf_len(&out));
    MUST(frame.type == FRAME_HELLO && frame.len <= len && memcmp(frame.payload, payload, frame.len) == 0);
    for (size_t cut = 0; cut < len; cut++) {
        struct hello again;
        int result = hello_get(payload, cut, &again);
        MUST(result == (cut < frame.len ? -ERR_PROTOCOL : 0));
    }
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *payload, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *payload, size_t len)
{
    struct hello hello;

    if (len > FRAME_GREETING_MAX)
        return 0;
    int result = hello_get(payload, len, &hello);
    MUST(result == 0 || result == -ERR_PROTOCOL || result == -ERR_RANGE);
    MUST((result == -ERR_RANGE) == (len > 0 && payload[0] != HELLO_VERSION));
    if (result == 0)
        check_taken(payload, len, &hello);
    return 0;
}
