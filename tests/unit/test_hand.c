/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Notes and descriptors between the door and a child. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "echo/hand.h"

static int open_descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void notes_arrive_whole_in_order_and_with_their_sender(void **state)
{
    int door, child;
    struct hand_note sent[HAND_BATCH];
    struct hand_note got[HAND_BATCH];
    pid_t pid = 0;

    (void)state;
    memset(sent, 0, sizeof sent);
    for (uint32_t i = 0; i < HAND_BATCH; i++) {
        sent[i].id = i * 1000003;
        sent[i].kind = HAND_CLOSED;
        sent[i].reason = (uint8_t)(i % HAND_REASONS);
    }
    assert_int_equal(hand_pair(&door, &child), 0);
    assert_int_equal(hand_recv(door, got, NULL, NULL, &pid, 0), -EAGAIN);
    assert_int_equal(hand_send(child, sent, NULL, HAND_BATCH, 0), 0);
    assert_int_equal(hand_send(child, sent + 7, NULL, 1, 0), 0);
    assert_int_equal(hand_recv(door, got, NULL, NULL, &pid, 0), HAND_BATCH);
    assert_memory_equal(got, sent, sizeof sent);
    assert_int_equal(pid, getpid());
    assert_int_equal(hand_recv(door, got, NULL, NULL, &pid, 0), 1);
    assert_memory_equal(got, sent + 7, sizeof *sent);
    close(child);
    assert_int_equal(hand_recv(door, got, NULL, NULL, &pid, 0), 0);
    close(door);
}

static void each_note_comes_with_its_descriptor(void **state)
{
    int door, child;
    struct hand_note notes[HAND_BATCH];
    int sent[HAND_BATCH], got[HAND_BATCH];
    int count = 0;

    (void)state;
    memset(notes, 0, sizeof notes);
    assert_int_equal(hand_pair(&door, &child), 0);
    for (int i = 0; i < HAND_BATCH; i++) {
        int ends[2];
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        close(ends[1]);
        sent[i] = ends[0];
        notes[i].id = (uint32_t)i;
    }
    assert_int_equal(hand_send(door, notes, sent, HAND_BATCH, 0), 0);
    assert_int_equal(hand_recv(child, notes, got, &count, NULL, 0), HAND_BATCH);
    assert_int_equal(count, HAND_BATCH);
    for (int i = 0; i < HAND_BATCH; i++) {
        struct stat a, b;
        assert_int_equal(notes[i].id, i);
        fstat(sent[i], &a);
        fstat(got[i], &b);
        assert_int_equal(a.st_ino, b.st_ino);
        assert_true(fcntl(got[i], F_GETFD) & FD_CLOEXEC);
        close(sent[i]);
        close(got[i]);
    }
    close(door);
    close(child);
}

static void a_process_without_room_gets_fewer_descriptors_and_all_notes(void **state)
{
    int door, child;
    struct hand_note notes[HAND_BATCH] = {{0}};
    int fds[HAND_BATCH];
    int count = 0;
    struct rlimit before, tight;

    (void)state;
    assert_int_equal(hand_pair(&door, &child), 0);
    for (int i = 0; i < 8; i++)
        fds[i] = child;
    assert_int_equal(hand_send(door, notes, fds, 8, 0), 0);
    getrlimit(RLIMIT_NOFILE, &before);
    tight = before;
    int free_fd = dup(child);
    close(free_fd);
    tight.rlim_cur = (rlim_t)free_fd + 3;
    setrlimit(RLIMIT_NOFILE, &tight);
    assert_int_equal(hand_recv(child, notes, fds, &count, NULL, 0), 8);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(count, 3);
    for (int i = 0; i < count; i++)
        close(fds[i]);
    close(door);
    close(child);
}

static void a_child_cannot_push_descriptors_into_the_door(void **state)
{
    int door, child;
    struct hand_note note = {.id = 1};
    struct hand_note got[HAND_BATCH];
    int fds[1] = {STDERR_FILENO};
    pid_t pid = 0;

    (void)state;
    assert_int_equal(hand_pair(&door, &child), 0);
    int before = open_descriptors();
    assert_int_equal(hand_send(child, &note, fds, 1, 0), 0);
    assert_int_equal(hand_recv(door, got, NULL, NULL, &pid, 0), 1);
    assert_int_equal(pid, getpid());
    assert_int_equal(open_descriptors(), before);
    close(door);
    close(child);
}

static void the_sender_cannot_be_forged(void **state)
{
    int door, child, status;
    struct hand_note got[HAND_BATCH];
    pid_t pid = 0;

    (void)state;
    assert_int_equal(hand_pair(&door, &child), 0);
    pid_t other = fork();
    if (other == 0) {
        struct hand_note note = {.id = 1};
        _exit(hand_send(child, &note, NULL, 1, 0) ? 1 : 0);
    }
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(status, 0);
    assert_int_equal(hand_recv(door, got, NULL, NULL, &pid, 0), 1);
    assert_int_equal(pid, other);
    close(door);
    close(child);
}

static void a_full_socket_takes_all_or_nothing(void **state)
{
    int door, child;
    struct hand_note notes[HAND_BATCH] = {{0}};
    pid_t pid = 0;
    int sent = 0, got = 0;

    (void)state;
    assert_int_equal(hand_pair(&door, &child), 0);
    while (hand_send(child, notes, NULL, HAND_BATCH, MSG_DONTWAIT) == 0)
        sent++;
    assert_int_equal(hand_send(child, notes, NULL, HAND_BATCH, MSG_DONTWAIT), -EAGAIN);
    assert_true(sent > 0);
    int count;
    while ((count = hand_recv(door, notes, NULL, NULL, &pid, 0)) > 0) {
        assert_int_equal(count, HAND_BATCH);
        got++;
    }
    assert_int_equal(got, sent);
    close(door);
    close(child);
}

static void every_errno_has_its_reason(void **state)
{
    (void)state;
    assert_string_equal(hand_reason_text(hand_reason_of(ECONNRESET)), "reset");
    assert_string_equal(hand_reason_text(hand_reason_of(EPIPE)), "reset");
    assert_string_equal(hand_reason_text(hand_reason_of(ETIMEDOUT)), "dead");
    assert_string_equal(hand_reason_text(hand_reason_of(EHOSTUNREACH)), "dead");
    assert_string_equal(hand_reason_text(hand_reason_of(ENOMEM)), "error");
    assert_string_equal(hand_reason_text(HAND_REASONS), "error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notes_arrive_whole_in_order_and_with_their_sender),
        cmocka_unit_test(each_note_comes_with_its_descriptor),
        cmocka_unit_test(a_process_without_room_gets_fewer_descriptors_and_all_notes),
        cmocka_unit_test(a_child_cannot_push_descriptors_into_the_door),
        cmocka_unit_test(the_sender_cannot_be_forged),
        cmocka_unit_test(a_full_socket_takes_all_or_nothing),
        cmocka_unit_test(every_errno_has_its_reason),
    };
    return cmocka_run_group_tests_name("hand", tests, NULL, NULL);
}
