/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "term/editor.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
/* Readline's headers need stdio.h before them. */
#include <readline/history.h>
#include <readline/readline.h>
#include <stdlib.h>
#include <string.h>

#define HISTORY_MAX 1000
#define HISTORY_LINE_MAX (16 << 10) /* longer ones are pasted, and not typed again */

/* Readline 8.2 divides by a third of the columns, and on a single row reads beyond the end of its own. */
#define ROWS_MIN 2
#define COLUMNS_MIN 8

/* Readline's functions take no context. */
static const char *const *the_commands;

static char *next_command(const char *text, int again)
{
    static size_t at;

    if (!again)
        at = 0;
    for (const char *const *commands = the_commands; commands[at];) {
        const char *command = commands[at++];
        if (strncmp(command, text, strlen(text)) == 0)
            return strdup(command);
    }
    return NULL;
}

/* A command at the beginning of the line; otherwise Readline completes the name of a file. */
static char **complete(const char *text, int start, int end)
{
    (void)end;
    if (start > 0 || *text != '/')
        return NULL;
    rl_completion_suppress_append = 1; /* no command takes anything after its name */
    return rl_completion_matches(text, next_command);
}

/* Wherever the user's keys lead to accept-line, they lead to enter instead. */
static void take_over_enter(rl_command_func_t *enter)
{
    static const char *const names[] = {"emacs-standard", "emacs-meta", "emacs-ctlx", "vi-insert",
                                        "vi-command"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        Keymap map = rl_get_keymap_by_name(names[i]);
        for (int key = 0; map && key < KEYMAP_SIZE; key++)
            if (map[key].type == ISFUNC && map[key].function == rl_newline)
                map[key].function = enter;
    }
}

/* Readline and the C library must know how many bytes a character has. A terminal today speaks UTF-8, whatever the C locale of
 * a bare environment says; Readline asks the environment. */
static void set_utf8(void)
{
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
        return;
    setenv("LC_ALL", "C.UTF-8", 1);
    setlocale(LC_CTYPE, "");
}

void editor_measure(void)
{
    int rows, columns;

    rl_reset_screen_size();
    rl_get_screen_size(&rows, &columns);
    if (rows < ROWS_MIN || columns < COLUMNS_MIN)
        rl_set_screen_size(rows < ROWS_MIN ? ROWS_MIN : rows, columns < COLUMNS_MIN ? COLUMNS_MIN : columns);
}

void editor_begin(const char *const *commands, rl_command_func_t *enter)
{
    the_commands = commands;
    set_utf8();
    rl_readline_name = "yodel";
    rl_attempted_completion_function = complete;
    rl_initialize(); /* reads the user's inputrc, some of which would make a loop wait */
    editor_measure();
    rl_completion_query_items = -1;
    rl_variable_bind("page-completions", "off");
    rl_variable_bind("blink-matching-paren", "off");
    take_over_enter(enter);
    using_history();
    stifle_history(HISTORY_MAX);
}

void editor_remember(const char *line)
{
    const HIST_ENTRY *last = history_get(history_base + history_length - 1);

    if (*line && strlen(line) <= HISTORY_LINE_MAX && (!last || strcmp(last->line, line) != 0))
        add_history(line);
}

void editor_leave_history(void)
{
    if (where_history() == history_length)
        return;
    if (rl_undo_list)
        rl_revert_line(1, 0);
    rl_end_of_history(1, 0);
}
