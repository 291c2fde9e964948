/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/failure.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

#define TASK_MAX (PLACE_HOST_MAX + sizeof "connect []:65535")
#define SECOND_MAX 64

static const char *reason(const struct reach *reach, int error)
{
    if (error == -EINTR)
        return "interrupted";
    if (error != -ERR_NAME || reach->plan.family == ADDR_ANY)
        return err_text(error);
    return reach->plan.family == ADDR_IPV4 ? "no IPv4 address of that name" : "no IPv6 address of that name";
}

static const char *hint(const struct reach *reach, int error, const struct failure_hints *hints)
{
    if (error == -ECONNREFUSED || error == -ERR_SELF)
        return "nothing listens there";
    return error == -ERR_TIMEOUT && reach->expired && hints->timeout ? hints->timeout : "";
}

/* What was being done, and to what. A name that means nothing is told by the name alone. */
static const char *print_task(const struct reach *reach, int error, char text[static TASK_MAX])
{
    const struct place *spec = &reach->plan.spec;
    bool no_host = error == -ERR_NAME || error == -ERR_RESOLVER;

    if (reach->dial.count)
        snprintf(text, TASK_MAX, strchr(spec->host, ':') ? "connect [%s]:%u" : "connect %s:%u", spec->host,
                 spec->port);
    else
        snprintf(text, TASK_MAX, "%s%s", no_host ? "" : "look up ", spec->host);
    return text;
}

const char *failure_print(const struct reach *reach, int error, const struct failure_hints *hints,
                          char text[static FAILURE_MAX])
{
    const char *first = hint(reach, error, hints);
    char task[TASK_MAX], second[SECOND_MAX] = "";

    if (reach->dial.count > 1 && hints->addresses)
        snprintf(second, sizeof second, "%d addresses tried%s", reach->dial.count, hints->addresses);
    snprintf(text, FAILURE_MAX, "%s: %s%s%s%s%s%s", print_task(reach, error, task), reason(reach, error),
             *first || *second ? " (" : "", first, *first && *second ? "; " : "", second,
             *first || *second ? ")" : "");
    return text;
}

int failure_say(const char *command, const struct reach *reach, int error, const struct failure_hints *hints)
{
    char text[FAILURE_MAX];

    err_say("%s: %s", command, failure_print(reach, error, hints, text));
    return EXIT_NO_CONNECTION;
}
