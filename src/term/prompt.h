/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bottom line of the terminal, where the user writes, and what is printed above it: GNU Readline in callback mode, inline.
 *
 * What is printed stays in the terminal's scrollback. Nothing here waits: keys are read when there are some, and what the
 * terminal does not take waits in a queue. Readline keeps its state in global variables, so there is one prompt at a time.
 *
 * One turn of a loop: prompt_read(), prompt_print() as often as there is something to say, prompt_show(). */
#ifndef YODEL_TERM_PROMPT_H
#define YODEL_TERM_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "term/text.h"

/* While more than this waits for the terminal, a caller should bring nothing new. */
#define PROMPT_BUSY (64 << 10)

/* One call of prompt_print() may bring so much. */
#define PROMPT_PRINT_MAX (48 << 20)

/* What the user did. Called from within prompt_read() and prompt_show(); they may print. */
struct prompt_listener {
    /* Entered a line of len bytes, perhaps with newlines in it. Returns whether it was taken; otherwise it stays in the
     * prompt. */
    bool (*on_line)(void *context, const char *line, size_t len);
    /* Typed Ctrl-C. What was typed before it is still there. */
    void (*on_interrupt)(void *context);
    /* Typed Ctrl-D on an empty line, each time; or hung up. */
    void (*on_end)(void *context);
    /* Pasted what cannot be taken as it is; what became of it is a sentence. */
    void (*on_paste)(void *context, const char *fate);
    void *context;
};

struct prompt;

/* Take standard input and standard output, which are terminals, until prompt_close(). Sets the locale's LC_CTYPE, to one with UTF-8. commands, ended by NULL, is what Tab completes at the beginning of a line ("/quit"); it stays valid. Signals are
 * the caller's: it calls what follows for SIGWINCH, SIGTSTP and SIGCONT. Ctrl-C is a key, not a signal, which would also end
 * the script that we may be part of, and would not count how often it was typed. Ctrl-Z becomes SIGTSTP for the process group, as
 * usual. The terminal is restored even when the
 * process is ended by a signal, as long as that can be caught and the caller does not catch it. Returns 0 or -errno. */
int prompt_open(struct prompt **prompt, const struct prompt_listener *listener, const char *const *commands);

/* Remove the prompt, write what waits as far as the terminal takes it at once, and restore the terminal. NULL is fine. */
void prompt_close(struct prompt *prompt);

/* The descriptor to poll for POLLIN before prompt_read(), or -1 while there is no room for more. */
int prompt_in_fd(const struct prompt *prompt);

/* The descriptor to poll for POLLOUT before prompt_show(), or -1. */
int prompt_out_fd(const struct prompt *prompt);

/* Read what was typed. While prompt_busy(), only Ctrl-C, Ctrl-Z and Ctrl-\\ have an effect; the rest has it with prompt_show() as soon as
 * the terminal goes on. */
void prompt_read(struct prompt *prompt);

/* Print whole rows, each ended by a newline, above the prompt. The prompt is gone until prompt_show(). */
void prompt_print(struct prompt *prompt, const struct buf *rows);

/* Show the prompt if it is gone, unless prompt_busy(), and write what the terminal takes. */
void prompt_show(struct prompt *prompt);

/* How many bytes wait for the terminal; none once it takes nothing any more for good. */
size_t prompt_waiting(const struct prompt *prompt);

/* Whether they are more than PROMPT_BUSY. */
bool prompt_busy(const struct prompt *prompt);

/* Whether something is typed. */
bool prompt_is_empty(const struct prompt *prompt);

/* What is typed and not entered; valid until the next call. */
const char *prompt_text(const struct prompt *prompt);

/* Forget what is typed. */
void prompt_clear_line(struct prompt *prompt);

/* Forget what is typed, and what was typed ahead: what the terminal already has for us, and the rest of a paste that has begun. For
 * before a question, so that nothing answers it that was typed before it was seen. What a slow line brings later cannot be told apart from
 * an answer. */
void prompt_discard(struct prompt *prompt);

/* Show label instead of "> " from now on; NULL: "> " again. It is copied. It takes part of a row, has no control characters, and is
 * safe to show (term/text.h). What is typed stays. */
void prompt_set_label(struct prompt *prompt, const char *label);

/* Make the screen empty; the scrollback stays. */
void prompt_clear_screen(struct prompt *prompt);

/* The window has a new size. */
void prompt_resize(struct prompt *prompt);

/* Give the terminal back and stop, as SIGTSTP without a handler does; when somebody continues us, take the terminal again. SIGTSTP
 * and SIGCONT are blocked. */
void prompt_stop(struct prompt *prompt);

/* Take the terminal again after somebody else has used it: SIGCONT after a stop that nobody asked for. */
void prompt_resume(struct prompt *prompt);

/* What rows should look like here. */
struct text_look prompt_look(const struct prompt *prompt);

#endif
