/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The key is made once, for its user alone, whole or not at all; what others have had their hands on is
 * refused, and every refusal says what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "chat/identity.h"

#define SKIPPED 99 /* exit status of a child that may not do what it tests */
#define SAMPLE                                                                                               \
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"        \
    "-----END PRIVATE KEY-----\n"
#define SAMPLE_ID "uhur-kycu-4bh2-zcm2-5hzh-kezm-3qd2-lw6e-5iwc-vu5b-77do-bust-napq"

static char root[64];
static char why[1024];

static int set_up(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/yodel-test-identity-XXXXXX");
    unsetenv("XDG_CONFIG_HOME");
    return mkdtemp(root) && setenv("HOME", root, 1) == 0 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
    (void)info, (void)flag, (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* A path below the root. Valid until the fourth call from now. */
static const char *in_root(const char *name)
{
    static char paths[4][128];
    static unsigned turn;
    char *path = paths[turn++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", root, name);
    return path;
}

static void put(const char *path, const char *text, size_t len, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}

static mode_t mode_of(const char *path)
{
    struct stat info;

    assert_int_equal(lstat(path, &info), 0);
    return info.st_mode;
}

static int count_files(const char *folder)
{
    DIR *entries = opendir(folder);
    int count = -2; /* itself and the one above */

    assert_non_null(entries);
    while (readdir(entries))
        count++;
    closedir(entries);
    return count;
}

/* Open what must be there or be made, and note whose it is. */
static void open_well(const char *path, struct id *id)
{
    struct key *key = NULL;

    snprintf(why, sizeof why, "untouched");
    int result = identity_open(&key, path, why, sizeof why);
    if (result)
        print_message("# %s\n", why);
    assert_int_equal(result, 0);
    assert_string_equal(why, "untouched");
    *id = *key_id(key);
    key_free(key);
}

static void refuse(const char *path, int error, const char *expected)
{
    struct key *key = NULL;

    assert_int_equal(identity_open(&key, path, why, sizeof why), error);
    assert_null(key);
    assert_string_equal(why, expected);
}

/* The sentence for a path: "PATH: ..." with PATH in place of each "@". */
static const char *about(const char *path, const char *text)
{
    static char sentence[1024];
    size_t len = (size_t)snprintf(sentence, sizeof sentence, "%s: ", path);

    for (; *text; text++)
        len += (size_t)snprintf(sentence + len, sizeof sentence - len, *text == '@' ? "%s" : "%.1s",
                                *text == '@' ? path : text);
    return sentence;
}

static void the_first_use_makes_a_key_and_every_other_loads_it(void **state)
{
    struct id first;
    struct id second;

    (void)state;
    open_well(NULL, &first);
    assert_int_equal(mode_of(in_root(".config/yodel/identity.pem")), S_IFREG | 0600);
    assert_int_equal(mode_of(in_root(".config/yodel")), S_IFDIR | 0700);
    assert_int_equal(mode_of(in_root(".config")), S_IFDIR | 0700);
    assert_int_equal(count_files(in_root(".config/yodel")), 1);
    open_well(NULL, &second);
    assert_true(id_equal(&first, &second));
    open_well(in_root(".config/yodel/identity.pem"), &second);
    assert_true(id_equal(&first, &second));
    assert_int_equal(setenv("XDG_CONFIG_HOME", in_root("xdg"), 1), 0);
    open_well(NULL, &second);
    assert_false(id_equal(&first, &second));
    assert_int_equal(mode_of(in_root("xdg/yodel/identity.pem")), S_IFREG | 0600);
}

static void a_named_file_is_made_where_it_is_named(void **state)
{
    struct id first;
    struct id second;
    char *here = getcwd(NULL, 0);

    (void)state;
    open_well(in_root("mine.pem"), &first);
    assert_int_equal(mode_of(in_root("mine.pem")), S_IFREG | 0600);
    assert_int_equal(count_files(root), 1);
    assert_int_equal(chdir(root), 0);
    open_well("mine.pem", &second);
    assert_true(id_equal(&first, &second));
    open_well("other.pem", &second);
    assert_false(id_equal(&first, &second));
    assert_int_equal(mode_of(in_root("other.pem")), S_IFREG | 0600);
    assert_int_equal(chdir(here), 0);
    free(here);
    refuse(in_root("no/mine.pem"), -ENOENT,
           about(in_root("no/mine.pem"),
                 "it cannot be made: no such file or directory (name another file with --identity FILE)"));
}

static void the_umask_does_not_matter(void **state)
{
    static const mode_t masks[] = {0, 022, 0777};
    char name[32];
    struct id id;

    (void)state;
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        snprintf(name, sizeof name, "%o.pem", (unsigned)masks[i]);
        mode_t before = umask(masks[i]);
        open_well(in_root(name), &id);
        umask(before);
        assert_int_equal(mode_of(in_root(name)), S_IFREG | 0600);
    }
}

static void a_key_of_another_program_is_taken(void **state)
{
    char text[ID_TEXT_MAX];
    struct id id;

    (void)state;
    put(in_root("key"), SAMPLE, strlen(SAMPLE), 0600);
    open_well(in_root("key"), &id);
    assert_string_equal(id_print(&id, text), SAMPLE_ID);
    assert_int_equal(chmod(in_root("key"), 0400), 0);
    open_well(in_root("key"), &id);
    assert_int_equal(symlink("key", in_root("link")), 0);
    open_well(in_root("link"), &id);
    assert_string_equal(id_print(&id, text), SAMPLE_ID);
}

static const struct {
    mode_t mode;
    const char *why; /* NULL: it is taken */
} modes[] = {
    {0600, NULL},
    {0400, NULL},
    {0700, NULL},
    {0640, "others can read it (chmod 600 @)"},
    {0604, "others can read it (chmod 600 @)"},
    {0644, "others can read it (chmod 600 @)"},
    {0610, "others can read it (chmod 600 @)"},
    {0620, "others can write it (chmod 600 @)"},
    {0602, "others can write it (chmod 600 @)"},
    {0666, "others can write it (chmod 600 @)"},
};

static void a_file_that_is_open_to_others_is_refused(void **state)
{
    struct id id;

    (void)state;
    put(in_root("key"), SAMPLE, strlen(SAMPLE), 0600);
    assert_int_equal(symlink("key", in_root("link")), 0);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(chmod(in_root("key"), modes[i].mode), 0);
        if (!modes[i].why) {
            open_well(in_root("key"), &id);
            open_well(in_root("link"), &id);
            continue;
        }
        refuse(in_root("key"), -ERR_NOT_OURS, about(in_root("key"), modes[i].why));
        refuse(in_root("link"), -ERR_NOT_OURS, about(in_root("link"), modes[i].why));
        assert_int_equal(mode_of(in_root("key")), S_IFREG | modes[i].mode);
    }
}

static void a_file_of_another_user_is_refused(void **state)
{
    (void)state;
    put(in_root("key"), SAMPLE, strlen(SAMPLE), 0600);
    if (chown(in_root("key"), 65534, 65534) < 0) {
        print_message("# skip: not root\n");
        skip();
    }
    char expected[64];
    snprintf(expected, sizeof expected, "it belongs to another user (chown %u @)", (unsigned)geteuid());
    refuse(in_root("key"), -ERR_NOT_OURS, about(in_root("key"), expected));
}

static void what_is_no_file_is_refused(void **state)
{
    static const char text[] = "not a regular file (name another one with --identity FILE)";
    struct key *key = NULL;

    (void)state;
    assert_int_equal(mkdir(in_root("folder"), 0700), 0);
    assert_int_equal(mkfifo(in_root("pipe"), 0600), 0);
    refuse(in_root("folder"), -ERR_NOT_OURS, about(in_root("folder"), text));
    refuse(in_root("pipe"), -ERR_NOT_OURS, about(in_root("pipe"), text));
    refuse("/dev/null", -ERR_NOT_OURS, about("/dev/null", text));
    assert_true(identity_open(&key, in_root("folder/"), why, sizeof why) < 0);
    assert_true(identity_open(&key, "", why, sizeof why) < 0);
    assert_int_equal(count_files(in_root("folder")), 0);
}

static void a_link_to_nothing_is_told(void **state)
{
    (void)state;
    assert_int_equal(symlink("nowhere", in_root("link")), 0);
    refuse(in_root("link"), -ENOENT,
           about(in_root("link"), "a symbolic link to a file that is not there (remove it)"));
    assert_int_equal(count_files(root), 1);
    assert_int_equal(symlink("loop", in_root("loop")), 0);
    refuse(in_root("loop"), -ELOOP,
           about(in_root("loop"), "it cannot be read: too many levels of symbolic links"));
}

static void what_is_no_key_is_refused_and_kept(void **state)
{
    static const char *const texts[] = {"", "hello\n", "-----BEGIN PRIVATE KEY-----\n"};
    struct stat before;
    struct stat after;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        put(in_root("key"), texts[i], strlen(texts[i]), 0600);
        assert_int_equal(stat(in_root("key"), &before), 0);
        refuse(in_root("key"), -ERR_KEY,
               about(in_root("key"),
                     "not an Ed25519 private key (bring it back from a copy, or move it away: "
                     "then a new one is made, and you are somebody else)"));
        assert_int_equal(stat(in_root("key"), &after), 0);
        assert_int_equal(after.st_ino, before.st_ino);
        assert_int_equal(after.st_size, strlen(texts[i]));
        assert_int_equal(unlink(in_root("key")), 0);
    }
}

