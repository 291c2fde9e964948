/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where this user's files are kept, as the XDG Base Directory Specification (0.8) says. */
#ifndef YODEL_BASE_FOLDERS_H
#define YODEL_BASE_FOLDERS_H

#include <stddef.h>

/* Long enough for the path of a file in one of them (PATH_MAX). */
#define FOLDERS_PATH_MAX 4096

/* Write the folder of what the user has set up: $XDG_CONFIG_HOME/yodel, else ~/.config/yodel. And that of
 * what has come to be: $XDG_DATA_HOME/yodel, else ~/.local/share/yodel. A value that is empty or relative
 * counts as not set, as the specification wants it; the same goes for HOME, in whose place stands the home
 * of the password file. The folder need not be there yet, but a home that is used must be: it is not for
 * us to make one. Returns 0; -ENOENT: there is no home; -ENAMETOOLONG. After an error path is the home
 * that was looked at, or "". */
int folders_config(char *path, size_t size);
int folders_data(char *path, size_t size);

/* Make a folder, and those above it that are missing, for this user only (0700). Those that are there are
 * left as they are. Each that was made survives a loss of power. Returns 0 or -errno; -ENOTDIR: something
 * else is in the way. */
int folders_make(const char *path);

/* Make what was made, linked or removed in a folder survive a loss of power. One that may be written and not read is left to the
 * system. Returns 0 or -errno. */
int folders_sync(const char *path);

/* Say in one line, without an end, why there is no folder: error is what one of the first two has returned,
 * and path what they have left there. */
void folders_explain(const char *path, int error, char *why, size_t why_len);

#endif
