/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/folders.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

static const char *absolute(const char *path)
{
    return path && *path == '/' ? path : NULL;
}

static bool is_folder(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Write base, without slashes at its end, and what is below it. */
static int join(char *path, size_t size, const char *base, const char *below)
{
    size_t len = strlen(base);

    while (len && base[len - 1] == '/')
        len--;
    if (len + strlen(below) >= size) {
        if (size)
            *path = '\0';
        return -ENAMETOOLONG;
    }
    snprintf(path, size, "%.*s%s", (int)len, base, below);
    return 0;
}

static const char *find_home(void)
{
    const char *home = absolute(getenv("HOME"));

    if (home)
        return home;
    const struct passwd *entry = getpwuid(geteuid());
    return entry ? absolute(entry->pw_dir) : NULL;
}

static int find(char *path, size_t size, const char *variable, const char *below_home)
{
    const char *base = absolute(getenv(variable));

    if (base)
        return join(path, size, base, "/yodel");
    base = find_home();
    if (base && is_folder(base))
        return join(path, size, base, below_home);
    snprintf(path, size, "%s", base ? base : "");
    return -ENOENT;
}

int folders_config(char *path, size_t size)
{
    return find(path, size, "XDG_CONFIG_HOME", "/.config/yodel");
}

int folders_data(char *path, size_t size)
{
    return find(path, size, "XDG_DATA_HOME", "/.local/share/yodel");
}

int folders_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return errno == EACCES ? 0 : -errno; /* may be written and not read: what can be done was done */
    int error = fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
    close(fd);
    return error;
}

/* One level, below a folder that is there. Whoever makes it meanwhile has made it for us, too. */
static int make_one(const char *path, const char *above)
{
    if (is_folder(path))
        return 0;
    if (mkdir(path, 0700) == 0)
        return folders_sync(above);
    if (errno != EEXIST)
        return -errno;
    return is_folder(path) ? 0 : -ENOTDIR;
}

int folders_make(const char *path)
{
    char level[FOLDERS_PATH_MAX], above[FOLDERS_PATH_MAX];
    size_t len = strlen(path);

    if (len >= sizeof level)
        return -ENAMETOOLONG;
    if (len == 0)
        return -ENOENT;
    if (is_folder(path))
        return 0;
    snprintf(above, sizeof above, "%s", *path == '/' ? "/" : ".");
    for (size_t at = 1; at <= len; at++) {
        if (path[at] != '/' && path[at] != '\0')
            continue;
        memcpy(level, path, at);
        level[at] = '\0';
        int error = make_one(level, above);
        if (error)
            return error;
        memcpy(above, level, at + 1);
    }
    return 0;
}

void folders_explain(const char *path, int error, char *why, size_t why_len)
{
    if (error == -ENOENT && *path)
        snprintf(why, why_len,
                 "%s: there is no such home (set HOME to the folder where yodel may keep its files)", path);
    else if (error == -ENOENT)
        snprintf(why, why_len,
                 "this user has no home (set HOME to the folder where yodel may keep its files)");
    else
        snprintf(why, why_len, "the home: %s", err_text(error));
}
