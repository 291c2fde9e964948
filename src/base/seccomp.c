/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && defined(__AARCH64EL__)
#define MACHINE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define MACHINE AUDIT_ARCH_RISCV64
#else
#define MACHINE 0
#endif

#define FOREIGN 0x40000000 /* from here on x32's calls (x86-64); no other machine has so many */

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_EQUAL(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define IF_FROM(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, value, yes, no)
#define END(what) BPF_STMT(BPF_RET | BPF_K, what)

int seccomp_forbid_typing(void)
{
    /* The kernel takes the lower half of ioctl's second argument; these machines have that first. */
    struct sock_filter steps[] = {
        LOAD(arch),
        IF_EQUAL(MACHINE, 0, 7),
        LOAD(nr),
        IF_FROM(FOREIGN, 5, 0),
        IF_EQUAL(SYS_ioctl, 0, 3),
        LOAD(args[1]),
        IF_EQUAL(TIOCSTI, 2, 0),
        IF_EQUAL(TIOCLINUX, 1, 0),
        END(SECCOMP_RET_ALLOW),
        END(SECCOMP_RET_ERRNO | EPERM),
    };
    const struct sock_fprog program = {.len = sizeof steps / sizeof *steps, .filter = steps};

    if (MACHINE == 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0)
        return 0;
    return errno == EINVAL || errno == ENOSYS ? 0 : -errno;
}
