/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "echo/child.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/err.h"

static void close_span(int first, int last)
{
    if (first <= last && close_range((unsigned)first, (unsigned)last, 0) < 0)
        for (long fd = first; fd <= last && fd < sysconf(_SC_OPEN_MAX); fd++)
            close((int)fd);
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void keep_only(const int *keep, int count)
{
    int sorted[CHILD_KEEP_MAX];
    int next = STDERR_FILENO + 1;

    memcpy(sorted, keep, (size_t)count * sizeof *keep);
    qsort(sorted, (size_t)count, sizeof *sorted, by_number);
    for (int i = 0; i < count; i++) {
        close_span(next, sorted[i] - 1);
        next = sorted[i] + 1;
    }
    close_span(next, INT_MAX);
}

static void leave_signals_to_the_door(void)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGPIPE};
    sigset_t none;

    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void child_begin(const struct child_heritage *heritage, const int *keep, int keep_count)
{
    for (int i = 0; i < heritage->listener_count; i++)
        close(heritage->listeners[i]);
    leave_signals_to_the_door();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != heritage->door)
        _exit(EXIT_SYSTEM);
    dup2(heritage->null, STDIN_FILENO);
    dup2(heritage->null, STDOUT_FILENO);
    keep_only(keep, keep_count);
}
