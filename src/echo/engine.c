/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "echo/engine.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

static const struct engine *const engines[] = {&engine_epoll, &engine_fork};

const struct engine *engine_find(const char *name)
{
    if (strcmp(name, "auto") == 0)
        return engines[0];
    for (size_t i = 0; i < sizeof engines / sizeof *engines; i++)
        if (strcmp(engines[i]->name, name) == 0)
            return engines[i];
    return NULL;
}

void engine_close(int fd, enum hand_reason reason)
{
    if (reason == HAND_EOF || (reason == HAND_IDLE && !sock_unacked(fd)))
        sock_set_abort(fd, false);
    close(fd);
}
