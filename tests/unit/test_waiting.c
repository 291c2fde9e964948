/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is served at the door, who is parked, and who is cut off: whoever pushes waits longest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "chat/waiting.h"
#include "net/key.h"

#define CALLERS_MAX 200

struct door {
    struct waiting waiting;
    struct key *key;
    struct hello hello;
    int callers[CALLERS_MAX]; /* their ends */
    int count;
};

static struct door door;

static int open_door(void **state)
{
    (void)state;
    memset(&door, 0, sizeof door);
    door.hello = (struct hello){.mode = HELLO_TALK, .name_len = 1, .name = "a"};
    if (key_new(&door.key))
        return -1;
    waiting_init(&door.waiting, &(struct handshake_config){
                                    .role = GREETING_LISTENER, .key = door.key, .hello = &door.hello});
    return 0;
}

static int close_door(void **state)
{
    (void)state;
    waiting_done(&door.waiting);
    for (int i = 0; i < door.count; i++)
        close(door.callers[i]);
    key_free(door.key);
    return 0;
}

/* Somebody comes from 10.0.0.HOST. Returns what waiting_add() does. */
static int come(int host, int64_t now_ms)
{
    struct addr peer = {0};
    struct sockaddr_in *in = &peer.sa.v4;
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(0x0a000000 + (uint32_t)host);
    in->sin_port = htons((uint16_t)(1000 + door.count));
    peer.len = sizeof *in;
    assert_in_range(door.count, 0, CALLERS_MAX - 1);
    door.callers[door.count++] = ends[0];
    return waiting_add(&door.waiting, ends[1], &peer, now_ms);
}

static int served(void)
{
    int count = 0;

    for (int i = 0; i < WAITING_MAX; i++)
        count += door.waiting.slots[i].handshake.fd >= 0;
    return count;
}

/* Whether a caller has been hung up on. */
static bool is_cut_off(int which)
{
    char byte;

    return recv(door.callers[which], &byte, 1, MSG_PEEK) != -1 || errno != EAGAIN;
}

static void one_source_has_few_slots(void **state)
{
    struct pollfd fds[WAITING_POLL_MAX];

    (void)state;
    for (int i = 0; i < WAITING_SOURCE_MAX + 3; i++)
        assert_int_equal(come(1, 0), 0);
    waiting_serve(&door.waiting, 0);
    assert_int_equal(served(), WAITING_SOURCE_MAX);
    assert_int_equal(door.waiting.parked_count, 3);
    assert_int_equal(waiting_pollfds(&door.waiting, fds), WAITING_SOURCE_MAX);
    come(2, 0);
    waiting_serve(&door.waiting, 0);
    assert_int_equal(served(), WAITING_SOURCE_MAX + 1);
}

static void there_are_so_many_slots_and_a_free_one_goes_to_the_next(void **state)
{
    (void)state;
    for (int i = 0; i < WAITING_MAX + 2; i++)
        assert_int_equal(come(1 + i, 0), 0);
    waiting_serve(&door.waiting, 500); /* the burst is over */
    assert_int_equal(served(), WAITING_MAX);
    assert_int_equal(door.waiting.parked_count, 2);
    handshake_drop(&door.waiting.slots[5].handshake);
    waiting_serve(&door.waiting, 1000);
    assert_int_equal(served(), WAITING_MAX);
    assert_int_equal(door.waiting.parked_count, 1);
    struct addr next = door.waiting.slots[5].handshake.peer;
    assert_int_equal(ntohl(next.sa.v4.sin_addr.s_addr), 0x0a000000 + WAITING_MAX + 1);
}

static void a_source_with_few_goes_before_one_with_many(void **state)
{
    (void)state;
    for (int i = 0; i < WAITING_MAX; i++)
        come(1 + i, 0);
    for (int i = 0; i < 3; i++)
        come(100, 0);
    come(101, 0);
    waiting_serve(&door.waiting, 500);
    assert_int_equal(door.waiting.parked_count, 4);
    handshake_drop(&door.waiting.slots[5].handshake);
    waiting_serve(&door.waiting, 1000);
    struct addr next = door.waiting.slots[5].handshake.peer;
    assert_int_equal(ntohl(next.sa.v4.sin_addr.s_addr), 0x0a000000 + 101);
}

static void those_who_are_parked_are_cut_off_in_time(void **state)
{
    (void)state;
    for (int i = 0; i < WAITING_SOURCE_MAX + 1; i++)
        come(1, 0);
    assert_int_equal(waiting_wake_ms(&door.waiting), HANDSHAKE_MS);
    waiting_serve(&door.waiting, HANDSHAKE_MS - 1);
    assert_false(is_cut_off(WAITING_SOURCE_MAX));
    waiting_serve(&door.waiting, HANDSHAKE_MS);
    assert_true(is_cut_off(WAITING_SOURCE_MAX));
    assert_int_equal(door.waiting.parked_count, 0);
}

static void a_flood_from_one_source_pushes_out_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < WAITING_SOURCE_MAX + WAITING_PARKED_MAX; i++)
        assert_int_equal(come(1, 0), 0);
    assert_int_equal(door.waiting.parked_count, WAITING_PARKED_MAX);
    int other = door.count;
    assert_int_equal(come(2, 0), -ERR_FULL); /* somebody is cut off, and not the newcomer */
    assert_false(is_cut_off(other));
    assert_true(is_cut_off(other - 1));
    assert_int_equal(door.waiting.parked_count, WAITING_PARKED_MAX);
    waiting_serve(&door.waiting, 1000);
    assert_int_equal(served(), WAITING_SOURCE_MAX + 1); /* and goes before those who were there */
}

static void so_many_begin_in_a_second(void **state)
{
    int64_t now_ms = 10000;
    int begun = 0;

    (void)state;
    for (int i = 0; i < 100; i++)
        come(1 + i, now_ms);
    for (int ms = 0; ms < 1000; ms++) {
        waiting_serve(&door.waiting, now_ms + ms);
        for (int i = 0; i < WAITING_MAX; i++) {
            begun += door.waiting.slots[i].handshake.fd >= 0;
            handshake_drop(&door.waiting.slots[i].handshake);
        }
    }
    assert_in_range(begun, WAITING_BURST + WAITING_RATE - 2, WAITING_BURST + WAITING_RATE + 1);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, open_door, close_door)
    const struct CMUnitTest tests[] = {
        test(one_source_has_few_slots),
        test(there_are_so_many_slots_and_a_free_one_goes_to_the_next),
        test(a_source_with_few_goes_before_one_with_many),
        test(those_who_are_parked_are_cut_off_in_time),
        test(a_flood_from_one_source_pushes_out_its_own),
        test(so_many_begin_in_a_second),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
