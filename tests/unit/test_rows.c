/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of foreign text: what the peer may show, what becomes a placeholder, and where a row ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "../fuzz/rows_check.h"
#include "term/text.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The rows with a line feed between them, reverse video in braces, without it as it is. */
static const char *rows_of(const char *text, size_t len, int columns, bool colours)
{
    static char shown[4096];
    struct text_look look = {.columns = columns, .colours = colours};
    struct buf out;
    size_t used;

    buf_init(&out, sizeof shown * TEXT_CELL_MAX);
    for (size_t at = 0; at < len; at += used) {
        int width;
        if (at > 0)
            buf_append(&out, "\n", 1);
        used = text_row((const uint8_t *)text + at, len - at, &look, &out, &width);
        assert_in_range(width, 0, columns);
    }
    size_t shown_len = 0;
    const uint8_t *bytes = buf_bytes(&out);
    for (size_t i = 0; i < buf_len(&out); i++) {
        size_t left = buf_len(&out) - i;
        assert_true(shown_len < sizeof shown - 1);
        if (left >= 4 && memcmp(bytes + i, "\x1b[7m", 4) == 0) {
            shown[shown_len++] = '{';
            i += 3;
        } else if (left >= 5 && memcmp(bytes + i, "\x1b[27m", 5) == 0) {
            shown[shown_len++] = '}';
            i += 4;
        } else {
            shown[shown_len++] = (char)bytes[i];
        }
    }
    shown[shown_len] = '\0';
    buf_done(&out);
    return shown;
}

static int width_of(const char *text, size_t len)
{
    struct text_look look = {.columns = 4096};
    struct buf out;
    int width;

    buf_init(&out, 4096 * TEXT_CELL_MAX);
    assert_int_equal(text_row((const uint8_t *)text, len, &look, &out, &width), len);
    buf_done(&out);
    return width;
}

/* Bytes that hold a NUL say how many they are. */
struct sample {
    const char *text;
    const char *row; /* NULL: the text itself */
    int width;
    size_t len; /* 0: up to the NUL */
};

static size_t sample_len(const struct sample *sample)
{
    return sample->len ? sample->len : strlen(sample->text);
}

#define WOMAN "\U0001f469"
#define ZWJ "\u200d"
#define ACUTE "\u0301"

