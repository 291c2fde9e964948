/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/banner.h"

#include <string.h>

#define ALERT 21
#define HANDSHAKE 22

/* How much is looked at. */
#define LINE_MAX_BYTES 256

struct banner {
    const char *begins, *holds, *who; /* with begins, and with holds behind it, it is who */
};

static const struct banner callers[] = {
    {"GET ", "", "an HTTP client"},     {"HEAD ", "", "an HTTP client"},
    {"POST ", "", "an HTTP client"},    {"PUT ", "", "an HTTP client"},
    {"DELETE ", "", "an HTTP client"},  {"OPTIONS ", "", "an HTTP client"},
    {"CONNECT ", "", "an HTTP client"}, {"PATCH ", "", "an HTTP client"},
    {"TRACE ", "", "an HTTP client"},   {"PRI * HTTP/2", "", "an HTTP client"},
    {"SSH-", "", "an SSH client"},      {"EHLO ", "", "an SMTP client"},
    {"HELO ", "", "an SMTP client"},    {"PROXY ", "", "the header of a proxy"},
};

static const struct banner listeners[] = {
    {"HTTP/", "", "an HTTP server"}, {"SSH-", "", "an SSH server"}, {"220", "FTP", "an FTP server"},
    {"220", "", "an SMTP server"},   {"+OK", "", "a POP3 server"},  {"* OK", "", "an IMAP server"},
    {"RFB ", "", "a VNC server"},
};

bool banner_is_tls(uint8_t first)
{
    return first == ALERT || first == HANDSHAKE;
}

static bool fits(const struct banner *banner, const uint8_t *bytes, size_t len)
{
    size_t begin = strlen(banner->begins);

    return len >= begin && memcmp(bytes, banner->begins, begin) == 0 &&
           memmem(bytes + begin, len - begin, banner->holds, strlen(banner->holds)) != NULL;
}

/* White space, and the escape that a terminal's keys send, are text; so is every byte of UTF-8 and
 * Latin-1. */
static bool is_text(uint8_t byte)
{
    return (byte >= ' ' && byte != 0x7f) || (byte >= '\b' && byte <= '\r') || byte == 0x1b;
}

const char *banner_tell(bool is_caller, const uint8_t *bytes, size_t len)
{
    const struct banner *banners = is_caller ? callers : listeners;
    size_t count = is_caller ? sizeof callers / sizeof *callers : sizeof listeners / sizeof *listeners;

    if (len > LINE_MAX_BYTES)
        len = LINE_MAX_BYTES;
    for (size_t i = 0; i < count; i++)
        if (fits(&banners[i], bytes, len))
            return banners[i].who;
    for (size_t i = 0; i < len; i++)
        if (!is_text(bytes[i]))
            return "something that is not TLS";
    return "plain text";
}
