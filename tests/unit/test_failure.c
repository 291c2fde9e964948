/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Why a peer cannot be reached, in one line that says what was tried and what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "cmd/failure.h"

static const struct failure_hints hints = {.timeout = "--timeout says how long", .addresses = ", -v tells"};

static const struct {
    const char *host;
    enum addr_family family;
    int addresses; /* that were found; 0: the lookup failed */
    int error;
    bool expired;
    const char *said, *said_without_hints;
} cases[] = {
    {"box", ADDR_ANY, 0, -ERR_NAME, false, "box: no such host", "box: no such host"},
    {"box", ADDR_IPV4, 0, -ERR_NAME, false, "box: no IPv4 address of that name",
     "box: no IPv4 address of that name"},
    {"box", ADDR_IPV6, 0, -ERR_NAME, false, "box: no IPv6 address of that name",
     "box: no IPv6 address of that name"},
    {"box", ADDR_IPV6, 0, -ERR_RESOLVER, false, "box: the name could not be looked up",
     "box: the name could not be looked up"},
    {"box", ADDR_ANY, 0, -ERR_TIMEOUT, true, "look up box: timed out (--timeout says how long)",
     "look up box: timed out"},
    {"box", ADDR_ANY, 0, -EINTR, false, "look up box: interrupted", "look up box: interrupted"},
    {"::1", ADDR_ANY, 0, -EMFILE, false, "look up ::1: too many open files",
     "look up ::1: too many open files"},
    {"box", ADDR_ANY, 1, -ECONNREFUSED, false, "connect box:7: connection refused (nothing listens there)",
     "connect box:7: connection refused (nothing listens there)"},
    {"box", ADDR_ANY, 2, -ECONNREFUSED, true,
     "connect box:7: connection refused (nothing listens there; 2 addresses tried, -v tells)",
     "connect box:7: connection refused (nothing listens there)"},
    {"::1", ADDR_ANY, 1, -ERR_SELF, false, "connect [::1]:7: connected to itself (nothing listens there)",
     "connect [::1]:7: connected to itself (nothing listens there)"},
    {"box", ADDR_ANY, 1, -ERR_TIMEOUT, true, "connect box:7: timed out (--timeout says how long)",
     "connect box:7: timed out"},
    {"box", ADDR_ANY, 3, -ERR_TIMEOUT, true,
     "connect box:7: timed out (--timeout says how long; 3 addresses tried, -v tells)",
     "connect box:7: timed out"},
    {"box", ADDR_ANY, 1, -ERR_TIMEOUT, false, "connect box:7: timed out",
     "connect box:7: timed out"}, /* the system's patience, not ours */
    {"box", ADDR_ANY, 1, -EHOSTUNREACH, false, "connect box:7: no route to host",
     "connect box:7: no route to host"},
    {"192.0.2.1", ADDR_ANY, 1, -ENETUNREACH, false, "connect 192.0.2.1:7: network is unreachable",
     "connect 192.0.2.1:7: network is unreachable"},
    {"box", ADDR_IPV4, 2, -ENETUNREACH, false,
     "connect box:7: network is unreachable (2 addresses tried, -v tells)",
     "connect box:7: network is unreachable"},
    {"box", ADDR_ANY, 2, -EINTR, false, "connect box:7: interrupted (2 addresses tried, -v tells)",
     "connect box:7: interrupted"},
};

static struct reach failed(const char *host, enum addr_family family, int addresses, int error, bool expired)
{
    struct reach reach = {.plan = {.spec.port = 7, .family = family},
                          .state = REACH_OVER,
                          .error = error,
                          .expired = expired,
                          .dial.count = addresses};

    snprintf(reach.plan.spec.host, sizeof reach.plan.spec.host, "%s", host);
    return reach;
}

static void every_failure_has_its_words(void **state)
{
    const struct failure_hints none = {0};
    char text[FAILURE_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct reach reach =
            failed(cases[i].host, cases[i].family, cases[i].addresses, cases[i].error, cases[i].expired);
        assert_string_equal(failure_print(&reach, cases[i].error, &hints, text), cases[i].said);
        assert_string_equal(failure_print(&reach, cases[i].error, &none, text), cases[i].said_without_hints);
    }
}

static void the_longest_host_comes_out_whole(void **state)
{
    char host[PLACE_HOST_MAX], text[FAILURE_MAX], expected[FAILURE_MAX];

    (void)state;
    memset(host, 'x', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    host[1] = ':';
    struct reach reach = failed(host, ADDR_ANY, 16, -ERR_TIMEOUT, true);
    reach.plan.spec.port = 65535;
    snprintf(expected, sizeof expected,
             "connect [%s]:65535: timed out (--timeout says how long; 16 addresses tried, -v tells)", host);
    assert_string_equal(failure_print(&reach, -ERR_TIMEOUT, &hints, text), expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failure_has_its_words),
        cmocka_unit_test(the_longest_host_comes_out_whole),
    };
    return cmocka_run_group_tests_name("failure", tests, NULL, NULL);
}
