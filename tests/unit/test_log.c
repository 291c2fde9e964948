/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Log lines: one line each whatever the values hold, in both formats, and what happens without room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A log that writes into a pipe. */
struct fixture {
    struct log log;
    int ends[2];
};

static void setup(struct fixture *f, enum log_format format)
{
    assert_int_equal(pipe2(f->ends, O_CLOEXEC), 0);
    log_open(&f->log, f->ends[1], format);
}

static void teardown(struct fixture *f)
{
    close(f->log.sink.fd);
    close(f->ends[0]);
    close(f->ends[1]);
}

/* All that is in the pipe now, as a string. */
static char *take(struct fixture *f)
{
    static char text[1 << 20];
    size_t len = 0;
    struct pollfd ready = {.fd = f->ends[0], .events = POLLIN};

    while (poll(&ready, 1, 0) == 1) {
        ssize_t count = read(f->ends[0], text + len, sizeof text - 1 - len);
        assert_true(count > 0);
        len += (size_t)count;
    }
    text[len] = '\0';
    return text;
}

/* Cut " time=...Z" (or its JSON) off the end of a line and check it: UTC, and now. */
static void cut_time(char *line, enum log_format format)
{
    const char *mark = format == LOG_JSON ? ",\"time\":\"" : " time=";
    const char *tail = format == LOG_JSON ? "Z\"}\n" : "Z\n";
    char *time_at = strstr(line, mark);
    int milliseconds = -1;
    int used = 0;
    struct tm utc = {0};

    assert_non_null(time_at);
    for (char *next = time_at; (next = strstr(next + 1, mark));)
        time_at = next;
    const char *rest = strptime(time_at + strlen(mark), "%Y-%m-%dT%H:%M:%S", &utc);
    assert_non_null(rest);
    assert_int_equal(sscanf(rest, ".%3d%n", &milliseconds, &used), 1);
    assert_int_equal(used, 4);
    assert_string_equal(rest + 4, tail);
    /* Not time(): its clock stands still between two ticks, and may be a second behind the log's. */
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
    assert_in_range(now.tv_sec - timegm(&utc), 0, 5);
    *time_at = '\0';
}

static void a_line_is_the_event_its_fields_and_the_time(void **state)
{
    static const struct {
        enum log_format format;
        const char *line;
    } cases[] = {
        {LOG_LOGFMT, "event=open ip=127.0.0.1 port=40000 least=-9223372036854775808 "
                     "most=9223372036854775807"},
        {LOG_JSON, "{\"event\":\"open\",\"ip\":\"127.0.0.1\",\"port\":40000,\"least\":-9223372036854775808,"
                   "\"most\":9223372036854775807"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fixture f;
        struct log_line line;
        setup(&f, cases[i].format);
        log_begin(&line, &f.log, "open");
        log_str(&line, "ip", "127.0.0.1");
        log_num(&line, "port", 40000);
        log_num(&line, "least", INT64_MIN);
        log_num(&line, "most", INT64_MAX);
        log_end(&line, &f.log);
        char *text = take(&f);
        cut_time(text, cases[i].format);
        assert_string_equal(text, cases[i].line);
        teardown(&f);
    }
}

/* What a value becomes. NULL in json: the same as in logfmt. */
static const struct {
    const char *value;
    const char *logfmt;
    const char *json;
} values[] = {
    {"plain", "plain", "\"plain\""},
    {"[::1]:5188", "[::1]:5188", "\"[::1]:5188\""},
    {"*:5188", "*:5188", "\"*:5188\""},
    {"fe80::1%eth0", "fe80::1%eth0", "\"fe80::1%eth0\""},
    {"", "\"\"", NULL},
    {" ", "\" \"", NULL},
    {"two words", "\"two words\"", NULL},
    {"a=b", "\"a=b\"", NULL},
    {"say \"hi\"", "\"say \\\"hi\\\"\"", NULL},
    {"\"", "\"\\\"\"", NULL},
    {"back\\slash", "\"back\\\\slash\"", NULL},
    {"\\", "\"\\\\\"", NULL},
    {"x\nevent=open ip=1.2.3.4", "\"x\\u000aevent=open ip=1.2.3.4\"", NULL},
    {"\r\t\b\x01", "\"\\u000d\\u0009\\u0008\\u0001\"", NULL},
    {"\033[2J\033]0;title\a", "\"\\u001b[2J\\u001b]0;title\\u0007\"", NULL},
    {"\x7f", "\"\\u007f\"", NULL},
    {"\xc3\xa4", "\"\\u00c3\\u00a4\"",
     NULL}, /* UTF-8 byte by byte: nothing that a terminal could take wrong */
    {"\xc2\x9b", "\"\\u00c2\\u009b\"", NULL},            /* the C1 form of ESC [ */
    {"\xe2\x80\xae", "\"\\u00e2\\u0080\\u00ae\"", NULL}, /* right-to-left override */
    {"\xff\xfe\x80", "\"\\u00ff\\u00fe\\u0080\"", NULL}, /* not UTF-8 at all */
    {"%s%n%1000000d", "%s%n%1000000d", "\"%s%n%1000000d\""},
    {"',`{}", "',`{}", "\"',`{}\""},
};

static void check_value(enum log_format format, const char *value, const char *shown)
{
    struct fixture f;
    struct log_line line;
    char expected[256];

    setup(&f, format);
    log_begin(&line, &f.log, "e");
    log_str(&line, "k", value);
    log_num(&line, "n", 1);
    log_end(&line, &f.log);
    snprintf(expected, sizeof expected,
             format == LOG_JSON ? "{\"event\":\"e\",\"k\":%s,\"n\":1" : "event=e k=%s n=1", shown);
    char *text = take(&f);
    cut_time(text, format);
    assert_string_equal(text, expected);
    teardown(&f);
}

static void hostile_values_stay_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        check_value(LOG_LOGFMT, values[i].value, values[i].logfmt);
        check_value(LOG_JSON, values[i].value, values[i].json ? values[i].json : values[i].logfmt);
    }
}

