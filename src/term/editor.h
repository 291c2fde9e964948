/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GNU Readline as we want it: UTF-8, lines that were said before, commands that Tab completes, and nothing that makes a loop wait.
 * What it reads from and draws to is the business of term/prompt.c. */
#ifndef YODEL_TERM_EDITOR_H
#define YODEL_TERM_EDITOR_H

#include <stdio.h>
/* Readline's headers need stdio.h before them. */
#include <readline/readline.h>

/* Set it up, with the user's inputrc. Readline's streams and its functions for keys are set. Tab completes commands (ended by NULL, which
 * stay valid) at the beginning of a line, and names of files elsewhere; enter is what Enter does instead of accept-line, wherever the
 * user's keys lead to that. Sets the locale's LC_CTYPE. */
void editor_begin(const char *const *commands, rl_command_func_t *enter);

/* Ask for the size of the window. */
void editor_measure(void);

/* Keep a line that was said, for Up. */
void editor_remember(const char *line);

/* Go back to the line that is being typed: Up begins with what was said last, and the lines that it brings are as they were said. */
void editor_leave_history(void);

#endif
