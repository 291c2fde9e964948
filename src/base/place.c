/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/place.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "base/err.h"

enum kind { KIND_NAME = 1, KIND_IPV4 = 4, KIND_IPV6 = 6 };

#define NAME_MAX_BYTES 253
#define LABEL_MAX_BYTES 63
#define PORT_BYTES sizeof(in_port_t)

static const char digits[] = "0123456789";
static const char hex_digits[] = "0123456789abcdefABCDEF";
static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";

/* Whether inet_aton(), and with it a resolver, may take a name that ends with this label for an address. */
static bool is_number(const char *label, size_t len)
{
    bool is_hex = len >= 2 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X');

    return is_hex ? strspn(label + 2, hex_digits) >= len - 2 : strspn(label, digits) >= len;
}

static bool is_label(const char *label, size_t len)
{
    return len >= 1 && len <= LABEL_MAX_BYTES && strspn(label, letters) >= len && label[0] != '-' &&
           label[len - 1] != '-';
}

static bool is_name(const char *name)
{
    if (strlen(name) > NAME_MAX_BYTES)
        return false;
    for (;;) {
        size_t len = strcspn(name, ".");
        if (!is_label(name, len))
            return false;
        if (name[len] == '\0')
            return !is_number(name, len);
        name += len + 1;
    }
}

/* The kind and the host. Returns how many bytes they are, or 0. */
static size_t put_host(const char *host, uint8_t *out)
{
    size_t len = strlen(host);

    if (inet_pton(AF_INET, host, out + 1) == 1) {
        out[0] = KIND_IPV4;
        return 1 + sizeof(struct in_addr);
    }
    if (inet_pton(AF_INET6, host, out + 1) == 1) {
        out[0] = KIND_IPV6;
        return 1 + sizeof(struct in6_addr);
    }
    if (!is_name(host))
        return 0;
    out[0] = KIND_NAME;
    out[1] = (uint8_t)len;
    memcpy(out + 2, host, len);
    return 2 + len;
}

size_t place_put(const struct place *place, uint8_t out[static PLACE_BYTES_MAX])
{
    in_port_t port = htons(place->port);
    size_t len = put_host(place->host, out);

    if (len == 0 || port == 0)
        return 0;
    memcpy(out + len, &port, PORT_BYTES);
    return len + PORT_BYTES;
}

/* The kind and the host. Returns how many bytes they are, or 0. */
static size_t get_host(const uint8_t *bytes, size_t len, char host[static PLACE_HOST_MAX])
{
    if (len > sizeof(struct in_addr) && bytes[0] == KIND_IPV4) {
        inet_ntop(AF_INET, bytes + 1, host, PLACE_HOST_MAX);
        return 1 + sizeof(struct in_addr);
    }
    if (len > sizeof(struct in6_addr) && bytes[0] == KIND_IPV6) {
        inet_ntop(AF_INET6, bytes + 1, host, PLACE_HOST_MAX);
        return 1 + sizeof(struct in6_addr);
    }
    if (len < 2 || bytes[0] != KIND_NAME || (size_t)bytes[1] > len - 2)
        return 0;
    memcpy(host, bytes + 2, bytes[1]);
    host[bytes[1]] = '\0';
    return strlen(host) == bytes[1] && is_name(host) ? (size_t)2 + bytes[1] : 0;
}

ssize_t place_get(const uint8_t *bytes, size_t len, struct place *place)
{
    in_port_t port = 0;
    size_t used = get_host(bytes, len, place->host);

    if (used == 0 || len - used < PORT_BYTES)
        return -ERR_SYNTAX;
    memcpy(&port, bytes + used, PORT_BYTES);
    place->port = ntohs(port);
    return port ? (ssize_t)(used + PORT_BYTES) : -ERR_SYNTAX;
}