static const struct sample hostile[] = {
    /* C0 and DEL */
    {"a\0b", "a{^@}b", 4, 3},
    {"\a\b\v\f\x0e\x0f\x7f", "{^G^H^K^L^N^O^?}", 14, 0},
    {"over\rwritten", "over{^M}written", 13, 0},
    {"end\r", "end{^M}", 5, 0},
    {"\r\r\n", "{^M}", 2, 0},
    /* sequences, whole and without an end */
    {"\x1b[2J\x1b[H", "{^[}[2J{^[}[H", 9, 0},
    {"\x1b[31mred\x1b[0m", "{^[}[31mred{^[}[0m", 14, 0},
    {"\x1b]0;title\a", "{^[}]0;title{^G}", 12, 0},
    {"\x1b]52;c;aGk=\x1b\\", "{^[}]52;c;aGk={^[}\\", 15, 0},
    {"\x1b]0;no end", "{^[}]0;no end", 11, 0},
    {"\x1bPq no end", "{^[}Pq no end", 11, 0},
    {"\x1b[", "{^[}[", 3, 0},
    {"\x1b", "{^[}", 2, 0},
    {"\x1b\x1b[c", "{^[^[}[c", 6, 0},
    {"\x1b[7mreverse\x1b[27m", "{^[}[7mreverse{^[}[27m", 18, 0},
    /* C1, raw and as UTF-8 */
    {"\x9b"
     "31m",
     "{<9B>}31m", 7, 0},
    {"\x90q\x9c\x9d"
     "0;t\x9c",
     "{<90>}q{<9C><9D>}0;t{<9C>}", 20, 0},
    {"\xc2\x9b"
     "31m\xc2\x85",
     "{<U+009B>}31m{<U+0085>}", 19, 0},
    /* order */
    {"\u202egnp.exe\u202c", "{<U+202E>}gnp.exe{<U+202C>}", 23, 0},
    {"\u200e\u200f\u061c\u2066\u2067\u2068\u2069",
     "{<U+200E><U+200F><U+061C><U+2066><U+2067><U+2068><U+2069>}", 56, 0},
    /* nothing to see */
    {"a\u200bb\u00adc\u2060d\ufeff", "a{<U+200B>}b{<U+00AD>}c{<U+2060>}d{<U+FEFF>}", 36, 0},
    {"\u034f\u115f\u1160\u3164\uffa0\u180e\ufff9",
     "{<U+034F><U+115F><U+1160><U+3164><U+FFA0><U+180E><U+FFF9>}", 56, 0},
    {"a\U000e0041\U000e007f", "a{<U+E0041><U+E007F>}", 19, 0},
    /* separators */
    {"a\u2028-- b left\u2029", "a{<U+2028>}-- b left{<U+2029>}", 26, 0},
    /* no character, or nobody's */
    {"\ue000\U000f0000\U0010fffd", "{<U+E000><U+F0000><U+10FFFD>}", 27, 0},
    {"\ufdd0\ufffe\U0001ffff\U00010fff", "{<U+FDD0><U+FFFE><U+1FFFF><U+10FFF>}", 34, 0},
    /* no UTF-8 */
    {"\xff\xfe\x80\xbf", "{<FF><FE><80><BF>}", 16, 0},
    {"\xc0\xaf\xe0\x80\xaf\xf0\x80\x80\xaf", "{<C0><AF><E0><80><AF><F0><80><80><AF>}", 36, 0},
    {"\xed\xa0\x80\xed\xb0\x80", "{<ED><A0><80><ED><B0><80>}", 24, 0},
    {"\xf4\x90\x80\x80\xf8\x88\x80\x80\x80", "{<F4><90><80><80><F8><88><80><80><80>}", 36, 0},
    {"\xe6\x97", "{<E6><97>}", 8, 0},
    {"\xe6\x97\x1b[m", "{<E6><97>^[}[m", 12, 0},
    {"\xf0\x9f\x98x", "{<F0><9F><98>}x", 13, 0},
    {"\xc1\x9b\xc2", "{<C1><9B><C2>}", 12, 0},
    /* nothing to join */
    {ACUTE "a", "{<U+0301>}a", 9, 0},
    {" " ACUTE "\u00a0" ACUTE, " {<U+0301>}\u00a0{<U+0301>}", 18, 0},
    {"\u202f" ACUTE "\u3000" ACUTE, "\u202f{<U+0301>}\u3000{<U+0301>}", 19, 0},
    {"\x1b" ACUTE, "{^[<U+0301>}", 10, 0},
    {ZWJ ZWJ, "{<U+200D><U+200D>}", 16, 0},
    {"\ufe0f\u20e3", "{<U+FE0F><U+20E3>}", 16, 0},
    {"a" ZWJ "b", "a{<U+200D>}b", 10, 0},
    {"\u00e9" ZWJ "\u00e9", "\u00e9{<U+200D>}\u00e9", 10, 0},
    {"\u65e5\u200c\u672c", "\u65e5{<U+200C>}\u672c", 12, 0},
    {WOMAN ZWJ "a", WOMAN "{<U+200D>}a", 11, 0},
    {WOMAN ZWJ, WOMAN "{<U+200D>}", 10, 0},
    {WOMAN ZWJ "\U0001f0c0", WOMAN "{<U+200D><U+1F0C0>}", 19, 0}, /* not assigned */
    {"\u0645\u200c", "\u0645{<U+200C>}", 9, 0},
    {"\u0645\u200c\u200c\u0645", "\u0645{<U+200C><U+200C>}\u0645", 18, 0},
    {"a" ZWJ "\u0645", "a{<U+200D>}\u0645", 10, 0},
    {"a" ZWJ WOMAN, "a{<U+200D>}" WOMAN, 11, 0},
    {"\u0915\u094d" ZWJ ZWJ "\u0937", "\u0915\u094d" ZWJ "{<U+200D>}\u0937", 10, 0},
    {"\u1161\u11a8 a\u1161", "{<U+1161><U+11A8>} a{<U+1161>}", 26, 0},
    {"\uac00\ud7c8", "\uac00{<U+D7C8>}", 10, 0}, /* not assigned */
    {"a\ufe0f\ufe0f", "a\ufe0f{<U+FE0F>}", 10, 0},
    {"a\U000e0100", "a{<U+E0100>}", 10, 0},
    /* too much */
    {"Z" ACUTE ACUTE ACUTE ACUTE ACUTE ACUTE ACUTE ACUTE ACUTE "a",
     "Z" ACUTE ACUTE ACUTE ACUTE ACUTE ACUTE ACUTE ACUTE "{<U+0301>}a", 10, 0},
    {WOMAN ZWJ WOMAN ZWJ WOMAN ZWJ WOMAN ZWJ WOMAN ZWJ WOMAN ZWJ WOMAN ZWJ WOMAN ZWJ WOMAN ZWJ WOMAN ZWJ
         WOMAN,
     WOMAN ZWJ WOMAN ZWJ WOMAN ZWJ WOMAN ZWJ WOMAN ZWJ WOMAN ZWJ WOMAN ZWJ WOMAN ZWJ WOMAN ZWJ WOMAN
     "{<U+200D>}" WOMAN,
     30, 0},
};

