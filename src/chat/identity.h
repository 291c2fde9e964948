/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file in which our private key is kept. */
#ifndef YODEL_CHAT_IDENTITY_H
#define YODEL_CHAT_IDENTITY_H

#include <stddef.h>

#include "net/key.h"

/* Load the key of the file at path; NULL: identity.pem in folders_config(). If there is none, make one:
 * with the folders of the default path that are missing, for this user only (0600), whole and on the disk
 * or not at all. Of several processes that make it at once one wins, and all of them load that one. A
 * symbolic link is followed; what it leads to is what counts.
 *
 * Returns 0 and *key, which is the caller's; -ERR_NOT_OURS: not a regular file, of another user, or others
 * can read or write it; -ERR_KEY: there is no key in it; or -errno. After an error why is one line without
 * an end, which says what is wrong with which file, and how to mend it. Nothing that was there is ever
 * changed. */
int identity_open(struct key **key, const char *path, char *why, size_t why_len);

#endif
