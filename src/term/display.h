/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What goes to the terminal: rows that are printed and what Readline draws, in one queue, so that they come in the order in which they
 * were written and nobody waits for a terminal that takes nothing. There is one terminal of a process, so one display at a time. */
#ifndef YODEL_TERM_DISPLAY_H
#define YODEL_TERM_DISPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "term/joiners.h"

struct display {
    struct output *output;
    FILE *stream; /* Readline's way to output */
    FILE *errors; /* what stderr was before */
    struct joiners joiners;
    bool colours;            /* the terminal has them and the user wants them */
    const char *clear_below; /* erases from the cursor to the end of the screen; NULL: the terminal cannot */
    bool lost;               /* the terminal takes nothing any more */
};

/* Write to standard output, a terminal that is not opened anew, with room for max bytes to wait. Until display_close(), the C
 * library's stderr is the display's stream: Readline rings the bell there. Returns 0 or -errno. */
int display_open(struct display *display, size_t max);

/* Drops what still waits. */
void display_close(struct display *display);

/* Append bytes as they are. A terminal that takes no more for good, or a full queue, makes the display lost. */
void display_write(struct display *display, const void *bytes, size_t len);

/* Erase what is right of the cursor and below it, where the terminal can. Goes through the stream. */
void display_clear_below(struct display *display);

/* Write what the terminal takes. */
void display_flush(struct display *display);

/* How many bytes wait; none once it is lost. */
size_t display_waiting(const struct display *display);

/* The descriptor to poll for POLLOUT before display_flush(), or -1. */
int display_fd(const struct display *display);

/* A terminal that takes nothing at the moment: what it has not taken by now, and what stands in front of that, is given up, so that at
 * least the end of what was switched on gets there. */
void display_give_up(struct display *display);

#endif
