/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lone.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

bool lone_enter(void)
{
    struct ifreq lo = {.ifr_name = "lo"};

    if (unshare(geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) < 0)
        return false;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool up = ioctl(fd, SIOCGIFFLAGS, &lo) == 0;
    lo.ifr_flags |= IFF_UP;
    up = up && ioctl(fd, SIOCSIFFLAGS, &lo) == 0;
    close(fd);
    return up;
}

bool lone_set_ports(uint16_t first, uint16_t last)
{
    int fd = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY | O_CLOEXEC);
    char range[32];
    int len = snprintf(range, sizeof range, "%d %d", first, last);
    bool done = fd >= 0 && write(fd, range, (size_t)len) == len;

    if (fd >= 0)
        close(fd);
    return done;
}
