/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rows_check.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "term/text.h"

/* The checks end at the first fault. */
#define MUST(holds)                                                                                          \
    do {                                                                                                     \
        if (!(holds))                                                                                        \
            return "not so: " #holds;                                                                        \
    } while (0)

#define TRY(check)                                                                                           \
    do {                                                                                                     \
        const char *fault_ = (check);                                                                        \
        if (fault_)                                                                                          \
            return fault_;                                                                                   \
    } while (0)

/* A row, read from its beginning. */
struct reading {
    const uint8_t *row;
    size_t row_len;
    size_t at;
    const uint8_t *text; /* what the row must say: the part of the input that it used up */
    size_t text_len;
    size_t said;
    bool reverse;
    int cells;        /* as wcwidth() counts */
    int marks;        /* in succession, since the last visible character */
    wchar_t last;     /* character; 0: there is none, or none that anything combines with */
    int placeholders; /* so far, without tabs */
    bool illegible;   /* a "?" stands for what the row was too narrow for */
};

static bool starts(const uint8_t *bytes, size_t len, const char *with)
{
    return len >= strlen(with) && memcmp(bytes, with, strlen(with)) == 0;
}

/* Unicode 15: Cf but ZWNJ and ZWJ, the separators, fillers and the like, private use. Noncharacters and surrogates
 * are not asked for here: the C library says that they are not printable. */
static bool is_forbidden(wchar_t c)
{
    static const wchar_t ranges[][2] = {
        {0x00, 0x1f},       {0x7f, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},     {0x600, 0x605},
        {0x61c, 0x61c},     {0x6dd, 0x6dd},     {0x70f, 0x70f},     {0x890, 0x891},     {0x8e2, 0x8e2},
        {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200b},   {0x200e, 0x200f},
        {0x2028, 0x202e},   {0x2060, 0x206f},   {0x3164, 0x3164},   {0xe000, 0xf8ff},   {0xfe00, 0xfe0d},
        {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd},
        {0x13430, 0x1343f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe00ff}, {0xe01f0, 0x10ffff},
    };

    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    return false;
}

static bool is_combining(wchar_t c)
{
    bool hangul = (c >= 0x1161 && c <= 0x11ff) || (c >= 0xd7b0 && c <= 0xd7fb);
    return hangul || iswctype((wint_t)c, wctype("combining"));
}

static bool is_invisible(wchar_t c)
{
    return c == 0x200c || c == 0x200d || c == 0xfe0e || c == 0xfe0f || (c >= 0xe0100 && c <= 0xe01ef);
}

static bool is_blank(wchar_t c)
{
    return iswspace((wint_t)c) || c == 0xa0 || c == 0x2007 || c == 0x202f || c == 0x2800;
}

/* A character that is shown as it is. */
static const char *read_character(struct reading *r, wchar_t c, size_t len)
{
    MUST(!is_forbidden(c));
    MUST(wcwidth(c) >= 0);
    if (is_invisible(c)) {
        MUST(r->last != 0);
        MUST(r->last != c);
    } else if (is_combining(c)) {
        MUST(r->last != 0);
        MUST(++r->marks <= 8);
    } else {
        MUST(wcwidth(c) > 0);
        r->marks = 0;
    }
    r->last = is_blank(c) ? 0 : c;
    r->cells += wcwidth(c);
    MUST(r->said + len <= r->text_len);
    MUST(memcmp(r->text + r->said, r->row + r->at, len) == 0);
    r->said += len;
    r->at += len;
    return NULL;
}

/* After a tab's arrow: those of the text, and up to 7 of its own. The last ones of the text may be missing. */
static const char *read_tab_spaces(struct reading *r)
{
    size_t shown = 0;
    size_t said = 0;

    if (starts(r->row + r->at, r->row_len - r->at, "\x1b[27m")) {
        r->at += 5;
        r->reverse = false;
    }
    while (r->at < r->row_len && r->row[r->at] == ' ') {
        r->at++;
        shown++;
    }
    while (r->said < r->text_len && r->text[r->said] == ' ' && said < shown) {
        r->said++;
        said++;
    }
    MUST(shown - said <= 7);
    r->cells += (int)shown;
    return NULL;
}

