/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/option.h"

#include <string.h>

#include "base/err.h"
#include "base/units.h"

int option_next(int argc, char **argv, const char *shorts, const struct option *longs)
{
    char spec[64] = ":";

    strncat(spec, shorts, sizeof spec - 2);
    opterr = 0;
    int option = getopt_long(argc, argv, spec, longs, NULL);
    if (option != '?' && option != ':')
        return option;

    const char *word = argv[optind - 1];
    char letter[3] = {'-', (char)optopt, '\0'};
    if (option == ':')
        err_say("%s: %s: needs a value (see 'yodel %s --help')", argv[0],
                strncmp(word, "--", 2) == 0 ? word : letter, argv[0]);
    else if (strncmp(word, "--", 2) != 0 || (optopt > ' ' && optopt < 0x7f && !strchr(word, '=')))
        err_say("%s: %s: no such option (see 'yodel %s --help')", argv[0], letter, argv[0]);
    else if (optopt && strchr(word, '='))
        err_say("%s: %.*s: takes no value (see 'yodel %s --help')", argv[0], (int)strcspn(word, "="), word,
                argv[0]);
    else
        err_say("%s: %s: no such option (see 'yodel %s --help')", argv[0], word, argv[0]);
    return '?';
}

int option_duration(const char *command, const char *name, const char *text, int64_t min_ns, int64_t *ns)
{
    char least[32];
    int error = units_duration(text, ns);

    if (error == -ERR_SYNTAX)
        err_say("%s: %s %s: not a duration (write 20ms, 1.5s, 2m or 1h; without a unit it is seconds)",
                command, name, text);
    else if (error)
        err_say("%s: %s %s: too long", command, name, text);
    else if (*ns < min_ns)
        err_say("%s: %s %s: too short (at least %s)", command, name, text,
                units_print_duration(min_ns, least));
    else
        return 0;
    return EXIT_USAGE;
}

static int whole_number(const char *command, const char *name, const char *text, int64_t min, int64_t max,
                        int error, const char *syntax)
{
    if (!error)
        return 0;
    if (error == -ERR_RANGE)
        err_say("%s: %s %s: out of range (%lld to %lld)", command, name, text, (long long)min,
                (long long)max);
    else
        err_say("%s: %s %s: %s", command, name, text, syntax);
    return EXIT_USAGE;
}

int option_size(const char *command, const char *name, const char *text, int64_t min, int64_t max,
                int64_t *bytes)
{
    return whole_number(command, name, text, min, max, units_size(text, min, max, bytes),
                        "not a size (write 512, 16k or 16Ki)");
}

int option_count(const char *command, const char *name, const char *text, int64_t min, int64_t max,
                 int64_t *count)
{
    return whole_number(command, name, text, min, max, units_count(text, min, max, count),
                        "not a whole number");
}

int option_dial(const char *command, const char *text, const char *port, enum addr_family family,
                struct addr_spec *spec, struct addr *addrs, int max)
{
    int64_t number = 0;
    int error = addr_parse_dial(text, ADDR_PORT_DEFAULT, spec);

    if (error == -ERR_BARE_PORT) {
        const char *digits = text + strspn(text, ":");
        err_say("%s: %s: %s (did you mean localhost:%s?)", command, text, err_text(error), digits);
    } else if (error == -ERR_PORT) {
        err_say("%s: %s: the port must be 1 to 65535", command, text);
    } else if (error) {
        err_say("%s: %s: not an address (write HOST, HOST:PORT or [IPV6]:PORT)", command, text);
    }
    if (error)
        return -EXIT_USAGE;
    if (port) {
        if (option_count(command, "-p", port, 1, UINT16_MAX, &number))
            return -EXIT_USAGE;
        spec->port = (uint16_t)number;
    }
    int count = addr_resolve_dial(spec, family, addrs, max);
    if (count > 0)
        return count;
    if (count == -ERR_NAME && family != ADDR_ANY)
        err_say("%s: %s: no %s address of that name", command, spec->host,
                family == ADDR_IPV4 ? "IPv4" : "IPv6");
    else
        err_say("%s: %s: %s", command, spec->host, err_text(count));
    return -EXIT_NO_CONNECTION;
}