static const struct sample harmless[] = {
    {"plain ASCII ~ \\ <U+202E> ^[ <9B> ?", NULL, 34, 0},
    {"h\u00e9llo, \u041f\u0440\u0438\u0432\u0435\u0442, \u0393\u03b5\u03b9\u03b1", NULL, 19, 0},
    {"\u65e5\u672c\u8a9e\u3000\ud55c\uad6d\uc5b4\uff01", NULL, 16, 0},
    {"\u845b\U000e0100\u57ce", NULL, 4, 0}, /* an ideographic variation sequence */
    {"e" ACUTE "a\u0308\u0323", NULL, 2, 0},
    {"\u1112\u1161\u11ab\u1100\u1173\u11af", NULL, 8, 0}, /* Hangul, decomposed */
    {"\u0915\u094d\u0937\u093f", NULL, 3, 0},             /* a sign that takes a cell */
    {"\u0915\u094d" ZWJ "\u0937", NULL, 2, 0},
    {"\u0d28\u0d4d" ZWJ " \u0d28", NULL, 3, 0}, /* Malayalam, the old way of writing chillu n */
    {"\u09b0" ZWJ "\u09cd\u09af", NULL, 2, 0},  /* Bengali, ra and ya */
    {"\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", NULL, 7, 0},
    {"\u0e17\u0e35\u0e48\u0e19\u0e35\u0e48", NULL, 2, 0},
    {"\u0f56\u0f66\u0f90\u0fb1", NULL, 2, 0},
    {"\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd", NULL, 4, 0},
    {"\U0001f600\U0001f44d\U0001f3fd", NULL, 6, 0},
    {"\u2764\ufe0f\u2764\ufe0e\u2764", NULL, 4, 0},
    {"1\ufe0f\u20e3#\u20e3", NULL, 4, 0},
    {"\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7\U0001f1ef", NULL, 10, 0},
    {"\U0001f468" ZWJ WOMAN ZWJ "\U0001f467" ZWJ "\U0001f466", NULL, 8, 0},
    {WOMAN "\U0001f3fd" ZWJ "\u2764\ufe0f" ZWJ "\U0001f48b" ZWJ "\U0001f468\U0001f3ff", NULL, 12, 0},
    {"\U0001f3f3\ufe0f" ZWJ "\U0001f308", NULL, 4, 0},
    {"\U0001f441\ufe0f" ZWJ "\U0001f5e8\ufe0f", NULL, 4, 0},
    {"\U0001f3fd", NULL, 2, 0},
    {"\u2630\u268a\u4dc0", NULL, 6, 0},
    {"a\tb", "a{\u2192}      b", 9, 0},
    {"\t\t", "{\u2192}       {\u2192}       ", 16, 0},
};