static void a_huge_file_is_no_key(void **state)
{
    (void)state;
    put(in_root("key"), "x", 1, 0600);
    assert_int_equal(truncate(in_root("key"), (off_t)1 << 40), 0);
    struct key *key = NULL;
    assert_int_equal(identity_open(&key, in_root("key"), why, sizeof why), -ERR_KEY);
}

static void without_a_home_it_says_so(void **state)
{
    struct key *key = NULL;

    (void)state;
    assert_int_equal(setenv("HOME", in_root("gone"), 1), 0);
    assert_int_equal(identity_open(&key, NULL, why, sizeof why), -ENOENT);
    assert_non_null(strstr(why, "gone: there is no such home"));
    assert_null(key);
}

static void a_home_that_is_in_the_way_is_told(void **state)
{
    (void)state;
    put(in_root(".config"), "", 0, 0600);
    struct key *key = NULL;
    assert_int_equal(identity_open(&key, NULL, why, sizeof why), -ENOTDIR);
    assert_string_equal(
        why,
        about(in_root(".config/yodel/identity.pem"),
              "its folder cannot be made: not a directory (name a file elsewhere with --identity FILE)"));
}

/* Run test in a child, which returns 0, SKIPPED, or the line where it went wrong. */
static void in_child(int (*test)(void), const char *reason)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        alarm(20);
        _exit(test());
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
        print_message("# skip: %s\n", reason);
        skip();
    }
    assert_int_equal(status, 0);
}

