/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/talk.h"

#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/sandbox.h"
#include "chat/chat.h"
#include "chat/pipe.h"
#include "cmd/option.h"

/* Below this the kernel's clocks, of whole seconds, cannot keep what is asked for. */
#define DEAD_MIN_NS (3 * NS_PER_S)

static void set_login_name(struct talk *talk)
{
    const struct passwd *user = getpwuid(geteuid());

    snprintf(talk->name, sizeof talk->name, "%s", user && *user->pw_name ? user->pw_name : "nobody");
}

void talk_init(struct talk *talk, const char *command)
{
    memset(talk, 0, sizeof *talk);
    talk->command = command;
    talk->dead_ms = 30 * 1000;
    talk->linger_ms = INT64_MAX;
}

static int set_name(struct talk *talk, const char *name)
{
    if (!*name || *name == '-' || strlen(name) >= sizeof talk->name) {
        err_say("%s: --name %.64s: a name has 1 to %d bytes and does not begin with '-'", talk->command, name,
                TALK_NAME_MAX - 1);
        return EXIT_USAGE;
    }
    strcpy(talk->name, name);
    return 0;
}

static int set_duration(const struct talk *talk, const char *name, const char *text, int64_t min_ns,
                        int64_t *ms)
{
    int64_t ns = 0;
    int status = option_duration(talk->command, name, text, min_ns, &ns);

    *ms = ns / NS_PER_MS;
    return status;
}

int talk_option(struct talk *talk, int option, const char *value)
{
    switch (option) {
    case TALK_PLAIN:
        talk->plain = true;
        return 0;
    case TALK_NAME:
        return set_name(talk, value);
    case TALK_LINGER:
        return set_duration(talk, "--linger", value, 0, &talk->linger_ms);
    case TALK_IDENTITY:
        talk->identity = value;
        return 0;
    case TALK_SEND_FROM:
        talk->send_from = value;
        return 0;
    case TALK_ACCEPT_NEW:
        talk->accept_new = true;
        return 0;
    case TALK_DEAD_TIMEOUT:
        return set_duration(talk, "--dead-timeout", value, DEAD_MIN_NS, &talk->dead_ms);
    case '4':
        talk->family = ADDR_IPV4;
        return 0;
    case '6':
        talk->family = ADDR_IPV6;
        return 0;
    case 'q':
        talk->quiet = true;
        return 0;
    default:
        return EXIT_USAGE;
    }
}

int talk_check(struct talk *talk)
{
    if (!*talk->name)
        set_login_name(talk);
    if (!talk->plain || (!talk->identity && !talk->accept_new))
        return 0;
    err_say("%s: %s: with --plain nobody proves who it is (leave one of them out)", talk->command,
            talk->identity ? "--identity" : "--accept-new");
    return EXIT_USAGE;
}

int talk_open_private(const struct talk *talk, struct private *private)
{
    return private_open(private, &(struct private_config){.command = talk->command,
                                                          .identity = talk->identity,
                                                          .accept_new = talk->accept_new,
                                                          .chat = talk_is_chat()});
}

bool talk_is_chat(void)
{
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

int talk_confine(const struct talk *talk, const struct db *store)
{
    char folder[PATH_MAX], here[PATH_MAX];
    const char *home = getenv("HOME");
    const char *change[] = {NULL, NULL};
    const char *read[] = {NULL, NULL, NULL};
    int landlock, count = 0;

    if (store) {
        snprintf(folder, sizeof folder, "%s", db_path(store));
        *strrchr(folder, '/') = '\0';
        change[0] = folder;
    }
    if (talk_is_chat() && !talk->send_from) {
        if (home && *home == '/')
            read[count++] = home;
        if (getcwd(here, sizeof here))
            read[count++] = here;
    } else if (talk_is_chat() && strcmp(talk->send_from, "none") != 0) {
        read[count++] = talk->send_from;
    }
    int error = sandbox_confine(&(struct sandbox_rules){.change = change, .read = read}, &landlock);
    if (error)
        err_say("%s: sandbox: %s", talk->command, err_text(error));
    return error ? EXIT_SYSTEM : 0;
}

int talk_run(const struct talk *talk, struct meet *meet)
{
    const struct pipe_config pipe = {talk->command, talk->dead_ms, talk->linger_ms, talk->quiet};
    const struct chat_config chat = {talk->command, talk->name, talk->dead_ms};

    return talk_is_chat() ? chat_run(&chat, meet) : pipe_run(&pipe, meet);
}