static void check_samples(const struct sample *samples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *text = samples[i].text;
        size_t len = sample_len(&samples[i]);
        assert_string_equal(rows_of(text, len, 80, true), samples[i].row ? samples[i].row : text);
        assert_int_equal(width_of(text, len), samples[i].width);
    }
}

static void what_could_do_something_is_a_placeholder(void **state)
{
    (void)state;
    check_samples(hostile, COUNT(hostile));
}

static void what_people_write_stays_whole(void **state)
{
    (void)state;
    check_samples(harmless, COUNT(harmless));
}

/* Every character alone between two others: it comes out as it is, or as its number. */
static void each_character_is_shown_or_named(void **state)
{
    size_t shown = 0;

    (void)state;
    for (uint32_t c = 0x80; c <= 0x10ffff; c++) {
        char text[8] = "a";
        char named[16];
        mbstate_t shift = {0};
        size_t len = c >= 0xd800 && c <= 0xdfff ? (size_t)-1 : wcrtomb(text + 1, (wchar_t)c, &shift);
        if (len == (size_t)-1)
            continue;
        text[1 + len] = 'b';
        snprintf(named, sizeof named, "a{<U+%04X>}b", c);
        const char *row = rows_of(text, len + 2, 80, true);
        if (memcmp(row, text, len + 3) != 0) {
            assert_string_equal(row, named);
            continue;
        }
        shown++;
        const char *fault = rows_fault((const uint8_t *)text, len + 2, 80);
        if (fault)
            fail_msg("U+%04X: %s", c, fault);
    }
    /* As many graphic characters has Unicode 14, the oldest version that a C library here knows. */
    assert_in_range(shown, 143500, 200000);
}

static const struct {
    int columns;
    const char *text;
    const char *rows;
} wrapped[] = {
    /* words */
    {10, "four words on rows", "four words\non rows"},
    {10, "four words  on rows", "four words\non rows"},
    {10, "four words      \non rows", "four words\non rows"},
    {10, "four words      \r\non rows", "four words\non rows"},
    {10, "four words \r on rows", "four words\n{^M} on rows"},
    {10, "two  words on rows", "two  words\non rows"},
    {10, "one and something", "one and \nsomething"},
    {10, "a incomprehensibilities", "a \nincomprehe\nnsibilitie\ns"},
    {10, "   incomprehensible", "   incompr\nehensible"},
    {10, "          ", "          "},
    {10, "               ", "          "},
    {10, "               x", "          \nx"},
    {10, "aaaaaaaaaa bbbbbbbbbb", "aaaaaaaaaa\nbbbbbbbbbb"},
    /* ends of lines */
    {10, "one\ntwo\r\nthree", "one\ntwo\nthree"},
    {10, "\n\n\r\nx\n", "\n\n\nx"},
    {10, "aaaaaaaaaa\nb", "aaaaaaaaaa\nb"},
    {10, "aaaaaaaaaa\r\nb", "aaaaaaaaaa\nb"},
    {10, "aaaaaaaaaa\n\nb", "aaaaaaaaaa\n\nb"},
    {10, "aaaaaaaaa\rb", "aaaaaaaaa\n{^M}b"},
    /* two cells */
    {5, "\u65e5\u672c\u8a9e", "\u65e5\u672c\n\u8a9e"},
    {6, "ab\u65e5\u672c\u8a9e", "ab\u65e5\u672c\n\u8a9e"},
    {6, "\u65e5abcde\u672c", "\u65e5\nabcde\n\u672c"},
    {6, "\u65e5\u672c\u8a9e \u65e5", "\u65e5\u672c\u8a9e\n\u65e5"},
    {10, "a 12345678\u65e5", "a 12345678\n\u65e5"},
    /* clusters */
    {3, "abce" ACUTE, "abc\ne" ACUTE},
    {4, "abce" ACUTE, "abce" ACUTE},
    {5, "ab\u2764\ufe0f\u2764\ufe0f", "ab\u2764\ufe0f\n\u2764\ufe0f"},
    {6, WOMAN WOMAN ZWJ WOMAN, WOMAN WOMAN ZWJ WOMAN},
    {5, WOMAN WOMAN ZWJ WOMAN, WOMAN "\n" WOMAN ZWJ WOMAN},
    {6, "\U0001f1e9\U0001f1ea\U0001f1e9\U0001f1ea", "\U0001f1e9\U0001f1ea\n\U0001f1e9\U0001f1ea"},
    {9, "ab" WOMAN "\U0001f3fd" ZWJ WOMAN "\U0001f3ff", "ab\n" WOMAN "\U0001f3fd" ZWJ WOMAN "\U0001f3ff"},
    {4, WOMAN "\U0001f3fd\U0001f3fd", WOMAN "\U0001f3fd\n\U0001f3fd"},
    {2, "\u65e5\U0001f3fd", "\u65e5\n\U0001f3fd"},
    /* placeholders */
    {10, "\xff\xff\xff", "{<FF><FF>}\n{<FF>}"},
    {10, "abc\u202e", "abc\n{<U+202E>}"},
    {11, "abc\u202e", "abc{<U+202E>}"},
    {10, "ab \xff\u65e5\xff", "ab {<FF>}\u65e5\n{<FF>}"},
    {10, "ab \xff\xff", "ab \n{<FF><FF>}"},
    /* tabs */
    {10, "1234567\t90", "1234567{\u2192}90"},
    {10, "12345678\t90", "12345678{\u2192} \n90"},
    {10, "123456789\t0", "123456789{\u2192}\n0"},
    {10, "1234567890\t", "1234567890\n{\u2192}       "},
    {20, "a\t\tb", "a{\u2192}      {\u2192}       b"},
    {10, "a 12345678\tz", "a 12345678\n{\u2192}       z"},
    /* rows too narrow for what is in them */
    {1, "ab", "a\nb"},
    {1, "\u65e5 \x1b", "{?}\n{?}"},
    {7, "a\u202e", "a{?}"},
    {2, WOMAN ZWJ WOMAN "a", "{?}a"},
    {2, "a\tb", "a{\u2192}\nb"},
};