/* On a file system of its own, which is mounted with these flags and options. */
static bool mount_own(const char *options, unsigned long flags)
{
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", root, "tmpfs", flags, options) == 0;
}

static int fill_and_open(void)
{
    static char bytes[4096];
    struct key *key = NULL;

    if (!mount_own("size=16k", 0))
        return SKIPPED;
    int fd = open(in_root("full"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    while (write(fd, bytes, sizeof bytes) > 0)
        ;
    close(fd);
    if (identity_open(&key, in_root("key"), why, sizeof why) != -ENOSPC || key)
        return 1;
    if (strcmp(
            why,
            about(in_root("key"),
                  "it cannot be made: no space left on device (name another file with --identity FILE)")) !=
        0)
        return 2;
    if (count_files(root) != 1)
        return 3;
    if (unlink(in_root("full")) < 0 || identity_open(&key, in_root("key"), why, sizeof why) != 0)
        return 4;
    return 0;
}

static void a_full_disk_leaves_nothing_behind(void **state)
{
    (void)state;
    in_child(fill_and_open, "no mount namespace");
}

static int open_read_only(void)
{
    struct key *key = NULL;

    if (!mount_own("", MS_RDONLY))
        return SKIPPED;
    if (identity_open(&key, in_root("key"), why, sizeof why) != -EROFS || key)
        return 1;
    if (strcmp(why,
               about(in_root("key"),
                     "it cannot be made: read-only file system (name another file with --identity FILE)")) !=
        0)
        return 2;
    if (identity_open(&key, NULL, why, sizeof why) != -EROFS)
        return 3;
    return !strstr(why, ".config/yodel/identity.pem: its folder cannot be made: read-only file system");
}

static void a_read_only_disk_is_told(void **state)
{
    (void)state;
    in_child(open_read_only, "no mount namespace");
}

/* A limit on the size of files is what a write that stops halfway looks like. */
static int open_limited(void)
{
    struct key *key = NULL;

    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &(struct rlimit){50, 50}) < 0)
        return SKIPPED;
    if (identity_open(&key, in_root("key"), why, sizeof why) != -EFBIG || key)
        return 1;
    return count_files(root) != 0;
}

