/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

/* More addresses of one name than this are not looked at. */
#define FOUND_MAX 128

/* Written out: strtoul() would take "+5", " 5" and "-1". */
static int parse_port(const char *text, uint16_t *port)
{
    unsigned value = 0;

    if (!*text || strlen(text) > 5)
        return -ERR_PORT;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -ERR_PORT;
        value = value * 10 + (unsigned)(*text - '0');
    }
    if (value > UINT16_MAX)
        return -ERR_PORT;
    *port = (uint16_t)value;
    return 0;
}

static bool is_number(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0';
}

static int set_host(struct place *spec, const char *host, size_t len)
{
    if (len >= sizeof spec->host)
        return -ERR_SYNTAX;
    memcpy(spec->host, host, len);
    spec->host[len] = '\0';
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)host[i] <= ' ' || (unsigned char)host[i] == 0x7f)
            return -ERR_SYNTAX;
    return 0;
}

/* Whether text is an IPv6 address, with a scope or without. */
static bool is_ipv6(const char *text)
{
    struct in6_addr host;
    char copy[PLACE_HOST_MAX];

    snprintf(copy, sizeof copy, "%s", text);
    char *scope_mark = strchr(copy, '%');
    if (scope_mark) {
        if (!scope_mark[1])
            return false;
        *scope_mark = '\0';
    }
    return inet_pton(AF_INET6, copy, &host) == 1;
}

/* Split "[IPV6]", "[IPV6]:PORT", "HOST", "HOST:PORT" and ":PORT". *port is NULL where none is written. */
static int split(const char *text, struct place *spec, const char **port)
{
    *port = NULL;
    if (*text == '[') {
        const char *end = strchr(text, ']');
        if (!end || end == text + 1)
            return -ERR_SYNTAX;
        if (end[1] == ':')
            *port = end + 2;
        else if (end[1])
            return -ERR_SYNTAX;
        int error = set_host(spec, text + 1, (size_t)(end - text - 1));
        return error ? error : is_ipv6(spec->host) ? 0 : -ERR_SYNTAX;
    }
    const char *colon = strchr(text, ':');
    if (colon && strchr(colon + 1, ':'))
        return -ERR_BRACKETS;
    if (!colon)
        return set_host(spec, text, strlen(text));
    *port = colon + 1;
    return set_host(spec, text, (size_t)(colon - text));
}

int addr_parse_listen(const char *text, uint16_t default_port, struct place *spec)
{
    const char *port = NULL;

    spec->port = default_port;
    if (is_number(text)) {
        strcpy(spec->host, "*");
        return parse_port(text, &spec->port);
    }
    int error = split(text, spec, &port);
    if (error)
        return error;
    if (!*spec->host) {
        if (!port)
            return -ERR_SYNTAX;
        strcpy(spec->host, "*");
    }
    return port ? parse_port(port, &spec->port) : 0;
}

int addr_parse_dial(const char *text, uint16_t default_port, struct place *spec)
{
    const char *port = NULL;

    spec->port = default_port;
    if (is_number(text))
        return -ERR_BARE_PORT;
    if (is_ipv6(text))
        return set_host(spec, text, strlen(text));
    int error = split(text, spec, &port);
    if (error)
        return error;
    if (!*spec->host)
        return port && is_number(port) ? -ERR_BARE_PORT : -ERR_SYNTAX;
    if (strcmp(spec->host, "*") == 0)
        return -ERR_SYNTAX;
    if (!port)
        return 0;
    error = parse_port(port, &spec->port);
    return error ? error : spec->port == 0 ? -ERR_PORT : 0;
}

static bool have_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    struct sockaddr_in6 any = {.sin6_family = AF_INET6};
    bool works = bind(fd, (struct sockaddr *)&any, sizeof any) == 0;
    close(fd);
    return works;
}

static void set_any(struct addr *addr, int family, uint16_t port)
{
    memset(addr, 0, sizeof *addr);
    if (family == AF_INET) {
        addr->sa.v4.sin_family = AF_INET;
        addr->sa.v4.sin_port = htons(port);
        addr->len = sizeof addr->sa.v4;
    } else {
        addr->sa.v6.sin6_family = AF_INET6;
        addr->sa.v6.sin6_port = htons(port);
        addr->len = sizeof addr->sa.v6;
    }
}

static bool is_among(const struct addr *addr, const struct addr *addrs, int count)
{
    for (int i = 0; i < count; i++)
        if (addr_equal(addr, &addrs[i]))
            return true;
    return false;
}

/* The C library repeats what /etc/hosts repeats, and takes "::1 localhost" for 127.0.0.1 too when asked
 * for IPv4: each address counts once. */
