/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/own.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/cidr.h"

/* What kind of address it is, the best first. */
enum kind { PUBLIC_IPV6, PUBLIC_IPV4, PRIVATE_IPV4, LOCAL_IPV6, SHARED_IPV4, LINK_IPV4, HOST, NEVER };

/* The first that holds an address decides. */
static const struct {
    const char *net;
    enum kind kind;
} kinds[] = {
    {"0.0.0.0/8", NEVER},
    {"127.0.0.0/8", HOST},
    {"169.254.0.0/16", LINK_IPV4},
    {"10.0.0.0/8", PRIVATE_IPV4},
    {"172.16.0.0/12", PRIVATE_IPV4},
    {"192.168.0.0/16", PRIVATE_IPV4},
    {"192.0.0.0/24", PRIVATE_IPV4}, /* RFC 6890: as between a router and its provider */
    {"192.0.2.0/24", PRIVATE_IPV4}, /* RFC 5737: documentation, and the two below */
    {"198.51.100.0/24", PRIVATE_IPV4},
    {"203.0.113.0/24", PRIVATE_IPV4},
    {"198.18.0.0/15", PRIVATE_IPV4}, /* RFC 2544: benchmarks */
    {"100.64.0.0/10", SHARED_IPV4},
    {"224.0.0.0/3", NEVER},
    {"0.0.0.0/0", PUBLIC_IPV4},
    {"::1", HOST},
    {"2001:db8::/32", LOCAL_IPV6}, /* RFC 3849: documentation */
    {"3fff::/20", LOCAL_IPV6},     /* RFC 9637: the same */
    {"2000::/3", PUBLIC_IPV6},
    {"fc00::/7", LOCAL_IPV6},
    {"::/0", NEVER},
};

static enum kind kind_of(const struct addr *addr)
{
    struct in6_addr host;
    struct cidr net;

    addr_host(addr, &host);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (cidr_parse(kinds[i].net, &net) == 0 && cidr_holds(&net, &host))
            return kinds[i].kind;
    return NEVER;
}

bool own_is_public(const struct addr *addr)
{
    enum kind kind = kind_of(addr);

    return kind == PUBLIC_IPV6 || kind == PUBLIC_IPV4;
}

/* Whether a is told before b. */
static bool is_better(const struct own_found *a, const struct own_found *b)
{
    enum kind kind_a = kind_of(&a->addr), kind_b = kind_of(&b->addr);

    if (kind_a != kind_b)
        return kind_a < kind_b;
    return a->passing != b->passing ? !a->passing : a->favoured && !b->favoured;
}

/* By insertion: stable, and there are few. */
static void sort(struct own_found *found, int count)
{
    for (int i = 1; i < count; i++) {
        struct own_found moved = found[i];
        int at = i;
        for (; at > 0 && is_better(&moved, &found[at - 1]); at--)
            found[at] = found[at - 1];
        found[at] = moved;
    }
}

static bool is_told(const struct addr *addr, const struct addr *out, int count)
{
    for (int i = 0; i < count; i++)
        if (addr_equal(addr, &out[i]))
            return true;
    return false;
}

int own_choose(struct own_found *found, int count, struct addr *out, int max)
{
    const struct own_found *last = NULL;
    enum kind best = NEVER;
    int told = 0;

    sort(found, count);
    if (count > 0)
        best = kind_of(&found[0].addr);
    for (int i = 0; i < count && told < max; i++) {
        enum kind kind = kind_of(&found[i].addr);
        if (kind == NEVER || (kind >= LINK_IPV4 && kind != best))
            break;
        if (is_told(&found[i].addr, out, told))
            continue;
        if (found[i].passing && last && !last->passing && kind_of(&last->addr) == kind)
            continue;
        last = &found[i];
        out[told++] = last->addr;
    }
    return told;
}

/* What the kernel would send from to the rest of the world: the address that a datagram socket gets there, which sends nothing. */
static void find_favoured(int family, struct addr *addr)
{
    struct addr far = {.len = sizeof far.sa.v4};

    memset(addr, 0, sizeof *addr);
    far.sa.any.sa_family = (sa_family_t)family;
    far.sa.v4.sin_port = htons(9); /* at the same place in sin6_port */
    if (family == AF_INET6) {
        far.len = sizeof far.sa.v6;
        inet_pton(AF_INET6, "2000::", &far.sa.v6.sin6_addr);
    } else {
        inet_pton(AF_INET, "1.0.0.0", &far.sa.v4.sin_addr);
    }
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (connect(fd, &far.sa.any, far.len) == 0 && addr_of_socket(fd, addr) < 0)
        memset(addr, 0, sizeof *addr);
    close(fd);
}

