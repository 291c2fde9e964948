/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "term/prompt.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
/* Readline's headers need stdio.h before them. */
#include <readline/readline.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "term/display.h"
#include "term/editor.h"
#include "term/keys.h"
#include "term/modes.h"

#define PROMPT "> "
#define READ_MAX 4096
#define ABORT 7 /* Ctrl-G */

/* prompt_discard() reads at most so often: somebody may type faster than we forget. */
#define DISCARD_ROUNDS 256

/* What Readline redraws, on top of PROMPT_PRINT_MAX. */
#define REDRAW_MAX (8 << 20)

struct prompt {
    const struct prompt_listener *listener;
    struct display display;
    struct keys keys;
    bool hidden; /* the prompt is not on the screen; the cursor is at the beginning of an empty row */
    char *taken; /* the line that enter() has had taken, until Readline has put its history in order */
    bool ended;  /* the terminal has hung up */
    char *again; /* a line that was not taken, to be typed again */
};

/* Readline's functions take no context. */
static struct prompt *the_prompt;

/* Of a line that is higher than the screen Readline does not clear every row. */
static void hide(struct prompt *prompt)
{
    if (prompt->hidden)
        return;
    rl_clear_visible_line();
    display_clear_below(&prompt->display);
    fflush(prompt->display.stream);
    prompt->hidden = true;
}

/* Readline redraws whenever it likes; while the prompt is hidden, prompt_show() does it later. */
static void redisplay(void)
{
    if (!the_prompt->hidden)
        rl_redisplay();
}

/* Readline would switch the terminal back and forth at each line, and echo what arrives meanwhile. */
static void stay_prepared(void)
{
}

static void prepare(int meta)
{
    rl_prep_terminal(meta);
    modes_take_signal_keys();
}

/* Some commands ask for more than they were given: after a NUL or what begins like UTF-8 and is not, or at the end of a
 * macro. An end of file would then be taken for Ctrl-D. */
static int next_key(FILE *stream)
{
    (void)stream;
    int key = keys_get(&the_prompt->keys);

    return key < 0 ? ABORT : key;
}

static int has_key(void)
{
    return keys_ready(&the_prompt->keys);
}

static bool offer(struct prompt *prompt, const char *line)
{
    return prompt->listener->on_line(prompt->listener->context, line, strlen(line));
}

/* What Enter does instead of accept-line: the row with the prompt and what was typed vanishes, for it is printed as a message
 * if it is one; and a line that is not taken stays. */
static int enter(int count, int key)
{
    struct prompt *prompt = the_prompt;
    char *line = strdup(rl_line_buffer);

    if (!line)
        return rl_ding();
    if (!offer(prompt, line)) {
        free(line);
        return 0;
    }
    hide(prompt);
    prompt->taken = line;
    rl_delete_text(0, rl_end); /* not rl_replace_line(): a line of the history gets its own text back */
    rl_point = rl_mark = 0;
    return rl_newline(count, key);
}

/* Readline's, when a line ends: after enter(), or after another command that ends one (operate-and-get-next). */
static void on_line(char *line)
{
    struct prompt *prompt = the_prompt;

    if (!line) {
        hide(prompt);
        prompt->listener->on_end(prompt->listener->context);
    } else if (prompt->taken || offer(prompt, line)) {
        editor_remember(prompt->taken ? prompt->taken : line);
    } else {
        prompt->again = strdup(line);
    }
    free(prompt->taken);
    prompt->taken = NULL;
    free(line);
}

static void type_again(struct prompt *prompt)
{
    rl_insert_text(prompt->again);
    free(prompt->again);
    prompt->again = NULL;
    if (!prompt->hidden)
        rl_redisplay();
}

static void set_up_readline(struct prompt *prompt, const char *const *commands)
{
    rl_instream = stdin;
    rl_outstream = prompt->display.stream;
    rl_catch_signals = 0;
    rl_catch_sigwinch = 0;
    rl_change_environment = 0;
    rl_erase_empty_line = 1;
    rl_getc_function = next_key;
    rl_input_available_hook = has_key;
    rl_prep_term_function = prepare;
    rl_deprep_term_function = stay_prepared;
    editor_begin(commands, enter);
    rl_redisplay_function = redisplay; /* not before: it would not ask what the terminal can do */
}

