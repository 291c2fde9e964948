/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/units.h"

/* Landlock's kernel interface as of version 6, which Debian 12's header does not know in full. */
struct ruleset {
    uint64_t handled_fs;
    uint64_t handled_net; /* from version 4 */
    uint64_t scoped;      /* from version 6 */
};

#define FS_VERSION_1 ((UINT64_C(1) << 13) - 1)
#define FS_REFER (UINT64_C(1) << 13)     /* from version 2 */
#define FS_TRUNCATE (UINT64_C(1) << 14)  /* from version 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15) /* from version 5 */
#define NET_BIND_CONNECT_TCP UINT64_C(3)
#define SCOPE_ABSTRACT_UNIX_SIGNAL UINT64_C(3)

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

static int enter_landlock(int *version)
{
    struct ruleset rules = {.handled_fs = FS_VERSION_1};
    size_t size = sizeof rules.handled_fs;
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    *version = abi < 0 ? 0 : (int)abi;
    if (abi < 0)
        return errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM ? 0 : -errno;
    if (abi >= 2)
        rules.handled_fs |= FS_REFER;
    if (abi >= 3)
        rules.handled_fs |= FS_TRUNCATE;
    if (abi >= 5)
        rules.handled_fs |= FS_IOCTL_DEV;
    if (abi >= 4) {
        rules.handled_net = NET_BIND_CONNECT_TCP;
        size = offsetof(struct ruleset, scoped);
    }
    if (abi >= 6) {
        rules.scoped = SCOPE_ABSTRACT_UNIX_SIGNAL;
        size = sizeof rules;
    }
    long ruleset = syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    if (ruleset < 0)
        return -errno;
    long failed = syscall(SYS_landlock_restrict_self, (int)ruleset, 0);
    int error = failed ? -errno : 0;
    close((int)ruleset);
    return error;
}

static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

    return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

int sandbox_enter(int *landlock)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    int error = drop_capabilities();
    return error ? error : enter_landlock(landlock);
}