static bool same_host(const struct addr *a, const struct addr *b)
{
    struct in6_addr host_a, host_b;

    addr_host(a, &host_a);
    addr_host(b, &host_b);
    return memcmp(&host_a, &host_b, sizeof host_a) == 0;
}

/* The state of an IPv6 address (IFA_F_... of linux/if_addr.h), which getifaddrs() does not tell. The file has a line for each: address,
 * interface, length, scope and flags in hexadecimal, name. Without the file: 0. */
static unsigned flags_of(FILE *states, const struct in6_addr *host)
{
    char line[128], text[2 * sizeof *host + 1];

    if (!states)
        return 0;
    for (size_t i = 0; i < sizeof *host; i++)
        snprintf(text + 2 * i, 3, "%02x", host->s6_addr[i]);
    rewind(states);
    while (fgets(line, sizeof line, states)) {
        char *next = line + sizeof text - 1;
        if (strncmp(line, text, sizeof text - 1) != 0)
            continue;
        for (int field = 0; field < 3; field++)
            strtoul(next, &next, 16);
        return (unsigned)strtoul(next, NULL, 16);
    }
    return 0;
}

static bool is_usable(const struct ifaddrs *entry)
{
    unsigned up = IFF_UP | IFF_RUNNING;

    return (entry->ifa_flags & up) == up && entry->ifa_addr &&
           (entry->ifa_addr->sa_family == AF_INET || entry->ifa_addr->sa_family == AF_INET6);
}

/* Read an interface's address. Returns whether it can be used now. */
static bool take(const struct ifaddrs *entry, uint16_t port, FILE *states, struct own_found *found)
{
    unsigned flags = 0;

    memset(found, 0, sizeof *found);
    if (!is_usable(entry))
        return false;
    if (entry->ifa_addr->sa_family == AF_INET) {
        found->addr.len = sizeof found->addr.sa.v4;
        memcpy(&found->addr.sa, entry->ifa_addr, found->addr.len);
        found->addr.sa.v4.sin_port = htons(port);
        return true;
    }
    found->addr.len = sizeof found->addr.sa.v6;
    memcpy(&found->addr.sa, entry->ifa_addr, found->addr.len);
    found->addr.sa.v6.sin6_port = htons(port);
    flags = flags_of(states, &found->addr.sa.v6.sin6_addr);
    found->passing = flags & (IFA_F_TEMPORARY | IFA_F_DEPRECATED);
    return !(flags & IFA_F_DADFAILED) && !((flags & IFA_F_TENTATIVE) && !(flags & IFA_F_OPTIMISTIC));
}

/* The addresses of the families that *bound serves. Returns how many, or -errno. */
static int find_all(uint16_t port, const struct addr *bound, struct own_found *found)
{
    struct ifaddrs *list = NULL;
    struct addr favoured[2];
    int count = 0;

    if (getifaddrs(&list) < 0)
        return -errno;
    FILE *states = fopen("/proc/net/if_inet6", "re");
    find_favoured(AF_INET, &favoured[0]);
    find_favoured(AF_INET6, &favoured[1]);
    for (const struct ifaddrs *entry = list; entry && count < OWN_FOUND_MAX; entry = entry->ifa_next) {
        struct own_found *one = &found[count];
        if (!take(entry, port, states, one))
            continue;
        one->favoured = same_host(&one->addr, &favoured[one->addr.sa.any.sa_family == AF_INET6]);
        count += bound->dual || one->addr.sa.any.sa_family == bound->sa.any.sa_family;
    }
    if (states)
        fclose(states);
    freeifaddrs(list);
    return count;
}

static bool is_wildcard(const struct addr *addr)
{
    if (addr->sa.any.sa_family == AF_INET)
        return addr->sa.v4.sin_addr.s_addr == htonl(INADDR_ANY);
    return IN6_IS_ADDR_UNSPECIFIED(&addr->sa.v6.sin6_addr);
}

int own_places(uint16_t port, const struct addr *bound, struct addr *out, int max)
{
    struct own_found found[OWN_FOUND_MAX] = {0};
    int count = 1;

    if (is_wildcard(bound)) {
        count = find_all(port, bound, found);
    } else {
        found[0] = (struct own_found){.addr = *bound};
        found[0].addr.dual = false;
        if (bound->sa.any.sa_family == AF_INET)
            found[0].addr.sa.v4.sin_port = htons(port);
        else
            found[0].addr.sa.v6.sin6_port = htons(port);
    }
    return count < 0 ? count : own_choose(found, count, out, max);
}