static size_t encode(unsigned long c, uint8_t bytes[static 4])
{
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = len; i-- > 1; c >>= 6)
        bytes[i] = (uint8_t)(0x80 | (c & 0x3f));
    bytes[0] = (uint8_t)(leads[len] | c);
    return len;
}

static const char *read_placeholder(struct reading *r)
{
    size_t left = r->row_len - r->at;
    char row[sizeof "<U+10FFFF>"] = "";
    uint8_t bytes[4];
    size_t bytes_len = 1;
    size_t cells = 1;

    memcpy(row, r->row + r->at, left < sizeof row ? left : sizeof row - 1);
    r->last = 0;
    if (starts(r->row + r->at, left, "→")) {
        MUST(r->said < r->text_len && r->text[r->said] == '\t');
        r->at += strlen("→");
        r->said++;
        r->cells++;
        return read_tab_spaces(r);
    }
    r->placeholders++;
    if (row[0] == '?') {
        r->illegible = true;
    } else if (row[0] == '^' && left >= 2) {
        cells = 2;
        bytes[0] = (uint8_t)(row[1] ^ 0x40);
        MUST(bytes[0] < 0x20 || bytes[0] == 0x7f);
    } else {
        char *end;
        bool character = starts(r->row + r->at, left, "<U+");
        unsigned long value = strtoul(row + (character ? 3 : 1), &end, 16);
        MUST(row[0] == '<' && *end == '>');
        cells = (size_t)(end + 1 - row);
        MUST(character ? cells >= 8 : cells == 4);
        MUST(value >= 0x80 && value <= (character ? 0x10ffff : 0xff));
        bytes[0] = (uint8_t)value;
        bytes_len = character ? encode(value, bytes) : 1;
    }
    r->cells += (int)cells;
    r->at += cells;
    if (r->illegible)
        return NULL;
    MUST(r->said + bytes_len <= r->text_len);
    MUST(memcmp(r->text + r->said, bytes, bytes_len) == 0);
    r->said += bytes_len;
    return NULL;
}

static const char *read_next(struct reading *r)
{
    const uint8_t *row = r->row + r->at;
    size_t left = r->row_len - r->at;
    mbstate_t state = {0};
    wchar_t c = 0;

    if (*row == 0x1b) {
        bool on = starts(row, left, "\x1b[7m");
        MUST(on || starts(row, left, "\x1b[27m"));
        MUST(on != r->reverse);
        r->reverse = on;
        r->at += on ? 4 : 5;
        return NULL;
    }
    if (r->reverse)
        return read_placeholder(r);
    size_t len = mbrtowc(&c, (const char *)row, left, &state);
    MUST(len >= 1 && len <= 4);
    return read_character(r, c, len);
}

static const char *read_row(struct reading *r)
{
    while (r->at < r->row_len && !r->illegible)
        TRY(read_next(r));
    MUST(r->illegible || !r->reverse);
    return NULL;
}

/* What the row of so many cells does not show of the text that it used up: spaces for which there was no cell, an end of
 * line. */
static const char *check_unshown(const struct reading *r, int width, int columns)
{
    const uint8_t *rest = r->text + r->said;
    const uint8_t *end = r->text + r->text_len;

    while (rest < end && *rest == ' ') {
        MUST(width == columns);
        rest++;
    }
    MUST(rest == end || (end - rest == 1 && rest[0] == '\n') ||
         (end - rest == 2 && memcmp(rest, "\r\n", 2) == 0));
    return NULL;
}

/* The row without colours is the same row. */
static const char *check_colourless(const struct buf *coloured, const struct buf *plain)
{
    const uint8_t *row = buf_bytes(coloured);
    size_t len = buf_len(coloured);
    size_t same = 0;

    for (size_t at = 0; at < len;) {
        if (row[at] == 0x1b) {
            at += starts(row + at, len - at, "\x1b[7m") ? 4 : 5;
            continue;
        }
        MUST(same < buf_len(plain) && buf_bytes(plain)[same] == row[at]);
        same++;
        at++;
    }
    MUST(same == buf_len(plain));
    return NULL;
}

struct rows {
    struct buf coloured;
    struct buf plain;
    int columns;
    int placeholders;
};

