/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "term/entry.h"

#include <string.h>

#include "base/err.h"

/* Text is not squeezed into less than this beside its head: it then stands below it, so that no part of it can get to
 * the beginning of a row, however long names are and however narrow the terminal. */
#define TEXT_COLUMNS_MIN 8
#define BELOW_INDENT 2

#define STATUS_MARK "-- "
#define MORE_MARK "\342\200\246 "
#define MORE_COLUMNS 2

/* SGR sequences (ECMA-48, 8.3.117). */
static const struct {
    const char *name, *text;
} colours[] = {
    [ENTRY_OWN] = {"\033[36m", ""},
    [ENTRY_PEER] = {"\033[1;32m", ""},
    [ENTRY_STATUS] = {"", "\033[33m"},
    [ENTRY_ERROR] = {"", "\033[1;31m"},
};

struct page {
    const struct text_look *look;
    struct buf *out;
    int error;
};

static void put(struct page *page, const char *text, size_t len)
{
    int error = buf_append(page->out, text, len);

    if (error)
        page->error = error;
}

static void put_colour(struct page *page, const char *sequence)
{
    if (page->look->colours)
        put(page, sequence, strlen(sequence));
}

static void put_spaces(struct page *page, int count)
{
    static const char spaces[] = "                                ";
    int most = (int)sizeof spaces - 1;

    for (; count > 0; count -= most)
        put(page, spaces, (size_t)(count < most ? count : most));
}

int entry_name_columns(const char *name, int limit)
{
    const struct text_look look = {.columns = limit};
    struct buf out;

    buf_init(&out, (size_t)limit * TEXT_CELL_MAX);
    int columns = *name && limit > 0 ? text_line((const uint8_t *)name, strlen(name), &look, &out) : 0;
    buf_done(&out);
    return columns;
}

/* Returns the cells. */
static int put_name(struct page *page, const struct entry *entry)
{
    struct text_look look = {.columns = entry->name_columns};
    int columns = 0;

    if (*entry->name && entry->name_columns > 0)
        columns = text_line((const uint8_t *)entry->name, strlen(entry->name), &look, page->out);
    return columns;
}

static bool is_said(const struct entry *entry)
{
    return entry->kind == ENTRY_OWN || entry->kind == ENTRY_PEER;
}

/* Where the text begins if it stands beside the head. */
static int head_columns(const struct entry *entry)
{
    return (int)strlen(entry->time) + 1 +
           (is_said(entry) ? entry->name_columns + 2 : (int)strlen(STATUS_MARK));
}

/* What stands before the text. Returns the cells. */
static int put_head(struct page *page, const struct entry *entry)
{
    int columns = (int)strlen(entry->time) + 1;
    bool said = is_said(entry);

    put_colour(page, said ? "\033[2m" : colours[entry->kind].text);
    if (!said) {
        put(page, STATUS_MARK, strlen(STATUS_MARK));
        columns += (int)strlen(STATUS_MARK);
    }
    put(page, entry->time, strlen(entry->time));
    put(page, " ", 1);
    if (said) {
        put_colour(page, "\033[0m");
        put_colour(page, colours[entry->kind].name);
        columns += put_name(page, entry);
        put_colour(page, "\033[0m");
    }
    return columns;
}

/* Go to where the text begins. Returns how many cells are left of it, in every row. */
static int begin_text(struct page *page, const struct entry *entry, int head)
{
    int columns = page->look->columns;
    int left = head_columns(entry);
    int more = entry->more ? MORE_COLUMNS : 0;

    if (columns - left - more - 1 < TEXT_COLUMNS_MIN) {
        put(page, "\n", 1);
        left = columns > 2 * BELOW_INDENT ? BELOW_INDENT : 1;
        head = 0;
    }
    put_spaces(page, left - head);
    if (entry->more)
        put(page, MORE_MARK, strlen(MORE_MARK));
    return left + more;
}

int entry_print(const struct entry *entry, const struct text_look *look, struct buf *out)
{
    struct page page = {.look = look, .out = out};
    int indent = begin_text(&page, entry, put_head(&page, entry));
    /* What ends in the last column makes some terminals go on to the next row, and others not. */
    int room = look->columns - indent - 1;
    const struct text_look rest = {.columns = room < 1 ? 1 : room, .colours = look->colours};
    int width = 0;

    for (size_t used = 0; used < entry->len && !page.error;) {
        if (buf_space(out) < (size_t)rest.columns * TEXT_CELL_MAX) {
            page.error = -ERR_FULL;
            break;
        }
        used += text_row(entry->text + used, entry->len - used, &rest, out, &width);
        if (used < entry->len) {
            put(&page, "\n", 1);
            if (entry->text[used] != '\n')
                put_spaces(&page, indent);
        }
    }
    put_colour(&page, "\033[0m");
    put(&page, "\n", 1);
    return page.error;
}
