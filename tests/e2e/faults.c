/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loaded before the C library (LD_PRELOAD), so that calls of the service fail or stop when a test wants it. The
 * test and all processes of the service share the file that YODEL_TEST_FAULTS names; faults.py writes it. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct faults {
    atomic_int stop_children; /* so many children stop before the first note they write */
    atomic_int probe;         /* 1: a child shall look what it may do before its first note; 2: it has */
    int may[3];               /* its errno for opening a file, connecting, binding */
    atomic_int accept_failed; /* how many accept errors were used up */
    int accept_errors;        /* how many of the following are set */
    int accept_error[1000];
    atomic_int add_error; /* errno of the next epoll_ctl() that adds a listener; 0: none */
    atomic_int adds_failed;
    atomic_int fork_error; /* errno of each fork() of the service; 0: none */
    int sibling;           /* a process that the probe shall try */
    int may_signal[2];     /* the probe's errno for a signal to its parent and to the sibling */
    int may_read[2];       /* for reading their memory */
};

static struct faults *faults;
static pid_t parent;

__attribute__((constructor)) static void open_faults(void)
{
    int fd = open(getenv("YODEL_TEST_FAULTS"), O_RDWR | O_CLOEXEC);
    void *map = mmap(NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (map == MAP_FAILED)
        abort();
    close(fd);
    faults = map;
    parent = getpid();
}

static int is_waiting(int listener)
{
    struct pollfd ready = {.fd = listener, .events = POLLIN};

    return poll(&ready, 1, 0) == 1;
}

int accept4(int listener, struct sockaddr *restrict address, socklen_t *restrict len, int flags)
{
    static int (*real)(int, struct sockaddr *restrict, socklen_t *restrict, int);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "accept4");
    if (is_waiting(listener) && atomic_load(&faults->accept_failed) < faults->accept_errors) {
        errno = faults->accept_error[atomic_fetch_add(&faults->accept_failed, 1)];
        return -1;
    }
    return real(listener, address, len, flags);
}

static int is_listener(int fd)
{
    int answer = 0;
    socklen_t len = sizeof answer;

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &answer, &len) == 0 && answer;
}

int epoll_ctl(int set, int operation, int fd, struct epoll_event *event)
{
    static int (*real)(int, int, int, struct epoll_event *);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "epoll_ctl");
    if (operation == EPOLL_CTL_ADD && atomic_load(&faults->add_error) && is_listener(fd)) {
        errno = atomic_exchange(&faults->add_error, 0);
        atomic_fetch_add(&faults->adds_failed, 1);
        return -1;
    }
    return real(set, operation, fd, event);
}

pid_t fork(void)
{
    static pid_t (*real)(void);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "fork");
    if (getpid() == parent && atomic_load(&faults->fork_error)) {
        errno = atomic_load(&faults->fork_error);
        return -1;
    }
    return real();
}

static void probe_sandbox(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int saved = errno;
    int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    faults->may[0] = open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
    faults->may[1] = bind(sock, (struct sockaddr *)&address, sizeof address) < 0 ? errno : 0;
    address.sin_port = htons(1);
    faults->may[2] = connect(sock, (struct sockaddr *)&address, sizeof address) < 0 ? errno : 0;
    close(sock);
    for (int i = 0; i < 2; i++) {
        pid_t other = i == 0 ? getppid() : faults->sibling;
        char byte;
        struct iovec here = {.iov_base = &byte, .iov_len = 1};
        struct iovec there = {.iov_base = &faults, .iov_len = 1};
        faults->may_signal[i] = other > 0 && kill(other, 0) < 0 ? errno : 0;
        faults->may_read[i] = other > 0 && process_vm_readv(other, &here, 1, &there, 1, 0) < 0 ? errno : 0;
    }
    errno = saved;
    atomic_store(&faults->probe, 2);
}

ssize_t sendmsg(int sock, const struct msghdr *message, int flags)
{
    static ssize_t (*real)(int, const struct msghdr *, int);
    int wanted = 1;

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "sendmsg");
    if (getpid() != parent) {
        if (atomic_compare_exchange_strong(&faults->probe, &wanted, -1))
            probe_sandbox();
        int left = atomic_load(&faults->stop_children);
        while (left > 0 && !atomic_compare_exchange_weak(&faults->stop_children, &left, left - 1))
            ;
        if (left > 0)
            raise(SIGSTOP);
    }
    return real(sock, message, flags);
}
