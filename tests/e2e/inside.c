/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loaded before the C library (LD_PRELOAD): at SIGUSR2 the program itself tries what the test asks for, as somebody would who has got
 * control of it. Requests and answers go through the socket that YODEL_TEST_INSIDE names; inside.py holds the other end. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int channel = -1;

/* errno of a call, or 0. What it has opened is closed. */
static int outcome(int fd)
{
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static int try_read(const char *path)
{
    return outcome(open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
}

static int try_write(const char *path)
{
    return outcome(open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY));
}

static int try_make(const char *path)
{
    return outcome(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
}

static int try_remove(const char *path)
{
    return unlink(path) < 0 ? errno : 0;
}

/* In a child, for a success would be the end of the program. Its end tells: 200 and more cannot be an errno. */
static int execute(int fd, const char *path)
{
    char name[] = "true", *argv[] = {name, NULL}, *environment[] = {NULL};
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        if (fd >= 0)
            fexecve(fd, argv, environment);
        else
            execve(path, argv, environment);
        _exit(errno);
    }
    if (child < 0)
        return errno;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static int try_execute(const char *path)
{
    return execute(-1, path);
}

static int try_trace(const char *pid)
{
    pid_t victim = atoi(pid);

    if (ptrace(PTRACE_SEIZE, victim, NULL, NULL) < 0)
        return errno;
    ptrace(PTRACE_INTERRUPT, victim, NULL, NULL);
    waitpid(victim, NULL, __WALL);
    ptrace(PTRACE_DETACH, victim, NULL, NULL);
    return 0;
}

static int try_abstract(const char *name)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(addr.sun_path + 1, name, strlen(name));
    int failed =
        connect(fd, (struct sockaddr *)&addr, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
    int error = failed ? errno : 0;
    close(fd);
    return error;
}

static int say_dumpable(const char *unused)
{
    (void)unused;
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
}

static int say_core(const char *unused)
{
    struct rlimit limit = {0};

    (void)unused;
    getrlimit(RLIMIT_CORE, &limit);
    return limit.rlim_max > INT_MAX ? INT_MAX : (int)limit.rlim_max;
}

static const struct {
    const char *name;
    int (*function)(const char *argument);
} requests[] = {
    {"read", try_read},         {"write", try_write},       {"make", try_make},
    {"remove", try_remove},     {"execute", try_execute},   {"trace", try_trace},
    {"abstract", try_abstract}, {"dumpable", say_dumpable}, {"core", say_core},
};

static void serve(int number)
{
    char request[PATH_MAX + 32];
    int before = errno, answer = -1;
    ssize_t len = recv(channel, request, sizeof request - 1, 0);

    (void)number;
    if (len > 0) {
        request[len] = '\0';
        char *argument = strchr(request, ' ');
        *argument++ = '\0';
        for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
            if (strcmp(requests[i].name, request) == 0)
                answer = requests[i].function(argument);
        send(channel, &answer, sizeof answer, MSG_NOSIGNAL);
    }
    errno = before;
}

__attribute__((constructor)) static void get_inside(void)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct sigaction action = {.sa_handler = serve, .sa_flags = SA_RESTART};

    if (strcmp(program_invocation_short_name, "yodel") != 0)
        return; /* what starts it */
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s", getenv("YODEL_TEST_INSIDE"));
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    channel = fcntl(fd, F_DUPFD_CLOEXEC, 100);
    close(fd);
    if (connect(channel, (struct sockaddr *)&addr, sizeof addr) < 0 || sigaction(SIGUSR2, &action, NULL) < 0)
        abort();
}
