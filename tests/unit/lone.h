/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A network namespace of the test's own: a loopback interface, and no way anywhere. */
#ifndef YODEL_TESTS_LONE_H
#define YODEL_TESTS_LONE_H

#include <stdbool.h>
#include <stdint.h>

/* Enter one, in a process with one thread. Returns whether that is allowed here. */
bool lone_enter(void);

/* In there: which ports connect() takes. Returns whether that is allowed here. */
bool lone_set_ports(uint16_t first, uint16_t last);

#endif
