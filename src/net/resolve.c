/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct answer {
    int count; /* or a negative error */
    struct addr addrs[RESOLVE_MAX];
};

/* An empty pipe takes this much at once, whole (pipe(7)). */
_Static_assert(sizeof(struct answer) <= PIPE_BUF, "an answer goes through a pipe in one piece");

/* Belongs to whoever works on it, with its end of the pipe. */
struct job {
    struct place spec;
    enum addr_family family;
    int fd;
};

static void drop(struct job *job)
{
    close(job->fd);
    free(job);
}

/* Nobody may be there any more to read the answer (EPIPE). In a thread SIGPIPE is blocked, and in place the reader
 * is there. */
static void work(struct job *job)
{
    struct answer answer;

    memset(&answer, 0, sizeof answer); /* also what lies between its members */
    answer.count = addr_resolve_dial(&job->spec, job->family, answer.addrs, RESOLVE_MAX);
    ssize_t written = write(job->fd, &answer, sizeof answer);
    (void)written;
    drop(job);
}

static void *work_in_thread(void *job)
{
    work(job);
    return NULL;
}

/* Its stack is of the default size: files and dns use 36 KiB of it (measured, glibc 2.36), but whatever else nsswitch.conf(5)
 * names runs on it too, and what is not used takes no memory. */
static int start_thread(pthread_t *thread, struct job *job)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* the thread inherits it */
    int error = pthread_create(thread, NULL, work_in_thread, job);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

static bool is_number(const char *host)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *list = NULL;

    if (getaddrinfo(host, NULL, &hints, &list) != 0)
        return false;
    freeaddrinfo(list);
    return true;
}

int resolve_start(struct resolve *resolve, const struct place *spec, enum addr_family family)
{
    int ends[2];
    int error = 0;

    *resolve = RESOLVE_NONE;
    struct job *job = malloc(sizeof *job);
    if (!job)
        return -ENOMEM;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
        error = -errno;
        free(job);
        return error;
    }
    *job = (struct job){.spec = *spec, .family = family, .fd = ends[1]};
    resolve->in_thread = !is_number(spec->host);
    if (!resolve->in_thread) {
        work(job);
    } else if ((error = start_thread(&resolve->thread, job)) < 0) {
        drop(job);
        close(ends[0]);
        return error;
    }
    resolve->fd = ends[0];
    return 0;
}

int resolve_fd(const struct resolve *resolve)
{
    return resolve->fd;
}

/* EINTR does not come: a read of a non-blocking pipe does not wait. */
int resolve_take(struct resolve *resolve, struct addr *addrs, int max)
{
    struct answer answer;
    ssize_t len = read(resolve->fd, &answer, sizeof answer);

    if (len < 0 && errno == EAGAIN)
        return -EINPROGRESS;
    close(resolve->fd);
    resolve->fd = -1;
    if (resolve->in_thread)
        pthread_join(resolve->thread, NULL); /* after its answer it has nothing more to do */
    if (len != sizeof answer)
        return -EIO;
    if (answer.count < 0)
        return answer.count;
    if (answer.count < max)
        max = answer.count;
    memcpy(addrs, answer.addrs, (size_t)max * sizeof *addrs);
    return max;
}

void resolve_abandon(struct resolve *resolve)
{
    if (resolve->fd < 0)
        return;
    close(resolve->fd);
    resolve->fd = -1;
    if (resolve->in_thread)
        pthread_detach(resolve->thread);
}
