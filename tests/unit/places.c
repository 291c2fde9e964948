/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "places.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS 20000

static struct addr place(char kind, int number, uint16_t port)
{
    struct addr addr = {0};

    if (kind < 'a') {
        addr.sa.v6 = (struct sockaddr_in6){
            .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        addr.len = sizeof addr.sa.v6;
    } else {
        addr.sa.v4 = (struct sockaddr_in){.sin_family = AF_INET,
                                          .sin_port = htons(port),
                                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK + number)};
        addr.len = sizeof addr.sa.v4;
    }
    return addr;
}

static void fill(int listener, int filler, const struct addr *addr)
{
    struct pollfd filled = {.fd = listener, .events = POLLIN};

    assert_int_equal(connect(filler, &addr->sa.any, addr->len), 0);
    assert_int_equal(poll(&filled, 1, PATIENCE_MS), 1);
}

/* Returns whether the port is free there. */
static bool open_place(struct places *places, int i, char kind)
{
    struct addr addr = place(kind, i, places->port);

    places->listeners[i] = socket(addr.sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    places->fillers[i] = socket(addr.sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(places->listeners[i] >= 0 && places->fillers[i] >= 0);
    places->count = i + 1;
    if (bind(places->listeners[i], &addr.sa.any, addr.len) < 0)
        return false;
    assert_int_equal(addr_of_socket(places->listeners[i], &places->addrs[i]), 0);
    places->port = addr_port(&places->addrs[i]);
    if (tolower(kind) != 'r')
        assert_int_equal(listen(places->listeners[i], tolower(kind) == 'h' ? 0 : 8), 0);
    if (tolower(kind) == 'h')
        fill(places->listeners[i], places->fillers[i], &places->addrs[i]);
    return true;
}

void places_close(struct places *places)
{
    for (int i = 0; i < places->count; i++) {
        close(places->listeners[i]);
        close(places->fillers[i]);
    }
}

/* A port that is free at one address may be taken at the next. */
static bool open_all(struct places *places, const char *kinds)
{
    places->port = 0;
    for (int i = 0; kinds[i]; i++)
        if (!open_place(places, i, kinds[i])) {
            places_close(places);
            return false;
        }
    return true;
}

void places_open(struct places *places, const char *kinds)
{
    for (int i = 0; !open_all(places, kinds); i++)
        assert_true(i < 20);
}

const char *places_hosts(const struct places *places, char text[static PLACES_MAX * ADDR_TEXT_MAX])
{
    char host[ADDR_TEXT_MAX];

    *text = '\0';
    for (int i = 0; i < places->count; i++) {
        strcat(text, i ? " " : "");
        strcat(text, addr_print_host(&places->addrs[i], host));
    }
    return text;
}

bool places_have_ipv6(void)
{
    struct addr loopback = place('A', 0, 0);
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool have = bind(fd, &loopback.sa.any, loopback.len) == 0;

    close(fd);
    return have;
}
