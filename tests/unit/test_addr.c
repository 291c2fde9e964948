/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses as they are written, looked up and shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "net/addr.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* 255 and 256 times the same letter. */
#define A16 "aaaaaaaaaaaaaaaa"
#define A64 A16 A16 A16 A16
#define A255 A64 A64 A64 A16 A16 A16 "aaaaaaaaaaaaaaa"
#define A256 A255 "a"

struct parse_case {
    const char *text;
    int error;
    const char *host;
    uint16_t port;
};

static const struct parse_case listens[] = {
    {"*", 0, "*", 5188},
    {"*:80", 0, "*", 80},
    {":80", 0, "*", 80},
    {"80", 0, "*", 80},
    {"0", 0, "*", 0},
    {":0", 0, "*", 0},
    {"1", 0, "*", 1},
    {"65535", 0, "*", 65535},
    {"00080", 0, "*", 80},
    {"localhost", 0, "localhost", 5188},
    {"localhost:0", 0, "localhost", 0},
    {"localhost:65535", 0, "localhost", 65535},
    {"127.0.0.1", 0, "127.0.0.1", 5188},
    {"127.0.0.1:80", 0, "127.0.0.1", 80},
    {"[::1]", 0, "::1", 5188},
    {"[::1]:80", 0, "::1", 80},
    {"[::]:80", 0, "::", 80},
    {"[fe80::1%eth0]:80", 0, "fe80::1%eth0", 80},
    {"[fe80::1%2]", 0, "fe80::1%2", 5188},
    {"[::ffff:127.0.0.1]:80", 0, "::ffff:127.0.0.1", 80},
    {"a-b.example", 0, "a-b.example", 5188},
    {"m\xc3\xbcller.example:80", 0, "m\xc3\xbcller.example", 80},
    {A255, 0, A255, 5188},
    {A255 ":80", 0, A255, 80},
    {"65536", -ERR_PORT, NULL, 0},
    {"99999", -ERR_PORT, NULL, 0},
    {"100000", -ERR_PORT, NULL, 0},
    {"4294967376", -ERR_PORT, NULL, 0},
    {"1000000000000000000000000000000", -ERR_PORT, NULL, 0},
    {"*:65536", -ERR_PORT, NULL, 0},
    {"*:1000000000000000000000000000000", -ERR_PORT, NULL, 0},
    {"*:-1", -ERR_PORT, NULL, 0},
    {":-1", -ERR_PORT, NULL, 0},
    {":+1", -ERR_PORT, NULL, 0},
    {": 1", -ERR_PORT, NULL, 0},
    {":1 ", -ERR_PORT, NULL, 0},
    {":0x50", -ERR_PORT, NULL, 0},
    {":http", -ERR_PORT, NULL, 0},
    {":", -ERR_PORT, NULL, 0},
    {"*:", -ERR_PORT, NULL, 0},
    {"localhost:", -ERR_PORT, NULL, 0},
    {"[::1]:", -ERR_PORT, NULL, 0},
    {"[::1]:70000", -ERR_PORT, NULL, 0},
    {"::1", -ERR_BRACKETS, NULL, 0},
    {"::", -ERR_BRACKETS, NULL, 0},
    {"::1:80", -ERR_BRACKETS, NULL, 0},
    {"fe80::1%eth0", -ERR_BRACKETS, NULL, 0},
    {"a:80:80", -ERR_BRACKETS, NULL, 0},
    {"", -ERR_SYNTAX, NULL, 0},
    {"[", -ERR_SYNTAX, NULL, 0},
    {"[]", -ERR_SYNTAX, NULL, 0},
    {"[]:80", -ERR_SYNTAX, NULL, 0},
    {"[::1", -ERR_SYNTAX, NULL, 0},
    {"[::1]80", -ERR_SYNTAX, NULL, 0},
    {"[::1]]:80", -ERR_SYNTAX, NULL, 0},
    {"[[::1]]:80", -ERR_SYNTAX, NULL, 0},
    {"[*]:80", -ERR_SYNTAX, NULL, 0},
    {"[localhost]:80", -ERR_SYNTAX, NULL, 0},
    {"[127.0.0.1]:80", -ERR_SYNTAX, NULL, 0},
    {"[::1%]:80", -ERR_SYNTAX, NULL, 0},
    {"[:::]:80", -ERR_SYNTAX, NULL, 0},
    {" ", -ERR_SYNTAX, NULL, 0},
    {"local host", -ERR_SYNTAX, NULL, 0},
    {" localhost:80", -ERR_SYNTAX, NULL, 0},
    {"local\nhost", -ERR_SYNTAX, NULL, 0},
    {"\033[2J", -ERR_SYNTAX, NULL, 0},
    {"a\x7f", -ERR_SYNTAX, NULL, 0},
    {A256, -ERR_SYNTAX, NULL, 0},
    {A256 ":80", -ERR_SYNTAX, NULL, 0},
    {"[" A256 "]", -ERR_SYNTAX, NULL, 0},
    {"[::1%" A256 "]", -ERR_SYNTAX, NULL, 0},
};

