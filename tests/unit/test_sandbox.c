/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a process can no longer do after it has given it up. Each case runs in a child. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/sandbox.h"
#include "net/addr.h"
#include "net/sock.h"

#define NOT_HERE 99 /* exit status of a child whose kernel lacks what it tests */
#define NOBODY 65534

#define WRONG(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "# line %d: %s (errno %d)\n", __LINE__, #condition, errno);                      \
            return 1;                                                                                        \
        }                                                                                                    \
    } while (0)

/* Run test in a child; skip if it says NOT_HERE. */
static void in_child(int (*test)(void), const char *what)
{
    int status = 1;
    pid_t child = fork();

    if (child == 0) {
        alarm(20);
        _exit(test());
    }
    assert_true(child > 0);
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_HERE) {
        print_message("# skip: %s\n", what);
        skip();
    }
    assert_int_equal(status, 0);
}

/* Enter the sandbox in a kernel that has at least this version of Landlock. */
static int enter(int least)
{
    int version = -1;

    WRONG(sandbox_enter(&version) == 0);
    WRONG(version >= 0);
    return version < least ? NOT_HERE : 0;
}

#define ENTER(least)                                                                                         \
    do {                                                                                                     \
        int entered = enter(least);                                                                          \
        if (entered)                                                                                         \
            return entered;                                                                                  \
    } while (0)

/* Whether a call failed for that reason. */
static bool refused(int result, int reason)
{
    return result < 0 && errno == reason;
}

static int child_opens_files(void)
{
    char path[] = "/tmp/yodel-sandbox-XXXXXX";
    int own = mkstemp(path);
    char byte;

    WRONG(own >= 0 && write(own, "x", 1) == 1);
    WRONG(unlink(path) == 0);
    ENTER(1);
    WRONG(refused(open("/etc/passwd", O_RDONLY), EACCES));
    WRONG(refused(open("/dev/null", O_WRONLY), EACCES));
    WRONG(refused(open("/proc/self/stat", O_RDONLY), EACCES));
    WRONG(refused(open("/", O_RDONLY | O_DIRECTORY), EACCES));
    WRONG(refused(open("/tmp/yodel-new", O_WRONLY | O_CREAT, 0600), EACCES));
    WRONG(refused(mkdir("/tmp/yodel-new", 0700), EACCES));
    WRONG(refused(unlink("/tmp/yodel-none"), ENOENT) || errno == EACCES);
    WRONG(refused(symlink("/", "/tmp/yodel-new"), EACCES));
    char program[] = "/bin/true";
    char *argv[] = {program, NULL};
    WRONG(refused(execv(program, argv), EACCES));
    /* What is open stays open. */
    WRONG(pread(own, &byte, 1, 0) == 1 && write(own, "y", 1) == 1);
    return 0;
}

static void no_file_can_be_opened_made_or_run(void **state)
{
    (void)state;
    in_child(child_opens_files, "no Landlock in this kernel");
}