static int look_up(const struct place *spec, enum addr_family family, int flags, struct addr *addrs, int max)
{
    static const int families[] = {AF_UNSPEC, AF_INET, AF_INET6};
    struct addrinfo hints = {
        .ai_family = families[family], .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    char port[8];

    snprintf(port, sizeof port, "%u", spec->port);
    int failure = getaddrinfo(spec->host, port, &hints, &list);
    if (failure == EAI_SYSTEM)
        return -errno;
    if (failure == EAI_MEMORY)
        return -ENOMEM;
    if (failure == EAI_AGAIN || failure == EAI_FAIL)
        return -ERR_RESOLVER;
    if (failure)
        return -ERR_NAME;
    int count = 0;
    for (const struct addrinfo *info = list; info && count < max; info = info->ai_next) {
        struct addr *addr = &addrs[count];
        memset(addr, 0, sizeof *addr);
        memcpy(&addr->sa, info->ai_addr, info->ai_addrlen);
        addr->len = info->ai_addrlen;
        count += !is_among(addr, addrs, count);
    }
    freeaddrinfo(list);
    return count ? count : -ERR_NAME;
}

int addr_resolve_listen(const struct place *spec, enum addr_family family, struct addr *addrs, int max)
{
    if (strcmp(spec->host, "*") != 0) {
        /* /etc/hosts knows ::1 where IPv6 is switched off, too: a name then means its IPv4 addresses. */
        if (family == ADDR_ANY && !is_ipv6(spec->host) && !have_ipv6())
            family = ADDR_IPV4;
        return look_up(spec, family, AI_PASSIVE, addrs, max);
    }
    bool v6 = family != ADDR_IPV4 && have_ipv6();
    if (family == ADDR_IPV6 && !v6)
        return -EAFNOSUPPORT;
    set_any(&addrs[0], v6 ? AF_INET6 : AF_INET, spec->port);
    addrs[0].dual = v6 && family == ADDR_ANY;
    return 1;
}

/* Let the families alternate, the first one's first, each in its given order. */
static void alternate(struct addr *addrs, int count)
{
    for (int i = 1; i < count; i++) {
        int next = i;
        while (next < count && addrs[next].sa.any.sa_family == addrs[i - 1].sa.any.sa_family)
            next++;
        if (next == count)
            return;
        struct addr moved = addrs[next];
        memmove(&addrs[i + 1], &addrs[i], (size_t)(next - i) * sizeof *addrs);
        addrs[i] = moved;
    }
}

int addr_resolve_dial(const struct place *spec, enum addr_family family, struct addr *addrs, int max)
{
    struct addr found[FOUND_MAX] = {0}; /* more than max, so that what is cut off is not all of one family */
    int count = look_up(spec, family, 0, found, FOUND_MAX);

    if (count < 0)
        return count;
    alternate(found, count);
    if (count > max)
        count = max;
    memcpy(addrs, found, (size_t)count * sizeof *addrs);
    return count;
}

int addr_of_socket(int fd, struct addr *addr)
{
    memset(addr, 0, sizeof *addr);
    addr->len = sizeof addr->sa.storage;
    return getsockname(fd, &addr->sa.any, &addr->len) < 0 ? -errno : 0;
}

int addr_of_peer(int fd, struct addr *addr)
{
    memset(addr, 0, sizeof *addr);
    addr->len = sizeof addr->sa.storage;
    return getpeername(fd, &addr->sa.any, &addr->len) < 0 ? -errno : 0;
}

void addr_host(const struct addr *addr, struct in6_addr *host)
{
    if (addr->sa.any.sa_family == AF_INET6) {
        *host = addr->sa.v6.sin6_addr;
        return;
    }
    memset(host, 0, sizeof *host);
    host->s6_addr[10] = host->s6_addr[11] = 0xff;
    memcpy(&host->s6_addr[12], &addr->sa.v4.sin_addr, 4);
}

uint16_t addr_port(const struct addr *addr)
{
    return ntohs(addr->sa.any.sa_family == AF_INET6 ? addr->sa.v6.sin6_port : addr->sa.v4.sin_port);
}

static uint32_t scope(const struct addr *addr)
{
    return addr->sa.any.sa_family == AF_INET6 ? addr->sa.v6.sin6_scope_id : 0;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
    struct in6_addr host_a, host_b;

    addr_host(a, &host_a);
    addr_host(b, &host_b);
    return memcmp(&host_a, &host_b, sizeof host_a) == 0 && addr_port(a) == addr_port(b) &&
           scope(a) == scope(b);
}

const char *addr_print_host16(const struct in6_addr *host, char text[static ADDR_TEXT_MAX])
{
    if (IN6_IS_ADDR_V4MAPPED(host))
        inet_ntop(AF_INET, &host->s6_addr[12], text, ADDR_TEXT_MAX);
    else
        inet_ntop(AF_INET6, host, text, ADDR_TEXT_MAX);
    return text;
}

const char *addr_print_host(const struct addr *addr, char text[static ADDR_TEXT_MAX])
{
    struct in6_addr host;
    char name[IF_NAMESIZE];

    addr_host(addr, &host);
    addr_print_host16(&host, text);
    if (!scope(addr))
        return text;
    size_t len = strlen(text);
    if (if_indextoname(scope(addr), name))
        snprintf(text + len, ADDR_TEXT_MAX - len, "%%%s", name);
    else
        snprintf(text + len, ADDR_TEXT_MAX - len, "%%%u", scope(addr));
    return text;
}

const char *addr_print(const struct addr *addr, char text[static ADDR_TEXT_MAX])
{
    char host[ADDR_TEXT_MAX];

    if (addr->dual)
        snprintf(text, ADDR_TEXT_MAX, "*:%u", addr_port(addr));
    else if (strchr(addr_print_host(addr, host), ':'))
        snprintf(text, ADDR_TEXT_MAX, "[%.70s]:%u", host, addr_port(addr));
    else
        snprintf(text, ADDR_TEXT_MAX, "%.70s:%u", host, addr_port(addr));
    return text;
}
