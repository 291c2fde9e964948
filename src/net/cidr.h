/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may come: the addresses that begin like this one (CIDR notation: RFC 4632, 3.1, and RFC 4291, 2.3). Pure.
 *
 * IPv4 and IPv6 are two worlds: "::/0" is all of IPv6 and none of IPv4, whatever the form in which a socket shows
 * an IPv4 client. */
#ifndef YODEL_NET_CIDR_H
#define YODEL_NET_CIDR_H

#include <netinet/in.h>
#include <stdbool.h>

#include "net/addr.h"

/* An address, "/128", and a NUL. */
#define CIDR_TEXT_MAX (ADDR_TEXT_MAX + 4)

struct cidr {
    struct in6_addr net; /* as addr_host(): IPv4 in its mapped form. What lies beyond the prefix is 0 */
    int bits;            /* of net that count, 0 to 128; of an IPv4 address at least 96 */
};

/* Parse ADDRESS[/LENGTH]; an address alone is that one host. IPv4 has its four numbers, IPv6 stands without brackets and
 * without a scope; an IPv4 address in its mapped form with a length of at least 96 is IPv4.
 * Returns 0, -ERR_SYNTAX, or -ERR_RANGE: a length beyond the address (cidr->bits is then -1), or an address with bits
 * set beyond the length (*cidr is then what was probably meant: the same without them). */
int cidr_parse(const char *text, struct cidr *cidr);

/* Whether it holds host, the 16 bytes of addr_host(). */
bool cidr_holds(const struct cidr *cidr, const struct in6_addr *host);

/* Show it as cidr_parse() reads it: "10.0.0.0/8". Returns text. */
const char *cidr_print(const struct cidr *cidr, char text[static CIDR_TEXT_MAX]);

#endif
