/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The prompt on a terminal of the test's own: its label, and that nothing which was typed before a question answers it. How a
 * whole chat looks is tested end to end. Each case runs in a child, whose standard input and output are the terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "term/prompt.h"

#define PATIENCE_MS 10000
#define SHOWN_MAX 65536
#define SAID_MAX 4096

#define WRONG(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(errors, "# line %d: %s (errno %d)\n", __LINE__, #condition, errno);                      \
            return 1;                                                                                        \
        }                                                                                                    \
    } while (0)

static FILE *errors;      /* the test's, not the terminal */
static int keyboard = -1; /* the terminal's other end */
static struct prompt *prompt;
static char said[SAID_MAX]; /* entered lines, a '|' behind each */
static bool asks;           /* a line is an answer: the usual label comes back */

static bool on_line(void *context, const char *line, size_t len)
{
    (void)context;
    strncat(said, line, len);
    strcat(said, "|");
    if (asks) {
        prompt_set_label(prompt, NULL);
        asks = false;
    }
    return true;
}

static void on_nothing(void *context)
{
    (void)context;
}

static void on_paste(void *context, const char *fate)
{
    (void)context;
    strcat(said, fate);
}

static const struct prompt_listener listener = {
    .on_line = on_line, .on_interrupt = on_nothing, .on_end = on_nothing, .on_paste = on_paste};

/* What the terminal has got since the last call. A mark behind it tells that it is all. */
static const char *shown(void)
{
    static const char mark[] = "\177END";
    static char text[SHOWN_MAX];
    struct pollfd fd = {.fd = keyboard, .events = POLLIN};
    size_t len = 0;

    prompt_show(prompt);
    if (prompt_waiting(prompt) != 0 || write(STDOUT_FILENO, mark, sizeof mark - 1) < 0)
        return "";
    for (*text = '\0'; !strstr(text, mark); text[len] = '\0') {
        ssize_t count = 0;
        if (poll(&fd, 1, PATIENCE_MS) == 1)
            count = read(keyboard, text + len, sizeof text - 1 - len);
        if (count <= 0)
            return "";
        len += (size_t)count;
    }
    *strstr(text, mark) = '\0';
    return text;
}

/* Wait until the terminal has so many bytes for us. */
static bool typed(const char *bytes, size_t len)
{
    int waiting = 0, before = 0;
    struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};

    ioctl(STDIN_FILENO, FIONREAD, &before);
    if (write(keyboard, bytes, len) != (ssize_t)len)
        return false;
    while (poll(&fd, 1, PATIENCE_MS) == 1 && ioctl(STDIN_FILENO, FIONREAD, &waiting) == 0)
        if (waiting == before + (int)len)
            return true;
    return false;
}

#define TYPE(text) WRONG(typed(text, sizeof(text) - 1))

/* The same, and it is read. */
#define ENTER(text)                                                                                          \
    do {                                                                                                     \
        TYPE(text);                                                                                          \
        prompt_read(prompt);                                                                                 \
        prompt_show(prompt);                                                                                 \
    } while (0)

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static int child_changes_the_label(void)
{
    WRONG(ends_with(shown(), "> "));
    ENTER("half a li");
    WRONG(strstr(shown(), "half a li"));
    prompt_set_label(prompt, "let anna in? ");
    WRONG(ends_with(shown(), "let anna in? half a li"));
    ENTER("ne");
    WRONG(strcmp(prompt_text(prompt), "half a line") == 0);
    asks = true;
    ENTER("\r");
    WRONG(strcmp(said, "half a line|") == 0);
    WRONG(ends_with(shown(), "> ")); /* on_line() changed it */
    ENTER("next");
    WRONG(ends_with(shown(), "next"));
    prompt_set_label(prompt, "one ");
    prompt_set_label(prompt, "two ");
    const char *rows = shown();
    WRONG(ends_with(rows, "two next") && !strstr(rows, "one"));
    prompt_set_label(prompt, NULL);
    WRONG(ends_with(shown(), "> next"));
    return 0;
}

static int child_asks_in_a_search(void)
{
    ENTER("first\rsecond\r");
    ENTER("\x12"
          "fir"); /* Ctrl-R */
    WRONG(strstr(shown(), "reverse-i-search"));
    prompt_set_label(prompt, "really? ");
    const char *rows = shown();
    WRONG(strstr(rows, "really? ") && !strstr(rows, "search"));
    prompt_discard(prompt);
    WRONG(prompt_is_empty(prompt));
    WRONG(ends_with(shown(), "really? "));
    ENTER("\033"
          "5"); /* an argument */
    WRONG(strstr(shown(), "arg: 5"));
    prompt_set_label(prompt, NULL);
    prompt_discard(prompt);
    WRONG(ends_with(shown(), "> "));
    ENTER("y\r");
    WRONG(strcmp(said, "first|second|y|") == 0);
    WRONG(ends_with(shown(), "> "));
    return 0;
}

