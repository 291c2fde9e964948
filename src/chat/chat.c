/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "chat/chat.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/signals.h"
#include "chat/link.h"
#include "chat/screen.h"
#include "term/prompt.h"
#include "wire/wire.h"

/* After our end of file a peer that does not hang up, as nc without -N, is waited for so long: an answer may be under way. */
#define FAREWELL_MS 500

/* What is not acknowledged so long after the end is told to be undelivered. */
#define DELIVERY_MS 5000

/* How often to ask meanwhile: the kernel does not tell. */
#define ACK_POLL_MS 5

/* What has arrived is shown before the end, unless the terminal takes nothing for so long. */
#define TERMINAL_MS 10000

#define RECEIVE_MAX (64 << 10)

enum phase {
    PHASE_MEETING, /* there is no peer yet */
    PHASE_TALKING,
    PHASE_PARTING, /* one side has ended; what is under way still arrives */
    PHASE_OVER,
};

struct chat {
    const struct chat_config *config;
    struct meet *meet;
    struct screen screen;
    struct link link;
    const char *who; /* the peer, in the program's own lines */
    struct wire wire;
    struct person person; /* who the peer is; in plain its address only */
    bool asks;            /* a question is before the user */
    enum phase phase;
    int status;
    int signals_fd;
    uint64_t messages;      /* the peer has sent, or parts of them */
    bool refused;           /* all that it has said is that it talks with somebody else */
    bool left;              /* the peer sends no more */
    bool closed;            /* and has ended the connection in good order */
    bool quitting;          /* the user has said goodbye */
    bool hurried;           /* and again: nothing is waited for */
    bool interrupted;       /* the last key was Ctrl-C */
    int64_t patience_ms;    /* when to tell that something is still under way */
    int64_t farewell_ms;    /* when the peer has had its time to hang up */
    int64_t undelivered_ms; /* when what is not acknowledged counts as lost */
};

static const char *const commands[] = {"/clear", "/help", "/quit", NULL};
static const char *const private_commands[] = {"/clear", "/help", "/quit", "/verify", NULL};

/* --- how it ends */

static void finish(struct chat *chat, int status)
{
    chat->phase = PHASE_OVER;
    chat->status = status;
}

static size_t waiting(const struct chat *chat)
{
    size_t len = 0;

    wire_output(&chat->wire, &len);
    return len;
}

/* What is typed stays where it is if somebody else may get it. */
static void say_not_sent(struct chat *chat)
{
    if (prompt_is_empty(chat->screen.prompt) || (chat->meet->keep && !chat->quitting))
        return;
    screen_not_sent(&chat->screen, prompt_text(chat->screen.prompt));
    prompt_clear_line(chat->screen.prompt);
}

/* Nobody is to be waited for any more. */
static void hang_up(struct chat *chat)
{
    bool unsettled = chat->meet->private && !wire_settled(&chat->wire);
    bool broken = chat->link.broken && !chat->closed;
    bool lost = unsettled || waiting(chat) > 0 || link_undelivered(&chat->link) > 0 || broken;

    if (lost)
        screen_say(&chat->screen, ENTRY_ERROR, "some of what you said last was not delivered");
    if (lost)
        link_abort(&chat->link); /* the peer is not to take it for complete either */
    else
        link_close(&chat->link);
    finish(chat, lost ? EXIT_NO_CONNECTION : EXIT_DONE);
}

static void lose(struct chat *chat)
{
    screen_say(&chat->screen, ENTRY_ERROR, "%s: connection lost: %s", chat->who, err_text(chat->link.broken));
    say_not_sent(chat);
    if (waiting(chat) > 0)
        screen_say(&chat->screen, ENTRY_ERROR, "some of what you said last was not delivered");
    link_abort(&chat->link);
    finish(chat, EXIT_NO_CONNECTION);
}

static void part(struct chat *chat)
{
    int64_t now_ms = clock_ms();

    if (chat->phase == PHASE_MEETING)
        finish(chat, chat->meet->name ? EXIT_NO_CONNECTION : EXIT_DONE);
    if (chat->phase != PHASE_TALKING)
        return;
    chat->phase = PHASE_PARTING;
    chat->patience_ms = now_ms + FAREWELL_MS;
    chat->undelivered_ms = now_ms + DELIVERY_MS;
    chat->farewell_ms = INT64_MAX;
    wire_leave(&chat->wire);
}

