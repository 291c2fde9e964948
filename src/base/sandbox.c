/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/landlock.h"
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

static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

    return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

int sandbox_enter(int *version)
{
    struct landlock landlock;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    int error = drop_capabilities();
    if (!error)
        error = landlock_begin(&landlock, true);
    if (error)
        return error;
    *version = landlock.version;
    return landlock_end(&landlock);
}
