/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A door for tests of the crew: made-up engines, good ones and whatever a test wants, clients with a number each, and a clock
 * that is passed in. */
#ifndef YODEL_TESTS_CREW_BENCH_H
#define YODEL_TESTS_CREW_BENCH_H

#include <stdatomic.h>

#include "base/clock.h"
#include "echo/crew.h"

/* What the set of events knows them by. */
#define SIGNALS_KEY 0
#define CREW_KEY 1

#define DEADLINE_MS 10000
#define PER_CHILD 64
#define GUESTS_MAX 32

/* What the test sees of its children, and they of the test. */
struct shared {
    atomic_int takes[GUESTS_MAX]; /* how many children had the guest with this port */
    atomic_int forged;            /* 1 + errno of a note in somebody else's name */
    atomic_int done;              /* whatever an evil child does before it merely lives on */
};

extern struct shared *shared;
extern struct crew crew;
extern struct ledger ledger;
extern int64_t now;
extern int clients[GUESTS_MAX];
extern int signals; /* a signalfd of SIGCHLD */

extern const struct engine pooled, own;

/* --- What children do --- */

/* The next so many children of the worker with this number do that; the others, and all by and by, serve well. */
void be_evil(int (*how)(const struct engine_job *job), uint32_t number, int births);

int say(const struct engine_job *job, uint32_t id, int kind, int reason);

/* Confirm a connection and send the client one byte. */
void welcome(const struct engine_job *job, const struct hand_note *take, int fd);

/* Receive TAKEs. Returns how many; ends the process with the notes. */
int take_some(const struct engine_job *job, struct hand_note *taken, int *fds);

_Noreturn int serve_well(const struct engine_job *job);
_Noreturn int live_on(void);

/* --- The door --- */

int begin(void **state);
int end(void **state);
int open_crew(const struct engine *engine, uint32_t count);

/* Wait for what children do, and heed it. */
void turn(int timeout_ms);

/* Turn until condition holds, doing what has become due meanwhile if the clock goes on. */
#define UNTIL(condition, clock_goes_on)                                                                      \
    do {                                                                                                     \
        int64_t give_up_ms = clock_ms() + DEADLINE_MS;                                                       \
        while (!(condition)) {                                                                               \
            assert_true(clock_ms() < give_up_ms);                                                            \
            turn(10);                                                                                        \
            if (clock_goes_on) {                                                                             \
                now += 10;                                                                                   \
                crew_tend(&crew, now);                                                                       \
                crew_flush(&crew, now);                                                                      \
            }                                                                                                \
        }                                                                                                    \
    } while (0)

/* A client comes, with its number as its port; it leaves. */
void come(uint16_t port);
void leave(uint16_t port);
bool readable(uint16_t port);

/* The client is welcomed, exactly once and without an end. */
void expect_welcome(uint16_t port);

/* How many connections no child has confirmed. */
uint32_t in_flight(void);

/* What was logged since, until the next call. */
const char *said(void);
int occurrences(const char *text, const char *what);

#endif
