/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "echo/hand.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"

static const char *const reasons[HAND_REASONS] = {
    [HAND_EOF] = "eof",     [HAND_RESET] = "reset",   [HAND_IDLE] = "idle",   [HAND_DEAD] = "dead",
    [HAND_DRAIN] = "drain", [HAND_KILLED] = "killed", [HAND_ERROR] = "error",
};

const char *hand_reason_text(enum hand_reason reason)
{
    return reason < HAND_REASONS ? reasons[reason] : "error";
}

enum hand_reason hand_reason_of(int error)
{
    switch (error) {
    case ECONNRESET:
    case EPIPE:
        return HAND_RESET;
    case ETIMEDOUT:
    case EHOSTUNREACH: /* what a router said while the kernel was still trying (tcp(7)) */
    case ENETUNREACH:
        return HAND_DEAD;
    default:
        return HAND_ERROR;
    }
}

int hand_pair(int *door, int *child)
{
    int ends[2];
    int on = 1;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ||
        setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0) {
        int error = -errno;
        close(ends[0]);
        close(ends[1]);
        return error;
    }
    *door = ends[0];
    *child = ends[1];
    return 0;
}

union descriptors {
    struct cmsghdr align;
    char space[CMSG_SPACE(HAND_BATCH * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
};

int hand_send(int socket, const struct hand_note *notes, const int *fds, int count, int flags)
{
    struct iovec io = {.iov_base = (void *)(uintptr_t)notes, .iov_len = (size_t)count * sizeof *notes};
    struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1};
    union descriptors control;

    if (fds) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.space;
        message.msg_controllen = CMSG_SPACE((size_t)count * sizeof *fds);
        struct cmsghdr *header = &control.align;
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN((size_t)count * sizeof *fds);
        memcpy(CMSG_DATA(header), fds, (size_t)count * sizeof *fds);
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL | flags);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

int hand_recv(int socket, struct hand_note notes[static HAND_BATCH], int *fds, int *fd_count, pid_t *pid,
              int flags)
{
    union descriptors control;
    struct iovec io = {.iov_base = notes, .iov_len = HAND_BATCH * sizeof *notes};
    struct msghdr message = {.msg_iov = &io,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof control.space};
    ssize_t received;

    /* Without room for them the kernel installs no descriptors that a child might send the door. */
    if (!fds)
        message.msg_controllen = CMSG_SPACE(sizeof(struct ucred));

    do
        received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | flags);
    while (received < 0 && errno == EINTR);
    if (received < 0)
        return -errno;
    bool known = false;
    if (fd_count)
        *fd_count = 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET)
            continue;
        if (header->cmsg_type == SCM_CREDENTIALS && pid) {
            struct ucred who;
            memcpy(&who, CMSG_DATA(header), sizeof who);
            *pid = who.pid;
            known = true;
        }
        if (header->cmsg_type == SCM_RIGHTS && fds && fd_count) {
            *fd_count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof *fds);
            memcpy(fds, CMSG_DATA(header), (size_t)*fd_count * sizeof *fds);
        }
    }
    if (received == 0 && !known)
        return 0; /* the end has no sender, an empty message has one */
    if (received == 0 || (size_t)received % sizeof *notes || (message.msg_flags & MSG_TRUNC))
        return -ERR_SYNTAX;
    return (int)((size_t)received / sizeof *notes);
}
