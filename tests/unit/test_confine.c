/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a confined chat can still do, what it cannot, and that its memory is nobody else's. Each case runs in a child, once as who runs the
 * test and, for root, once as an ordinary user. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <netdb.h>
#include <pty.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/sandbox.h"
#include "base/sink.h"
#include "net/addr.h"
#include "net/own.h"
#include "net/sock.h"

#define NOT_HERE 99 /* exit status of a child whose kernel lacks what it tests */
#define NOBODY 65534
#define PATH_LEN 256

#define WRONG(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            dprintf(errors, "# line %d, uid %u: %s (errno %d)\n", __LINE__, geteuid(), #condition, errno);   \
            return 1;                                                                                        \
        }                                                                                                    \
    } while (0)

static int errors;            /* the test's standard error */
static char folder[PATH_LEN]; /* of one case: home/ and store/ are in it, and outside */
static char store[PATH_LEN], home[PATH_LEN], outside[PATH_LEN];

static bool refused(int result, int reason)
{
    return result < 0 && errno == reason;
}

static const char *in(const char *where, const char *name)
{
    static char path[4][2 * PATH_LEN];
    static int next;

    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/%s", where, name);
    return path[next];
}

static bool put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        close(fd);
    return done;
}

static int remove_one(const char *path, const struct stat *found, int kind, struct FTW *where)
{
    (void)found;
    (void)kind;
    (void)where;
    return remove(path);
}

static int confine_to(const char *change, const char *read)
{
    const char *const changes[] = {change, NULL}, *const reads[] = {read, NULL};
    const struct sandbox_rules rules = {.change = changes, .read = reads};
    int landlock = -1;

    WRONG(sandbox_confine(&rules, &landlock) == 0);
    return landlock > 0 ? 0 : NOT_HERE;
}

#define CONFINE()                                                                                            \
    do {                                                                                                     \
        int confined = confine_to(store, home);                                                              \
        if (confined)                                                                                        \
            return confined;                                                                                 \
    } while (0)

static int child_works_in_its_folders(void)
{
    char byte;

    WRONG(put(in(store, "old"), "x") && put(in(home, "photo"), "y") && put(in(outside, "secret"), "z"));
    WRONG(mkdir(in(home, "deep"), 0700) == 0 && put(in(home, "deep/file"), "y"));
    WRONG(symlink(in(outside, "secret"), in(home, "link")) == 0);
    CONFINE();
    /* as a database with its log, and a download with its last name */
    WRONG(put(in(store, "new"), "abc") && put(in(store, "old"), "abc"));
    WRONG(truncate(in(store, "old"), 1) == 0);
    WRONG(rename(in(store, "new"), in(store, "newer")) == 0);
    WRONG(link(in(store, "newer"), in(store, "also")) == 0 && unlink(in(store, "also")) == 0);
    int fd = open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    WRONG(fd >= 0 && fsync(fd) == 0);
    fd = open(in(store, "newer"), O_RDWR | O_CLOEXEC);
    WRONG(fd >= 0 && read(fd, &byte, 1) == 1 && byte == 'a');
    WRONG(refused(symlink("/", in(store, "root")), EACCES));
    WRONG(refused(mkdir(in(store, "folder"), 0700), EACCES));
    WRONG(refused(mkfifo(in(store, "fifo"), 0600), EACCES));
    /* what may be read */
    fd = open(in(home, "deep/file"), O_RDONLY | O_CLOEXEC);
    WRONG(fd >= 0 && read(fd, &byte, 1) == 1 && byte == 'y');
    WRONG(opendir(home) != NULL);
    WRONG(refused(open(in(home, "photo"), O_WRONLY | O_CLOEXEC), EACCES));
    WRONG(refused(truncate(in(home, "photo"), 0), EACCES));
    WRONG(refused(unlink(in(home, "photo")), EACCES));
    WRONG(refused(open(in(home, "new"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), EACCES));
    WRONG(refused(rename(in(home, "photo"), in(store, "photo")), EACCES) || refused(-1, EXDEV));
    /* and what not */
    WRONG(refused(open(in(home, "link"), O_RDONLY | O_CLOEXEC), EACCES));
    WRONG(refused(open(in(outside, "secret"), O_RDONLY | O_CLOEXEC), EACCES));
    WRONG(refused(open(in(home, "../outside/secret"), O_RDONLY | O_CLOEXEC), EACCES));
    WRONG(refused(open(outside, O_RDONLY | O_DIRECTORY | O_CLOEXEC), EACCES));
    WRONG(refused(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), EACCES));
    WRONG(refused(open("/proc/self/environ", O_RDONLY | O_CLOEXEC), EACCES));
    WRONG(refused(open("/proc/1/status", O_RDONLY | O_CLOEXEC), EACCES));
    WRONG(refused(open("/etc/shadow", O_RDONLY | O_CLOEXEC), EACCES));
    WRONG(refused(open("/etc/hosts", O_WRONLY | O_CLOEXEC), EACCES));
    WRONG(refused(open("/dev/ptmx", O_RDWR | O_CLOEXEC), EACCES));
    return 0;
}