/* The user wants to leave; who wants it twice waits for nobody. To say it just after the peer did is no haste. */
static void quit(struct chat *chat)
{
    bool told = chat->patience_ms == INT64_MAX; /* that it takes its time */

    chat->hurried = chat->phase == PHASE_OVER || (chat->phase == PHASE_PARTING && (chat->quitting || told));
    chat->quitting = true;
    if (chat->phase == PHASE_PARTING && chat->hurried)
        hang_up(chat);
    else
        part(chat);
}

/* Whether nothing comes any more. In private whoever hangs up before the other's end has come answers it with a reset, and the
 * other could not tell whether its last words arrived. */
static bool has_ended(struct chat *chat)
{
    uint8_t bytes[RECEIVE_MAX];

    if (!chat->meet->private)
        return chat->left;
    if (!wire_settled(&chat->wire) || !(chat->link.shut || chat->link.broken))
        return chat->left && chat->link.broken;
    ssize_t count = link_recv(&chat->link, bytes, sizeof bytes);
    chat->closed = chat->closed || count == 0;
    return count <= 0 && count != -EAGAIN;
}

/* See that what was said arrives, as far as the peer lets it. */
static void go_on_parting(struct chat *chat, int64_t now_ms)
{
    bool done = waiting(chat) == 0 || chat->link.broken;

    if (done && has_ended(chat) && (chat->link.broken || link_undelivered(&chat->link) == 0)) {
        hang_up(chat);
        return;
    }
    if (done && !chat->link.shut && !chat->link.broken &&
        (!chat->meet->private || wire_settled(&chat->wire))) {
        link_shut(&chat->link, now_ms);
        chat->farewell_ms = now_ms + FAREWELL_MS;
    }
    if (now_ms >= chat->patience_ms && (waiting(chat) > 0 || link_undelivered(&chat->link) > 0)) {
        chat->patience_ms = INT64_MAX;
        screen_say(&chat->screen, ENTRY_STATUS,
                   "waiting until %s has received what you said; Ctrl-C gives up", chat->who);
    }
    if (now_ms >= chat->undelivered_ms || (now_ms >= chat->farewell_ms && link_undelivered(&chat->link) == 0))
        hang_up(chat);
}

/* --- the keyboard */

static void say_help(struct chat *chat)
{
    screen_say(&chat->screen, ENTRY_STATUS,
               "/quit   say goodbye, as Ctrl-D on an empty line or Ctrl-C twice");
    screen_say(&chat->screen, ENTRY_STATUS, "/clear  make the screen empty");
    if (chat->meet->private)
        screen_say(&chat->screen, ENTRY_STATUS,
                   "/verify the two of you have compared the number, or your ids");
    screen_say(&chat->screen, ENTRY_STATUS, "/help   this; //text sends /text");
    screen_say(&chat->screen, ENTRY_STATUS, "Tab completes, Up and Down bring back what you said");
}

static void introduce(struct chat *chat)
{
    const struct person *person = &chat->person;

    chat->who = chat->meet->private ? person->name : chat->link.host;
    screen_introduce(&chat->screen, chat->config->name, chat->who,
                     chat->meet->private && !person->verified && !person->self);
}

static void verify(struct chat *chat)
{
    char why[TRUST_WHY_MAX];

    if (chat->phase != PHASE_TALKING || chat->person.self)
        screen_say(&chat->screen, ENTRY_ERROR, "there is nobody to be verified");
    else if (chat->person.verified)
        screen_say(&chat->screen, ENTRY_STATUS, "%s is verified already", chat->who);
    else if (trust_verify(chat->meet->private->trust, &chat->person, why) < 0)
        screen_say(&chat->screen, ENTRY_ERROR, "not verified: %s", why);
    else
        screen_say(&chat->screen, ENTRY_STATUS, "%s is verified from now on", chat->who);
    introduce(chat);
}

