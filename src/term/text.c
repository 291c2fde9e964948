/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "term/text.h"

#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "base/text.h"

enum {
    MARKS_MAX = 8,
    ELEMENTS_MAX = 10,
    PLACEHOLDER_MAX = sizeof "<U+10FFFF>",
    TAB = 8,
    ZWNJ = 0x200c,
    ZWJ = 0x200d,
    KEYCAP = 0x20e3,
    TEXT_STYLE = 0xfe0e,
    EMOJI_STYLE = 0xfe0f,
};

struct range {
    uint32_t first;
    uint32_t last;
};

/* Never shown by itself. Unicode's Cc and Cf, Zl and Zp, Co, Cs, noncharacters (the last two of each plane are
 * asked for elsewhere) and Default_Ignorable_Code_Point, of which some have a width. */
static const struct range hidden[] = {
    {0x80, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},      {0x600, 0x605},     {0x61c, 0x61c},
    {0x6dd, 0x6dd},     {0x70f, 0x70f},     {0x890, 0x891},      {0x8e2, 0x8e2},     {0x115f, 0x1160},
    {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},    {0x2028, 0x202e},   {0x2060, 0x206f},
    {0x3164, 0x3164},   {0xd800, 0xf8ff},   {0xfdd0, 0xfdef},    {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},
    {0xffa0, 0xffa0},   {0xfff0, 0xfffb},   {0x110bd, 0x110bd},  {0x110cd, 0x110cd}, {0x13430, 0x1343f},
    {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0x10ffff},
};

/* Visible as nothing: what combines with these would seem to stand alone. */
static const struct range blank[] = {
    {0x20, 0x20},     {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
    {0x202f, 0x202f}, {0x205f, 0x205f}, {0x2800, 0x2800}, {0x3000, 0x3000},
};

/* One cell for some terminals and C libraries, two for others: regional indicators, which have the property
 * Emoji_Presentation; what became wide with Unicode 16 (L2/24-059); pictographs that are narrow by the letter. */
static const struct range wide_somewhere[] = {
    {0x2630, 0x2637},   {0x268a, 0x268f},   {0x4dc0, 0x4dff},   {0x1d300, 0x1d356},
    {0x1d360, 0x1d376}, {0x1f1e6, 0x1f1ff}, {0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff},
};

/* What ZWJ sequences and skin tones are made of: arrows and symbols, then pictographs. */
static const struct range emoji[] = {{0x2190, 0x2bff}, {0x1f000, 0x1f1e5}, {0x1f200, 0x1faff}};

static const struct range ideographs[] = {
    {0x3400, 0x4dbf}, {0x4e00, 0x9fff}, {0xf900, 0xfaff}, {0x20000, 0x3ffff}};

static const struct range hangul_beginnings[] = {{0x1100, 0x115e}, {0xa960, 0xa97c}, {0xac00, 0xd7a3}};
static const struct range hangul_ends[] = {{0x1161, 0x11ff}, {0xd7b0, 0xd7fb}};

/* Blocks of the scripts in which ZWJ and ZWNJ are spelling. */
static const struct range joining[] = {
    {0x600, 0x109f},  {0x1700, 0x18af}, {0x1900, 0x1cff}, {0xa800, 0xa95f},
    {0xa980, 0xabff}, {0xfb50, 0xfdff}, {0xfe70, 0xfefc}, {0x10a00, 0x11fff},
};

static bool is_within(uint32_t c, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count && c >= ranges[i].first; i++)
        if (c <= ranges[i].last)
            return true;
    return false;
}

#define IS(set, c) is_within((c), (set), sizeof(set) / sizeof *(set))

static bool is_hidden(uint32_t c)
{
    return c < 0x20 || c == 0x7f || (c & 0xfffe) == 0xfffe || IS(hidden, c);
}

