/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the subcommands' option parsing has in common: how a wrong option is told. */
#ifndef YODEL_CMD_OPTION_H
#define YODEL_CMD_OPTION_H

#include <getopt.h>
#include <stdint.h>

#include "net/addr.h"

/* getopt_long() that complains the way of this program. Returns the option, -1 at the end of the options, or '?'
 * after it has said what is wrong (the caller then returns EXIT_USAGE). shorts begins without ':'
 * or '+'; options and operands may be mixed. */
int option_next(int argc, char **argv, const char *shorts, const struct option *longs);

/* Parse the value of an option. name is how the user knows it, with dashes: "--workers". Each returns 0, or EXIT_USAGE after it
 * has said what is wrong and what is allowed. */
int option_duration(const char *command, const char *name, const char *text, int64_t min_ns, int64_t *ns);
int option_size(const char *command, const char *name, const char *text, int64_t min, int64_t max,
                int64_t *bytes);
int option_count(const char *command, const char *name, const char *text, int64_t min, int64_t max,
                 int64_t *count);

/* Parse a HOST[:PORT] operand; port is the value of -p, or NULL. Returns 0, or EXIT_USAGE after it has said what is wrong. */
int option_dial(const char *command, const char *text, const char *port, struct place *spec);

/* Parse an ADDRESS operand and look it up. Fills at most max addresses and returns how many (1 to max), or the negative of an exit
 * status after it has said what is wrong: -EXIT_USAGE, or -EXIT_SYSTEM if the name is not known. */
int option_listen(const char *command, const char *text, enum addr_family family, struct addr *addrs,
                  int max);

/* Say that there is an operand too many. A number behind a host is a port that other programs take like this. */
void option_too_many(const char *command, const char *what, const char *first, const char *second);

/* A standard descriptor that is closed would be the next socket, and what is said would go to the peer. What takes its
 * place here can be neither read nor written, nor opened anew for it. To be called before anything is opened. */
void option_hold_standard_descriptors(void);

#endif
