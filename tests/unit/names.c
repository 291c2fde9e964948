/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "names.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int __real_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **list);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **list);
void __real_freeaddrinfo(struct addrinfo *list);
void __wrap_freeaddrinfo(struct addrinfo *list);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static char hosts[512];
static int failure, asked, waiting;
static bool held;
static sigset_t mask;

/* One of ours is marked so that it comes back to us. */
static char ours[] = "ours";

void names_have(const char *list)
{
    pthread_mutex_lock(&lock);
    snprintf(hosts, sizeof hosts, "%s", list);
    failure = 0;
    pthread_mutex_unlock(&lock);
}

void names_fail(int how)
{
    pthread_mutex_lock(&lock);
    failure = how;
    pthread_mutex_unlock(&lock);
}

void names_hold(bool hold)
{
    pthread_mutex_lock(&lock);
    held = hold;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static int read_locked(const int *number)
{
    pthread_mutex_lock(&lock);
    int value = *number;
    pthread_mutex_unlock(&lock);
    return value;
}

int names_asked(void)
{
    return read_locked(&asked);
}

int names_waiting(void)
{
    return read_locked(&waiting);
}

sigset_t names_mask(void)
{
    pthread_mutex_lock(&lock);
    sigset_t last = mask;
    pthread_mutex_unlock(&lock);
    return last;
}

struct node {
    struct addrinfo info;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } sa;
};

/* A node for the host, or NULL if that is not of the family. */
static struct addrinfo *make(const char *host, uint16_t port, int family)
{
    bool v6 = strchr(host, ':');
    struct node *node = calloc(1, sizeof *node);

    if (!node || (family != AF_UNSPEC && family != (v6 ? AF_INET6 : AF_INET))) {
        free(node);
        return NULL;
    }
    node->info = (struct addrinfo){.ai_family = v6 ? AF_INET6 : AF_INET,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_addr = &node->sa.any,
                                   .ai_addrlen = v6 ? sizeof node->sa.v6 : sizeof node->sa.v4,
                                   .ai_canonname = ours};
    node->sa.any.sa_family = (sa_family_t)node->info.ai_family;
    node->sa.v4.sin_port = htons(port); /* where IPv6 has it, too */
    if (inet_pton(node->info.ai_family, host,
                  v6 ? (void *)&node->sa.v6.sin6_addr : (void *)&node->sa.v4.sin_addr) != 1)
        abort();
    return &node->info;
}

static int answer(const char *port, int family, struct addrinfo **list)
{
    char copy[sizeof hosts];
    char *rest = copy;

    *list = NULL;
    if (failure)
        return failure;
    memcpy(copy, hosts, sizeof copy);
    for (const char *host; (host = strsep(&rest, " "));)
        if (*host && (*list = make(host, (uint16_t)atoi(port), family)))
            list = &(*list)->ai_next;
    return 0;
}

int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **list)
{
    int result = __real_getaddrinfo(host, port,
                                    &(struct addrinfo){.ai_family = hints->ai_family,
                                                       .ai_socktype = hints->ai_socktype,
                                                       .ai_flags = hints->ai_flags | AI_NUMERICHOST},
                                    list);

    if (result == 0 || (hints->ai_flags & AI_NUMERICHOST) || result == EAI_ADDRFAMILY)
        return result;
    pthread_mutex_lock(&lock);
    asked++;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    waiting++;
    while (held)
        pthread_cond_wait(&changed, &lock);
    waiting--;
    result = answer(port, hints->ai_family, list);
    pthread_mutex_unlock(&lock);
    return result ? result : *list ? 0 : EAI_NONAME;
}

void __wrap_freeaddrinfo(struct addrinfo *list)
{
    if (list->ai_canonname != ours) {
        __real_freeaddrinfo(list);
        return;
    }
    while (list) {
        struct addrinfo *next = list->ai_next;
        free(list);
        list = next;
    }
}
