/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "cmd/cmd.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} commands[] = {
    {"listen", cmd_listen, "wait for the one peer, and talk"},
    {"call", cmd_call, "reach the one peer, and talk"},
    {"peers", cmd_peers, "whom you know: list, rename, verify, block, forget"},
    {"echo", cmd_echo, "echo service: sends back whatever its clients send"},
    {"ping", cmd_ping, "connect time and round trips against an echo service"},
};

#define COMMANDS (sizeof commands / sizeof *commands)

static int usage(FILE *out)
{
    fputs("yodel calls across the valley: talk in private; TCP echo service and probe.\n\n"
          "  yodel listen                  print a ticket to hand over; talk with who calls\n"
          "  yodel call                    ask for the ticket, and talk\n"
          "  yodel echo                    answer on port 5188, IPv6 and IPv4\n"
          "  yodel ping localhost          measure the way to it\n\n"
          "Commands:\n",
          out);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-6s %s\n", commands[i].name, commands[i].what);
    fputs("\nyodel COMMAND --help tells more, and so does man yodel.\n"
          "-V, --version   the version\n",
          out);
    return out == stdout ? EXIT_DONE : EXIT_USAGE;
}

static int version(void)
{
    puts("yodel " YODEL_VERSION);
    return EXIT_DONE;
}

static int run(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";

    if (!*word)
        return usage(stderr);
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || (strcmp(word, "help") == 0 && argc == 2))
        return usage(stdout);
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
        return version();
    if (strcmp(word, "help") == 0) {
        char help[] = "--help";
        char *request[] = {argv[2], help, NULL};
        for (size_t i = 0; i < COMMANDS; i++)
            if (strcmp(argv[2], commands[i].name) == 0)
                return commands[i].run(2, request);
        word = argv[2];
    }
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(word, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    err_say("%s: no such command (see 'yodel --help')", word);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    int status = run(argc, argv);

    if (fflush(stdout) == EOF || ferror(stdout)) {
        err_say("standard output: %s", err_text(errno));
        return EXIT_SYSTEM;
    }
    return status;
}
