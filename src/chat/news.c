/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "chat/news.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void news_init(struct news *news)
{
    memset(news, 0, sizeof *news);
}

void news_say(struct news *news, const char *format, ...)
{
    va_list args;

    if (news->count == NEWS_LINES)
        return;
    char *line = news->lines[(news->first + news->count++) % NEWS_LINES];
    va_start(args, format);
    vsnprintf(line, NEWS_MAX, format, args);
    va_end(args);
}

void news_of_stranger(struct news *news, const char *format, ...)
{
    va_list args;

    news->strangers++;
    va_start(args, format);
    vsnprintf(news->stranger, NEWS_MAX, format, args);
    va_end(args);
}

bool news_next(struct news *news, int64_t now_ms, char text[static NEWS_MAX])
{
    if (news->count > 0) {
        strcpy(text, news->lines[news->first]);
        news->first = (news->first + 1) % NEWS_LINES;
        news->count--;
        return true;
    }
    if (news->strangers == 0 || now_ms < news->next_ms)
        return false;
    if (news->strangers == 1)
        snprintf(text, NEWS_MAX, "%s", news->stranger);
    else
        snprintf(text, NEWS_MAX, "%.400s (and %" PRIu64 " more like this)", news->stranger,
                 news->strangers - 1);
    news->strangers = 0;
    news->next_ms = now_ms + NEWS_PAUSE_MS;
    return true;
}

int64_t news_wake_ms(const struct news *news)
{
    if (news->count > 0)
        return 0;
    return news->strangers > 0 ? news->next_ms : INT64_MAX;
}
