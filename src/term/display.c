/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "term/display.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <termcap.h>
#include <termios.h>
#include <unistd.h>

#include "base/output.h"

#define PART_MAX 4096

/* tputs() takes no context. */
static FILE *the_stream;

void display_write(struct display *display, const void *bytes, size_t len)
{
    if (len > 0 && !display->lost && output_write(display->output, bytes, len) != 0)
        display->lost = true;
}

void display_flush(struct display *display)
{
    fflush(display->stream);
    int error = output_flush(display->output);
    if (error && error != -EAGAIN)
        display->lost = true;
}

/* Readline takes a cluster to be as wide as its characters; so they are shown one by one where the line is edited. */
static ssize_t write_stream(void *cookie, const char *bytes, size_t len)
{
    struct display *display = cookie;
    char kept[PART_MAX + JOINERS_HELD_MAX];

    for (size_t done = 0, part = 0; done < len; done += part) {
        part = len - done < PART_MAX ? len - done : PART_MAX;
        display_write(display, kept, joiners_drop(&display->joiners, bytes + done, part, kept));
    }
    return (ssize_t)len; /* a terminal that is gone is the loop's business, not Readline's */
}

/* Ask termcap what the terminal can do (terminfo(5)). */
static void ask_terminal(struct display *display)
{
    static char strings[64];
    char *next = strings;
    const char *no = getenv("NO_COLOR"); /* https://no-color.org: set and not empty */
    const char *terminal = getenv("TERM");

    if (!terminal || tgetent(NULL, terminal) != 1)
        return;
    display->colours = !(no && *no) && tgetnum("Co") >= 8;
    display->clear_below = tgetstr("cd", &next);
}

int display_open(struct display *display, size_t max)
{
    static const cookie_io_functions_t functions = {.write = write_stream};

    memset(display, 0, sizeof *display);
    display->stream = fopencookie(display, "w", functions);
    if (!display->stream)
        return -errno;
    display->output = output_new(STDOUT_FILENO, max);
    ask_terminal(display);
    display->errors = stderr;
    stderr = display->stream;
    the_stream = display->stream;
    return 0;
}

void display_close(struct display *display)
{
    stderr = display->errors;
    fclose(display->stream);
    output_free(display->output);
}

static int put_byte(int byte)
{
    return putc(byte, the_stream);
}

void display_clear_below(struct display *display)
{
    if (display->clear_below)
        tputs(display->clear_below, 1, put_byte);
}

size_t display_waiting(const struct display *display)
{
    return display->lost ? 0 : output_waiting(display->output);
}

int display_fd(const struct display *display)
{
    return display->lost ? -1 : output_fd(display->output);
}

void display_give_up(struct display *display)
{
    output_clear(display->output);
    tcflush(STDIN_FILENO, TCOFLUSH);
}
