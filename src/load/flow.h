/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The messages of one connection to an echo service: what goes out, and whether the same comes back. Pure:
 * owns no descriptor, and every time is passed in.
 *
 * A message is size bytes of printable ASCII, different for every key and number, and a newline as the
 * last, so that services which echo lines and services which echo bytes both answer, and a terminal at the
 * other end stays whole. An echo has no frames: the reply to a message is as many bytes, in order. */
#ifndef YODEL_LOAD_FLOW_H
#define YODEL_LOAD_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOW_SIZE_MAX (1 << 20)

/* So much of the first reply is kept, to show what came instead of an echo. */
#define FLOW_FIRST 64

/* A message that went out and has not come back whole. */
struct flow_message {
    uint64_t seq;
    int64_t start_ns;
};

enum flow_event {
    FLOW_MORE,  /* part of a reply */
    FLOW_REPLY, /* the end of a reply */
    FLOW_STRAY, /* bytes beyond everything that was sent */
};

/* What flow_input() found. All but event is set for FLOW_REPLY only. */
struct flow_reply {
    enum flow_event event;
    uint64_t seq;
    int64_t start_ns;
    size_t wrong; /* bytes that differ; 0: as it was sent */
    size_t where; /* offset of the first of them in the message */
    uint8_t got, expected;
};

struct flow {
    uint64_t key;
    size_t size;
    uint8_t *out; /* the message that goes out */
    size_t out_sent;
    struct flow_message *ring; /* those out, oldest at head % ring_len */
    uint64_t ring_len, head, settled, tail;
    size_t in_offset; /* into the reply to the oldest */
    struct flow_reply in;
    size_t first_seen, first_equal; /* bytes of the very first reply */
    uint8_t first[FLOW_FIRST];
};

/* size is 1 to FLOW_SIZE_MAX, outstanding_max at least 1. Returns 0 or -ENOMEM. */
int flow_init(struct flow *flow, size_t size, uint64_t key, size_t outstanding_max);
void flow_done(struct flow *flow);

/* Whether a message may begin: the one before is out and fewer than outstanding_max are. */
bool flow_ready(const struct flow *flow);

/* Make message seq (rising, not necessarily by 1). Only when flow_ready(). Takes a while for a large one:
 * read the clock after it, and tell by flow_stamp() from when on its time counts. */
void flow_begin(struct flow *flow, uint64_t seq);
void flow_stamp(struct flow *flow, int64_t start_ns);

/* What is to be sent of the message that began, *bytes valid until the next call. Returns 0 if it is out. */
size_t flow_output(const struct flow *flow, const uint8_t **bytes);

/* The first len bytes of it were sent. */
void flow_sent(struct flow *flow, size_t len);

/* Take bytes that came in, up to the end of a reply. Returns how many of the len (> 0) were taken, at
 * least 1; *reply tells what they were. Call again for the rest. */
size_t flow_input(struct flow *flow, const uint8_t *bytes, size_t len, struct flow_reply *reply);

/* Give up waiting for the oldest message that started before before_ns; its reply may still come. Returns
 * whether there was one, and its number. */
bool flow_expire(struct flow *flow, int64_t before_ns, uint64_t *seq);

/* When the next message to expire started; INT64_MAX if there is none. */
int64_t flow_oldest_ns(const struct flow *flow);

/* Messages that have neither come back nor expired. */
uint64_t flow_waiting(const struct flow *flow);

/* Whether the first reply, as far as it came, has next to nothing in common with what was sent: no echo of a
 * broken path, but another service. Needs 4 bytes to judge. */
bool flow_foreign(const struct flow *flow);

#endif
