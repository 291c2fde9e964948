/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "load/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/units.h"

#define MS_MAX 32
#define QUOTED_MAX (6 * PLACE_HOST_MAX) /* "\\uNNNN" for each byte */
#define EXCERPT 40                      /* bytes */
#define EXCERPT_MAX (EXCERPT * TEXT_UNIT_MAX + sizeof "\"\"...")

/* Write foreign text the safe way. Returns the end. */
static char *show(const uint8_t *bytes, size_t len, char *out)
{
    for (size_t used = 0; used < len;) {
        size_t wrote = 0;
        used += text_unit(bytes + used, len - used, out, &wrote);
        out += wrote;
    }
    *out = '\0';
    return out;
}

void report_init(struct report *report, bool json, const struct place *spec, size_t size)
{
    bool brackets = strchr(spec->host, ':');
    char shown[TEXT_UNIT_MAX * PLACE_HOST_MAX];

    memset(report, 0, sizeof *report);
    report->json = json;
    report->size = size;
    memcpy(report->host, spec->host, sizeof report->host);
    show((const uint8_t *)spec->host, strlen(spec->host), shown);
    snprintf(report->name, sizeof report->name, brackets ? "[%s]:%u" : "%s:%u", shown, spec->port);
}

void report_connected(struct report *report, const struct addr *peer, int64_t connect_ns)
{
    addr_print(peer, report->peer);
    addr_print_host(peer, report->ip);
    report->port = addr_port(peer);
    report->connect_ns = connect_ns;
}

/* Append, and stay within text. Returns the new length. */
__attribute__((format(printf, 3, 4))) static size_t add(char *text, size_t len, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int printed = vsnprintf(text + len, REPORT_MAX - len, format, args);
    va_end(args);
    if (printed < 0)
        return len;
    return len + (size_t)printed < REPORT_MAX ? len + (size_t)printed : REPORT_MAX - 1;
}

/* Milliseconds with three decimals: the microseconds that a round trip through two kernels is worth. */
static const char *ms(int64_t ns, char text[static MS_MAX])
{
    int64_t us = ns / NS_PER_US + (ns % NS_PER_US >= NS_PER_US / 2);

    snprintf(text, MS_MAX, "%" PRId64 ".%03" PRId64, us / 1000, us % 1000);
    return text;
}

/* A character as JSON can always say it (RFC 8259, section 7). Returns how long it is, at most 12. */
static size_t escape(uint32_t character, char *out)
{
    if (character < 0x10000)
        return (size_t)sprintf(out, "\\u%04x", character);
    return (size_t)sprintf(out, "\\u%04x\\u%04x", 0xd800 + ((character - 0x10000) >> 10),
                           0xdc00 + (character & 0x3ff));
}

/* The inside of a JSON string: what can be shown stands as it is, a byte that is no UTF-8 becomes U+FFFD. */
static const char *quote(const char *string, char text[static QUOTED_MAX])
{
    const uint8_t *bytes = (const uint8_t *)string;
    size_t len = strlen(string);
    char *out = text;

    for (size_t used, i = 0; i < len; i += used) {
        size_t wrote;
        uint32_t character = 0;
        used = text_unit(bytes + i, len - i, out, &wrote);
        if (used != wrote || bytes[i] == '"') {
            used = text_decode(bytes + i, len - i, &character);
            wrote = escape(used ? character : 0xfffd, out);
            used += used == 0;
        }
        out += wrote;
    }
    *out = '\0';
    return text;
}