/* Mn, Mc and Me: glibc has them as a class of their own. */
static bool is_mark(uint32_t c)
{
    return c >= 0x300 && !is_hidden(c) && iswctype((wint_t)c, wctype("combining"));
}

static bool is_visible(uint32_t c)
{
    return (c > 0x20 && c < 0x7f) || (c > 0x7f && !is_hidden(c) && wcwidth((wchar_t)c) > 0 && !is_mark(c));
}

/* The cells of a visible character or a mark. */
static int cells(uint32_t c)
{
    return IS(wide_somewhere, c) ? 2 : wcwidth((wchar_t)c);
}

static bool is_joining(uint32_t c)
{
    return IS(joining, c) && !is_hidden(c) && (iswalpha((wint_t)c) || is_mark(c));
}

/* The character at the front of the bytes. Returns its length, 0 if there is none. */
static size_t peek(const uint8_t *bytes, size_t len, uint32_t *c)
{
    size_t used = len ? text_decode(bytes, len, c) : 0;

    if (!used)
        *c = 0;
    return used;
}

/* A cluster as far as it has been read. An element is what ZWJ joins in an emoji sequence. */
struct cluster {
    size_t used;
    int width;
    int marks;
    int elements;
    uint32_t base; /* of the last element */
    uint32_t last; /* character */
    bool selector; /* the last element has one */
    bool tone;     /* likewise */
};

static void add_element(struct cluster *cluster, uint32_t c)
{
    cluster->base = c;
    cluster->width += cells(c);
    cluster->elements++;
    cluster->selector = false;
    cluster->tone = false;
}

static bool add_selector(struct cluster *cluster, uint32_t c)
{
    bool style = c == TEXT_STYLE || c == EMOJI_STYLE;
    bool variant = c >= 0xe0100 && c <= 0xe01ef && IS(ideographs, cluster->base);

    if (cluster->selector || (!style && !variant))
        return false;
    cluster->selector = true;
    cluster->width += c == EMOJI_STYLE && cells(cluster->base) < 2;
    return true;
}

static bool add_tone(struct cluster *cluster, uint32_t c)
{
    if (c < 0x1f3fb || c > 0x1f3ff || cluster->tone || !IS(emoji, cluster->base))
        return false;
    cluster->tone = true;
    cluster->width += cells(c);
    return true;
}

static bool add_mark(struct cluster *cluster, uint32_t c)
{
    bool syllable = IS(hangul_ends, c) && IS(hangul_beginnings, cluster->base);

    if (cluster->marks == MARKS_MAX || (!syllable && !is_mark(c)) || wcwidth((wchar_t)c) < 0)
        return false;
    cluster->marks++;
    cluster->width += syllable ? 1 : cells(c); /* no cell in most terminals, one in some */
    if (c == KEYCAP && cluster->width < 2)
        cluster->width = 2;
    return true;
}

/* A joiner, and in an emoji sequence what it joins, from len bytes after it. Returns how many of these belong to it, or -1
 * if it does not belong here. */
static int add_joiner(struct cluster *cluster, uint32_t c, const uint8_t *bytes, size_t len)
{
    uint32_t next;
    size_t used = peek(bytes, len, &next);
    bool doubled = cluster->last == ZWJ || cluster->last == ZWNJ;

    if (c == ZWJ && IS(emoji, cluster->base) && IS(emoji, next) && is_visible(next)) {
        if (cluster->elements == ELEMENTS_MAX)
            return -1;
        add_element(cluster, next);
        return (int)used;
    }
    if (c != ZWJ && c != ZWNJ)
        return -1;
    return !doubled && is_joining(cluster->base) && (is_mark(cluster->last) || is_joining(next)) ? 0 : -1;
}

