/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "traces.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"

#define PATIENCE_NS (20 * NS_PER_S)

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
                          void *argument);
int __real_pthread_join(pthread_t thread, void **result);
int __wrap_pthread_join(pthread_t thread, void **result);
int __real_pthread_detach(pthread_t thread);
int __wrap_pthread_detach(pthread_t thread);

static atomic_bool denied;
static atomic_int unsettled; /* threads that are neither joined nor detached */
static int descriptors, threads;

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
                          void *argument)
{
    if (denied)
        return EAGAIN;
    unsettled++;
    return __real_pthread_create(thread, attr, start, argument);
}

int __wrap_pthread_join(pthread_t thread, void **result)
{
    unsettled--;
    return __real_pthread_join(thread, result);
}

int __wrap_pthread_detach(pthread_t thread)
{
    unsettled--;
    return __real_pthread_detach(thread);
}

static int entries(const char *path)
{
    DIR *dir = opendir(path);
    int count = -3; /* . and .., and in /proc/self/fd the one for this */

    while (dir && readdir(dir))
        count++;
    closedir(dir);
    return count;
}

int traces_descriptors(void)
{
    return entries("/proc/self/fd");
}

int traces_threads(void)
{
    return entries("/proc/self/task") + 1;
}

void traces_deny_threads(bool deny)
{
    denied = deny;
}

void traces_begin(void)
{
    descriptors = traces_descriptors();
    threads = traces_threads();
    denied = false;
}

int traces_end(void)
{
    int64_t deadline_ns = clock_ns() + PATIENCE_NS;

    while (traces_descriptors() != descriptors || traces_threads() != threads || unsettled) {
        if (clock_ns() > deadline_ns) {
            fprintf(stderr, "left behind: %d descriptors, %d threads, %d not settled\n",
                    traces_descriptors() - descriptors, traces_threads() - threads, unsettled);
            return -1;
        }
        poll(NULL, 0, 1);
    }
    return 0;
}