static int child_discards(void)
{
    char big[4000];

    memset(big, 'y', sizeof big);
    ENTER("typed");
    prompt_discard(prompt);
    WRONG(prompt_is_empty(prompt));
    TYPE("y\r"); /* waits in the terminal */
    prompt_discard(prompt);
    int waiting = 1;
    WRONG(ioctl(STDIN_FILENO, FIONREAD, &waiting) == 0 && waiting == 0);
    WRONG(typed(big, sizeof big));
    prompt_discard(prompt);
    WRONG(ioctl(STDIN_FILENO, FIONREAD, &waiting) == 0 && waiting == 0);
    ENTER("n\r");
    WRONG(strcmp(said, "n|") == 0);
    return 0;
}

static int child_discards_a_paste(void)
{
    ENTER("\033[200~one\r");
    prompt_discard(prompt);
    ENTER("y\r\033[201~n\r");
    WRONG(strcmp(said, "n|") == 0);
    TYPE("\033[200~two\r"); /* waits in the terminal */
    prompt_discard(prompt);
    ENTER("y\r");
    ENTER("y\r\033[201~");
    WRONG(strcmp(said, "n|") == 0);
    ENTER("\xe4\xbd"); /* part of a character */
    prompt_discard(prompt);
    ENTER("no\r");
    WRONG(strcmp(said, "n|no|") == 0);
    return 0;
}

/* What was typed stays under Undo only, and the history is as it was. */
static int child_discards_in_the_history(void)
{
    ENTER("first\rsecond\r");
    ENTER("\033[A\033[A changed");
    WRONG(strcmp(prompt_text(prompt), "first changed") == 0);
    prompt_discard(prompt);
    WRONG(prompt_is_empty(prompt));
    ENTER("\033[A");
    WRONG(strcmp(prompt_text(prompt), "second") == 0);
    ENTER("\033[A");
    WRONG(strcmp(prompt_text(prompt), "first") == 0);
    return 0;
}

/* A label is part of what a narrow window has to show. */
static int child_resizes(void)
{
    struct winsize size = {.ws_row = 24, .ws_col = 40};

    prompt_set_label(prompt, "a question that takes 34 columns? ");
    ENTER("yes");
    shown();
    WRONG(ioctl(STDIN_FILENO, TIOCSWINSZ, &size) == 0);
    prompt_resize(prompt);
    WRONG(strncmp(shown(), "\r\r\n\033[J", 6) == 0); /* it may have taken two rows */
    prompt_set_label(prompt, "yes? ");
    shown();
    size.ws_col = 60;
    WRONG(ioctl(STDIN_FILENO, TIOCSWINSZ, &size) == 0);
    prompt_resize(prompt);
    WRONG(strncmp(shown(), "\r\033[J", 4) == 0);
    return 0;
}

static int on_terminal(int (*test)(void))
{
    static const char *const commands[] = {"/quit", NULL};
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    int terminal;

    errors = fdopen(dup(STDERR_FILENO), "w");
    setenv("TERM", "xterm", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    setenv("INPUTRC", "/dev/null", 1);
    WRONG(openpty(&keyboard, &terminal, NULL, NULL, &size) == 0);
    WRONG(dup2(terminal, STDIN_FILENO) >= 0 && dup2(terminal, STDOUT_FILENO) >= 0);
    signal(SIGTTOU, SIG_IGN);
    WRONG(prompt_open(&prompt, &listener, commands) == 0);
    int failed = test();
    prompt_close(prompt);
    fflush(errors);
    return failed;
}

static void in_child(int (*test)(void))
{
    int status = 1;
    pid_t child = fork();

    if (child == 0) {
        alarm(3 * PATIENCE_MS / 1000);
        _exit(on_terminal(test));
    }
    assert_true(child > 0);
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

#define TEST(name, child)                                                                                    \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        (void)state;                                                                                         \
        in_child(child);                                                                                     \
    }

TEST(a_label_stands_before_what_is_typed, child_changes_the_label)
TEST(a_question_ends_a_search, child_asks_in_a_search)
TEST(what_was_typed_ahead_does_not_answer, child_discards)
TEST(a_paste_that_has_begun_does_not_answer, child_discards_a_paste)
TEST(discarding_leaves_the_history, child_discards_in_the_history)
TEST(a_label_counts_when_the_window_changes, child_resizes)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_label_stands_before_what_is_typed),
        cmocka_unit_test(a_question_ends_a_search),
        cmocka_unit_test(what_was_typed_ahead_does_not_answer),
        cmocka_unit_test(a_paste_that_has_begun_does_not_answer),
        cmocka_unit_test(discarding_leaves_the_history),
        cmocka_unit_test(a_label_counts_when_the_window_changes),
    };
    return cmocka_run_group_tests_name("prompt", tests, NULL, NULL);
}