static const struct parse_case dials[] = {
    {"localhost", 0, "localhost", 5188},
    {"localhost:80", 0, "localhost", 80},
    {"localhost:1", 0, "localhost", 1},
    {"localhost:65535", 0, "localhost", 65535},
    {"127.0.0.1:80", 0, "127.0.0.1", 80},
    {"::1", 0, "::1", 5188},
    {"::", 0, "::", 5188},
    {"::1:80", 0, "::1:80", 5188}, /* that is an IPv6 address */
    {"fe80::1%lo", 0, "fe80::1%lo", 5188},
    {"[fe80::1%lo]:80", 0, "fe80::1%lo", 80},
    {"[::1]:80", 0, "::1", 80},
    {"[::1]", 0, "::1", 5188},
    {A255 ":80", 0, A255, 80},
    {"5188", -ERR_BARE_PORT, NULL, 0},
    {"0", -ERR_BARE_PORT, NULL, 0},
    {"1000000000000000000000000000000", -ERR_BARE_PORT, NULL, 0},
    {":5188", -ERR_BARE_PORT, NULL, 0},
    {"localhost:0", -ERR_PORT, NULL, 0},
    {"localhost:00000", -ERR_PORT, NULL, 0},
    {"[::1]:0", -ERR_PORT, NULL, 0},
    {"localhost:65536", -ERR_PORT, NULL, 0},
    {"localhost:-1", -ERR_PORT, NULL, 0},
    {"localhost:", -ERR_PORT, NULL, 0},
    {"localhost:echo", -ERR_PORT, NULL, 0},
    {"a::80", 0, "a::80", 5188}, /* and so is this */
    {"x::80", -ERR_BRACKETS, NULL, 0},
    {"a:80:80", -ERR_BRACKETS, NULL, 0},
    {"[localhost]:80", -ERR_SYNTAX, NULL, 0},
    {"", -ERR_SYNTAX, NULL, 0},
    {":", -ERR_SYNTAX, NULL, 0},
    {"*", -ERR_SYNTAX, NULL, 0},
    {"*:80", -ERR_SYNTAX, NULL, 0},
    {"[]:80", -ERR_SYNTAX, NULL, 0},
    {"local host", -ERR_SYNTAX, NULL, 0},
    {"::1 ", -ERR_BRACKETS, NULL, 0},
    {"fe80::1%l o", -ERR_SYNTAX, NULL, 0},
    {A256, -ERR_SYNTAX, NULL, 0},
    {"::1%" A256, -ERR_SYNTAX, NULL, 0},
};

static void check_parse(const struct parse_case *cases, size_t count,
                        int (*parse)(const char *, uint16_t, struct place *))
{
    for (const struct parse_case *c = cases; c < cases + count; c++) {
        struct place spec = {.host = "untouched"};
        int error = parse(c->text, ADDR_PORT_DEFAULT, &spec);
        if (error != c->error)
            fail_msg("'%s': %d (%s), not %d (%s)", c->text, error, err_text(error), c->error,
                     err_text(c->error));
        if (error == 0 && (strcmp(spec.host, c->host) != 0 || spec.port != c->port))
            fail_msg("'%s': host '%s' port %u, not '%s' %u", c->text, spec.host, spec.port, c->host, c->port);
    }
}

static void addresses_to_listen_on_are_parsed(void **state)
{
    (void)state;
    check_parse(listens, COUNT(listens), addr_parse_listen);
}

static void hosts_to_reach_are_parsed(void **state)
{
    (void)state;
    check_parse(dials, COUNT(dials), addr_parse_dial);
}

static struct addr numeric(const char *host, uint16_t port)
{
    struct place spec = {.port = port};
    struct addr addr;

