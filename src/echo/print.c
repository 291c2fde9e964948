/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "echo/print.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "net/addr.h"

#define HEX_COLUMNS 16
#define HEX_LINE_MAX (ADDR_TEXT_MAX + 24 + HEX_COLUMNS * 4)

/* A record under construction: whole lines only. */
struct record {
    size_t len;
    char text[SINK_RECORD_MAX];
};

static void flush(struct print *print, struct record *record)
{
    if (record->len > 0 && sink_write(&print->sink, record->text, record->len) != 0)
        atomic_fetch_add_explicit(&print->shared->print_dropped, 1, memory_order_relaxed);
    record->len = 0;
}

/* One line of text from the beginning of bytes; returns how many were used. room: for the line and its newline. */
static size_t text_line(char *line, size_t room, size_t *len, const uint8_t *bytes, size_t count)
{
    size_t used = 0;

    *len = 0;
    while (used < count && *len + TEXT_UNIT_MAX + 1 <= room) {
        size_t wrote = 0;
        uint8_t first = bytes[used];
        used += text_unit(bytes + used, count - used, line + *len, &wrote);
        *len += wrote;
        if (first == '\n')
            break;
    }
    line[(*len)++] = '\n';
    return used;
}

static void print_text(struct print *print, const char *who, size_t who_len, const uint8_t *bytes, size_t len)
{
    struct record record = {.len = 0};
    char line[SINK_RECORD_MAX];
    size_t line_len = 0;

    memcpy(line, who, who_len);
    while (len > 0) {
        size_t used = text_line(line + who_len, sizeof line - who_len, &line_len, bytes, len);
        line_len += who_len;
        if (record.len + line_len > sizeof record.text)
            flush(print, &record);
        memcpy(record.text + record.len, line, line_len);
        record.len += line_len;
        bytes += used;
        len -= used;
    }
    flush(print, &record);
}

static size_t hex_line(char line[static HEX_LINE_MAX], const char *who, uint64_t offset, const uint8_t *bytes,
                       size_t count)
{
    int len = snprintf(line, HEX_LINE_MAX, "%s%08llx ", who, (unsigned long long)offset);

    for (size_t i = 0; i < HEX_COLUMNS; i++)
        len += i < count ? sprintf(line + len, " %02x", bytes[i]) : sprintf(line + len, "   ");
    len += sprintf(line + len, "  |");
    for (size_t i = 0; i < count; i++)
        line[len++] = bytes[i] >= ' ' && bytes[i] < 0x7f ? (char)bytes[i] : '.';
    line[len++] = '|';
    line[len++] = '\n';
    return (size_t)len;
}

static void print_hex(struct print *print, const char *who, uint64_t offset, const uint8_t *bytes, size_t len)
{
    struct record record = {.len = 0};

    while (len > 0) {
        size_t count = len < HEX_COLUMNS ? len : HEX_COLUMNS;
        if (record.len + HEX_LINE_MAX > sizeof record.text)
            flush(print, &record);
        record.len += hex_line(record.text + record.len, who, offset, bytes, count);
        bytes += count;
        len -= count;
        offset += count;
    }
    flush(print, &record);
}

void print_bytes(struct print *print, const struct in6_addr *host, uint16_t port, uint64_t offset,
                 const uint8_t *bytes, size_t len)
{
    char address[ADDR_TEXT_MAX];
    char who[ADDR_TEXT_MAX + 16];

    addr_print_host16(host, address);
    int who_len = snprintf(who, sizeof who, strchr(address, ':') ? "[%s]:%u " : "%s:%u ", address, port);
    if (print->mode == PRINT_HEX)
        print_hex(print, who, offset, bytes, len);
    else
        print_text(print, who, (size_t)who_len, bytes, len);
}