static void rows_end_where_words_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wrapped); i++) {
        const char *rows = rows_of(wrapped[i].text, strlen(wrapped[i].text), wrapped[i].columns, true);
        assert_string_equal(rows, wrapped[i].rows);
    }
}

/* What has no room is left out whole, and the text goes on. */
static void a_row_without_room_is_left_out(void **state)
{
    struct text_look look = {.columns = 10, .colours = true};
    struct buf out;
    int width = -1;

    (void)state;
    buf_init(&out, 10 * TEXT_CELL_MAX + 4);
    buf_append(&out, "12345", 5);
    assert_int_equal(text_row((const uint8_t *)"\xff one", 5, &look, &out, &width), 5);
    assert_int_equal(width, 0);
    assert_int_equal(text_line((const uint8_t *)"\xff one", 5, &look, &out), 0);
    assert_int_equal(buf_len(&out), 5);
    buf_consume(&out, 1);
    assert_int_equal(text_row((const uint8_t *)"\xff one", 5, &look, &out, &width), 5);
    assert_int_equal(width, 8);
    buf_done(&out);
}

static const int widths[] = {1, 2, 3, 7, 8, 20, TEXT_WIDEST - 1, TEXT_WIDEST, 80};

static void must_hold(const uint8_t *text, size_t len, int columns)
{
    const char *fault = rows_fault(text, len, columns);

    if (!fault)
        return;
    for (size_t i = 0; i < len; i++)
        print_message("\\x%02x", text[i]);
    fail_msg(" in %d columns: %s", columns, fault);
}

/* Both parts of the text, wherever it is cut into two. */
static void must_hold_of_parts(const char *text, size_t len)
{
    for (size_t i = 0; i < COUNT(widths); i++) {
        for (size_t cut = 0; cut < len; cut++) {
            must_hold((const uint8_t *)text, len - cut, widths[i]);
            must_hold((const uint8_t *)text + cut, len - cut, widths[i]);
        }
    }
}