static const char *yes(bool value)
{
    return value ? "true" : "false";
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

size_t report_connect(const struct report *report, char text[static REPORT_MAX])
{
    char time[MS_MAX], host[QUOTED_MAX], ip[QUOTED_MAX];

    if (report->json)
        return add(text, 0,
                   "{\"event\":\"connect\",\"host\":\"%s\",\"port\":%u,\"ip\":\"%s\",\"size\":%zu,"
                   "\"connect_ns\":%" PRId64 "}\n",
                   quote(report->host, host), report->port, quote(report->ip, ip), report->size,
                   report->connect_ns);
    return add(text, 0, "PING %s (%s): %zu byte%s a message\nconnected to %s in %s ms\n", report->name,
               report->peer, report->size, plural(report->size), report->peer, ms(report->connect_ns, time));
}

static size_t reply_json(char *text, const struct flow_reply *reply, int64_t rtt_ns, bool late)
{
    size_t len =
        add(text, 0,
            "{\"event\":\"reply\",\"seq\":%" PRIu64 ",\"rtt_ns\":%" PRId64 ",\"late\":%s,\"corrupted\":%s",
            reply->seq, rtt_ns, yes(late), yes(reply->wrong > 0));

    if (reply->wrong)
        len = add(text, len, ",\"wrong_bytes\":%zu,\"wrong_at\":%zu,\"got\":%u,\"expected\":%u", reply->wrong,
                  reply->where, reply->got, reply->expected);
    return add(text, len, "}\n");
}

size_t report_reply(const struct report *report, char text[static REPORT_MAX], const struct flow_reply *reply,
                    int64_t rtt_ns, bool late)
{
    char time[MS_MAX];

    if (report->json)
        return reply_json(text, reply, rtt_ns, late);
    size_t len = add(text, 0, "%zu byte%s from %s: seq=%" PRIu64 " time=%s ms", report->size,
                     plural(report->size), report->peer, reply->seq, ms(rtt_ns, time));
    if (late)
        len = add(text, len, " (late)");
    if (reply->wrong)
        len =
            add(text, len, " CORRUPTED: %zu byte%s wrong, the first at offset %zu: 0x%02x instead of 0x%02x",
                reply->wrong, plural(reply->wrong), reply->where, reply->got, reply->expected);
    return add(text, len, "\n");
}

size_t report_missed(const struct report *report, char text[static REPORT_MAX], uint64_t seq, bool sent,
                     int64_t wait_ns)
{
    char wait[32];

    if (report->json)
        return add(text, 0, "{\"event\":\"missed\",\"seq\":%" PRIu64 ",\"sent\":%s}\n", seq, yes(sent));
    units_print_duration(wait_ns, wait);
    if (!sent)
        return add(text, 0, "seq=%" PRIu64 " could not be sent within %s: the peer does not keep up\n", seq,
                   wait);
    return add(text, 0, "no reply to seq=%" PRIu64 " within %s\n", seq, wait);
}

/* How bytes from a stranger begin, in quotes. */
static const char *excerpt(const uint8_t *bytes, size_t len, char text[static EXCERPT_MAX])
{
    text[0] = '"';
    char *end = show(bytes, len < EXCERPT ? len : EXCERPT, text + 1);
    strcpy(end, len > EXCERPT ? "\"..." : "\"");
    return text;
}

size_t report_stray(const struct report *report, char text[static REPORT_MAX], const uint8_t *bytes,
                    size_t len, bool spontaneous)
{
    char shown[EXCERPT_MAX];

    if (report->json)
        return add(text, 0, "{\"event\":\"stray\",\"bytes\":%zu}\n", len);
    return add(text, 0, "%zu byte%s from %s that nobody asked for%s: %s\n", len, plural(len), report->peer,
               spontaneous ? " (it speaks first)" : "", excerpt(bytes, len, shown));
}

static size_t summary_json(const struct report *report, char *text, enum probe_end end,
                           const struct outcome *outcome)
{
    static const char *const ends[] = {
        [PROBE_COUNT] = "count",   [PROBE_DEADLINE] = "deadline", [PROBE_INTERRUPTED] = "interrupted",
        [PROBE_CLOSED] = "closed", [PROBE_RESET] = "reset",       [PROBE_BROKEN] = "broken",
        [PROBE_MUTE] = "mute"};
    const struct hist *rtt = outcome->rtt;
    size_t len = add(text, 0,
                     "{\"event\":\"summary\",\"end\":\"%s\",\"sent\":%" PRIu64 ",\"received\":%" PRIu64
                     ",\"late\":%" PRIu64 ",\"corrupted\":%" PRIu64 ",\"lost\":%" PRIu64
                     ",\"unsent\":%" PRIu64 ",\"stray_bytes\":%" PRIu64 ",\"skipped\":%" PRIu64
                     ",\"elapsed_ns\":%" PRId64 ",\"connect_ns\":%" PRId64,
                     ends[end], outcome->sent, outcome->received, outcome->late, outcome->corrupted,
                     outcome_lost(outcome), outcome->unsent, outcome->stray_bytes, outcome->skipped,
                     outcome->elapsed_ns, report->connect_ns);

    if (rtt->count == 0)
        return add(text, len,
                   ",\"rtt_min_ns\":null,\"rtt_mean_ns\":null,\"rtt_p50_ns\":null,\"rtt_p99_ns\":null,"
                   "\"rtt_max_ns\":null}\n");
    return add(text, len,
               ",\"rtt_min_ns\":%" PRId64 ",\"rtt_mean_ns\":%" PRId64 ",\"rtt_p50_ns\":%" PRId64
               ",\"rtt_p99_ns\":%" PRId64 ",\"rtt_max_ns\":%" PRId64 "}\n",
               rtt->min_ns, hist_mean(rtt), hist_percentile(rtt, 50), hist_percentile(rtt, 99), rtt->max_ns);
}

/* Up to two decimals, rounded so that neither some loss looks like none nor some like all. */
static size_t add_loss(char *text, size_t len, const struct outcome *outcome)
{
    uint64_t lost = outcome_lost(outcome);
    unsigned hundredths = outcome->sent ? (unsigned)((double)lost * 10000 / (double)outcome->sent) : 0;

    if (lost && hundredths == 0)
        hundredths = 1;
    if (lost < outcome->sent && hundredths == 10000)
        hundredths = 9999;
    len = add(text, len, ", %u", hundredths / 100);
    if (hundredths % 100)
        len = add(text, len, hundredths % 10 ? ".%02u" : ".%u",
                  hundredths % 10 ? hundredths % 100 : hundredths % 100 / 10);
    return add(text, len, "%% loss");
}

size_t report_summary(const struct report *report, char text[static REPORT_MAX], enum probe_end end,
                      const struct outcome *outcome)
{
    char min[MS_MAX], mean[MS_MAX], p50[MS_MAX], p99[MS_MAX], max[MS_MAX];
    const struct hist *rtt = outcome->rtt;

    if (report->json)
        return summary_json(report, text, end, outcome);
    size_t len = add(text, 0,
                     "\n--- %s echo statistics ---\n%" PRIu64 " sent, %" PRIu64 " received, %" PRIu64
                     " late, %" PRIu64 " corrupted",
                     report->name, outcome->sent, outcome->received, outcome->late, outcome->corrupted);
    len = add_loss(text, len, outcome);
    if (outcome->unsent)
        len = add(text, len, ", %" PRIu64 " could not be sent", outcome->unsent);
    if (outcome->stray_bytes)
        len = add(text, len, ", %" PRIu64 " byte%s nobody asked for", outcome->stray_bytes,
                  plural(outcome->stray_bytes));
    len = add(text, len, ", %s s\n", ms(outcome->elapsed_ns / 1000, max)); /* so it is seconds */
    if (outcome->skipped)
        len = add(text, len,
                  "left out %" PRIu64 " time%s to send: this program could not keep up, or was stopped\n",
                  outcome->skipped, plural(outcome->skipped));
    if (rtt->count == 0)
        return len;
    return add(text, len, "round trip min/mean/p50/p99/max = %s/%s/%s/%s/%s ms\n", ms(rtt->min_ns, min),
               ms(hist_mean(rtt), mean), ms(hist_percentile(rtt, 50), p50), ms(hist_percentile(rtt, 99), p99),
               ms(rtt->max_ns, max));
}