static int child_uses_what_it_has(void)
{
    int ends[2], pair[2];
    char byte;

    WRONG(pipe(ends) == 0);
    ENTER(0);
    WRONG(write(ends[1], "a", 1) == 1 && read(ends[0], &byte, 1) == 1 && byte == 'a');
    WRONG(pipe(ends) == 0);
    WRONG(write(ends[1], "b", 1) == 1 && read(ends[0], &byte, 1) == 1 && byte == 'b');
    WRONG(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    WRONG(write(pair[1], "c", 1) == 1 && read(pair[0], &byte, 1) == 1 && byte == 'c');
    WRONG(malloc(1 << 24) != NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(7);
    int status = 0;
    WRONG(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7);
    return 0;
}

static void pipes_sockets_memory_and_children_still_work(void **state)
{
    (void)state;
    in_child(child_uses_what_it_has, "never");
}

static int dial(uint16_t port)
{
    struct sockaddr_in addr = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0)
        return fd;
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

static int child_binds_and_connects(void)
{
    struct place spec = {.host = "127.0.0.1"};
    struct addr addr, again;
    char byte;

    WRONG(addr_resolve_listen(&spec, ADDR_ANY, &addr, 1) == 1);
    again = addr;
    int listener = sock_listen(&addr, 0);
    WRONG(listener >= 0);
    int client = dial(addr_port(&addr));
    WRONG(client >= 0);
    ENTER(4);
    WRONG(refused(dial(addr_port(&addr)), EACCES));
    WRONG(sock_listen(&again, 0) == -EACCES);
    /* Who was connected before is served, and so is who is in the backlog. */
    int fd = accept(listener, NULL, NULL);
    WRONG(fd >= 0);
    WRONG(write(client, "x", 1) == 1 && read(fd, &byte, 1) == 1 && byte == 'x');
    return 0;
}

static void no_tcp_socket_can_be_bound_or_connected(void **state)
{
    (void)state;
    in_child(child_binds_and_connects, "this kernel's Landlock knows no TCP (from version 4)");
}

static int child_signals_its_parent(void)
{
    ENTER(6);
    WRONG(refused(kill(getppid(), 0), EPERM));
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    WRONG(kill(child, SIGKILL) == 0);
    WRONG(waitpid(child, NULL, 0) == child);
    return 0;
}

static void no_process_outside_can_be_signalled(void **state)
{
    (void)state;
    in_child(child_signals_its_parent, "this kernel's Landlock knows no signals (from version 6)");
}

static int child_connects_to_an_abstract_socket(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    socklen_t len = sizeof name;

    /* Autobind (unix(7)) takes a free name. */
    WRONG(bind(listener, (struct sockaddr *)&name, sizeof name.sun_family) == 0);
    WRONG(listen(listener, 5) == 0 && getsockname(listener, (struct sockaddr *)&name, &len) == 0);
    int before = socket(AF_UNIX, SOCK_STREAM, 0);
    WRONG(connect(before, (struct sockaddr *)&name, len) == 0);
    ENTER(6);
    int after = socket(AF_UNIX, SOCK_STREAM, 0);
    WRONG(refused(connect(after, (struct sockaddr *)&name, len), EPERM));
    return 0;
}

static void no_abstract_unix_socket_outside_can_be_reached(void **state)
{
    (void)state;
    in_child(child_connects_to_an_abstract_socket,
             "this kernel's Landlock knows no abstract sockets (from version 6)");
}

static int child_has_no_new_privileges(void)
{
    WRONG(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 || getuid() != 0);
    ENTER(0);
    WRONG(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    ENTER(0); /* twice is fine */
    return 0;
}

static void no_new_privileges_can_be_gained(void **state)
{
    (void)state;
    in_child(child_has_no_new_privileges, "never");
}

static int child_enters_as_nobody(void)
{
    if (getuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) < 0)
        return 1;
    ENTER(1);
    WRONG(refused(open("/etc/passwd", O_RDONLY), EACCES));
    return 0;
}

static void an_ordinary_user_can_enter_too(void **state)
{
    (void)state;
    in_child(child_enters_as_nobody, "no Landlock in this kernel");
}

static int child_becomes_nobody(void)
{
    const struct sandbox_user nobody = {.uid = NOBODY, .gid = NOBODY - 1};
    gid_t group = 4711;
    uid_t real, effective, saved;

    if (getuid() != 0)
        return NOT_HERE;
    WRONG(setgroups(1, &group) == 0);
    WRONG(sandbox_become(&nobody) == 0);
    WRONG(getresuid(&real, &effective, &saved) == 0);
    WRONG(real == NOBODY && effective == NOBODY && saved == NOBODY);
    WRONG(getresgid(&real, &effective, &saved) == 0);
    WRONG(real == NOBODY - 1 && effective == NOBODY - 1 && saved == NOBODY - 1);
    WRONG(getgroups(0, NULL) == 0);
    WRONG(refused(setuid(0), EPERM) && refused(setgid(0), EPERM) && refused(seteuid(0), EPERM));
    const struct sandbox_user root = {.uid = 0, .gid = 0};
    WRONG(sandbox_become(&root) == -EPERM);
    return 0;
}

static void becoming_another_user_is_for_good(void **state)
{
    (void)state;
    in_child(child_becomes_nobody, "only root can become another user");
}

static void users_are_found_by_name_and_by_number(void **state)
{
    static const char *const none[] = {
        "",           "no-such-user-here",
        "-1",         "4294967295",
        "4294967296", "1000000000000000000000000000000",
        "0x0",        "1.5",
        " 0",         "root ",
        "root:x",     "../root",
    };
    struct sandbox_user user = {.uid = 5, .gid = 5};

    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(sandbox_find_user(none[i], &user), -ERR_NAME);
    assert_int_equal(user.uid, 5); /* untouched */
    assert_int_equal(sandbox_find_user("root", &user), 0);
    assert_int_equal(user.uid, 0);
    assert_int_equal(user.gid, 0);
    assert_int_equal(sandbox_find_user("4294967294", &user), 0);
    assert_int_equal(user.uid, 4294967294);
    assert_int_equal(user.gid, 4294967294);
    assert_int_equal(sandbox_find_user("0", &user), 0);
    assert_int_equal(user.uid, 0);
    const struct passwd *games = getpwnam("games");
    if (games) { /* whose group is not its number */
        char number[32];
        uid_t uid = games->pw_uid;
        gid_t gid = games->pw_gid;
        snprintf(number, sizeof number, "%u", uid);
        assert_int_equal(sandbox_find_user(number, &user), 0);
        assert_int_equal(user.uid, uid);
        assert_int_equal(user.gid, gid);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_file_can_be_opened_made_or_run),
        cmocka_unit_test(pipes_sockets_memory_and_children_still_work),
        cmocka_unit_test(no_tcp_socket_can_be_bound_or_connected),
        cmocka_unit_test(no_process_outside_can_be_signalled),
        cmocka_unit_test(no_abstract_unix_socket_outside_can_be_reached),
        cmocka_unit_test(no_new_privileges_can_be_gained),
        cmocka_unit_test(an_ordinary_user_can_enter_too),
        cmocka_unit_test(becoming_another_user_is_for_good),
        cmocka_unit_test(users_are_found_by_name_and_by_number),
    };
    return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
