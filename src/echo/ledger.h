/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The door's book: who came, who was turned away, how each connection ended; what of it goes to the log. */
#ifndef YODEL_ECHO_LEDGER_H
#define YODEL_ECHO_LEDGER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/log.h"
#include "echo/guest.h"
#include "echo/hand.h"
#include "echo/limit.h"
#include "echo/stats.h"

enum ledger_level {
    LEDGER_QUIET,   /* what needs attention only */
    LEDGER_NORMAL,  /* every connection */
    LEDGER_VERBOSE, /* and what goes on between the door and its children */
};

/* Why accepting is deferred. */
enum ledger_pause {
    PAUSE_NONE,
    PAUSE_MAX_CONNS,
    PAUSE_DESCRIPTORS,
    PAUSE_PROCESSES,
    PAUSE_MEMORY,
    PAUSE_LISTENER,
    PAUSES
};

struct ledger {
    struct log *log;
    enum ledger_level level;
    struct limit *limit; /* NULL without --max-conns-per-ip */
    const struct stats_shared *shared;
    struct stats total;
    uint32_t conns; /* now */
    uint64_t refused;
    uint64_t accept_errors;
    enum ledger_pause pause;       /* the present one, if it was told */
    int64_t pause_told_ms[PAUSES]; /* when each kind was last told; 0: never */
};

/* A client was accepted. Returns whether --max-conns-per-ip lets it in; if not, that is logged and counted. */
bool ledger_admit(struct ledger *ledger, const struct guest *guest);

/* It was given to a child for the first time. worker: its number, or -1 for a child of its own. */
void ledger_open(struct ledger *ledger, const struct guest *guest, uint32_t id, int worker, pid_t pid);

/* It is closed: count, and forget its host. worker_stats: the worker's own, or NULL. */
void ledger_close(struct ledger *ledger, const struct guest *guest, uint32_t id, const struct tally *tally,
                  enum hand_reason reason, struct stats *worker_stats, int64_t now_ms);

/* Accepting is deferred, or goes on (PAUSE_NONE). Logged on change, each kind at most once in LEDGER_PAUSE_INTERVAL_MS. */
#define LEDGER_PAUSE_INTERVAL_MS 10000
void ledger_pause(struct ledger *ledger, enum ledger_pause pause, int64_t now_ms);

/* A worker was started, or one died (status as of waitpid(2)) and conns connections with it. */
void ledger_worker(struct ledger *ledger, uint32_t worker, pid_t pid);
void ledger_death(struct ledger *ledger, uint32_t worker, pid_t pid, int status, uint32_t conns);

/* For those who want to see everything: any child's end, and a note from a child. */
void ledger_exit(struct ledger *ledger, pid_t pid, int status);
void ledger_note(struct ledger *ledger, const struct hand_note *note, pid_t pid);

/* Begin an event for the log, if level is wanted. The caller adds fields and calls log_end(). */
bool ledger_begin(struct ledger *ledger, enum ledger_level level, struct log_line *line, const char *event);

/* Add the counters of a connection total to a line: accepted to error by kind. live: of the connections that are open. */
void ledger_totals(struct ledger *ledger, struct log_line *line, const struct tally *live);

#endif