static void it_holds_of_every_part_of_a_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(hostile); i++)
        must_hold_of_parts(hostile[i].text, sample_len(&hostile[i]));
    for (size_t i = 0; i < COUNT(harmless); i++)
        must_hold_of_parts(harmless[i].text, sample_len(&harmless[i]));
    for (size_t i = 0; i < COUNT(wrapped); i++)
        must_hold_of_parts(wrapped[i].text, strlen(wrapped[i].text));
}

/* The same numbers in every run (Knuth's MMIX). */
static unsigned draw(uint64_t *seed, size_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((*seed >> 33) % below);
}

/* A text of pieces of the samples and of any bytes. */
static size_t make_text(uint64_t *seed, uint8_t *text, size_t max)
{
    size_t len = 0;

    for (unsigned pieces = 1 + draw(seed, 12); pieces > 0 && len < max - 65; pieces--) {
        const struct sample *sample =
            draw(seed, 2) ? &hostile[draw(seed, COUNT(hostile))] : &harmless[draw(seed, COUNT(harmless))];
        size_t from = draw(seed, sample_len(sample));
        size_t some = 1 + draw(seed, sample_len(sample) - from);
        some = some < 64 ? some : 64;
        memcpy(text + len, sample->text + from, some);
        len += some;
        if (draw(seed, 8) == 0)
            text[len++] = (uint8_t)draw(seed, 256);
    }
    return len;
}

static void it_holds_of_any_bytes(void **state)
{
    uint64_t seed = 5188;
    uint8_t text[1024] = {0};

    (void)state;
    for (int i = 0; i < 10000; i++) {
        size_t len = make_text(&seed, text, sizeof text);
        must_hold(text, len, widths[draw(&seed, COUNT(widths))]);
        for (size_t at = 0; at < len; at++)
            text[at] = (uint8_t)draw(&seed, 256);
        must_hold(text, len, widths[draw(&seed, COUNT(widths))]);
    }
}

/* Were it not linear, this would take longer than a test may. */
static void long_lines_take_no_time(void **state)
{
    static const char *const all_of[] = {
        "a",          " ",
        "\t",         "\x80",
        "\x1b",       "\xf0\x9f",
        "a ",         "a" ACUTE,
        ACUTE,        "\u65e5",
        "ab\u65e5",   ZWJ,
        WOMAN ZWJ,    "\u0915\u094d" ZWJ,
        "\U0001f1e9", "\u1100\u1161",
        "\n",         "\r",
        "   x",       "\U000e0041",
    };
    size_t len = 1 << 18;
    uint8_t *text = malloc(len);

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < COUNT(all_of); i++) {
        for (size_t at = 0; at < len; at++)
            text[at] = (uint8_t)all_of[i][at % strlen(all_of[i])];
        struct text_look look = {.columns = i % 2 ? 80 : 1000, .colours = true};
        struct buf out;
        size_t used;
        buf_init(&out, 1000 * TEXT_CELL_MAX);
        for (size_t at = 0; at < len; at += used) {
            int width;
            used = text_row(text + at, len - at, &look, &out, &width);
            assert_in_range(used, 1, len - at);
            buf_consume(&out, buf_len(&out));
        }
        text_line(text, len, &look, &out);
        buf_done(&out);
    }
    free(text);
}

static int use_utf8(void **state)
{
    (void)state;
    return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_could_do_something_is_a_placeholder),
        cmocka_unit_test(what_people_write_stays_whole),
        cmocka_unit_test(each_character_is_shown_or_named),
        cmocka_unit_test(rows_end_where_words_do),
        cmocka_unit_test(a_row_without_room_is_left_out),
        cmocka_unit_test(it_holds_of_every_part_of_a_text),
        cmocka_unit_test(it_holds_of_any_bytes),
        cmocka_unit_test(long_lines_take_no_time),
    };
    return cmocka_run_group_tests_name("rows", tests, use_utf8, NULL);
}