/* Every byte but NUL, alone: what comes out is printable ASCII and one line. */
static void every_byte_comes_out_printable(void **state)
{
    (void)state;
    for (int format = LOG_LOGFMT; format <= LOG_JSON; format++) {
        for (int byte = 1; byte < 256; byte++) {
            struct fixture f;
            struct log_line line;
            char value[] = {'a', (char)byte, 'z', '\0'};
            setup(&f, (enum log_format)format);
            log_begin(&line, &f.log, "e");
            log_str(&line, "k", value);
            log_end(&line, &f.log);
            const char *text = take(&f);
            size_t len = strlen(text);
            assert_int_equal(text[len - 1], '\n');
            for (size_t i = 0; i + 1 < len; i++)
                assert_in_range(text[i], ' ', '~');
            teardown(&f);
        }
    }
}

static void a_field_that_does_not_fit_is_left_out_whole(void **state)
{
    static char huge[2 * LOG_LINE_MAX];

    (void)state;
    for (int format = LOG_LOGFMT; format <= LOG_JSON; format++) {
        struct fixture f;
        struct log_line line;
        setup(&f, (enum log_format)format);
        log_begin(&line, &f.log, "e");
        memset(huge, '\n', sizeof huge - 1);
        log_str(&line, "huge", huge);
        log_str(&line, "escaped", huge + sizeof huge - 1 - LOG_LINE_MAX / 4); /* fits until it is escaped */
        log_num(&line, "after", 7);
        for (int i = 0; i < LOG_LINE_MAX / 8; i++)
            log_num(&line, "n", INT64_MIN);
        for (int i = 0; i < LOG_LINE_MAX / 8; i++)
            log_str(&line, "s", "\n");
        log_end(&line, &f.log);
        char *text = take(&f);
        size_t len = strlen(text);
        assert_in_range(len, LOG_LINE_MAX - 160, LOG_LINE_MAX);
        assert_ptr_equal(strchr(text, '\n'), text + len - 1);
        assert_null(strstr(text, "huge"));
        assert_null(strstr(text, "escaped"));
        assert_non_null(strstr(text, format == LOG_JSON ? "\"after\":7," : " after=7 "));
        cut_time(text, (enum log_format)format);
        teardown(&f);
    }
}

static void a_plain_line_is_plain_in_logfmt_and_an_event_in_json(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f, LOG_LOGFMT);
    log_plain(&f.log, "listening", "listening on [::1]:5188");
    assert_string_equal(take(&f), "listening on [::1]:5188\n");
    teardown(&f);
    setup(&f, LOG_JSON);
    log_plain(&f.log, "listening", "listening on [::1]:5188");
    char *text = take(&f);
    cut_time(text, LOG_JSON);
    assert_string_equal(text, "{\"event\":\"listening\",\"message\":\"listening on [::1]:5188\"");
    teardown(&f);
}

static void an_overlong_plain_line_still_ends(void **state)
{
    static char huge[2 * LOG_LINE_MAX];
    struct fixture f;

    (void)state;
    memset(huge, 'x', sizeof huge - 1);
    setup(&f, LOG_LOGFMT);
    log_plain(&f.log, "e", huge);
    const char *text = take(&f);
    assert_in_range(strlen(text), LOG_LINE_MAX - 2, LOG_LINE_MAX);
    assert_int_equal(text[strlen(text) - 1], '\n');
    teardown(&f);
}