static bool obey(struct chat *chat, const char *line)
{
    if (strcmp(line, "/quit") == 0)
        quit(chat);
    else if (strcmp(line, "/help") == 0)
        say_help(chat);
    else if (chat->meet->private && strcmp(line, "/verify") == 0)
        verify(chat);
    else if (strcmp(line, "/clear") == 0)
        prompt_clear_screen(chat->screen.prompt);
    else {
        screen_say(&chat->screen, ENTRY_ERROR, "no such command (/help lists them; //text sends /text)");
        return false;
    }
    return true;
}

/* --- questions */

/* Show a question that has come up, and take one back that is over. What was typed before is no answer. */
static void see_to_question(struct chat *chat)
{
    char text[ANSWERING_QUESTION_MAX];
    bool asks = chat->meet->private && answering_question(&chat->meet->private->answering, text);

    if (asks == chat->asks)
        return;
    chat->asks = asks;
    prompt_discard(chat->screen.prompt); /* nor is an answer that comes too late something to be said */
    prompt_set_label(chat->screen.prompt, asks ? text : NULL);
}

static bool answer(struct chat *chat, const char *line)
{
    bool yes = strcasecmp(line, "y") == 0 || strcasecmp(line, "yes") == 0;
    bool no = strcasecmp(line, "n") == 0 || strcasecmp(line, "no") == 0;

    if (yes || no)
        answering_answer(&chat->meet->private->answering, yes, clock_ms());
    else
        screen_say(&chat->screen, ENTRY_ERROR, "y lets them in, n does not");
    return true;
}

static bool on_line(void *context, const char *line, size_t len)
{
    struct chat *chat = context;

    chat->interrupted = false;
    if (chat->asks && *line != '/')
        return answer(chat, line);
    if (len == 0)
        return true;
    if (*line == '/' && line[1] != '/')
        return obey(chat, line);
    if (*line == '/') {
        line++;
        len--;
    }
    if (chat->phase != PHASE_TALKING) {
        screen_say(&chat->screen, ENTRY_ERROR, "not sent: nobody is here%s",
                   chat->phase == PHASE_MEETING ? " yet" : " any more");
        return false;
    }
    int error = wire_send(&chat->wire, (const uint8_t *)line, len);
    if (error == -ERR_RANGE)
        screen_say(&chat->screen, ENTRY_ERROR, "not sent: longer than 1 MiB (yodel sends files in a pipe)");
    else if (error)
        screen_say(&chat->screen, ENTRY_ERROR, "not sent: %s takes nothing at the moment (Enter tries again)",
                   chat->who);
    if (error)
        return false;
    screen_message(&chat->screen, ENTRY_OWN, line, len, false);
    return true;
}

static void on_interrupt(void *context)
{
    struct chat *chat = context;
    bool again = chat->interrupted || chat->phase != PHASE_TALKING;

    if (prompt_is_empty(chat->screen.prompt) && again) {
        quit(chat);
        return;
    }
    if (prompt_is_empty(chat->screen.prompt))
        screen_say(&chat->screen, ENTRY_STATUS, "Ctrl-C again leaves");
    prompt_clear_line(chat->screen.prompt);
    chat->interrupted = true;
}

/* What was said before has its time to arrive, however often it is typed; Ctrl-C gives up. */
static void on_end(void *context)
{
    struct chat *chat = context;

    if (chat->phase != PHASE_PARTING)
        quit(chat);
}

static void on_paste(void *context, const char *fate)
{
    struct chat *chat = context;

    screen_say(&chat->screen, ENTRY_ERROR, "%s (yodel sends files in a pipe)", fate);
}

/* --- signals */

static void take_signals(struct chat *chat)
{
    int number;

    while ((number = signals_next(chat->signals_fd)) != 0) {
        switch (number) {
        case SIGWINCH:
            prompt_resize(chat->screen.prompt);
            break;
        case SIGTSTP:
            prompt_stop(chat->screen.prompt);
            break;
        case SIGCONT:
            prompt_resume(chat->screen.prompt);
            break;
        default:
            quit(chat);
        }
    }
}

/* --- the peer */

