/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The subcommands. Each takes its own argument vector (argv[0] is its name), runs to its end and
 * returns the program's exit status (enum exit_status). */
#ifndef YODEL_CMD_CMD_H
#define YODEL_CMD_CMD_H

int cmd_call(int argc, char **argv);
int cmd_echo(int argc, char **argv);
int cmd_listen(int argc, char **argv);
int cmd_peers(int argc, char **argv);
int cmd_ping(int argc, char **argv);

#endif
