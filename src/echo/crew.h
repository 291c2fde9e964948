/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The door's children and the connections that each of them has.
 *
 * With a pooled engine the crew is a fixed set of workers, replaced when they die; with the other kind each
 * connection gets a child of its own, and one "worker" without a process stands for all of them. Either way
 * a connection that was accepted is never lost here: what cannot be given to a child now waits, and what a child
 * had not confirmed when it died is given to another. */
#ifndef YODEL_ECHO_CREW_H
#define YODEL_ECHO_CREW_H

#include <stdbool.h>
#include <stdint.h>

#include "echo/child.h"
#include "echo/engine.h"
#include "echo/guest.h"
#include "echo/ledger.h"
#include "echo/seat.h"
#include "echo/worker.h"

/* The most workers that can be asked for. */
#define CREW_WORKERS_MAX 128

/* How soon to try again what the system refused. */
#define CREW_RETRY_MS 100

struct crew {
    const struct engine *engine;
    struct engine_job job; /* what all children are told */
    struct child_heritage heritage;
    struct ledger *ledger;
    int epoll;         /* the door's, where the workers' notes are waited for ... */
    uint32_t key_base; /* ... with data.u32 of key_base + the worker's number */
    struct seats seats;
    struct worker *workers;
    uint32_t count;
    uint32_t in_flight_max;     /* a worker; bounds the descriptors of the door */
    struct guests waiting;      /* those that no child could be given to yet */
    int64_t retry_ms;           /* when to try again to place those who wait */
    enum ledger_pause shortage; /* why a child could not be had; until one has confirmed a connection again */
    bool closing;               /* no worker is replaced any more */
};

/* Allocate, and start the workers. engine, job (rules, print), heritage, ledger, epoll, key_base, count, in_flight_max and
 * per_child are the caller's to choose. Returns 0 or -errno. */
int crew_open(struct crew *crew, uint32_t per_child);

/* Whether one more connection could be given to a child now. If not, *why is PAUSE_NONE when that will change in a moment. */
bool crew_has_room(const struct crew *crew, int64_t now_ms, enum ledger_pause *why);

/* Give a connection to a child, or let it wait. The descriptor is the crew's from here on. */
void crew_place(struct crew *crew, const struct guest *guest, int64_t now_ms);

/* Send what crew_place() gathered. To be called before the door sleeps. */
void crew_flush(struct crew *crew, int64_t now_ms);

/* Read a message of what a worker's children told. */
void crew_read_notes(struct crew *crew, uint32_t worker, int64_t now_ms);

/* Collect all children that ended (after SIGCHLD). */
void crew_reap(struct crew *crew, int64_t now_ms);

/* Do what has become due: replace workers, place who waits. */
void crew_tend(struct crew *crew, int64_t now_ms);

/* When crew_tend() has something to do, INT64_MAX for never. */
int64_t crew_due(const struct crew *crew);

/* Sum up the tallies of all open connections of a worker. */
void crew_tally(const struct crew *crew, uint32_t worker, struct tally *sum);

/* Kill all children and close all connections, with reason drain. Returns how many there were. */
uint32_t crew_cut(struct crew *crew, int64_t now_ms);

/* End the workers, which have no connections any more, and collect them. */
void crew_close(struct crew *crew);

#endif
