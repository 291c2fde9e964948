/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* What the closing of a line needs: the time, a brace and a newline. */
#define TAIL_RESERVE 64

void log_open(struct log *log, int fd, enum log_format format)
{
    sink_open(&log->sink, fd);
    log->format = format;
    log->dropped = 0;
    log->announced = 0;
}

static void put(struct log_line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct log_line *line, const char *format, ...)
{
    va_list args;
    size_t room = sizeof line->text - line->len;

    va_start(args, format);
    int count = vsnprintf(line->text + line->len, room, format, args);
    va_end(args);
    if (count > 0)
        line->len += (size_t)count < room ? (size_t)count : room - 1;
}

/* Whether value stands in logfmt without quotes. */
static bool is_bare(const char *value)
{
    const char *p = value;

    for (; *p; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || strchr("\"=\\", *p))
            return false;
    return p > value;
}

static void put_quoted(struct log_line *line, const char *value)
{
    put(line, "\"");
    for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
        if (*p == '"' || *p == '\\')
            put(line, "\\%c", *p);
        else if (*p < ' ' || *p >= 0x7f)
            put(line, "\\u%04x", *p);
        else
            put(line, "%c", *p);
    }
    put(line, "\"");
}

void log_begin(struct log_line *line, const struct log *log, const char *event)
{
    line->format = log->format;
    line->len = 0;
    if (line->format == LOG_JSON)
        put(line, "{\"event\":\"%s\"", event);
    else
        put(line, "event=%s", event);
}

static bool has_room(const struct log_line *line, size_t need)
{
    return line->len + need + TAIL_RESERVE < sizeof line->text;
}

static void put_key(struct log_line *line, const char *key)
{
    if (line->format == LOG_JSON)
        put(line, ",\"%s\":", key);
    else
        put(line, " %s=", key);
}

void log_str(struct log_line *line, const char *key, const char *value)
{
    if (!has_room(line, strlen(key) + 6 * strlen(value) + 8))
        return;
    put_key(line, key);
    if (line->format == LOG_LOGFMT && is_bare(value))
        put(line, "%s", value);
    else
        put_quoted(line, value);
}

void log_num(struct log_line *line, const char *key, int64_t value)
{
    if (!has_room(line, strlen(key) + 32))
        return;
    put_key(line, key);
    put(line, "%lld", (long long)value);
}

static void put_time(struct log_line *line)
{
    struct timespec now;
    struct tm utc;
    char text[sizeof "2026-01-31T12:00:00"];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    put_key(line, "time");
    put(line, line->format == LOG_JSON ? "\"%s.%03ldZ\"}" : "%s.%03ldZ", text, now.tv_nsec / 1000000);
}

static void tell_dropped(struct log *log)
{
    struct log_line line;

    log_begin(&line, log, "dropped");
    log_num(&line, "lines", (int64_t)(log->dropped - log->announced));
    put_time(&line);
    put(&line, "\n");
    if (sink_write(&log->sink, line.text, line.len) == 0)
        log->announced = log->dropped;
}

static void emit(struct log *log, const struct log_line *line)
{
    if (log->dropped != log->announced)
        tell_dropped(log);
    if (log->dropped != log->announced || sink_write(&log->sink, line->text, line->len) != 0)
        log->dropped++;
}

void log_end(struct log_line *line, struct log *log)
{
    put_time(line);
    put(line, "\n");
    emit(log, line);
}

void log_plain(struct log *log, const char *event, const char *text)
{
    struct log_line line;

    if (log->format == LOG_JSON) {
        log_begin(&line, log, event);
        log_str(&line, "message", text);
        log_end(&line, log);
        return;
    }
    line.format = log->format;
    line.len = 0;
    put(&line, "%.*s\n", LOG_LINE_MAX - 2, text);
    emit(log, &line);
}
