/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What went wrong, in one number.
 *
 * A function that can fail returns 0 (or a count, or a descriptor) on success and a negative
 * number on failure: -errno for what the system refused, or the negative of one of these. */
#ifndef YODEL_BASE_ERR_H
#define YODEL_BASE_ERR_H

enum err {
    ERR_SYNTAX = 4096, /* text that does not have the shape it must have */
    ERR_RANGE,         /* a number outside of what is allowed */
    ERR_PORT,          /* a port that is not 0 to 65535 */
    ERR_BARE_PORT,     /* a number where a host was expected */
    ERR_BRACKETS,      /* an IPv6 address and a port without brackets between them */
    ERR_NAME,          /* the resolver knows no such name */
    ERR_RESOLVER,      /* the resolver could not be asked */
    ERR_FULL,          /* no room left in a bounded buffer or table */
    ERR_TIMEOUT,       /* a deadline passed */
    ERR_SELF,          /* a connection that met itself */
    ERR_MEMORY,        /* no memory for what a peer asked for */
    ERR_KEY,           /* text that is not an Ed25519 private key */
    ERR_TLS,           /* the TLS handshake or a record failed */
    ERR_NOT_TLS,       /* the peer speaks something else */
    ERR_ALPN,          /* it speaks TLS, but not ours */
    ERR_CERTIFICATE,   /* its certificate is not of the one kind there is */
    ERR_STRANGER,      /* its key is not the one that it must have */
    ERR_CUT,           /* the connection ended without a goodbye */
    ERR_PROTOCOL,      /* the peer broke the protocol */
    ERR_REFUSED,       /* the peer said no */
    ERR_BLOCKED,       /* the user has blocked that key */
    ERR_UNKNOWN,       /* the user knows nobody with that key */
    ERR_TICKET,        /* text that is not a ticket */
    ERR_NEWER,         /* a file that a newer version made */
    ERR_CORRUPT,       /* a file that is damaged */
    ERR_BUSY,          /* another process has it */
    ERR_TAKEN,         /* a name that another one has */
    ERR_NOT_OURS,      /* a file that others can read or write, or that is not the user's */
    ERR_END,
};

/* Exit statuses, the same for every subcommand. */
enum exit_status {
    EXIT_DONE = 0,
    EXIT_SYSTEM = 1,
    EXIT_USAGE = 2,
    EXIT_NO_CONNECTION = 3,
    EXIT_WRONG_PEER = 4,
    EXIT_REFUSED = 5,
};

/* The text of an error as returned by this program's functions, without a capital and without a
 * full stop. Valid until the next call. */
const char *err_text(int error);

/* Print "yodel: ", the text and a newline to standard error, in one write of at most 1 KiB. Control characters come out
 * as question marks: it is one line. */
void err_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
