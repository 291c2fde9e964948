/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The notes that the door and its children hand each other, over a Unix socket of kind SOCK_SEQPACKET.
 *
 *     door -> worker   TAKE(id, address) and the descriptor, up to HAND_BATCH in one message
 *     child -> door    CONFIRM(id): I have it and have not read from it yet
 *                      REFUSE(id): it did not arrive or I have no room; give it to another
 *                      CLOSED(id, reason): I have closed it
 *
 * The door keeps its own copy of a descriptor until the CONFIRM: a child that dies before has
 * taken nothing from the client. A child that serves one connection inherits its
 * descriptor and needs no TAKE; all of its kind write to one socket. */
#ifndef YODEL_ECHO_HAND_H
#define YODEL_ECHO_HAND_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/types.h>

#define HAND_BATCH 64

enum hand_kind { HAND_TAKE = 1, HAND_CONFIRM, HAND_REFUSE, HAND_CLOSED };

/* Why a connection ended, and how it is called in the log. */
enum hand_reason {
    HAND_EOF,    /* the peer ended, everything went back */
    HAND_RESET,  /* the peer reset the connection */
    HAND_IDLE,   /* --idle-timeout */
    HAND_DEAD,   /* --dead-timeout, keep-alive */
    HAND_DRAIN,  /* cut off when the service ended */
    HAND_KILLED, /* its child was killed */
    HAND_ERROR,  /* anything else that went wrong here */
    HAND_REASONS,
};

struct hand_note {
    uint32_t id;
    uint8_t kind;   /* enum hand_kind */
    uint8_t reason; /* enum hand_reason, of CLOSED */
    uint16_t port;  /* of TAKE: the client's, in host order */
    struct in6_addr host;
};

const char *hand_reason_text(enum hand_reason reason);

/* The reason that fits an errno of recv() or send(). */
enum hand_reason hand_reason_of(int error);

/* Make the two ends, non-blocking at the door's side only, close-on-exec. The door's end tells who wrote
 * (hand_recv()'s pid). Returns 0 or -errno. */
int hand_pair(int *door, int *child);

/* Send count (1 to HAND_BATCH) notes in one message; with descriptors, one for each note, if fds is not NULL.
 * Returns 0 or -errno; -EAGAIN if a non-blocking socket has no room. All or nothing. */
int hand_send(int socket, const struct hand_note *notes, const int *fds, int count, int flags);

/* Receive one message: up to HAND_BATCH notes; up to as many descriptors, close-on-exec, the caller's (*fd_count;
 * fewer than notes if the process has no room for them). fds may be NULL on the door's side, and then *pid is
 * who sent it. Returns the number of notes, 0 when the other side is gone, -ERR_SYNTAX for a message that holds no
 * whole number of notes from 1 to HAND_BATCH, -errno. */
int hand_recv(int socket, struct hand_note notes[static HAND_BATCH], int *fds, int *fd_count, pid_t *pid,
              int flags);

#endif