static void number_a_line(struct fixture *f, int number)
{
    struct log_line line;

    log_begin(&line, &f->log, "e");
    log_num(&line, "number", number);
    log_end(&line, &f->log);
}

/* Write lines into a pipe until some are dropped. Returns how many were written, dropped ones too. */
static int overflow(struct fixture *f, uint64_t dropped)
{
    int written = 0;

    while (f->log.dropped < dropped) {
        number_a_line(f, written++);
        assert_true(written < 100000);
    }
    return written;
}

/* Check lines "event=e number=FROM ..." to TO - 1. Returns the line after them. */
static char *check_numbers(char *text, int from, int to)
{
    for (int i = from; i < to; i++) {
        char expected[64];
        size_t len = (size_t)snprintf(expected, sizeof expected, "event=e number=%d time=", i);
        assert_memory_equal(text, expected, len);
        text = strchr(text, '\n');
        assert_non_null(text);
        text++;
    }
    return text;
}

static void dropped_lines_are_counted_and_told_once_there_is_room(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f, LOG_LOGFMT);
    int written = overflow(&f, 25);
    assert_int_equal(f.log.dropped, 25);
    assert_int_equal(f.log.announced, 0);
    char *rest = check_numbers(take(&f), 0, written - 25);
    assert_string_equal(rest, "");

    number_a_line(&f, written);
    number_a_line(&f, written + 1);
    rest = take(&f);
    assert_memory_equal(rest, "event=dropped lines=25 time=", 28);
    rest = check_numbers(strchr(rest, '\n') + 1, written, written + 2);
    assert_string_equal(rest, "");
    assert_int_equal(f.log.dropped, 25);
    assert_int_equal(f.log.announced, 25);

    /* Again: only the new ones are told. */
    written = overflow(&f, 25 + 3);
    check_numbers(take(&f), 0, written - 3);
    log_plain(&f.log, "e", "plain");
    rest = take(&f);
    assert_memory_equal(rest, "event=dropped lines=3 time=", 27);
    assert_string_equal(strchr(rest, '\n') + 1, "plain\n");
    teardown(&f);
}

static void dropping_is_told_in_json_too(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f, LOG_JSON);
    overflow(&f, 2);
    take(&f);
    number_a_line(&f, 0);
    char *text = take(&f);
    char *end = strchr(text, '\n');
    assert_non_null(end);
    assert_memory_equal(end + 1, "{\"event\":\"e\",\"number\":0,", 24);
    end[1] = '\0';
    cut_time(text, LOG_JSON);
    assert_string_equal(text, "{\"event\":\"dropped\",\"lines\":2");
    teardown(&f);
}

/* No line goes before the word that others are missing, even where only the line would fit. */
static void nothing_overtakes_the_word_of_what_was_dropped(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f, LOG_LOGFMT);
    int written = overflow(&f, 1);
    for (int i = 0; i < 100; i++)
        log_plain(&f.log, "e", "x");
    written += 100;
    assert_int_equal(f.log.dropped, 101);
    char *rest = check_numbers(take(&f), 0, written - 101);
    assert_string_equal(rest, "");
    number_a_line(&f, written);
    assert_memory_equal(take(&f), "event=dropped lines=101 time=", 29);
    teardown(&f);
}

static void a_log_that_nobody_reads_any_more_only_counts(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f, LOG_LOGFMT);
    close(f.ends[0]);
    for (int i = 0; i < 10; i++)
        number_a_line(&f, i);
    assert_int_equal(f.log.dropped, 10);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_the_event_its_fields_and_the_time),
        cmocka_unit_test(hostile_values_stay_values),
        cmocka_unit_test(every_byte_comes_out_printable),
        cmocka_unit_test(a_field_that_does_not_fit_is_left_out_whole),
        cmocka_unit_test(a_plain_line_is_plain_in_logfmt_and_an_event_in_json),
        cmocka_unit_test(an_overlong_plain_line_still_ends),
        cmocka_unit_test(dropped_lines_are_counted_and_told_once_there_is_room),
        cmocka_unit_test(dropping_is_told_in_json_too),
        cmocka_unit_test(nothing_overtakes_the_word_of_what_was_dropped),
        cmocka_unit_test(a_log_that_nobody_reads_any_more_only_counts),
    };

    signal(SIGPIPE, SIG_IGN);
    setenv("TZ", "HERE-5:30", 1); /* five and a half hours before UTC: not what a log tells */
    tzset();
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
