/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a measurement looks like, for people and as JSON. Pure, but for the name of an interface
 * (addr_print()): every function writes whole lines into text
 * and returns their length, at most REPORT_MAX - 1.
 *
 * People read it in the manner of ping(8):
 *
 *     PING localhost:5188 (127.0.0.1:5188): 64 bytes a message
 *     connected to 127.0.0.1:5188 in 0.112 ms
 *     64 bytes from 127.0.0.1:5188: seq=1 time=0.045 ms
 *
 *     --- localhost:5188 echo statistics ---
 *     1 sent, 1 received, 0 late, 0 corrupted, 0% loss, 0.001 s
 *     round trip min/mean/p50/p99/max = 0.045/0.045/0.045/0.045/0.045 ms
 *
 * JSON is one object a line (broken here to fit); numbers of nanoseconds end in _ns:
 *
 *     {"event":"connect","host":"localhost","port":5188,"ip":"127.0.0.1","size":64,"connect_ns":112000}
 *     {"event":"reply","seq":1,"rtt_ns":45000,"late":false,"corrupted":false}
 *     {"event":"reply","seq":2,"rtt_ns":47000,"late":false,"corrupted":true,
 *      "wrong_bytes":3,"wrong_at":17,"got":65,"expected":97}
 *     {"event":"missed","seq":3,"sent":true}     not answered in time; sent false: the peer did not keep up
 *     {"event":"stray","bytes":13}               came though nothing was owed, once a message
 *     {"event":"summary","end":"count","sent":3,"received":1,"late":0,"corrupted":1,"lost":1,"unsent":0,
 *      "stray_bytes":13,"skipped":0,"elapsed_ns":3004000000,"connect_ns":112000,"rtt_min_ns":45000,"rtt_mean_ns":45000,
 *      "rtt_p50_ns":45000,"rtt_p99_ns":45000,"rtt_max_ns":45000}
 *
 * The rtt_ fields of the summary are null when nothing came back. "end" is count, deadline, interrupted,
 * closed, reset or broken (the connection failed otherwise).
 * sent = received + late + corrupted + lost. skipped is how many times to send passed while this program
 * could not keep up or was stopped; people read that only where it happened. Percentiles are as exact as hist.h says. */
#ifndef YODEL_LOAD_REPORT_H
#define YODEL_LOAD_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "load/probe.h"
#include "net/addr.h"

#define REPORT_MAX 4096

struct report {
    bool json;
    char host[PLACE_HOST_MAX];                      /* as it was asked for */
    char name[TEXT_UNIT_MAX * PLACE_HOST_MAX + 16]; /* the same with its port, made safe to show */
    size_t size;                                    /* of a message */
    char peer[ADDR_TEXT_MAX];                       /* what the name led to, with its port */
    char ip[ADDR_TEXT_MAX];                         /* the same without */
    uint16_t port;
    int64_t connect_ns; /* how long the handshake took */
};

/* spec is what was asked for. */
void report_init(struct report *report, bool json, const struct place *spec, size_t size);

/* Before all that follows: who answered, and how long that took. */
void report_connected(struct report *report, const struct addr *peer, int64_t connect_ns);

size_t report_connect(const struct report *report, char text[static REPORT_MAX]);
size_t report_reply(const struct report *report, char text[static REPORT_MAX], const struct flow_reply *reply,
                    int64_t rtt_ns, bool late);
size_t report_missed(const struct report *report, char text[static REPORT_MAX], uint64_t seq, bool sent,
                     int64_t wait_ns);

/* bytes are shown as far as they fit a line, made safe by base/text.h. */
size_t report_stray(const struct report *report, char text[static REPORT_MAX], const uint8_t *bytes,
                    size_t len, bool spontaneous);
size_t report_summary(const struct report *report, char text[static REPORT_MAX], enum probe_end end,
                      const struct outcome *outcome);

#endif
