/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The door of the echo service: the parent process. It owns the listening sockets and nothing else of the
 * network: it accepts, applies the limits, hands each connection to a child, logs, counts, and looks after
 * its children. It never touches a byte of a client's data. */
#ifndef YODEL_ECHO_DOOR_H
#define YODEL_ECHO_DOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/sandbox.h"
#include "echo/engine.h"
#include "echo/gate.h"
#include "echo/ledger.h"
#include "net/addr.h"

struct door_config {
    const struct engine *engine;
    uint32_t workers;          /* of a pooled engine: 1 to CREW_WORKERS_MAX */
    uint32_t max_conns;        /* 0: what the descriptors allow */
    uint32_t max_conns_per_ip; /* 0: no limit */
    struct watch_rules watch;
    int64_t drain_ms;
    enum print_mode print;
    enum log_format log_format;
    enum ledger_level level;
    const struct sandbox_user *user; /* NULL: stay who we are */
};

/* Run the service on the addresses (at most GATE_MAX) until a signal ends it. Complains on standard error
 * if it cannot begin. Returns the exit status. May be called once in a process. */
int door_run(const struct door_config *config, struct addr *addrs, int count);

#endif
