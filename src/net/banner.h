/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What speaks to us, by the first bytes that it says, where it does not speak TLS. Pure. */
#ifndef YODEL_NET_BANNER_H
#define YODEL_NET_BANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether a peer whose first byte this is may speak TLS: a record of a handshake or an alert begins with
 * it (RFC 8446, section 5.1). */
bool banner_is_tls(uint8_t first);

/* Words for who said these bytes first, 1 or more of them, and not in TLS: "an HTTP client", "an SSH
 * server", "plain text". is_caller: the other one has called us, else we have called it. The fewer the
 * bytes, the less is known. */
const char *banner_tell(bool is_caller, const uint8_t *bytes, size_t len);

#endif