int prompt_open(struct prompt **opened, const struct prompt_listener *listener, const char *const *commands)
{
    struct prompt *prompt = calloc(1, sizeof *prompt);

    if (!prompt)
        return -ENOMEM;
    prompt->listener = listener;
    int error = modes_keep();
    if (!error)
        error = display_open(&prompt->display, PROMPT_PRINT_MAX + REDRAW_MAX);
    if (error) {
        modes_forget();
        free(prompt);
        return error;
    }
    keys_init(&prompt->keys);
    the_prompt = prompt;
    set_up_readline(prompt, commands);
    rl_callback_handler_install(PROMPT, on_line);
    prompt_show(prompt);
    *opened = prompt;
    return 0;
}

void prompt_close(struct prompt *prompt)
{
    if (!prompt)
        return;
    hide(prompt);
    display_flush(&prompt->display);
    if (prompt_waiting(prompt) > 0)
        display_give_up(&prompt->display);
    rl_deprep_term_function = NULL;
    rl_callback_handler_remove();
    rl_eof_found = 0; /* Readline would end the row after Ctrl-D, which is hidden */
    rl_deprep_terminal();
    display_flush(&prompt->display);
    modes_forget();
    rl_outstream = stdout;
    display_close(&prompt->display);
    keys_done(&prompt->keys);
    free(prompt->again);
    free(prompt->taken);
    free(prompt);
    the_prompt = NULL;
}

int prompt_in_fd(const struct prompt *prompt)
{
    return keys_room(&prompt->keys) > 0 && !prompt->ended ? STDIN_FILENO : -1;
}

int prompt_out_fd(const struct prompt *prompt)
{
    return display_fd(&prompt->display);
}

static void hand_over(struct prompt *prompt)
{
    while (keys_ready(&prompt->keys) && !prompt->ended && !prompt_busy(prompt)) {
        rl_callback_read_char();
        if (prompt->again)
            type_again(prompt);
    }
    const struct prompt_listener *listener = prompt->listener;
    if (keys_dropped(&prompt->keys))
        listener->on_paste(listener->context, "what was pasted is longer than 1 MiB and was dropped");
    if (keys_cleaned(&prompt->keys))
        listener->on_paste(listener->context, "NUL bytes in what was pasted were left out");
}

/* What the terminal does with these keys elsewhere: what was typed and not read yet is gone. */
static void send_signal(struct prompt *prompt, char byte)
{
    keys_clear(&prompt->keys);
    if (modes_is_key(byte, VINTR))
        prompt->listener->on_interrupt(prompt->listener->context);
    else
        kill(0, modes_is_key(byte, VSUSP) ? SIGTSTP : SIGQUIT);
}

static void take(struct prompt *prompt, const char *bytes, size_t len)
{
    size_t begin = 0;

    for (size_t i = 0; i < len; i++) {
        if (!modes_is_key(bytes[i], VINTR) && !modes_is_key(bytes[i], VSUSP) &&
            !modes_is_key(bytes[i], VQUIT))
            continue;
        keys_put(&prompt->keys, bytes + begin, i - begin);
        hand_over(prompt);
        send_signal(prompt, bytes[i]);
        begin = i + 1;
    }
    keys_put(&prompt->keys, bytes + begin, len - begin);
    hand_over(prompt);
}

void prompt_read(struct prompt *prompt)
{
    char bytes[READ_MAX];
    size_t room = keys_room(&prompt->keys);

    ssize_t count = read(STDIN_FILENO, bytes, room < sizeof bytes ? room : sizeof bytes);
    if (count > 0)
        take(prompt, bytes, (size_t)count);
    else if (count == 0 || (errno != EINTR && errno != EAGAIN))
        prompt->ended = true;
    fflush(prompt->display.stream);
    if (prompt->ended)
        prompt->listener->on_end(prompt->listener->context);
}

void prompt_print(struct prompt *prompt, const struct buf *rows)
{
    hide(prompt);
    display_write(&prompt->display, buf_bytes(rows), buf_len(rows));
}

void prompt_show(struct prompt *prompt)
{
    display_flush(&prompt->display);
    hand_over(prompt);                            /* what was typed while the terminal was busy */
    if (prompt->hidden && !prompt_busy(prompt)) { /* a long line in it is a lot to wait, each time */
        prompt->hidden = false;
        rl_on_new_line();
        rl_redisplay();
    }
    display_flush(&prompt->display);
}