/* Take what belongs to the cluster from the bytes behind it. False: nothing does. */
static bool extend(struct cluster *cluster, const uint8_t *bytes, size_t len)
{
    uint32_t c;
    size_t used = peek(bytes, len, &c);

    if (c < 0x300)
        return false;
    if (!add_selector(cluster, c) && !add_tone(cluster, c) && !add_mark(cluster, c)) {
        int joined = add_joiner(cluster, c, bytes + used, len - used);
        if (joined < 0)
            return false;
        used += (size_t)joined;
    }
    cluster->last = c;
    cluster->used += used;
    return true;
}

static bool is_regional(uint32_t c)
{
    return c >= 0x1f1e6 && c <= 0x1f1ff;
}

/* The cluster that begins with the visible character c of used bytes. */
static struct cluster read_cluster(const uint8_t *bytes, size_t len, uint32_t c, size_t used)
{
    struct cluster cluster = {.used = used, .last = c};
    uint32_t next;

    add_element(&cluster, c);
    if (IS(blank, c))
        return cluster;
    used = is_regional(c) ? peek(bytes + used, len - used, &next) : 0;
    if (used && is_regional(next)) {
        cluster.used += used;
        cluster.width += cells(next);
    }
    while (extend(&cluster, bytes + cluster.used, len - cluster.used))
        ;
    return cluster;
}

enum kind { KIND_SHOWN, KIND_SPACE, KIND_TAB, KIND_PLACEHOLDER };

/* What a row is made of: it is shown whole or not at all. */
struct unit {
    enum kind kind;
    bool wide;   /* an ideograph or the like: a row may end before it and after it */
    size_t used; /* bytes of the text */
    int width;   /* of a tab: at least */
    char placeholder[PLACEHOLDER_MAX];
};

static void spell(struct unit *unit, const char *text)
{
    size_t len = strlen(text);

    memcpy(unit->placeholder + unit->width, text, len);
    unit->width += (int)len;
}

static void spell_hex(struct unit *unit, const char *before, uint32_t value, int digits)
{
    spell(unit, before);
    while (value >> 4 * digits)
        digits++;
    while (digits-- > 0)
        spell(unit, (const char[]){"0123456789ABCDEF"[value >> 4 * digits & 15], '\0'});
    spell(unit, ">");
}

static struct unit read_unit(const uint8_t *bytes, size_t len, int columns)
{
    struct unit unit = {.kind = KIND_PLACEHOLDER};
    uint32_t c;

    unit.used = peek(bytes, len, &c);
    if (!unit.used) {
        unit.used = 1;
        spell_hex(&unit, "<", bytes[0], 2);
    } else if (c == ' ' || c == '\t') {
        unit.kind = c == ' ' ? KIND_SPACE : KIND_TAB;
        unit.width = 1;
    } else if (c < 0x20 || c == 0x7f) {
        spell(&unit, (const char[]){'^', (char)(c ^ 0x40), '\0'});
    } else if (!is_visible(c)) {
        spell_hex(&unit, "<U+", c, 4);
    } else {
        struct cluster cluster = read_cluster(bytes, len, c, unit.used);
        unit.kind = KIND_SHOWN;
        unit.used = cluster.used;
        unit.width = cluster.width;
        unit.wide = wcwidth((wchar_t)c) == 2;
    }
    if (unit.width > columns) {
        unit.kind = KIND_PLACEHOLDER;
        unit.width = 0;
        spell(&unit, "?");
    }
    return unit;
}

/* A row as far as it has been written, to where there is room for all of it, or to nowhere (NULL). */
struct row {
    uint8_t *bytes;
    size_t len;
    int width;
    int columns;
    bool colours;
    bool reverse; /* switched on at the moment */
};

static struct row begin_row(const struct text_look *look, struct buf *out)
{
    return (struct row){.bytes = buf_reserve(out, (size_t)look->columns * TEXT_CELL_MAX),
                        .columns = look->columns,
                        .colours = look->colours};
}

static void put(struct row *row, const void *bytes, size_t len)
{
    if (!row->bytes)
        return;
    memcpy(row->bytes + row->len, bytes, len);
    row->len += len;
}

