/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A host and a port as people write them; names are not looked up yet. And as bytes, as tickets and greetings carry
 * them (PROTOCOL.md). Pure. */
#ifndef YODEL_BASE_PLACE_H
#define YODEL_BASE_PLACE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The longest host name of the DNS, and a NUL (RFC 1035, 2.3.4). */
#define PLACE_HOST_MAX 256

struct place {
    char host[PLACE_HOST_MAX]; /* without brackets; "*" for all */
    uint16_t port;
};

/* The longest place: its kind, the length of the name, 253 bytes of it (RFC 1035, 2.3.4, as text), the port. */
#define PLACE_BYTES_MAX 257

/* Write a place as bytes. Returns how many (7 for an IPv4 address, 19 for IPv6, 5 to PLACE_BYTES_MAX for a name), or 0 if
 * it has no such form: port 0, all addresses, an IPv6 address with a zone, or a host that is neither an address nor a
 * name of the shape that place_get() wants. */
size_t place_put(const struct place *place, uint8_t out[static PLACE_BYTES_MAX]);

/* Read the place at the beginning of len bytes. Returns how many they are, or -ERR_SYNTAX: cut short, of an unknown kind,
 * port 0, or a name with anything but letters, digits, '-' and '.' in it, labels of 1 to 63 bytes without '-' at an end
 * (RFC 1123, 2.1), the last of which is not a number, since a resolver would take that for an address (127.1, 0x7f.1).
 * An address comes as inet_ntop() writes it, a name as it is; place_put() makes the same bytes of it. */
ssize_t place_get(const uint8_t *bytes, size_t len, struct place *place);

#endif