static void on_event(struct chat *chat, const struct wire_event *event)
{
    switch (event->kind) {
    case WIRE_TEXT:
        chat->refused = chat->messages++ == 0 && !chat->meet->private && !chat->meet->lobby && event->last &&
                        event->len == strlen(LOBBY_BUSY) && memcmp(event->text, LOBBY_BUSY, event->len) == 0;
        if (event->first || event->len > 0)
            screen_message(&chat->screen, ENTRY_PEER, event->text, event->len, !event->first);
        break;
    case WIRE_BROKEN:
        if (!chat->link.broken)
            chat->link.broken = event->error;
        lose(chat);
        break;
    case WIRE_DATA: /* a session that talks has none */
    case WIRE_EOF:
        break;
    case WIRE_LEFT:
        if (chat->link.broken && !chat->meet->private) {
            lose(chat);
            break;
        }
        chat->left = true;
        if (chat->phase != PHASE_TALKING)
            break;
        screen_say(&chat->screen, ENTRY_STATUS, "%s left", chat->who);
        say_not_sent(chat);
        if (chat->refused)
            finish(chat, EXIT_REFUSED);
        else
            part(chat);
        break;
    }
}

/* Take what the protocol has, as fast as the terminal shows it. */
static void take_events(struct chat *chat, int64_t now_ms)
{
    struct wire_event event;

    while (chat->link.fd >= 0 && !prompt_busy(chat->screen.prompt) && wire_next(&chat->wire, now_ms, &event))
        on_event(chat, &event);
}

/* How much may be received now. */
static size_t room(const struct chat *chat)
{
    size_t room = wire_room(&chat->wire);
    bool over = chat->left && (!chat->meet->private || wire_settled(&chat->wire));

    if (over || prompt_busy(chat->screen.prompt))
        return 0;
    return room < RECEIVE_MAX ? room : RECEIVE_MAX;
}

/* The protocol tells of the end once all that had arrived is shown. */
static void end_broken(struct chat *chat, int error)
{
    chat->link.broken = error;
    wire_end(&chat->wire);
}

static void receive(struct chat *chat, int64_t now_ms)
{
    uint8_t bytes[RECEIVE_MAX];
    ssize_t count = link_recv(&chat->link, bytes, room(chat));

    if (count > 0)
        wire_input(&chat->wire, bytes, (size_t)count, now_ms);
    else if (count == 0)
        wire_end(&chat->wire);
    else if (count != -EAGAIN)
        end_broken(chat, (int)count);
}

static void send_on(struct chat *chat, int64_t now_ms)
{
    size_t len;
    const uint8_t *bytes = wire_output(&chat->wire, &len);

    size_t count = link_send(&chat->link, bytes, len, now_ms);
    wire_sent(&chat->wire, count);
    if (count > 0)
        chat->undelivered_ms = now_ms + DELIVERY_MS;
}

static void say_who_is_here(struct chat *chat, const struct arrival *arrival)
{
    const struct person *person = &chat->person;
    char id[ID_TEXT_MAX];

    if (person->self) {
        screen_say(&chat->screen, ENTRY_STATUS,
                   "%s: it is yourself, with the same key (nothing is remembered)", chat->link.name);
        return;
    }
    screen_say(&chat->screen, ENTRY_STATUS, "%s is here, encrypted, %s", person->name, chat->link.name);
    if (person->verified)
        return;
    screen_say(&chat->screen, ENTRY_STATUS, "%s is not verified: id %s", person->name,
               id_print(&person->id, id));
    if (*arrival->number)
        screen_say(&chat->screen, ENTRY_STATUS,
                   "number: %s; ask whether they see the same, then type /verify", arrival->number);
}

static void greet(struct chat *chat, struct arrival *arrival, int64_t now_ms)
{
    link_open(&chat->link, arrival->fd, &arrival->peer, chat->config->dead_ms, now_ms);
    wire_init(&chat->wire, arrival->chan ? WIRE_SESSION : WIRE_PLAIN);
    if (arrival->chan)
        link_secure(&chat->link, arrival->chan);
    if (buf_len(&arrival->early) > 0)
        wire_input(&chat->wire, buf_bytes(&arrival->early), buf_len(&arrival->early), now_ms);
    buf_done(&arrival->early);
    chat->person = arrival->person;
    chat->phase = PHASE_TALKING;
    chat->left = false;
    chat->closed = false;
    chat->messages = 0;
    introduce(chat);
    if (arrival->chan)
        say_who_is_here(chat, arrival);
    else if (chat->meet->lobby)
        screen_say(&chat->screen, ENTRY_STATUS, "%s is here (plain TCP, not encrypted)", chat->link.name);
    else
        screen_say(&chat->screen, ENTRY_STATUS, "connected to %s (plain TCP, not encrypted)",
                   chat->link.name);
}

