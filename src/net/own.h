/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The addresses of this machine under which somebody else may reach it: what a ticket says of where to call. */
#ifndef YODEL_NET_OWN_H
#define YODEL_NET_OWN_H

#include <stdbool.h>

#include "net/addr.h"

/* More addresses of one machine than this are not looked at. */
#define OWN_FOUND_MAX 128

/* An address that an interface has. */
struct own_found {
    struct addr addr;
    bool passing;  /* it will be gone soon: temporary (RFC 8981) or deprecated (RFC 4862, 5.5.4) */
    bool favoured; /* what the kernel would send from */
};

/* Whether the whole internet could reach it, if no firewall is in the way: a global unicast address and none of those that the
 * registries set aside (RFC 6890): private, shared (100.64.0.0/10), of a link, of the host, for documentation, for benchmarks. */
bool own_is_public(const struct addr *addr);

/* Put those of found that are worth telling into out, at most max and each once, the best first:
 * public IPv6, public IPv4, then private ones: IPv4 (RFC 1918 and others that are set aside), unique local IPv6 (RFC 4193),
 * shared IPv4 (RFC 6598: a provider's NAT, or an overlay network). IPv4 of the link (169.254.0.0/16) counts only if there is none of these,
 * and the host's own only if there is nothing else. Passing addresses count only where their kind has no other. Never IPv6 of the link:
 * it says nothing without the caller's own name for the interface. Within a kind, what is favoured goes first, else the given order stays.
 * Sorts found. Pure. Returns how many, 0 to max. */
int own_choose(struct own_found *found, int count, struct addr *out, int max);

/* The usable addresses of this machine, with that port, for a listener bound to *bound: in the order of own_choose(), if it is
 * bound to all addresses (of one family or of both), or else that one alone. Asks the system for its interfaces, and only those that
 * are up and have a carrier count. Sends nothing. Returns how many (0 to max), or -errno. */
int own_places(uint16_t port, const struct addr *bound, struct addr *out, int max);

#endif
