/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is to be told the user of what happens at the door, one line at a time. Callers can be many: what they cause is told at
 * most every NEWS_PAUSE_MS, with a number. */
#ifndef YODEL_CHAT_NEWS_H
#define YODEL_CHAT_NEWS_H

#include <stdbool.h>
#include <stdint.h>

#define NEWS_MAX 2048
#define NEWS_LINES 8
#define NEWS_PAUSE_MS 5000

struct news {
    char lines[NEWS_LINES][NEWS_MAX];
    int first, count;
    char stranger[NEWS_MAX]; /* the last that was not told */
    uint64_t strangers;      /* how many were not */
    int64_t next_ms;         /* when the next may be */
};

void news_init(struct news *news);

/* A line that is always told, unless NEWS_LINES wait already. */
void news_say(struct news *news, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line that somebody has caused who has proven nothing. */
void news_of_stranger(struct news *news, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The next line, without an end. Returns whether there is one. */
bool news_next(struct news *news, int64_t now_ms, char text[static NEWS_MAX]);

/* When there will be one though nothing happens; INT64_MAX: never. */
int64_t news_wake_ms(const struct news *news);

#endif