static void set_reverse(struct row *row, bool reverse)
{
    if (row->colours && row->reverse != reverse)
        put(row, reverse ? "\x1b[7m" : "\x1b[27m", reverse ? 4 : 5);
    row->reverse = reverse;
}

static void put_tab(struct row *row)
{
    int left = row->columns - row->width;
    int width = TAB - row->width % TAB;

    set_reverse(row, true);
    put(row, "→", strlen("→"));
    set_reverse(row, false);
    width = width < left ? width : left;
    for (int i = 1; i < width; i++)
        put(row, " ", 1);
    row->width += width;
}

/* Put a unit into the row. False: it does not fit. */
static bool put_unit(struct row *row, const struct unit *unit, const uint8_t *bytes)
{
    if (row->width + unit->width > row->columns)
        return false;
    if (unit->kind == KIND_TAB) {
        put_tab(row);
        return true;
    }
    set_reverse(row, unit->kind == KIND_PLACEHOLDER);
    if (unit->kind == KIND_PLACEHOLDER)
        put(row, unit->placeholder, (size_t)unit->width);
    else
        put(row, bytes, unit->used);
    row->width += unit->width;
    return true;
}

/* Returns the cells of the row. */
static int end_row(struct row *row, struct buf *out)
{
    set_reverse(row, false);
    if (!row->bytes)
        return 0;
    buf_commit(out, row->len);
    return row->width;
}

static size_t line_end(const uint8_t *bytes, size_t len)
{
    if (len > 0 && bytes[0] == '\n')
        return 1;
    return len > 1 && bytes[0] == '\r' && bytes[1] == '\n' ? 2 : 0;
}

/* The spaces at the beginning of the bytes, with the end of the line if they lead to it. */
static size_t blank_rest(const uint8_t *bytes, size_t len)
{
    size_t at = 0;

    while (at < len && bytes[at] == ' ')
        at++;
    return at + line_end(bytes + at, len - at);
}

static bool may_end_between(const struct unit *before, const struct unit *after)
{
    return before->kind == KIND_SPACE || before->kind == KIND_TAB || before->wide ||
           after->kind == KIND_TAB || after->wide;
}

size_t text_row(const uint8_t *bytes, size_t len, const struct text_look *look, struct buf *out, int *width)
{
    struct row row = begin_row(look, out);
    /* The row as it was where it could have ended last, and that place: 0 if it could not yet. */
    struct row whole = row;
    size_t whole_at = 0;
    size_t at = 0;
    struct unit unit = {.kind = KIND_SHOWN};
    bool inked = false; /* an indented word is not parted from its indentation */
    bool full = false;

    while (!full && at < len && !line_end(bytes + at, len - at)) {
        struct unit before = unit;
        unit = read_unit(bytes + at, len - at, look->columns);
        if (inked && may_end_between(&before, &unit)) {
            whole = row;
            whole_at = at;
        }
        full = !put_unit(&row, &unit, bytes + at);
        at += full ? 0 : unit.used;
        inked |= unit.kind != KIND_SPACE;
    }
    if (!full || unit.kind == KIND_SPACE) {
        at += blank_rest(bytes + at, len - at);
    } else if (whole_at) {
        row = whole;
        at = whole_at;
    }
    *width = end_row(&row, out);
    return at;
}

int text_line(const uint8_t *bytes, size_t len, const struct text_look *look, struct buf *out)
{
    struct row row = begin_row(look, out);
    struct row cut = row; /* as much as leaves a cell */
    bool full = false;

    for (size_t at = 0; at < len && !full;) {
        struct unit unit = read_unit(bytes + at, len - at, look->columns);
        full = !put_unit(&row, &unit, bytes + at);
        at += unit.used;
        if (row.width < look->columns)
            cut = row;
    }
    if (full) {
        row = cut;
        set_reverse(&row, false);
        put(&row, "…", strlen("…"));
        row.width++;
    }
    return end_row(&row, out);
}
