/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's interface as of version 6, which Debian 12's header does not know in full. */
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
#define SCOPE_ABSTRACT_UNIX UINT64_C(1)
#define SCOPE_SIGNAL UINT64_C(2)

/* What makes sense for a file; the rest is for folders only, and the kernel insists on that. */
#define FS_OF_FILES                                                                                          \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |             \
     FS_TRUNCATE | FS_IOCTL_DEV)

static const struct {
    enum landlock_right right;
    uint64_t files;
} meanings[] = {
    {LANDLOCK_READ, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR},
    {LANDLOCK_WRITE, LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE},
    {LANDLOCK_MAKE, LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE | FS_REFER},
    {LANDLOCK_DEVICE, FS_IOCTL_DEV},
};

static int make(struct landlock *landlock, const struct ruleset *rules, size_t size)
{
    long fd = syscall(SYS_landlock_create_ruleset, rules, size, 0);

    if (fd < 0)
        return -errno;
    landlock->fd = (int)fd;
    landlock->files = rules->handled_fs;
    return 0;
}

int landlock_begin(struct landlock *landlock, bool lone)
{
    struct ruleset rules = {.handled_fs = FS_VERSION_1};
    size_t size = sizeof rules.handled_fs;
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    *landlock = (struct landlock){.version = abi < 0 ? 0 : (int)abi, .fd = -1};
    if (abi < 0)
        return errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM ? 0 : -errno;
    if (abi >= 2)
        rules.handled_fs |= FS_REFER;
    if (abi >= 3)
        rules.handled_fs |= FS_TRUNCATE;
    if (abi >= 5)
        rules.handled_fs |= FS_IOCTL_DEV;
    if (abi >= 4) {
        rules.handled_net = lone ? NET_BIND_CONNECT_TCP : 0;
        size = offsetof(struct ruleset, scoped);
    }
    if (abi >= 6) {
        rules.scoped = lone ? SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL : SCOPE_ABSTRACT_UNIX;
        size = sizeof rules;
    }
    return make(landlock, &rules, size);
}

int landlock_allow_fd(struct landlock *landlock, int fd, unsigned rights)
{
    struct landlock_path_beneath_attr rule = {.parent_fd = fd};
    struct stat found;

    if (landlock->fd < 0)
        return 0;
    if (fstat(fd, &found) < 0)
        return -errno;
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (rights & meanings[i].right)
            rule.allowed_access |= meanings[i].files & landlock->files;
    if (!S_ISDIR(found.st_mode))
        rule.allowed_access &= FS_OF_FILES;
    if (!rule.allowed_access ||
        syscall(SYS_landlock_add_rule, landlock->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0)
        return 0;
    return errno == EBADFD || errno == EBADF ? 0 : -errno; /* is in no file system */
}

int landlock_allow(struct landlock *landlock, const char *path, unsigned rights)
{
    if (landlock->fd < 0)
        return 0;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -errno : 0;
    int error = landlock_allow_fd(landlock, fd, rights);
    close(fd);
    return error;
}

int landlock_end(struct landlock *landlock)
{
    if (landlock->fd < 0)
        return 0;
    int error = syscall(SYS_landlock_restrict_self, landlock->fd, 0) == 0 ? 0 : -errno;
    close(landlock->fd);
    landlock->fd = -1;
    return error;
}
