/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "chat/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/folders.h"
#include "base/secret.h"

#define NAME "identity.pem"

/* More than a key and what people write around it. */
#define FILE_MAX 4096

struct file {
    const char *path;
    char folder[FOLDERS_PATH_MAX]; /* that it is in */
    char full[FOLDERS_PATH_MAX];   /* the path, if it is not the caller's */
    char *why;
    size_t why_len;
};

/* Write the sentence for an error. Returns it. */
__attribute__((format(printf, 3, 4))) static int explain(const struct file *file, int error,
                                                         const char *format, ...)
{
    va_list args;
    int len = snprintf(file->why, file->why_len, "%s: ", file->path);

    if (len < 0 || (size_t)len >= file->why_len)
        return error;
    va_start(args, format);
    vsnprintf(file->why + len, file->why_len - (size_t)len, format, args);
    va_end(args);
    return error;
}

/* Whether a file with a private key is as it must be. Returns 0 or -ERR_NOT_OURS. */
static int check(const struct file *file, const struct stat *info)
{
    const char *path = file->path;

    if (!S_ISREG(info->st_mode))
        return explain(file, -ERR_NOT_OURS, "not a regular file (name another one with --identity FILE)");
    if (info->st_uid != geteuid())
        return explain(file, -ERR_NOT_OURS, "it belongs to another user (chown %u %s)", (unsigned)geteuid(),
                       path);
    if (info->st_mode & (S_IWGRP | S_IWOTH))
        return explain(file, -ERR_NOT_OURS, "others can write it (chmod 600 %s)", path);
    if (info->st_mode & (S_IRWXG | S_IRWXO))
        return explain(file, -ERR_NOT_OURS, "others can read it (chmod 600 %s)", path);
    return 0;
}

/* Up to size bytes, as many as there are; asks again after a signal and after a short count. Returns how
 * many, or -errno. */
static ssize_t read_all(int fd, char *bytes, size_t size)
{
    size_t len = 0;

    while (len < size) {
        ssize_t count = read(fd, bytes + len, size - len);
        if (count == 0)
            break;
        if (count > 0)
            len += (size_t)count;
        else if (errno != EINTR)
            return -errno;
    }
    return (ssize_t)len;
}

/* All of it, the same way; a short count is a full disk, and the next call says so. Returns 0 or -errno. */
static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t count = write(fd, bytes, len);
        if (count < 0 && errno != EINTR)
            return -errno;
        if (count > 0) {
            bytes += count;
            len -= (size_t)count;
        }
    }
    return 0;
}

static int read_key(const struct file *file, int fd, struct key **key)
{
    char text[FILE_MAX];
    struct stat info;

    if (fstat(fd, &info) < 0)
        return explain(file, -errno, "%s", err_text(errno));
    int error = check(file, &info);
    if (error)
        return error;
    ssize_t len = read_all(fd, text, sizeof text);
    error = len < 0 ? (int)len : key_from_pem(key, text, (size_t)len);
    secret_wipe(text, sizeof text);
    if (len < 0)
        return explain(file, error, "%s", err_text(error));
    if (error)
        return explain(file, error,
                       "%s (bring it back from a copy, or move it away: then a new one is made, and you are "
                       "somebody else)",
                       err_text(error));
    return 0;
}

/* Returns -ENOENT, without a sentence, if there is no such file. */
static int load(const struct file *file, struct key **key)
{
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0 && errno == ENOENT)
        return -ENOENT;
    if (fd < 0)
        return explain(file, -errno, "it cannot be read: %s", err_text(errno));
    int error = read_key(file, fd, key);
    close(fd);
    return error;
}

/* A file without a name, or else one with a name that goes into temporary, which is "" otherwise. Returns a
 * descriptor or -errno. */
static int open_temporary(const struct file *file, char temporary[static FOLDERS_PATH_MAX])
{
    int fd = open(file->folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

    *temporary = '\0';
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
        return fd < 0 ? -errno : fd;
    if (snprintf(temporary, FOLDERS_PATH_MAX, "%s/.identity-XXXXXX", file->folder) >= FOLDERS_PATH_MAX)
        return -ENAMETOOLONG;
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        *temporary = '\0';
        return -errno;
    }
    return fd;
}

/* Give the file its name, unless somebody else has been faster: -EEXIST. */
static int give_name(const struct file *file, int fd, const char *temporary)
{
    char itself[64];

    if (*temporary)
        return renameat2(AT_FDCWD, temporary, AT_FDCWD, file->path, RENAME_NOREPLACE) < 0 ? -errno : 0;
    snprintf(itself, sizeof itself, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, itself, AT_FDCWD, file->path, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

static int write_key(const struct file *file, const struct key *key)
{
    char pem[KEY_PEM_MAX];
    char temporary[FOLDERS_PATH_MAX];
    int fd = open_temporary(file, temporary);

    if (fd < 0)
        return fd;
    int len = key_to_pem(key, pem);
    int error = write_all(fd, pem, (size_t)len);
    secret_wipe(pem, sizeof pem);
    /* The umask may have taken away what the owner needs. */
    if (!error && (fchmod(fd, 0600) < 0 || fsync(fd) < 0))
        error = -errno;
    if (!error)
        error = give_name(file, fd, temporary);
    if (error && *temporary)
        unlink(temporary);
    close(fd);
    return error ? error : folders_sync(file->folder);
}

/* Returns -EEXIST, without a sentence, if somebody else has been faster. */
static int make(const struct file *file, struct key **key)
{
    struct key *made;
    int error = key_new(&made);

    if (error)
        return explain(file, error, "%s", err_text(error));
    error = write_key(file, made);
    if (!error) {
        *key = made;
        return 0;
    }
    key_free(made);
    if (error == -EEXIST)
        return error;
    return explain(file, error, "it cannot be made: %s (name another file with --identity FILE)",
                   err_text(error));
}

static int load_or_make(const struct file *file, struct key **key)
{
    int error = load(file, key);

    if (error != -ENOENT)
        return error;
    error = make(file, key);
    if (error != -EEXIST)
        return error;
    error = load(file, key);
    if (error != -ENOENT)
        return error;
    return explain(file, error, "a symbolic link to a file that is not there (remove it)");
}

static int open_default(struct file *file, struct key **key)
{
    static const char below[] = "/" NAME;
    int error = folders_config(file->folder, sizeof file->folder);

    if (error || strlen(file->folder) + sizeof below > sizeof file->full) {
        error = error ? error : -ENAMETOOLONG;
        folders_explain(file->folder, error, file->why, file->why_len);
        return error;
    }
    snprintf(file->full, sizeof file->full, "%s%s", file->folder, below);
    file->path = file->full;
    error = folders_make(file->folder);
    if (error)
        return explain(file, error,
                       "its folder cannot be made: %s (name a file elsewhere with --identity FILE)",
                       err_text(error));
    return load_or_make(file, key);
}

static int open_named(struct file *file, struct key **key)
{
    const char *end = strrchr(file->path, '/');
    size_t len = end ? (size_t)(end - file->path) : 0;

    if (len >= sizeof file->folder)
        return explain(file, -ENAMETOOLONG, "%s", err_text(-ENAMETOOLONG));
    snprintf(file->folder, sizeof file->folder, "%.*s", (int)len, file->path);
    if (len == 0)
        snprintf(file->folder, sizeof file->folder, "%s", end ? "/" : ".");
    return load_or_make(file, key);
}

int identity_open(struct key **key, const char *path, char *why, size_t why_len)
{
    struct file file = {.path = path, .why = why, .why_len = why_len};

    return path ? open_named(&file, key) : open_default(&file, key);
}