/* The same peer has come back while its old connection is still there. */
static void replace(struct chat *chat, struct arrival *arrival, int64_t now_ms)
{
    struct wire_event event;

    while (wire_next(&chat->wire, now_ms, &event)) /* what it said there has arrived */
        if (event.kind == WIRE_TEXT)
            on_event(chat, &event);
    screen_say(&chat->screen, ENTRY_STATUS, "%s has come back; the old connection is dropped", chat->who);
    if (waiting(chat) > 0 || link_undelivered(&chat->link) > 0)
        screen_say(&chat->screen, ENTRY_ERROR, "some of what you said last was not delivered");
    link_abort(&chat->link);
    wire_done(&chat->wire);
    greet(chat, arrival, now_ms);
}

static void meet(struct chat *chat, int64_t now_ms)
{
    struct arrival arrival;
    int result = meet_step(chat->meet, chat->phase != PHASE_MEETING, now_ms, &arrival);
    char news[MEET_NEWS_MAX];

    while (meet_news(chat->meet, now_ms, news))
        screen_say(&chat->screen, ENTRY_STATUS, "%s", news);
    see_to_question(chat);
    if (result < 0)
        finish(chat, EXIT_NO_CONNECTION);
    else if (result > 0 && chat->phase == PHASE_MEETING)
        greet(chat, &arrival, now_ms);
    else if (result > 0 && chat->phase == PHASE_TALKING)
        replace(chat, &arrival, now_ms);
    else if (result > 0)
        arrival_drop(&arrival);
}

/* --- the loop */

enum { POLL_KEYS, POLL_SCREEN, POLL_SIGNALS, POLL_LINK, POLL_MEET };

/* The user's side of it. */
static void fill_own(const struct chat *chat, struct pollfd *fds)
{
    fds[POLL_KEYS] = (struct pollfd){.fd = prompt_in_fd(chat->screen.prompt), .events = POLLIN};
    fds[POLL_SCREEN] = (struct pollfd){.fd = prompt_out_fd(chat->screen.prompt), .events = POLLOUT};
    fds[POLL_SIGNALS] = (struct pollfd){.fd = chat->signals_fd, .events = POLLIN};
}

static void serve_own(struct chat *chat, const struct pollfd *fds)
{
    if (fds[POLL_SIGNALS].revents)
        take_signals(chat);
    if (fds[POLL_KEYS].revents)
        prompt_read(chat->screen.prompt);
    if (!prompt_is_empty(chat->screen.prompt))
        chat->interrupted = false; /* the user goes on writing */
}

