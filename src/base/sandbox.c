/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/landlock.h"
#include "base/seccomp.h"
#include "base/units.h"

/* What getpwnam(3) may leave in errno where there is no such user. */
static bool is_not_found(int error)
{
    return error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
}

int sandbox_find_user(const char *name, struct sandbox_user *user)
{
    int64_t number = 0;

    errno = 0;
    const struct passwd *entry = getpwnam(name);
    if (!entry && units_count(name, 0, UINT32_MAX - 1, &number) == 0) {
        errno = 0;
        entry = getpwuid((uid_t)number);
        if (!entry) {
            user->uid = (uid_t)number;
            user->gid = (gid_t)number;
            return 0;
        }
    }
    if (!entry)
        return is_not_found(errno) ? -ERR_NAME : -errno;
    user->uid = entry->pw_uid;
    user->gid = entry->pw_gid;
    return 0;
}

int sandbox_become(const struct sandbox_user *user)
{
    uid_t real, effective, saved;

    if (getresuid(&real, &effective, &saved) == 0 && effective != 0 && real == user->uid &&
        effective == user->uid && saved == user->uid)
        return 0; /* an ordinary user is what it is, and may not touch its groups */
    if (setgroups(0, NULL) < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
        setresuid(user->uid, user->uid, user->uid) < 0)
        return -errno;
    return 0;
}

/* Give up all capabilities but those of the mask, of the first 32. */
static int keep_capabilities(uint32_t mask)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct kept[_LINUX_CAPABILITY_U32S_3] = {{0}};

    if (mask && syscall(SYS_capget, &header, kept) < 0)
        return -errno;
    kept[0].effective &= mask;
    kept[0].permitted &= mask;
    for (size_t i = 1; i < _LINUX_CAPABILITY_U32S_3; i++)
        kept[i].effective = kept[i].permitted = 0;
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        kept[i].inheritable = 0;
    return syscall(SYS_capset, &header, kept) < 0 ? -errno : 0;
}

int sandbox_enter(int *version)
{
    struct landlock landlock;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    int error = keep_capabilities(0);
    if (!error)
        error = landlock_begin(&landlock, true);
    if (error)
        return error;
    *version = landlock.version;
    return landlock_end(&landlock);
}

#define FILE_CAPABILITIES (1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH)

/* For names: nsswitch.conf(5), its modules and their files; the files that resolv.conf may be a link to. For Readline and the terminal: inputrc,
 * terminfo(5). For time and text: zoneinfo, locale(7), gconv. Folders where files are replaced. */
static const char *const system_read[] = {
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/share/locale",
    "/usr/share/terminfo",
    "/usr/share/zoneinfo",
    "/run/NetworkManager",
    "/run/connman",
    "/run/netconfig",
    "/run/resolvconf",
    "/run/systemd/netif",
    "/run/systemd/resolve",
    "/proc/self/net",
    "/dev/urandom",
    NULL,
};

/* Of /etc, for root; passwd is for "~name" when Tab completes it. */
static const char *const etc_read[] = {
    "/etc/resolv.conf", "/etc/hosts",     "/etc/host.conf",    "/etc/nsswitch.conf",
    "/etc/gai.conf",    "/etc/services",  "/etc/protocols",    "/etc/mdns.allow",
    "/etc/ld.so.cache", "/etc/localtime", "/etc/inputrc",      "/etc/terminfo",
    "/etc/passwd",      "/etc/group",     "/etc/machine-info", NULL,
};

static int allow_all(struct landlock *landlock, const char *const *paths, unsigned rights)
{
    int error = 0;

    for (; *paths && !error; paths++)
        error = landlock_allow(landlock, *paths, rights);
    return error;
}

static int allow_system(struct landlock *landlock)
{
    static const char *const etc[] = {"/etc", NULL};
    int error = allow_all(landlock, system_read, LANDLOCK_READ);

    if (!error)
        error = allow_all(landlock, geteuid() == 0 ? etc_read : etc, LANDLOCK_READ);
    if (!error)
        error = landlock_allow(landlock, "/dev/null", LANDLOCK_READ | LANDLOCK_WRITE);
    if (!error)
        error = landlock_allow(landlock, "/dev/tty", LANDLOCK_READ | LANDLOCK_WRITE | LANDLOCK_DEVICE);
    return error;
}

static int allow_of_home(struct landlock *landlock, const char *name)
{
    const char *home = getenv("HOME");
    char path[PATH_MAX];

    if (!home || snprintf(path, sizeof path, "%s/%s", home, name) >= (int)sizeof path)
        return 0;
    return landlock_allow(landlock, path, LANDLOCK_READ);
}

/* What Readline and terminfo look for in the environment, and else at home. */
static int allow_settings(struct landlock *landlock)
{
    static const char *const names[] = {"INPUTRC", "TERMINFO"};
    static const char *const files[] = {".inputrc", ".terminfo"};
    int error = 0;

    for (size_t i = 0; i < sizeof names / sizeof *names && !error; i++) {
        const char *path = getenv(names[i]);
        if (path && *path)
            error = landlock_allow(landlock, path, LANDLOCK_READ);
        if (!error)
            error = allow_of_home(landlock, files[i]);
    }
    return error;
}

/* base/sink.h opens them anew. A folder would be all that is in it. */
static int allow_standard(struct landlock *landlock)
{
    static const unsigned rights[] = {
        [O_RDONLY] = LANDLOCK_READ, [O_WRONLY] = LANDLOCK_WRITE, [O_RDWR] = LANDLOCK_READ | LANDLOCK_WRITE};
    struct stat found;
    int error = 0;

    for (int fd = 0; fd <= 2 && !error; fd++) {
        int flags = fcntl(fd, F_GETFL);
        if (flags >= 0 && fstat(fd, &found) == 0 && !S_ISDIR(found.st_mode) && (flags & O_ACCMODE) <= O_RDWR)
            error = landlock_allow_fd(landlock, fd, rights[flags & O_ACCMODE] | LANDLOCK_DEVICE);
    }
    return error;
}

int sandbox_confine(const struct sandbox_rules *rules, int *version)
{
    struct landlock landlock;
    int error = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;

    if (!error)
        error = seccomp_forbid_typing();
    if (!error)
        error = landlock_begin(&landlock, false);
    if (error)
        return error;
    *version = landlock.version;
    error = allow_system(&landlock);
    if (!error)
        error = allow_settings(&landlock);
    if (!error)
        error = allow_standard(&landlock);
    if (!error)
        error = allow_all(&landlock, rules->read, LANDLOCK_READ);
    if (!error)
        error = allow_all(&landlock, rules->change, LANDLOCK_READ | LANDLOCK_WRITE | LANDLOCK_MAKE);
    int failed = landlock_end(&landlock);
    if (!error)
        error = failed ? failed : keep_capabilities(FILE_CAPABILITIES);
    return error;
}

int sandbox_keep_secrets(void)
{
    const struct rlimit none = {0};

    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
        return -errno;
    return 0;
}
