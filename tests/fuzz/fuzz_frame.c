/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as frames: what is read is what would be written, and where the bytes are cut changes nothing.
 *
 * The first two bytes are the longest payload that is taken; frames follow. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "wire/frame.h"

#define MUST(holds) ((holds) ? (void)0 : fault(__LINE__, #holds))

static void fault(int line, const char *text)
{
    fprintf(stderr, "fuzz_frame.c:%d: not so: %s\n", line, text);
    abort();
}

static void check_same(const uint8_t *bytes, const struct frame *frame, int used)
{
    struct buf out;

    MUST(frame->payload == bytes + FRAME_HEADER_BYTES && used == (int)(FRAME_HEADER_BYTES + frame->len));
    buf_init(&out, FRAME_HEADER_BYTES + FRAME_PAYLOAD_MAX);
    MUST(frame_put(&out, frame->type, frame->payload, frame->len) == 0);
    MUST(buf_len(&out) == (size_t)used && memcmp(buf_bytes(&out), bytes, (size_t)used) == 0);
    buf_done(&out);
}

/* Where the first bytes are not all there, it is only not known yet, or known to be too long. */
static void check_cuts(const uint8_t *bytes, size_t len, uint32_t max, int result)
{
    struct frame frame;

    for (size_t cut = 0; cut <= len && cut < 300; cut++) {
        int cut_result = frame_get(bytes, cut, max, &frame);
        if (result < 0)
            MUST(cut_result == (cut < 4 ? 0 : result));
        else
            MUST(cut_result == (result > 0 && cut >= (size_t)result ? result : 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct frame frame;

    if (len < 2)
        return 0;
    uint32_t max = (uint32_t)bytes[0] << 9 | bytes[1];
    for (bytes += 2, len -= 2; len > 0;) {
        int used = frame_get(bytes, len, max, &frame);
        MUST(used >= 0 || used == -ERR_PROTOCOL);
        MUST(used <= (int)len);
        check_cuts(bytes, len, max, used);
        if (used <= 0)
            break;
        MUST(frame.len <= max && frame.len <= FRAME_PAYLOAD_MAX);
        check_same(bytes, &frame, used);
        bytes += used;
        len -= (size_t)used;
    }
    return 0;
}