/* Check the first row of the text and tell how many bytes it used up. */
static const char *check_row(struct rows *rows, const uint8_t *bytes, size_t len, size_t *used)
{
    struct text_look colourful = {.columns = rows->columns, .colours = true};
    struct text_look colourless = {.columns = rows->columns, .colours = false};
    int width = -1;
    int plain_width = -1;

    buf_consume(&rows->coloured, buf_len(&rows->coloured));
    buf_consume(&rows->plain, buf_len(&rows->plain));
    *used = text_row(bytes, len, &colourful, &rows->coloured, &width);
    MUST(*used >= 1 && *used <= len);
    MUST(text_row(bytes, len, &colourless, &rows->plain, &plain_width) == *used);
    MUST(plain_width == width && width >= 0 && width <= rows->columns);
    MUST(buf_len(&rows->coloured) <= (size_t)width * TEXT_CELL_MAX);
    TRY(check_colourless(&rows->coloured, &rows->plain));
    struct reading reading = {.row = buf_bytes(&rows->coloured),
                              .row_len = buf_len(&rows->coloured),
                              .text = bytes,
                              .text_len = *used};
    TRY(read_row(&reading));
    MUST(reading.cells <= width);
    rows->placeholders += reading.placeholders;
    MUST(!reading.illegible || rows->columns < TEXT_WIDEST);
    return reading.illegible ? NULL : check_unshown(&reading, width, rows->columns);
}

static const char *check_rows(struct rows *rows, const uint8_t *bytes, size_t len)
{
    size_t used;

    for (size_t at = 0; at < len; at += used)
        TRY(check_row(rows, bytes + at, len - at, &used));
    return NULL;
}

static const char *read_line(const struct buf *row, size_t row_len, const uint8_t *bytes, size_t len,
                             int width, struct reading *reading)
{
    *reading = (struct reading){.row = buf_bytes(row), .row_len = row_len, .text = bytes, .text_len = len};
    TRY(read_row(reading));
    MUST(reading->illegible || reading->cells <= width);
    return NULL;
}

/* All of the text, or its beginning and dots. */
static const char *check_line(struct rows *rows, const uint8_t *bytes, size_t len)
{
    struct text_look look = {.columns = rows->columns, .colours = true};
    struct reading reading;
    size_t dots = strlen("…");

    buf_consume(&rows->coloured, buf_len(&rows->coloured));
    int width = text_line(bytes, len, &look, &rows->coloured);
    size_t row_len = buf_len(&rows->coloured);
    MUST(width >= 0 && width <= rows->columns && row_len <= (size_t)width * TEXT_CELL_MAX);
    if (!read_line(&rows->coloured, row_len, bytes, len, width, &reading) &&
        (reading.illegible || reading.said == len))
        return NULL;
    MUST(row_len >= dots && memcmp(buf_bytes(&rows->coloured) + row_len - dots, "…", dots) == 0);
    TRY(read_line(&rows->coloured, row_len - dots, bytes, len, width - 1, &reading));
    /* Spaces at the end may have been taken for those of a tab. */
    MUST(reading.illegible || reading.said < len || bytes[len - 1] == ' ');
    return NULL;
}

static const char *check_all(struct rows *rows, const uint8_t *bytes, size_t len, int columns)
{
    rows->columns = columns;
    TRY(check_rows(rows, bytes, len));
    TRY(check_line(rows, bytes, len));
    if (columns < TEXT_WIDEST)
        return NULL;
    /* No byte takes more cells than a tab: nothing wraps. Where a row ends, no cluster is cut. */
    int placeholders = rows->placeholders;
    rows->placeholders = 0;
    rows->columns = 8 * (int)len + TEXT_WIDEST;
    TRY(check_rows(rows, bytes, len));
    MUST(rows->placeholders == placeholders);
    return NULL;
}

const char *rows_fault(const uint8_t *bytes, size_t len, int columns)
{
    struct rows rows = {.columns = columns};

    buf_init(&rows.coloured, (size_t)1 << 30);
    buf_init(&rows.plain, (size_t)1 << 30);
    const char *fault = check_all(&rows, bytes, len, columns);
    buf_done(&rows.coloured);
    buf_done(&rows.plain);
    return fault;
}
