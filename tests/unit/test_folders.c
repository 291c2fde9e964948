/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where files are kept: what the environment says of it, and making it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/folders.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static char root[] = "/tmp/yodel-test-folders-XXXXXX";

static int make_root(void **state)
{
    (void)state;
    return mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
    (void)info, (void)flag, (void)ftw;
    return remove(path);
}

static int remove_root(void **state)
{
    (void)state;
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void set(const char *name, const char *value)
{
    assert_int_equal(value ? setenv(name, value, 1) : unsetenv(name), 0);
}

static mode_t mode_of(const char *path)
{
    struct stat info;

    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

static void environment_says_where(void **state)
{
    static const struct {
        const char *home, *xdg, *config, *data;
    } cases[] = {
        {"/tmp", NULL, "/tmp/.config/yodel", "/tmp/.local/share/yodel"},
        {"/tmp/", NULL, "/tmp/.config/yodel", "/tmp/.local/share/yodel"},
        {"/", NULL, "/.config/yodel", "/.local/share/yodel"},
        {"/tmp", "/elsewhere", "/elsewhere/yodel", "/elsewhere/yodel"},
        {"/tmp", "/elsewhere//", "/elsewhere/yodel", "/elsewhere/yodel"},
        {"/tmp", "", "/tmp/.config/yodel", "/tmp/.local/share/yodel"},
        {"/tmp", "here", "/tmp/.config/yodel", "/tmp/.local/share/yodel"},
        {"/tmp", "./here", "/tmp/.config/yodel", "/tmp/.local/share/yodel"},
        {"/no/such/home", "/elsewhere", "/elsewhere/yodel", "/elsewhere/yodel"},
        {NULL, "/elsewhere", "/elsewhere/yodel", "/elsewhere/yodel"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char path[FOLDERS_PATH_MAX];
        set("HOME", cases[i].home);
        set("XDG_CONFIG_HOME", cases[i].xdg);
        set("XDG_DATA_HOME", cases[i].xdg);
        assert_int_equal(folders_config(path, sizeof path), 0);
        assert_string_equal(path, cases[i].config);
        assert_int_equal(folders_data(path, sizeof path), 0);
        assert_string_equal(path, cases[i].data);
    }
}

static void password_file_is_asked_without_home(void **state)
{
    static const char *const homes[] = {NULL, "", "relative"};
    const struct passwd *entry = getpwuid(geteuid());
    char path[FOLDERS_PATH_MAX], want[FOLDERS_PATH_MAX];

    (void)state;
    if (!entry || access(entry->pw_dir, F_OK)) {
        print_message("# skip: this user has no home\n");
        skip();
    }
    snprintf(want, sizeof want, "%s/.config/yodel", entry->pw_dir);
    set("XDG_CONFIG_HOME", NULL);
    for (size_t i = 0; i < COUNT(homes); i++) {
        set("HOME", homes[i]);
        assert_int_equal(folders_config(path, sizeof path), 0);
        assert_string_equal(path, want);
    }
}

static void home_that_is_not_there_is_told(void **state)
{
    char path[FOLDERS_PATH_MAX], why[256];

    (void)state;
    set("XDG_CONFIG_HOME", NULL);
    set("HOME", "/no/such/home");
    assert_int_equal(folders_config(path, sizeof path), -ENOENT);
    assert_string_equal(path, "/no/such/home");
    folders_explain(path, -ENOENT, why, sizeof why);
    assert_string_equal(
        why, "/no/such/home: there is no such home (set HOME to the folder where yodel may keep its files)");
    folders_explain("", -ENOENT, why, sizeof why);
    assert_string_equal(why, "this user has no home (set HOME to the folder where yodel may keep its files)");
    set("HOME", "/dev/null");
    assert_int_equal(folders_config(path, sizeof path), -ENOENT);
}

static void path_that_is_too_long_is_refused(void **state)
{
    char path[32];

    (void)state;
    set("XDG_DATA_HOME", "/a23456789012345678901234");
    assert_int_equal(folders_data(path, sizeof path), 0);
    assert_int_equal(strlen(path), 31);
    set("XDG_DATA_HOME", "/a234567890123456789012345");
    assert_int_equal(folders_data(path, sizeof path), -ENAMETOOLONG);
    assert_string_equal(path, "");
}

static void missing_folders_are_made_for_the_user_only(void **state)
{
    char path[256];

    (void)state;
    umask(0);
    snprintf(path, sizeof path, "%s/a/b//c", root);
    assert_int_equal(folders_make(path), 0);
    assert_int_equal(mode_of(path), 0700);
    snprintf(path, sizeof path, "%s/a", root);
    assert_int_equal(mode_of(path), 0700);
    assert_int_equal(chmod(path, 0755), 0);
    snprintf(path, sizeof path, "%s/a/d/", root);
    assert_int_equal(folders_make(path), 0);
    assert_int_equal(folders_make(path), 0);
    assert_int_equal(mode_of(path), 0700);
    snprintf(path, sizeof path, "%s/a", root);
    assert_int_equal(mode_of(path), 0755);
}

static void what_is_in_the_way_is_left_alone(void **state)
{
    char path[256];

    (void)state;
    snprintf(path, sizeof path, "%s/file", root);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(folders_make(path), -ENOTDIR);
    snprintf(path, sizeof path, "%s/file/below", root);
    assert_int_equal(folders_make(path), -ENOTDIR);
    snprintf(path, sizeof path, "%s/link", root);
    assert_int_equal(symlink("nowhere", path), 0);
    assert_int_equal(folders_make(path), -ENOTDIR);
    assert_int_equal(folders_make(""), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(environment_says_where),
        cmocka_unit_test(password_file_is_asked_without_home),
        cmocka_unit_test(home_that_is_not_there_is_told),
        cmocka_unit_test(path_that_is_too_long_is_refused),
        cmocka_unit_test(missing_folders_are_made_for_the_user_only),
        cmocka_unit_test(what_is_in_the_way_is_left_alone),
    };

    return cmocka_run_group_tests(tests, make_root, remove_root);
}
