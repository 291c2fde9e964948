/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "echo/child.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/sandbox.h"

static void close_span(int first, int last)
{
    if (first <= last && close_range((unsigned)first, (unsigned)last, 0) < 0)
        for (long fd = first; fd <= last && fd < sysconf(_SC_OPEN_MAX); fd++)
            close((int)fd);
}

#define KEEP_MAX 3

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void keep_only(const int *keep, int count)
{
    int sorted[KEEP_MAX];
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

static void begin(const struct child_heritage *heritage, const struct engine_job *job)
{
    int keep[KEEP_MAX] = {job->notes};
    int count = 1;

    for (int i = 0; i < heritage->gate->count; i++)
        close(heritage->gate->fds[i]);
    leave_signals_to_the_door();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != heritage->door)
        _exit(EXIT_SYSTEM);
    dup2(heritage->null, STDIN_FILENO);
    dup2(heritage->null, STDOUT_FILENO);
    if (job->fd >= 0)
        keep[count++] = job->fd;
    if (job->print)
        keep[count++] = job->print->sink.fd;
    keep_only(keep, count);
    /* Once more, alone: out of reach of the door and of the other children. It is a second line: where the
     * kernel allows no further layer, the door's own still holds. */
    int landlock;
    sandbox_enter(&landlock);
}

pid_t child_spawn(const struct child_heritage *heritage, const struct engine *engine,
                  const struct engine_job *job)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid < 0 ? -errno : pid;
    begin(heritage, job);
    _exit(engine->run(job));
}

void child_end(pid_t pid)
{
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}
