/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/err.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

static const char *const texts[ERR_END - ERR_SYNTAX] = {
    [ERR_SYNTAX - ERR_SYNTAX] = "not understood",
    [ERR_RANGE - ERR_SYNTAX] = "out of range",
    [ERR_PORT - ERR_SYNTAX] = "a port is a number from 0 to 65535",
    [ERR_BARE_PORT - ERR_SYNTAX] = "that is a port, not a host",
    [ERR_BRACKETS - ERR_SYNTAX] = "an IPv6 address stands in brackets",
    [ERR_NAME - ERR_SYNTAX] = "no such host",
    [ERR_RESOLVER - ERR_SYNTAX] = "the name could not be looked up",
    [ERR_FULL - ERR_SYNTAX] = "no room left",
    [ERR_TIMEOUT - ERR_SYNTAX] = "timed out",
    [ERR_SELF - ERR_SYNTAX] = "connected to itself",
    [ERR_MEMORY - ERR_SYNTAX] = "out of memory",
    [ERR_KEY - ERR_SYNTAX] = "not an Ed25519 private key",
    [ERR_TLS - ERR_SYNTAX] = "the TLS handshake failed",
    [ERR_NOT_TLS - ERR_SYNTAX] = "does not speak TLS",
    [ERR_ALPN - ERR_SYNTAX] = "speaks TLS, but is not yodel",
    [ERR_CERTIFICATE - ERR_SYNTAX] = "its certificate is not one of yodel's",
    [ERR_STRANGER - ERR_SYNTAX] = "has another key than it must have",
    [ERR_CUT - ERR_SYNTAX] = "cut off without a goodbye",
    [ERR_PROTOCOL - ERR_SYNTAX] = "broke the protocol",
    [ERR_REFUSED - ERR_SYNTAX] = "said no",
    [ERR_BLOCKED - ERR_SYNTAX] = "is blocked",
    [ERR_UNKNOWN - ERR_SYNTAX] = "is nobody you know",
    [ERR_TICKET - ERR_SYNTAX] = "not a ticket",
    [ERR_NEWER - ERR_SYNTAX] = "made by a newer version of yodel",
    [ERR_CORRUPT - ERR_SYNTAX] = "damaged",
    [ERR_BUSY - ERR_SYNTAX] = "in use by another process",
    [ERR_TAKEN - ERR_SYNTAX] = "the name is taken",
    [ERR_NOT_OURS - ERR_SYNTAX] = "others can read or write it",
};

const char *err_text(int error)
{
    static char text[128];
    int code = error < 0 ? -error : error;

    if (code >= ERR_SYNTAX && code < ERR_END)
        return texts[code - ERR_SYNTAX];
    snprintf(text, sizeof text, "%s", strerror(code));
    if (isupper((unsigned char)text[0]) && islower((unsigned char)text[1]))
        text[0] = (char)tolower((unsigned char)text[0]);
    return text;
}

void err_say(const char *format, ...)
{
    char text[1024];
    char line[1024] = "yodel: ";
    size_t len = strlen(line);
    va_list args;

    va_start(args, format);
    int printed = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (printed < 0)
        return;
    size_t text_len = strlen(text);
    for (size_t used = 0; used < text_len && len + TEXT_UNIT_MAX + 1 <= sizeof line;) {
        size_t wrote = 0;
        used += text_unit((const uint8_t *)text + used, text_len - used, line + len, &wrote);
        len += wrote;
    }
    line[len++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written; /* there is nowhere left to complain */
}
