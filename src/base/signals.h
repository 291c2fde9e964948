/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signals as something to poll. */
#ifndef YODEL_BASE_SIGNALS_H
#define YODEL_BASE_SIGNALS_H

#include <stddef.h>

/* Block count signals and have them come through a descriptor instead. Those that are ignored stay so: a background job of
 * a script has INT ignored, nohup(1) HUP, and blocking would bring them back. SIGPIPE is ignored from now on: whoever
 * writes is told. Returns the descriptor, non-blocking and close-on-exec, which is the caller's, or -errno. */
int signals_open(const int *signals, size_t count);

/* The next signal that came through it, or 0. */
int signals_next(int fd);

#endif