    snprintf(spec.host, sizeof spec.host, "%s", host);
    assert_int_equal(addr_resolve_dial(&spec, ADDR_ANY, &addr, 1), 1);
    return addr;
}

static void addresses_are_shown_as_they_are_written(void **state)
{
    static const struct {
        const char *host;
        const char *host_shown;
        const char *shown;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1", "127.0.0.1:7"},
        {"0.0.0.0", "0.0.0.0", "0.0.0.0:7"},
        {"255.255.255.255", "255.255.255.255", "255.255.255.255:7"},
        {"::1", "::1", "[::1]:7"},
        {"::", "::", "[::]:7"},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1", "[2001:db8::1]:7"},
        {"2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff",
         "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:7"},
        {"::ffff:10.1.2.3", "10.1.2.3", "10.1.2.3:7"},
        {"fe80::1%lo", "fe80::1%lo", "[fe80::1%lo]:7"},
        {"fe80::1%4294967295", "fe80::1%4294967295", "[fe80::1%4294967295]:7"},
    };
    char text[ADDR_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct addr addr = numeric(cases[i].host, 7);
        assert_string_equal(addr_print_host(&addr, text), cases[i].host_shown);
        assert_string_equal(addr_print(&addr, text), cases[i].shown);
        assert_int_equal(addr_port(&addr), 7);
    }
}

static void the_longest_address_fits(void **state)
{
    char text[ADDR_TEXT_MAX];
    struct addr addr = numeric("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", 65535);

    (void)state;
    addr.sa.v6.sin6_scope_id = UINT32_MAX;
    assert_string_equal(addr_print(&addr, text), "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff%4294967295]:65535");
}

static void an_ipv4_client_of_an_ipv6_socket_is_the_same_host(void **state)
{
    struct addr plain = numeric("10.1.2.3", 7);
    struct addr mapped = numeric("::ffff:10.1.2.3", 7);
    struct addr other_port = numeric("10.1.2.3", 8);
    struct addr other_host = numeric("10.1.2.4", 7);
    struct in6_addr a, b;
    char text[ADDR_TEXT_MAX];

    (void)state;
    assert_true(addr_equal(&plain, &mapped));
    assert_false(addr_equal(&plain, &other_port));
    assert_false(addr_equal(&plain, &other_host));
    addr_host(&plain, &a);
    addr_host(&mapped, &b);
    assert_memory_equal(&a, &b, sizeof a);
    assert_string_equal(addr_print_host16(&a, text), "10.1.2.3");
}

static void the_scope_tells_link_local_hosts_apart(void **state)
{
    struct addr one = numeric("fe80::1%1", 7);
    struct addr two = numeric("fe80::1%2", 7);

    (void)state;
    assert_true(addr_equal(&one, &one));
    assert_false(addr_equal(&one, &two));
}

static void a_star_is_one_dual_stack_address_unless_a_family_is_named(void **state)
{
    struct place spec = {.host = "*", .port = 7};
    struct addr addr;
    char text[ADDR_TEXT_MAX];

    (void)state;
    assert_int_equal(addr_resolve_listen(&spec, ADDR_IPV4, &addr, 1), 1);
    assert_false(addr.dual);
    assert_string_equal(addr_print(&addr, text), "0.0.0.0:7");
    if (addr_resolve_listen(&spec, ADDR_IPV6, &addr, 1) == -EAFNOSUPPORT) {
        assert_int_equal(addr_resolve_listen(&spec, ADDR_ANY, &addr, 1), 1);
        assert_string_equal(addr_print(&addr, text), "0.0.0.0:7");
        return;
    }
    assert_false(addr.dual);
    assert_string_equal(addr_print(&addr, text), "[::]:7");
    assert_int_equal(addr_resolve_listen(&spec, ADDR_ANY, &addr, 1), 1);
    assert_true(addr.dual);
    assert_string_equal(addr_print(&addr, text), "*:7");
}

static void a_family_that_the_address_is_not_of_is_no_such_host(void **state)
{
    struct place v4 = {.host = "127.0.0.1", .port = 7};
    struct place v6 = {.host = "::1", .port = 7};
    struct addr addr;

    (void)state;
    assert_int_equal(addr_resolve_dial(&v4, ADDR_IPV6, &addr, 1), -ERR_NAME);
    assert_int_equal(addr_resolve_listen(&v6, ADDR_IPV4, &addr, 1), -ERR_NAME);
    assert_int_equal(addr_resolve_dial(&v4, ADDR_IPV4, &addr, 1), 1);
}

