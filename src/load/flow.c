/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "load/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PIECE 512 /* of a reply, compared at once */

int flow_init(struct flow *flow, size_t size, uint64_t key, size_t outstanding_max)
{
    memset(flow, 0, sizeof *flow);
    flow->key = key;
    flow->size = size;
    flow->out_sent = size;
    flow->ring_len = outstanding_max;
    flow->out = malloc(size);
    flow->ring = calloc(outstanding_max, sizeof *flow->ring);
    if (flow->out && flow->ring)
        return 0;
    flow_done(flow);
    return -ENOMEM;
}

void flow_done(struct flow *flow)
{
    free(flow->out);
    free(flow->ring);
    flow->out = NULL;
    flow->ring = NULL;
}

/* SplitMix64 (Steele, Lea and Flood, 2014): any 64-bit number to a random one. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Write the len bytes of message seq from offset on, in blocks of 8 that depend on nothing but their
 * place. */
static void fill(const struct flow *flow, uint64_t seq, size_t offset, uint8_t *bytes, size_t len)
{
    uint64_t stream = mix(flow->key ^ mix(seq));
    uint8_t block[8];

    for (size_t done = 0, used; done < len; done += used) {
        size_t skip = (offset + done) % sizeof block;
        uint64_t random = mix(stream + ((offset + done) / sizeof block + 1) * UINT64_C(0x9e3779b97f4a7c15));
        for (size_t i = 0; i < sizeof block; i++)
            block[i] = (uint8_t)('!' + (uint8_t)(random >> 8 * i) * ('~' - '!' + 1) / 256);
        used = sizeof block - skip < len - done ? sizeof block - skip : len - done;
        memcpy(bytes + done, block + skip, used);
    }
    if (offset + len == flow->size)
        bytes[len - 1] = '\n';
}

bool flow_ready(const struct flow *flow)
{
    return flow->out_sent == flow->size && flow->tail - flow->head < flow->ring_len;
}

void flow_begin(struct flow *flow, uint64_t seq)
{
    flow->ring[flow->tail++ % flow->ring_len] = (struct flow_message){.seq = seq};
    fill(flow, seq, 0, flow->out, flow->size);
    flow->out_sent = 0;
}

void flow_stamp(struct flow *flow, int64_t start_ns)
{
    flow->ring[(flow->tail - 1) % flow->ring_len].start_ns = start_ns;
}

size_t flow_output(const struct flow *flow, const uint8_t **bytes)
{
    *bytes = flow->out + flow->out_sent;
    return flow->size - flow->out_sent;
}

void flow_sent(struct flow *flow, size_t len)
{
    flow->out_sent += len;
}

/* How many more bytes of the reply to the oldest message can rightly come by now. */
static size_t owed(const struct flow *flow)
{
    if (flow->head == flow->tail)
        return 0;
    return (flow->head + 1 == flow->tail ? flow->out_sent : flow->size) - flow->in_offset;
}

static void compare(struct flow *flow, const uint8_t *bytes, const uint8_t *expected, size_t len)
{
    size_t before = flow->in.wrong;

    if (memcmp(bytes, expected, len) != 0)
        for (size_t i = 0; i < len; i++)
            if (bytes[i] != expected[i] && flow->in.wrong++ == 0) {
                flow->in.where = flow->in_offset + i;
                flow->in.got = bytes[i];
                flow->in.expected = expected[i];
            }
    if (flow->head == 0) {
        if (flow->first_seen < FLOW_FIRST)
            memcpy(flow->first + flow->first_seen, bytes,
                   len < FLOW_FIRST - flow->first_seen ? len : FLOW_FIRST - flow->first_seen);
        flow->first_seen += len;
        flow->first_equal += len - (flow->in.wrong - before);
    }
    flow->in_offset += len;
}

static void complete(struct flow *flow, struct flow_reply *reply)
{
    const struct flow_message *message = &flow->ring[flow->head % flow->ring_len];

    *reply = flow->in;
    reply->event = FLOW_REPLY;
    reply->seq = message->seq;
    reply->start_ns = message->start_ns;
    flow->in = (struct flow_reply){.event = FLOW_MORE};
    flow->in_offset = 0;
    flow->head++;
    if (flow->settled < flow->head)
        flow->settled = flow->head;
}

size_t flow_input(struct flow *flow, const uint8_t *bytes, size_t len, struct flow_reply *reply)
{
    uint8_t expected[PIECE];
    size_t taken = 0;
    size_t due = owed(flow);

    *reply = (struct flow_reply){.event = FLOW_MORE};
    if (due == 0) {
        reply->event = FLOW_STRAY;
        return len;
    }
    bool kept = flow->head + 1 == flow->tail; /* then the reply is to the message in out */
    uint64_t seq = flow->ring[flow->head % flow->ring_len].seq;
    while (taken < len && taken < due) {
        size_t piece = len - taken < due - taken ? len - taken : due - taken;
        if (!kept) {
            piece = piece > PIECE ? PIECE : piece;
            fill(flow, seq, flow->in_offset, expected, piece);
        }
        compare(flow, bytes + taken, kept ? flow->out + flow->in_offset : expected, piece);
        taken += piece;
    }
    if (flow->in_offset == flow->size)
        complete(flow, reply);
    return taken;
}

bool flow_expire(struct flow *flow, int64_t before_ns, uint64_t *seq)
{
    if (flow_oldest_ns(flow) >= before_ns)
        return false;
    *seq = flow->ring[flow->settled++ % flow->ring_len].seq;
    return true;
}

int64_t flow_oldest_ns(const struct flow *flow)
{
    return flow->settled == flow->tail ? INT64_MAX : flow->ring[flow->settled % flow->ring_len].start_ns;
}

uint64_t flow_waiting(const struct flow *flow)
{
    return flow->tail - flow->settled;
}

bool flow_foreign(const struct flow *flow)
{
    return flow->first_seen >= 4 && flow->first_equal * 4 < flow->first_seen;
}
