/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What Landlock does not know of: a program can type for its user (TIOCSTI, TIOCLINUX of ioctl_tty(2)), and the shell executes that when
 * the program has ended. Linux 6.2 and later can be told to forbid it to all (dev.tty.legacy_tiocsti). */
#ifndef YODEL_BASE_SECCOMP_H
#define YODEL_BASE_SECCOMP_H

/* From now on, and for good, that fails with EPERM for this process and its children, and so do all system calls in the manner of another
 * machine (32 bits on x86-64), which would be a way around. Needs no_new_privs (prctl(2)). On machines that it does not know, and
 * in kernels without seccomp, it does nothing. Returns 0 or -errno. */
int seccomp_forbid_typing(void);

#endif
