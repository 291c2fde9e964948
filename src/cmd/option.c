/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/option.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/units.h"

#define NAMES_MAX 256

/* Whether word is the long option, or an abbreviation of it, perhaps with "=VALUE". */
static bool abbreviates(const char *word, const struct option *option)
{
    return strncmp(word, "--", 2) == 0 && strncmp(word + 2, option->name, strcspn(word + 2, "=")) == 0;
}

/* Whether word abbreviates a long option whose value is val. */
static bool stands_for(const char *word, const struct option *longs, int val)
{
    for (; longs->name; longs++)
        if (longs->val == val && abbreviates(word, longs))
            return true;
    return false;
}

/* The long options that word abbreviates, if they are several. Returns names, which is empty otherwise. */
static const char *candidates(const char *word, const struct option *longs, char names[static NAMES_MAX])
{
    size_t len = 0;
    int count = 0;

    for (; longs->name; longs++)
        if (abbreviates(word, longs) && len < NAMES_MAX)
            len += (size_t)snprintf(names + len, NAMES_MAX - len, "%s--%s", count++ ? ", " : "", longs->name);
    if (count < 2)
        *names = '\0';
    return names;
}

/* getopt_long() tells a letter by optopt; a long option that takes no value or lacks one by the val in optopt; an
 * unknown or ambiguous one by 0. The word is then the last that it passed, which for a letter with others
 * behind it is the one before. */
static void complain(char **argv, const struct option *longs, bool lacks_value)
{
    const char *word = argv[optind - 1];
    const char letter[] = {'-', (char)optopt, '\0'};
    char names[NAMES_MAX];
    bool known = optopt && stands_for(word, longs, optopt);
    const char *why = lacks_value ? "needs a value" : known ? "takes no value" : "no such option";
    const char *which = known || optopt == 0 ? word : letter;
    const char *several = optopt ? "" : candidates(word, longs, names);

    size_t len = which == word ? strcspn(word, "=") : strlen(letter);
    err_say("%s: %.*s: %s%s (see 'yodel %s --help')", argv[0], (int)len, which,
            *several ? "ambiguous: " : why, several, argv[0]);
}

int option_next(int argc, char **argv, const char *shorts, const struct option *longs)
{
    char spec[64] = ":";

    strncat(spec, shorts, sizeof spec - 2);
    opterr = 0;
    int option = getopt_long(argc, argv, spec, longs, NULL);
    if (option != '?' && option != ':')
        return option;
    complain(argv, longs, option == ':');
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

int option_dial(const char *command, const char *text, const char *port, struct place *spec)
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
        return EXIT_USAGE;
    if (port) {
        if (option_count(command, "-p", port, 1, UINT16_MAX, &number))
            return EXIT_USAGE;
        spec->port = (uint16_t)number;
    }
    return 0;
}

int option_listen(const char *command, const char *text, enum addr_family family, struct addr *addrs, int max)
{
    struct place spec;
    int error = addr_parse_listen(text, ADDR_PORT_DEFAULT, &spec);

    if (error == -ERR_BRACKETS)
        err_say("%s: %s: an IPv6 address stands in brackets (write [%s] or [%s]:%d)", command, text, text,
                text, ADDR_PORT_DEFAULT);
    else if (error == -ERR_PORT)
        err_say("%s: %s: %s", command, text, err_text(error));
    else if (error)
        err_say("%s: %s: not an address (write HOST, HOST:PORT, [IPV6]:PORT, *:PORT or PORT)", command, text);
    if (error)
        return -EXIT_USAGE;
    int count = addr_resolve_listen(&spec, family, addrs, max);
    if (count > 0)
        return count;
    if (count == -ERR_NAME && family != ADDR_ANY)
        err_say("%s: %s: no %s address of that name", command, spec.host,
                family == ADDR_IPV4 ? "IPv4" : "IPv6");
    else
        err_say("%s: %s: %s", command, spec.host, err_text(count));
    return -EXIT_SYSTEM;
}

void option_hold_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            open("/", O_PATH);
}

void option_too_many(const char *command, const char *what, const char *first, const char *second)
{
    if (second[strspn(second, "0123456789")] == '\0')
        err_say("%s: %s: one %s at a time (did you mean %s:%s?)", command, second, what, first, second);
    else
        err_say("%s: %s: one %s at a time (see 'yodel %s --help')", command, second, what, command);
}