static int fill_pollfds(const struct chat *chat, struct pollfd *fds)
{
    short events = 0;

    fill_own(chat, fds);

    if (chat->link.fd >= 0)
        events =
            (short)((room(chat) > 0 ? POLLIN : 0) |
                    ((waiting(chat) > 0 && !chat->link.broken) || link_waits(&chat->link) ? POLLOUT : 0));
    fds[POLL_LINK] = (struct pollfd){.fd = events ? chat->link.fd : -1, .events = events};
    return POLL_MEET + meet_pollfds(chat->meet, fds + POLL_MEET);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t wake_ms(const struct chat *chat, int64_t now_ms)
{
    int64_t wake = meet_wake_ms(chat->meet);

    if (chat->link.fd < 0)
        return wake;
    wake = earlier(wake, chat->link.look_ms);
    if (chat->link.more && room(chat) > 0)
        return now_ms;
    if (!prompt_busy(chat->screen.prompt))
        wake = earlier(wake, wire_wake_ms(&chat->wire));
    if (chat->phase == PHASE_PARTING)
        wake = earlier(wake, now_ms + ACK_POLL_MS);
    return wake;
}

static void wait_for(struct chat *chat, struct pollfd *fds)
{
    int64_t now_ms = clock_ms();
    int count = fill_pollfds(chat, fds);
    int64_t left_ms = wake_ms(chat, now_ms) - now_ms;
    int timeout = left_ms > INT32_MAX ? -1 : left_ms < 0 ? 0 : (int)left_ms;

    if (poll(fds, (nfds_t)count, timeout) <= 0)
        for (int i = 0; i < count; i++)
            fds[i].revents = 0;
}

static void exchange(struct chat *chat, const struct pollfd *link, int64_t now_ms)
{
    if ((link->revents & ~POLLOUT || chat->link.more) && room(chat) > 0)
        receive(chat, now_ms);
    if (now_ms >= chat->link.look_ms && link_lost(&chat->link, now_ms))
        end_broken(chat, -ERR_TIMEOUT);
    take_events(chat, now_ms);
    if (chat->link.fd >= 0)
        send_on(chat, now_ms);
    if (chat->phase == PHASE_PARTING)
        go_on_parting(chat, now_ms);
}

static void turn(struct chat *chat)
{
    struct pollfd fds[POLL_MEET + MEET_POLL_MAX];

    wait_for(chat, fds);
    int64_t now_ms = clock_ms();
    serve_own(chat, fds);
    bool there = chat->link.fd >= 0;
    if (chat->phase != PHASE_OVER)
        meet(chat, now_ms);
    if (there && chat->link.fd >= 0)
        exchange(chat, &fds[POLL_LINK], now_ms);
    if (chat->phase == PHASE_OVER && there && chat->meet->keep && !chat->quitting) {
        wire_done(&chat->wire);
        chat->phase = PHASE_MEETING;
        screen_say(&chat->screen, ENTRY_STATUS, "waiting for the next caller");
        meet(chat, now_ms); /* the seat is free: somebody may wait for that */
    }
    prompt_show(chat->screen.prompt);
}

/* Show what has arrived, and what was said of the end. */
static void show_the_rest(struct chat *chat)
{
    struct pollfd fds[POLL_LINK];
    size_t waiting = SIZE_MAX;
    int64_t until_ms = 0;

    prompt_show(chat->screen.prompt);
    while (prompt_waiting(chat->screen.prompt) > 0 && !chat->hurried) {
        int64_t now_ms = clock_ms();
        if (prompt_waiting(chat->screen.prompt) < waiting)
            until_ms = now_ms + TERMINAL_MS;
        waiting = prompt_waiting(chat->screen.prompt);
        if (now_ms >= until_ms)
            return;
        fill_own(chat, fds);
        if (poll(fds, POLL_LINK, (int)(until_ms - now_ms)) > 0)
            serve_own(chat, fds);
        prompt_show(chat->screen.prompt);
    }
}

int chat_run(const struct chat_config *config, struct meet *meet)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH};
    struct chat chat = {.config = config, .meet = meet, .screen.command = config->command};
    const struct prompt_listener listener = {on_line, on_interrupt, on_end, on_paste, &chat};

    link_init(&chat.link);
    wire_init(&chat.wire, meet->private ? WIRE_SESSION : WIRE_PLAIN);
    chat.signals_fd = signals_open(signals, sizeof signals / sizeof *signals);
    int error = chat.signals_fd < 0 ? chat.signals_fd
                                    : prompt_open(&chat.screen.prompt, &listener,
                                                  meet->private ? private_commands : commands);
    if (error) {
        err_say("%s: terminal: %s", config->command, err_text(error));
        return EXIT_SYSTEM;
    }
    if (meet->name)
        screen_say(&chat.screen, ENTRY_STATUS, "calling %s; /help lists what can be done", meet->name);
    else
        screen_say(&chat.screen, ENTRY_STATUS, "waiting for a caller; /help lists what can be done");
    prompt_show(chat.screen.prompt);
    while (chat.phase != PHASE_OVER)
        turn(&chat);
    link_close(&chat.link);
    show_the_rest(&chat);
    prompt_close(chat.screen.prompt);
    wire_done(&chat.wire);
    close(chat.signals_fd);
    return chat.status;
}