static void half_a_key_is_no_file(void **state)
{
    (void)state;
    in_child(open_limited, "no limits");
}

static int open_as_nobody(void)
{
    struct key *key = NULL;

    if (geteuid() != 0 || chmod(root, 0755) < 0)
        return SKIPPED;
    put(in_root("key"), SAMPLE, strlen(SAMPLE), 0600);
    if (setgid(65534) < 0 || setuid(65534) < 0)
        return SKIPPED;
    if (identity_open(&key, in_root("key"), why, sizeof why) != -EACCES)
        return 1;
    if (strcmp(why, about(in_root("key"), "it cannot be read: permission denied")) != 0)
        return 2;
    if (identity_open(&key, in_root("new"), why, sizeof why) != -EACCES)
        return 3;
    return !strstr(why, "it cannot be made: permission denied");
}

static void a_folder_of_another_user_is_told(void **state)
{
    (void)state;
    in_child(open_as_nobody, "not root");
}

#define AT_ONCE 8

/* One of several that begin when the gate closes; says whom it got. */
static int open_at_gate(int gate, int out)
{
    struct key *key = NULL;
    char byte;

    (void)!read(gate, &byte, 1);
    if (identity_open(&key, NULL, why, sizeof why) != 0)
        return 1;
    return write(out, key_id(key), sizeof(struct id)) != sizeof(struct id);
}

static void race(void)
{
    struct id ids[AT_ONCE];
    int gate[2];
    int out[2];

    assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    for (int i = 0; i < AT_ONCE; i++) {
        if (fork() == 0) {
            alarm(20);
            close(gate[1]);
            _exit(open_at_gate(gate[0], out[1]));
        }
    }
    close(gate[0]);
    close(gate[1]);
    close(out[1]);
    for (int i = 0; i < AT_ONCE; i++) {
        assert_int_equal(read(out[0], &ids[i], sizeof ids[i]), sizeof ids[i]);
        assert_true(id_equal(&ids[i], &ids[0]));
    }
    close(out[0]);
    for (int i = 0; i < AT_ONCE; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    struct id stays;
    open_well(NULL, &stays);
    assert_true(id_equal(&stays, &ids[0]));
}

static void of_several_at_once_one_wins(void **state)
{
    char folder[96];

    (void)state;
    for (int i = 0; i < 8; i++) {
        snprintf(folder, sizeof folder, "%s/%d", root, i);
        assert_int_equal(setenv("XDG_CONFIG_HOME", folder, 1), 0);
        race();
        snprintf(folder, sizeof folder, "%s/%d/yodel", root, i);
        assert_int_equal(count_files(folder), 1);
    }
}

/* Some file systems have no files without a name. */
static bool all_have_names;

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);

int __wrap_open64(const char *path, int flags, ...)
{
    va_list args;

    va_start(args, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (all_have_names && (flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return __real_open64(path, flags, mode);
}

static void a_key_is_made_where_every_file_has_a_name(void **state)
{
    struct id first;
    struct id second;

    (void)state;
    all_have_names = true;
    open_well(in_root("key"), &first);
    assert_int_equal(mode_of(in_root("key")), S_IFREG | 0600);
    assert_int_equal(count_files(root), 1);
    open_well(in_root("key"), &second);
    assert_true(id_equal(&first, &second));
    race();
    assert_int_equal(count_files(in_root(".config/yodel")), 1);
    all_have_names = false;
}

static int open_limited_by_name(void)
{
    all_have_names = true;
    return open_limited();
}

static void half_a_key_is_no_file_there_either(void **state)
{
    (void)state;
    in_child(open_limited_by_name, "no limits");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_use_makes_a_key_and_every_other_loads_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_named_file_is_made_where_it_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_umask_does_not_matter, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_of_another_program_is_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_open_to_others_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_of_another_user_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_link_to_nothing_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_key_is_refused_and_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_huge_file_is_no_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_home_it_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_home_that_is_in_the_way_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_leaves_nothing_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_read_only_disk_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(half_a_key_is_no_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_of_another_user_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_several_at_once_one_wins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_is_made_where_every_file_has_a_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(half_a_key_is_no_file_there_either, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
