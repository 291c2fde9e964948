/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --print: what clients send, on standard output.
 *
 * Lines "IP:PORT TEXT" (text) or "IP:PORT OFFSET  HEX  |ASCII|" (hex, 16 bytes a line, the offset in what
 * the connection sent, in hexadecimal). They are written in records of whole lines and at most SINK_RECORD_MAX bytes, so
 * that those of several children never mix. In text a line ends after each newline, which is shown as \n; what does not fit or
 * was received in pieces goes on in another line without one. A record that finds no room is dropped and counted. */
#ifndef YODEL_ECHO_PRINT_H
#define YODEL_ECHO_PRINT_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sink.h"
#include "echo/stats.h"

enum print_mode { PRINT_OFF, PRINT_TEXT, PRINT_HEX };

/* Lies in memory that the door and all children share, as its sink must. */
struct print {
    enum print_mode mode;
    struct sink sink;
    struct stats_shared *shared; /* counts what is dropped */
};

/* Print len bytes that the client at host and port sent; offset bytes had come from it before. */
void print_bytes(struct print *print, const struct in6_addr *host, uint16_t port, uint64_t offset,
                 const uint8_t *bytes, size_t len);

#endif
