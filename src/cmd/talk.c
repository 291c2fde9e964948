/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/talk.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "chat/chat.h"
#include "chat/pipe.h"
#include "cmd/option.h"

/* Below this the kernel's clocks, of whole seconds, cannot keep what is asked for. */
#define DEAD_MIN_NS (3 * NS_PER_S)

static void set_login_name(struct talk *talk)
{
    const struct passwd *user = getpwuid(geteuid());

    snprintf(talk->name, sizeof talk->name, "%s", user && *user->pw_name ? user->pw_name : "you");
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

int talk_check(const struct talk *talk)
{
    if (talk->plain)
        return 0;
    err_say("%s: talking in private is not there yet (--plain talks over plain TCP, which anybody on the way "
            "can read)",
            talk->command);
    return EXIT_USAGE;
}

int talk_run(const struct talk *talk, struct meet *meet)
{
    const struct pipe_config pipe = {talk->command, talk->dead_ms, talk->linger_ms, talk->quiet};
    struct talk named = *talk;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return pipe_run(&pipe, meet);
    if (!*named.name)
        set_login_name(&named);
    return chat_run(&(struct chat_config){talk->command, named.name, talk->dead_ms}, meet);
}