static int child_executes(void)
{
    char program[] = "/bin/true", own[2 * PATH_LEN];
    char *argv[] = {program, NULL};

    snprintf(own, sizeof own, "%s", in(store, "program"));
    WRONG(put(own, "#!/bin/true\n") && chmod(own, 0700) == 0);
    static char code[1 << 20];
    int from = open(program, O_RDONLY | O_CLOEXEC), memory = memfd_create("program", 0);
    ssize_t len = read(from, code, sizeof code);
    WRONG(len > 0 && write(memory, code, (size_t)len) == len);
    CONFINE();
    WRONG(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    WRONG(refused(execv(program, argv), EACCES));
    argv[0] = own;
    WRONG(refused(execv(own, argv), EACCES));
    WRONG(refused(fexecve(memory, argv, argv + 1), EACCES));
    return 0;
}

static bool finds(const char *name)
{
    struct place place = {.port = 7};
    struct addr addrs[8];

    snprintf(place.host, sizeof place.host, "%s", name);
    return addr_resolve_dial(&place, ADDR_ANY, addrs, 8) > 0;
}

/* The modules of nsswitch.conf, time zones and locales are loaded when they are needed first. */
static int child_looks_things_up(void)
{
    char text[16];
    struct tm local;
    time_t summer = 1000000000;
    struct addr any = {.dual = true, .len = sizeof any.sa.v6}, own[8];

    setenv("TZ", "Asia/Kolkata", 1);
    bool zones = access("/usr/share/zoneinfo/Asia/Kolkata", R_OK) == 0;
    any.sa.v6.sin6_family = AF_INET6;
    CONFINE();
    WRONG(finds("localhost") && finds("127.0.0.1") && finds("::1"));
    WRONG(getpwuid(0) && strcmp(getpwuid(0)->pw_name, "root") == 0);
    tzset();
    localtime_r(&summer, &local);
    strftime(text, sizeof text, "%H:%M %Z", &local);
    WRONG(!zones || strcmp(text, "07:16 IST") == 0);
    WRONG(open("/usr/share/terminfo/x/xterm", O_RDONLY) >= 0 ||
          open("/lib/terminfo/x/xterm", O_RDONLY) >= 0 || errno == ENOENT);
    WRONG(open("/etc/resolv.conf", O_RDONLY) >= 0 || errno == ENOENT);
    WRONG(own_places(7, &any, own, 8) > 0);
    WRONG(access("/proc/net/if_inet6", F_OK) < 0 || fopen("/proc/net/if_inet6", "r"));
    WRONG(open("/dev/null", O_RDWR) >= 0 && open("/dev/urandom", O_RDONLY) >= 0);
    return 0;
}

static int child_connects(void)
{
    struct place place = {.host = "127.0.0.1"};
    struct addr addr;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t len = sizeof name;

    int abstract = socket(AF_UNIX, SOCK_STREAM, 0); /* autobind (unix(7)) takes a free name */
    WRONG(bind(abstract, (struct sockaddr *)&name, sizeof name.sun_family) == 0 && listen(abstract, 5) == 0);
    WRONG(getsockname(abstract, (struct sockaddr *)&name, &len) == 0);
    CONFINE();
    WRONG(addr_resolve_listen(&place, ADDR_ANY, &addr, 1) == 1 && sock_listen(&addr, 0) >= 0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    WRONG(connect(fd, &addr.sa.any, addr.len) == 0);
    WRONG(kill(getppid(), 0) == 0 || geteuid() != 0);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    WRONG(refused(connect(fd, (struct sockaddr *)&name, len), EPERM) || refused(-1, ECONNREFUSED));
    return 0;
}

/* The terminal is opened anew by sinks, and by whoever wants to know its size. */
static int child_has_a_terminal(void)
{
    struct winsize size = {.ws_row = 20, .ws_col = 60}, found = {0};
    static struct sink sink;
    int keyboard, terminal;
    char text[2] = "";

    WRONG(setsid() >= 0 && openpty(&keyboard, &terminal, NULL, NULL, &size) == 0);
    WRONG(fchmod(terminal, 0600) == 0 && ioctl(terminal, TIOCSCTTY, 0) == 0);
    for (int fd = 0; fd <= 2; fd++)
        WRONG(dup2(terminal, fd) == fd);
    CONFINE();
    sink_open(&sink, STDOUT_FILENO);
    for (int fd = 0; fd <= 2; fd++) { /* for the shell to execute it */
        char bytes[] = "\003x";       /* TIOCL_PASTESEL */
        WRONG(refused(ioctl(fd, TIOCSTI, "x"), EPERM) && refused(ioctl(fd, TIOCLINUX, bytes), EPERM));
        WRONG(refused((int)syscall(SYS_ioctl, fd, TIOCSTI | UINT64_C(1) << 32, "x"), EPERM));
    }
    WRONG(sink.fd != STDOUT_FILENO && sink_write(&sink, "x", 1) == 0);
    WRONG(read(keyboard, text, 1) == 1 && *text == 'x');
    static const char *const again[] = {"/dev/tty", "/proc/self/fd/1"};
    for (int i = 0; i < 2; i++) {
        int fd = open(again[i], O_RDWR | O_NOCTTY | O_CLOEXEC);
        WRONG(fd >= 0 && isatty(fd) && ioctl(fd, TIOCGWINSZ, &found) == 0 && found.ws_col == 60);
    }
    return 0;
}

/* In a pipe: what a shell has redirected can be opened anew as far as it was opened by the shell. */
static int child_has_redirections(void)
{
    int ends[2];

    WRONG(put(in(outside, "in"), "a") && put(in(outside, "err"), ""));
    WRONG(pipe(ends) == 0 && dup2(ends[1], STDOUT_FILENO) >= 0);
    WRONG(dup2(open(in(outside, "in"), O_RDONLY), STDIN_FILENO) >= 0);
    WRONG(dup2(open(in(outside, "err"), O_WRONLY), STDERR_FILENO) >= 0);
    CONFINE();
    WRONG(open("/proc/self/fd/0", O_RDONLY) >= 0 && refused(open("/proc/self/fd/0", O_WRONLY), EACCES));
    WRONG(open("/proc/self/fd/1", O_WRONLY) >= 0);
    WRONG(open("/proc/self/fd/2", O_WRONLY) >= 0 && refused(open("/proc/self/fd/2", O_RDONLY), EACCES));
    return 0;
}

static int child_has_a_folder_for_input(void)
{
    WRONG(put(in(outside, "secret"), "z"));
    WRONG(dup2(open(outside, O_RDONLY | O_DIRECTORY), STDIN_FILENO) == STDIN_FILENO);
    CONFINE();
    WRONG(refused(open(in(outside, "secret"), O_RDONLY), EACCES));
    return 0;
}

static int child_has_settings(void)
{
    WRONG(put(in(outside, ".inputrc"), "set bell-style none\n") && put(in(outside, "other"), "x"));
    WRONG(mkdir(in(outside, ".terminfo"), 0700) == 0 && put(in(outside, ".terminfo/t"), "x"));
    WRONG(put(in(outside, "rc"), "x") && setenv("INPUTRC", in(outside, "rc"), 1) == 0);
    WRONG(setenv("HOME", outside, 1) == 0);
    CONFINE();
    WRONG(open(in(outside, ".inputrc"), O_RDONLY) >= 0 && open(in(outside, "rc"), O_RDONLY) >= 0);
    WRONG(open(in(outside, ".terminfo/t"), O_RDONLY) >= 0);
    WRONG(refused(open(in(outside, ".inputrc"), O_WRONLY), EACCES));
    WRONG(refused(open(in(outside, "other"), O_RDONLY), EACCES));
    return 0;
}

/* Folders that are not there, and none at all. */
static int child_has_no_folders(void)
{
    WRONG(put(in(home, "photo"), "y"));
    int confined = confine_to(in(folder, "nowhere"), NULL);
    if (confined)
        return confined;
    WRONG(refused(mkdir(in(folder, "nowhere"), 0700), EACCES));
    WRONG(refused(open(in(home, "photo"), O_RDONLY), EACCES));
    WRONG(finds("localhost"));
    return 0;
}

static int child_keeps_files_of_others(void)
{
    if (geteuid() != 0)
        return 0;
    WRONG(put(in(store, "db"), "x") && chown(in(store, "db"), NOBODY, NOBODY) == 0);
    CONFINE();
    WRONG(open(in(store, "db"), O_RDWR) >= 0); /* sudo */
    WRONG(refused(setuid(NOBODY), EPERM) && refused(chown(in(store, "db"), 0, 0), EPERM));
    return 0;
}

static int child_keeps_secrets(void)
{
    struct rlimit limit = {.rlim_cur = 1};

    WRONG(sandbox_keep_secrets() == 0);
    WRONG(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    WRONG(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 && limit.rlim_max == 0);
    pid_t pid = getpid(), other = fork();
    if (other == 0) { /* a process of the same user; root may do all */
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
        _exit(geteuid() != 0 && ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0);
    }
    int status = 1;
    WRONG(waitpid(other, &status, 0) == other && status == 0);
    /* and what it has of its own is still its own */
    WRONG(put(in(outside, "out"), "") && dup2(open(in(outside, "out"), O_WRONLY), STDOUT_FILENO) >= 0);
    WRONG(open("/proc/self/fd/1", O_WRONLY) >= 0);
    return 0;
}

static int prepare(bool ordinary)
{
    char here[PATH_LEN] = "/tmp/yodel-confine-XXXXXX";

    errors = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    if (ordinary)
        WRONG(setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
              setresuid(NOBODY, NOBODY, NOBODY) == 0);
    WRONG(mkdtemp(here) != NULL);
    snprintf(folder, sizeof folder, "%s", here);
    snprintf(store, sizeof store, "%.200s/store", here);
    snprintf(home, sizeof home, "%.200s/home", here);
    snprintf(outside, sizeof outside, "%.200s/outside", here);
    WRONG(mkdir(store, 0700) == 0 && mkdir(home, 0700) == 0 && mkdir(outside, 0700) == 0);
    unsetenv("INPUTRC");
    setenv("HOME", home, 1);
    return 0;
}

/* The test's own child is the one that is confined; its parent still can clear up. */
static int in_grandchild(int (*test)(void), bool ordinary)
{
    int status = 1;

    if (prepare(ordinary) != 0)
        return 1;
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        _exit(test());
    }
    waitpid(child, &status, 0);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void run(int (*test)(void), bool ordinary)
{
    int status = 1;
    pid_t child = fork();

    if (child == 0)
        _exit(in_grandchild(test, ordinary));
    assert_true(child > 0);
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_HERE) {
        print_message("# skip: no Landlock in this kernel\n");
        skip();
    }
    assert_int_equal(status, 0);
}

#define TEST(name, child)                                                                                    \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        (void)state;                                                                                         \
        run(child, false);                                                                                   \
        if (geteuid() == 0)                                                                                  \
            run(child, true);                                                                                \
    }

TEST(files_are_written_in_the_store_and_read_at_home, child_works_in_its_folders)
TEST(nothing_is_executed, child_executes)
TEST(names_times_and_terminals_are_looked_up, child_looks_things_up)
TEST(sockets_listen_and_connect, child_connects)
TEST(the_terminal_is_opened_anew, child_has_a_terminal)
TEST(redirections_are_opened_anew, child_has_redirections)
TEST(a_folder_for_input_opens_no_door, child_has_a_folder_for_input)
TEST(settings_of_the_user_are_read, child_has_settings)
TEST(folders_that_are_not_there_are_left_out, child_has_no_folders)
TEST(root_keeps_what_overrides_permissions, child_keeps_files_of_others)
TEST(memory_is_nobody_elses, child_keeps_secrets)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_written_in_the_store_and_read_at_home),
        cmocka_unit_test(nothing_is_executed),
        cmocka_unit_test(names_times_and_terminals_are_looked_up),
        cmocka_unit_test(sockets_listen_and_connect),
        cmocka_unit_test(the_terminal_is_opened_anew),
        cmocka_unit_test(redirections_are_opened_anew),
        cmocka_unit_test(a_folder_for_input_opens_no_door),
        cmocka_unit_test(settings_of_the_user_are_read),
        cmocka_unit_test(folders_that_are_not_there_are_left_out),
        cmocka_unit_test(root_keeps_what_overrides_permissions),
        cmocka_unit_test(memory_is_nobody_elses),
    };
    return cmocka_run_group_tests_name("confine", tests, NULL, NULL);
}
