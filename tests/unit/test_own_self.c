/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The addresses of a machine that the test makes: a network namespace with interfaces of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lone.h"
#include "net/own.h"

#define PORT 4711
#define TEXT_MAX 1024

static bool usable;

static void run(const char *command)
{
    if (system(command) != 0)
        fail_msg("%s", command);
}

static struct addr bound_to(const char *host)
{
    struct place spec = {.port = 1};
    struct addr addr;

    snprintf(spec.host, sizeof spec.host, "%s", host);
    enum addr_family family = strcmp(host, "0.0.0.0") == 0 ? ADDR_IPV4 : ADDR_ANY;
    assert_int_equal(addr_resolve_listen(&spec, family, &addr, 1), 1);
    return addr;
}

/* What is told of a listener that is bound to host. */
static const char *places(const char *host, int max, char text[static TEXT_MAX])
{
    struct addr bound = bound_to(host), out[16];
    char one[ADDR_TEXT_MAX];
    int count = own_places(PORT, &bound, out, max);
    size_t len = 0;

    assert_in_range(count, 0, max);
    *text = '\0';
    for (int i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, TEXT_MAX - len, "%s%s", i ? " " : "", addr_print(&out[i], one));
    return text;
}

static void loopback_is_all_that_a_lone_machine_has(void **state)
{
    char text[TEXT_MAX];

    (void)state;
    if (!usable)
        skip();
    assert_string_equal(places("*", 16, text), "127.0.0.1:4711 [::1]:4711");
    assert_string_equal(places("0.0.0.0", 16, text), "127.0.0.1:4711");
    assert_string_equal(places("::", 16, text), "[::1]:4711");
}

static void interfaces_are_asked(void **state)
{
    char text[TEXT_MAX];

    (void)state;
    if (!usable)
        skip();
    run("ip link add wire type veth peer name far");
    run("ip link set wire up && ip link set far up");
    run("ip addr add 192.168.7.1/24 dev wire");
    run("ip addr add 9.9.9.1/24 dev wire");
    run("ip addr add 2a00:1::1/64 dev wire nodad");
    run("ip addr add 2a00:1::2/64 dev wire nodad preferred_lft 0"); /* deprecated */
    run("ip addr add fd00:1::1/64 dev far nodad");
    run("ip addr add 192.168.9.1/24 dev far");
    /* has an address, but is not connected to anything */
    run("ip link add idle type veth peer name nothing");
    run("ip link set idle up && ip addr add 192.168.8.1/24 dev idle");
    assert_string_equal(places("*", 16, text),
                        "[2a00:1::1]:4711 9.9.9.1:4711 192.168.9.1:4711 192.168.7.1:4711 "
                        "[fd00:1::1]:4711");
    assert_string_equal(places("*", 2, text), "[2a00:1::1]:4711 9.9.9.1:4711");
    assert_string_equal(places("*", 0, text), "");
    assert_string_equal(places("0.0.0.0", 16, text), "9.9.9.1:4711 192.168.9.1:4711 192.168.7.1:4711");
    assert_string_equal(places("::", 16, text), "[2a00:1::1]:4711 [fd00:1::1]:4711");
    /* the interface that the way into the world goes through */
    run("ip route add default via 192.168.7.77 dev wire src 192.168.7.1");
    assert_string_equal(places("0.0.0.0", 16, text), "9.9.9.1:4711 192.168.7.1:4711 192.168.9.1:4711");
    run("ip addr del 2a00:1::1/64 dev wire");
    assert_string_equal(places("::", 16, text), "[2a00:1::2]:4711 [fd00:1::1]:4711");
}

static void a_listener_on_one_address_has_that_one(void **state)
{
    char text[TEXT_MAX];

    (void)state;
    assert_string_equal(places("127.0.0.1", 16, text), "127.0.0.1:4711");
    assert_string_equal(places("127.0.0.2", 16, text), "127.0.0.2:4711");
    assert_string_equal(places("::1", 16, text), "[::1]:4711");
    assert_string_equal(places("192.0.2.7", 16, text), "192.0.2.7:4711");
    assert_string_equal(places("2a00::7", 16, text), "[2a00::7]:4711");
    assert_string_equal(places("fe80::7%1", 16, text), ""); /* means nothing elsewhere */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loopback_is_all_that_a_lone_machine_has),
        cmocka_unit_test(interfaces_are_asked),
        cmocka_unit_test(a_listener_on_one_address_has_that_one),
    };

    usable = lone_enter() && system("ip link add probe type veth peer name eborp 2>/dev/null") == 0 &&
             system("ip link del probe") == 0;
    if (!usable)
        print_message("# skip: no network namespaces, no IPv6 or no ip(8) here\n");
    return cmocka_run_group_tests_name("own_self", tests, NULL, NULL);
}
