/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/cidr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

/* Where the IPv4 address begins in its mapped form. */
#define MAPPED_BITS 96

/* Returns how many bits an address of the kind that is written in text has, or -ERR_SYNTAX. */
static int parse_address(const char *text, struct in6_addr *net)
{
    if (inet_pton(AF_INET6, text, net) == 1)
        return 128;
    memset(net, 0, sizeof *net);
    net->s6_addr[10] = net->s6_addr[11] = 0xff;
    return inet_pton(AF_INET, text, &net->s6_addr[MAPPED_BITS / 8]) == 1 ? 32 : -ERR_SYNTAX;
}

static int parse_length(const char *text, int max)
{
    int length = 0;

    if (!*text)
        return -ERR_SYNTAX;
    for (const char *digit = text; *digit; digit++)
        if (*digit < '0' || *digit > '9')
            return -ERR_SYNTAX;
    for (; *text; text++)
        if ((length = length * 10 + (*text - '0')) > max)
            return -ERR_RANGE;
    return length;
}

/* Returns whether a bit beyond the prefix was set. */
static bool clear_beyond(struct in6_addr *net, int bits)
{
    bool was_set = false;

    for (int i = 0; i < 16; i++) {
        int left = bits - 8 * i;
        unsigned kept = left >= 8 ? 0xffU : left <= 0 ? 0 : 0xffU << (8 - left);
        was_set = was_set || (net->s6_addr[i] & ~kept & 0xffU);
        net->s6_addr[i] = (uint8_t)(net->s6_addr[i] & kept);
    }
    return was_set;
}

int cidr_parse(const char *text, struct cidr *cidr)
{
    const char *slash = strchrnul(text, '/');
    char address[INET6_ADDRSTRLEN];

    if (slash - text >= INET6_ADDRSTRLEN)
        return -ERR_SYNTAX;
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    int width = parse_address(address, &cidr->net);
    if (width < 0)
        return width;
    int length = *slash ? parse_length(slash + 1, width) : width;
    cidr->bits = length < 0 ? -1 : 128 - width + length;
    if (length < 0)
        return length;
    return clear_beyond(&cidr->net, cidr->bits) ? -ERR_RANGE : 0;
}

/* A net in the mapped form has bits set up to the 96th, so that many count. */
static bool is_ipv4(const struct cidr *cidr)
{
    return IN6_IS_ADDR_V4MAPPED(&cidr->net);
}

bool cidr_holds(const struct cidr *cidr, const struct in6_addr *host)
{
    struct in6_addr start = *host;

    if (is_ipv4(cidr) != IN6_IS_ADDR_V4MAPPED(host))
        return false;
    clear_beyond(&start, cidr->bits);
    return memcmp(&start, &cidr->net, sizeof start) == 0;
}

const char *cidr_print(const struct cidr *cidr, char text[static CIDR_TEXT_MAX])
{
    char address[ADDR_TEXT_MAX];

    snprintf(text, CIDR_TEXT_MAX, "%s/%d", addr_print_host16(&cidr->net, address),
             is_ipv4(cidr) ? cidr->bits - MAPPED_BITS : cidr->bits);
    return text;
}
