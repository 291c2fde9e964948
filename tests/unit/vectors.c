/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)1 << 20)

void vectors_open(struct vectors *v, const char *name)
{
    char path[4096];

    snprintf(path, sizeof path, VECTORS_DIR "/%s", name);
    FILE *file = fopen(path, "re");
    if (!file)
        fail_msg("%s cannot be read", path);
    *v = (struct vectors){.text = malloc(FILE_MAX)};
    assert_non_null(v->text);
    size_t len = fread(v->text, 1, FILE_MAX, file);
    assert_in_range(len, 1, FILE_MAX - 1);
    v->text[len] = '\0';
    v->rest = v->text;
    fclose(file);
}

void vectors_close(struct vectors *v)
{
    free(v->text);
    *v = (struct vectors){0};
}

/* Cut the next line off the rest; NULL: there is none. */
static char *next_line(struct vectors *v)
{
    return v->rest && *v->rest ? strsep(&v->rest, "\n") : NULL;
}

bool vectors_next(struct vectors *v)
{
    static char nothing[] = "";
    char *line = NULL;

    v->count = 0;
    while ((line = next_line(v)) != NULL && (*line || v->count == 0)) {
        if (!*line || *line == '#')
            continue;
        assert_in_range(v->count, 0, VECTORS_LINES_MAX - 1);
        v->names[v->count] = strsep(&line, " ");
        v->values[v->count++] = line ? line : nothing;
    }
    return v->count > 0;
}

const char *vectors_text(const struct vectors *v, const char *name)
{
    for (int i = 0; i < v->count; i++) {
        if (strcmp(v->names[i], name) == 0)
            return v->values[i];
    }
    return NULL;
}

static uint8_t nibble(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = digit ? strchr(digits, digit) : NULL;

    assert_non_null(at);
    return (uint8_t)(at - digits);
}

size_t vectors_unhex(const char *hex, uint8_t *bytes, size_t max)
{
    size_t len = strlen(hex) / 2;

    assert_int_equal(strlen(hex) % 2, 0);
    assert_in_range(len, 0, max);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    return len;
}

size_t vectors_bytes(const struct vectors *v, const char *name, uint8_t *bytes, size_t max)
{
    const char *hex = vectors_text(v, name);

    if (!hex)
        fail_msg("a record without %s", name);
    return vectors_unhex(hex, bytes, max);
}

void vectors_exactly(const struct vectors *v, const char *name, uint8_t *bytes, size_t len)
{
    assert_int_equal(vectors_bytes(v, name, bytes, len), len);
}

struct place vectors_place(const char *text)
{
    const char *space = strchr(text, ' ');
    struct place place = {0};

    assert_non_null(space);
    assert_in_range(space - text, 0, PLACE_HOST_MAX - 1);
    memcpy(place.host, text, (size_t)(space - text));
    place.port = (uint16_t)strtoul(space + 1, NULL, 10);
    return place;
}