size_t prompt_waiting(const struct prompt *prompt)
{
    return display_waiting(&prompt->display);
}

bool prompt_busy(const struct prompt *prompt)
{
    return prompt_waiting(prompt) > PROMPT_BUSY;
}

bool prompt_is_empty(const struct prompt *prompt)
{
    (void)prompt;
    return rl_end == 0;
}

const char *prompt_text(const struct prompt *prompt)
{
    (void)prompt;
    return rl_line_buffer;
}

/* Leave what has taken the place of the prompt: "(arg: 5)", a search, a key sequence that is not complete. */
static void leave_modes(struct prompt *prompt)
{
    hide(prompt);
    if (RL_ISSTATE(RL_STATE_NUMERICARG)) {
        rl_restore_prompt();
        rl_discard_argument();
    }
    rl_callback_sigcleanup();
    rl_clear_message();
}

/* Not rl_free_line_state(): what the history keeps of the line would still have the undo list that it frees
 * (Readline 8.2). So Undo brings back what was typed. */
static void clear_line(struct prompt *prompt)
{
    leave_modes(prompt);
    editor_leave_history();
    rl_delete_text(0, rl_end);
    rl_point = rl_mark = 0;
}

void prompt_clear_line(struct prompt *prompt)
{
    keys_clear(&prompt->keys);
    clear_line(prompt);
}

/* Not tcflush(): where a paste ends must be known. */
void prompt_discard(struct prompt *prompt)
{
    char bytes[READ_MAX];
    int waiting = 0;

    keys_discard(&prompt->keys);
    for (int round = 0; round < DISCARD_ROUNDS; round++) {
        if (ioctl(STDIN_FILENO, FIONREAD, &waiting) < 0 || waiting <= 0)
            break;
        ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);
        if (count <= 0)
            break; /* prompt_read() will see it, too */
        keys_put(&prompt->keys, bytes, (size_t)count);
        keys_discard(&prompt->keys);
    }
    free(prompt->again);
    prompt->again = NULL;
    clear_line(prompt);
}

void prompt_set_label(struct prompt *prompt, const char *label)
{
    leave_modes(prompt);
    rl_set_prompt(label ? label : PROMPT);
}

void prompt_clear_screen(struct prompt *prompt)
{
    hide(prompt);
    prompt->hidden = false;
    rl_clear_screen(1, 0);
    fflush(prompt->display.stream);
}

/* A terminal that reflows has moved the rows of a long line, nobody knows where to: what is above the cursor is left as it
 * is, and the prompt shown below it. A line that takes one row before and after is where it was. */
void prompt_resize(struct prompt *prompt)
{
    static const char here[] = "\r\033[J", below[] = "\r\n\033[J";
    int rows, before, after;

    rl_get_screen_size(&rows, &before);
    editor_measure();
    rl_get_screen_size(&rows, &after);
    if (prompt->hidden)
        return;
    fflush(prompt->display.stream);
    int most = (int)strlen(rl_prompt) + 1 + 2 * rl_end; /* a byte takes two cells at most: ^X */
    if (most < before && most < after && !strchr(rl_line_buffer, '\n'))
        display_write(&prompt->display, here, sizeof here - 1);
    else
        display_write(&prompt->display, below, sizeof below - 1);
    prompt->hidden = true;
}

void prompt_resume(struct prompt *prompt)
{
    rl_deprep_terminal(); /* it is ours only in name, if somebody else has set it */
    prepare(1);
    editor_measure();
    prompt->hidden = true;
}

void prompt_stop(struct prompt *prompt)
{
    const struct timespec at_once = {0};
    sigset_t stop, resume;

    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    sigemptyset(&resume);
    sigaddset(&resume, SIGCONT);
    hide(prompt);
    rl_deprep_terminal();
    display_flush(&prompt->display);
    raise(SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &stop, NULL); /* stops here */
    sigprocmask(SIG_BLOCK, &stop, NULL);
    while (sigtimedwait(&resume, NULL, &at_once) > 0)
        ;
    prompt_resume(prompt);
}

struct text_look prompt_look(const struct prompt *prompt)
{
    struct text_look look = {.colours = prompt->display.colours};
    int rows;

    rl_get_screen_size(&rows, &look.columns);
    return look;
}
