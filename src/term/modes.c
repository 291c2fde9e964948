/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "term/modes.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

/* Bracketed paste (xterm), which the line editor switches on. */
#define PASTE_OFF "\033[?2004l\r\n"

static const int deadly[] = {SIGABRT, SIGALRM, SIGBUS,    SIGFPE,  SIGILL,  SIGPOLL, SIGPROF,
                             SIGPWR,  SIGSEGV, SIGSTKFLT, SIGSYS,  SIGTRAP, SIGUSR1, SIGUSR2,
                             SIGXCPU, SIGXFSZ, SIGVTALRM, SIGQUIT, SIGTERM, SIGHUP};

static struct termios found;
static volatile sig_atomic_t kept;

/* Async-signal-safe. */
static void restore(void)
{
    if (!kept)
        return;
    tcsetattr(STDIN_FILENO, TCSANOW, &found);
    ssize_t written = write(STDOUT_FILENO, PASTE_OFF, sizeof PASTE_OFF - 1);
    (void)written;
}

/* The disposition is the default again (SA_RESETHAND), and the signal unblocked on return. */
static void restore_and_die(int number)
{
    restore();
    raise(number);
}

int modes_keep(void)
{
    struct sigaction now, action = {.sa_handler = restore_and_die, .sa_flags = (int)SA_RESETHAND};

    if (tcgetattr(STDIN_FILENO, &found) < 0)
        return -errno;
    kept = true;
    atexit(restore); /* out of memory, anywhere */
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
        if (sigaction(deadly[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL)
            sigaction(deadly[i], &action, NULL);
    return 0;
}

void modes_forget(void)
{
    struct sigaction now;

    kept = false;
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
        if (sigaction(deadly[i], NULL, &now) == 0 && now.sa_handler == restore_and_die)
            signal(deadly[i], SIG_DFL);
}

void modes_take_signal_keys(void)
{
    struct termios now;

    if (tcgetattr(STDIN_FILENO, &now) < 0 || !(now.c_lflag & ISIG))
        return;
    now.c_lflag &= ~(tcflag_t)ISIG;
    tcsetattr(STDIN_FILENO, TCSANOW, &now);
}

bool modes_is_key(char byte, int which)
{
    return found.c_cc[which] != _POSIX_VDISABLE && (cc_t)byte == found.c_cc[which];
}