static void write_hosts(const char *path)
{
    static const char lines[] = "127.0.0.1 localhost twice.test\n127.0.0.1 localhost\n::1 localhost\n"
                                "10.0.0.1 many.test\n10.0.0.2 many.test\n10.0.0.3 many.test\n"
                                "2001:db8::1 many.test\n2001:db8::2 many.test\n";
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    if (fd < 0 || write(fd, lines, sizeof lines - 1) != sizeof lines - 1)
        _exit(90);
    close(fd);
}

/* Run test in a child that has an /etc/hosts of its own. Returns its exit status, or -1 if that is
 * not allowed here. */
static int with_hosts(int (*test)(void))
{
    char path[] = "/tmp/yodel-hosts-XXXXXX";
    int status = 0;

    close(mkstemp(path));
    pid_t child = fork();
    if (child == 0) {
        write_hosts(path);
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount(path, "/etc/hosts", NULL, MS_BIND, NULL) < 0)
            _exit(91);
        _exit(test());
    }
    waitpid(child, &status, 0);
    unlink(path);
    return WIFEXITED(status) && WEXITSTATUS(status) == 91 ? -1 : status;
}

#define WRONG(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                          \
            return 1;                                                                                        \
        }                                                                                                    \
    } while (0)

/* The C library repeats an address that /etc/hosts repeats, and for IPv4 makes 127.0.0.1 of ::1. */
static int look_up_localhost(void)
{
    struct place spec = {.host = "localhost", .port = 7};
    struct addr addrs[8];
    char text[ADDR_TEXT_MAX];

    WRONG(addr_resolve_listen(&spec, ADDR_IPV4, addrs, 8) == 1);
    WRONG(strcmp(addr_print(&addrs[0], text), "127.0.0.1:7") == 0);
    WRONG(addr_resolve_listen(&spec, ADDR_ANY, addrs, 8) == 2);
    WRONG(!addr_equal(&addrs[0], &addrs[1]));
    return 0;
}

static int look_up_many(void)
{
    struct place spec = {.host = "many.test", .port = 7};
    struct addr addrs[8];

    WRONG(addr_resolve_dial(&spec, ADDR_ANY, addrs, 8) == 5);
    for (int i = 1; i < 4; i++)
        WRONG(addrs[i].sa.any.sa_family != addrs[i - 1].sa.any.sa_family);
    WRONG(addrs[4].sa.any.sa_family == AF_INET);
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < i; j++)
            WRONG(!addr_equal(&addrs[i], &addrs[j]));
    WRONG(addr_resolve_dial(&spec, ADDR_ANY, addrs, 2) == 2);
    WRONG(addrs[0].sa.any.sa_family != addrs[1].sa.any.sa_family); /* however many of one family come first */
    WRONG(addr_resolve_dial(&spec, ADDR_IPV4, addrs, 8) == 3);
    WRONG(addr_resolve_dial(&spec, ADDR_IPV6, addrs, 8) == 2);
    return 0;
}

static void check_with_hosts(int (*test)(void))
{
    int status = with_hosts(test);

    if (status < 0) {
        print_message("# skip: an /etc/hosts of one's own needs a mount namespace\n");
        skip();
    }
    assert_int_equal(status, 0);
}

static void an_address_is_listened_on_once_however_often_hosts_names_it(void **state)
{
    (void)state;
    check_with_hosts(look_up_localhost);
}

static void families_alternate_and_the_bound_is_kept(void **state)
{
    (void)state;
    check_with_hosts(look_up_many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_to_listen_on_are_parsed),
        cmocka_unit_test(hosts_to_reach_are_parsed),
        cmocka_unit_test(addresses_are_shown_as_they_are_written),
        cmocka_unit_test(the_longest_address_fits),
        cmocka_unit_test(an_ipv4_client_of_an_ipv6_socket_is_the_same_host),
        cmocka_unit_test(the_scope_tells_link_local_hosts_apart),
        cmocka_unit_test(a_star_is_one_dual_stack_address_unless_a_family_is_named),
        cmocka_unit_test(a_family_that_the_address_is_not_of_is_no_such_host),
        cmocka_unit_test(an_address_is_listened_on_once_however_often_hosts_names_it),
        cmocka_unit_test(families_alternate_and_the_bound_is_kept),
    };
    return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
