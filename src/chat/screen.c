/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "chat/screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"

/* A name takes at most this part of a row. */
#define NAME_PART 3

/* But so many cells of it are shown beside a mark. */
#define NAME_MIN 4

static const char unverified_mark[] = " (unverified)";

/* Show a name in at most columns cells. */
static void print_name(const char *name, int columns, char *text, size_t max)
{
    const struct text_look look = {.columns = columns};
    struct buf cells;

    buf_init(&cells, (size_t)columns * TEXT_CELL_MAX);
    text_line((const uint8_t *)name, strlen(name), &look, &cells);
    snprintf(text, max, "%.*s", (int)buf_len(&cells), (const char *)buf_bytes(&cells));
    buf_done(&cells);
}

void screen_introduce(struct screen *screen, const char *own, const char *peer, bool unverified)
{
    int limit = prompt_look(screen->prompt).columns / NAME_PART;
    int room = limit - (int)strlen(unverified_mark);

    screen->own = own;
    if (unverified) {
        print_name(peer, room > NAME_MIN ? room : NAME_MIN, screen->peer,
                   sizeof screen->peer - sizeof unverified_mark);
        strcat(screen->peer, unverified_mark);
        limit = room > NAME_MIN ? limit : NAME_MIN + (int)strlen(unverified_mark);
    } else {
        snprintf(screen->peer, sizeof screen->peer, "%s", peer);
    }
    int own_columns = entry_name_columns(own, limit), peer_columns = entry_name_columns(screen->peer, limit);
    screen->name_columns = own_columns > peer_columns ? own_columns : peer_columns;
}

/* Returns 0, or -ERR_FULL if only a part of it is shown. */
static int show(struct screen *screen, struct entry entry)
{
    const struct text_look look = prompt_look(screen->prompt);
    char now[sizeof "23:59"];
    struct tm local;
    struct buf rows;
    time_t seconds = time(NULL);

    localtime_r(&seconds, &local);
    strftime(now, sizeof now, "%H:%M", &local);
    entry.time = now;
    buf_init(&rows, PROMPT_PRINT_MAX);
    int error = entry_print(&entry, &look, &rows);
    prompt_print(screen->prompt, &rows);
    buf_done(&rows);
    return error;
}

void screen_message(struct screen *screen, enum entry_kind kind, const void *text, size_t len, bool more)
{
    struct entry entry = {.kind = kind,
                          .name = kind == ENTRY_OWN ? screen->own : screen->peer,
                          .name_columns = screen->name_columns,
                          .text = text,
                          .len = len,
                          .more = more};

    if (show(screen, entry) != 0)
        screen_say(screen, ENTRY_ERROR, "the rest of this is not shown: it has too many rows");
}

void screen_say(struct screen *screen, enum entry_kind kind, const char *format, ...)
{
    char text[SCREEN_SAY_MAX];
    va_list args;

    va_start(args, format);
    int printed = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (printed < 0)
        return;
    struct entry entry = {.kind = kind, .text = (const uint8_t *)text, .len = strlen(text)};
    show(screen, entry);
    if (kind == ENTRY_ERROR && !isatty(STDERR_FILENO))
        err_say("%s: %s", screen->command, text);
}

void screen_not_sent(struct screen *screen, const char *typed)
{
    static const char head[] = "not sent: ";
    struct buf text;

    buf_init(&text, sizeof head + strlen(typed));
    buf_append(&text, head, sizeof head - 1);
    buf_append(&text, typed, strlen(typed));
    struct entry entry = {.kind = ENTRY_ERROR, .text = buf_bytes(&text), .len = buf_len(&text)};
    show(screen, entry);
    buf_done(&text);
}
