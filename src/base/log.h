/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Log lines: an event and its fields, as logfmt or JSON, one line each, never waiting.
 *
 *     event=open ip=127.0.0.1 port=40000 conns=1 time=2026-01-31T12:00:00.123Z
 *     {"event":"open","ip":"127.0.0.1","port":40000,"conns":1,"time":"2026-01-31T12:00:00.123Z"}
 *
 * A line that finds no room is dropped and counted; the next one that finds room is preceded by
 * event=dropped with the number. Keys and events are the program's own literals; string values may hold
 * any bytes and are quoted. */
#ifndef YODEL_BASE_LOG_H
#define YODEL_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sink.h"

enum log_format { LOG_LOGFMT, LOG_JSON };

struct log {
    struct sink sink;
    enum log_format format;
    uint64_t dropped;   /* lines that found no room, ever */
    uint64_t announced; /* how many of them event=dropped has told */
};

/* Room for the counters of 128 workers, the longest line there is. */
#define LOG_LINE_MAX SINK_LONG_MAX

/* A line under construction. Fields that do not fit LOG_LINE_MAX are left out whole. */
struct log_line {
    enum log_format format;
    size_t len;
    char text[LOG_LINE_MAX];
};

void log_open(struct log *log, int fd, enum log_format format);

void log_begin(struct log_line *line, const struct log *log, const char *event);
void log_str(struct log_line *line, const char *key, const char *value);
void log_num(struct log_line *line, const char *key, int64_t value);

/* Add the time, end the line and write it. */
void log_end(struct log_line *line, struct log *log);

/* Write "text" as a line of its own; in JSON as {"event":EVENT,"message":TEXT}. For the one line that
 * people and scripts wait for: "listening on HOST:PORT". */
void log_plain(struct log *log, const char *event, const char *text);

#endif
