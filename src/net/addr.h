/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses: the grammar of the command line, names, and how an address is shown.
 *
 * An IPv4 client of a dual-stack socket (RFC 4291, 2.5.5.2: ::ffff:a.b.c.d) is shown, compared and
 * counted as IPv4 everywhere. */
#ifndef YODEL_NET_ADDR_H
#define YODEL_NET_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/place.h"

#define ADDR_PORT_DEFAULT 5188

/* "[" IPv6 with scope "]" ":" port, and a NUL. */
#define ADDR_TEXT_MAX 80

/* One address that a socket can be bound or connected to. */
struct addr {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage storage;
    } sa;
    socklen_t len;
    bool dual; /* bind it to IPv6 and IPv4 at once (only for "*") */
};

/* The family that -4 or -6 asked for, or both. */
enum addr_family { ADDR_ANY, ADDR_IPV4, ADDR_IPV6 };

/* Parse an ADDRESS to listen on: [HOST][:PORT]; an IPv6 host (and no other) stands in brackets, "*" or no host is
 * all of them, a bare number is a port. Returns 0, -ERR_SYNTAX, -ERR_PORT or -ERR_BRACKETS. */
int addr_parse_listen(const char *text, uint16_t default_port, struct place *spec);

/* Parse a HOST[:PORT] to reach. A bare IPv6 address is a host. Returns 0, -ERR_SYNTAX, -ERR_PORT, -ERR_BRACKETS, or
 * -ERR_BARE_PORT for a bare number. Port 0 is -ERR_PORT: nothing can be reached there. */
int addr_parse_dial(const char *text, uint16_t default_port, struct place *spec);

/* Addresses to listen on for spec, each once, at most max. "*" is one dual-stack address, or 0.0.0.0 where the system has no
 * IPv6. Blocks while the resolver works. Returns how many (1 to max), -ERR_NAME, -ERR_RESOLVER or -errno. */
int addr_resolve_listen(const struct place *spec, enum addr_family family, struct addr *addrs, int max);

/* Addresses to try in turn for spec, each once, at most max, in the order of RFC 6724 with the families
 * alternating (RFC 8305, section 4). Blocks while the resolver works. Returns as above. */
int addr_resolve_dial(const struct place *spec, enum addr_family family, struct addr *addrs, int max);

/* The address of a connected or bound socket: its own, its peer's. Return 0 or -errno. */
int addr_of_socket(int fd, struct addr *addr);
int addr_of_peer(int fd, struct addr *addr);

/* The 16 bytes that identify the host, IPv4 in its mapped form, and the port. */
void addr_host(const struct addr *addr, struct in6_addr *host);
uint16_t addr_port(const struct addr *addr);

/* Whether both are the same host and port. */
bool addr_equal(const struct addr *a, const struct addr *b);

/* Show a host alone: "127.0.0.1", "::1", with its scope "fe80::1%eth0". Returns text. */
const char *addr_print_host(const struct addr *addr, char text[static ADDR_TEXT_MAX]);

/* Show host and port: "127.0.0.1:5188", "[::1]:5188", "*:5188" for a dual-stack wildcard. Returns text. */
const char *addr_print(const struct addr *addr, char text[static ADDR_TEXT_MAX]);

/* The same for the 16 bytes of addr_host(), which know no scope. */
const char *addr_print_host16(const struct in6_addr *host, char text[static ADDR_TEXT_MAX]);

#endif
