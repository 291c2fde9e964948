/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the terminal was found, and that it is left so, however the process ends. There is one terminal of a process, and a signal
 * finds it in a global variable. */
#ifndef YODEL_TERM_MODES_H
#define YODEL_TERM_MODES_H

#include <stdbool.h>

/* Remember the modes of standard input, a terminal, and restore them at exit() and when a signal ends the process, as long as
 * that can be caught and the caller does not catch it itself. Returns 0 or -errno. */
int modes_keep(void);

/* No longer: they have been restored. */
void modes_forget(void);

/* Make the keys that are signals keys like others: typed in a row they would become one signal, and the script around us
 * would get it too. */
void modes_take_signal_keys(void);

/* Whether byte was such a key: which is VINTR, VSUSP or VQUIT. */
bool modes_is_key(char byte, int which);

#endif
