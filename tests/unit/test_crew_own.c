/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The crew with a child for each connection, which do anything at all: they share the notes, and one that spoils them costs
 * only itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crew_bench.h"

static int shut_the_notes_of_all(const struct engine_job *job)
{
    welcome(job, &job->take, job->fd);
    shutdown(job->notes, SHUT_RDWR);
    return live_on();
}

static int shut_the_writing_of_all(const struct engine_job *job)
{
    welcome(job, &job->take, job->fd);
    shutdown(job->notes, SHUT_WR);
    return live_on();
}

static int shut_the_reading_of_all(const struct engine_job *job)
{
    welcome(job, &job->take, job->fd);
    shutdown(job->notes, SHUT_RD);
    return live_on();
}

static int send_nonsense_for_all(const struct engine_job *job)
{
    welcome(job, &job->take, job->fd);
    send(job->notes, "", 0, 0);
    return live_on();
}

static void child_that_ends_the_notes_of_all_costs_only_itself(void **state)
{
    static int (*const ways[])(const struct engine_job *) = {shut_the_notes_of_all, shut_the_writing_of_all,
                                                             shut_the_reading_of_all, send_nonsense_for_all};

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        assert_int_equal(open_crew(&own, 1), 0);
        come(1);
        expect_welcome(1);
        be_evil(ways[i], 0, 1);
        come(2);
        pid_t bad = 0;
        for (uint32_t id = SEAT_NONE; (id = seats_next(&crew.seats, 0, id)) != SEAT_NONE;)
            bad = crew.seats.table[id].port == 2 ? crew.seats.table[id].pid : bad;
        expect_welcome(2);
        for (uint16_t port = 3; port < 9; port++) {
            come(port);
            expect_welcome(port);
            UNTIL(in_flight() == 0, true);
        }
        for (uint16_t port = 3; port < 9; port++)
            leave(port);
        UNTIL(ledger.conns == 2, true);
        assert_int_equal(ledger.total.closed[HAND_EOF], 6);
        /* The one from before lives on; how it ended cannot be told any more, but that it did. */
        assert_false(readable(1));
        leave(1);
        UNTIL(ledger.conns == 1, true);
        kill(bad, SIGKILL);
        UNTIL(ledger.conns == 0, true);
        assert_int_equal(ledger.total.closed[HAND_KILLED], 1);
        UNTIL(in_flight() == 0, true);
        assert_int_equal(atomic_load(&shared->takes[1]), 1);
        assert_int_equal(atomic_load(&shared->takes[2]), 1);
        end(state);
        begin(state);
    }
}

/* The door has not read the notes yet: nonsense lies before a CONFIRM, whose child is served and dies then. */
static void no_confirm_is_lost_behind_nonsense(void **state)
{
    (void)state;
    assert_int_equal(open_crew(&own, 1), 0);
    be_evil(send_nonsense_for_all, 0, 1);
    come(1);
    struct pollfd ready = {.fd = clients[1], .events = POLLIN};
    poll(&ready, 1, DEADLINE_MS);
    come(2); /* confirms, and reads */
    ready.fd = clients[2];
    assert_int_equal(poll(&ready, 1, DEADLINE_MS), 1);
    UNTIL(in_flight() == 0, true);
    leave(2);
    UNTIL(ledger.conns == 1, true);
    assert_int_equal(atomic_load(&shared->takes[2]), 1);
}

static int speak_for_all(const struct engine_job *job)
{
    static const uint32_t wild[] = {PER_CHILD, 1u << 22, INT32_MAX, UINT32_MAX};

    welcome(job, &job->take, job->fd);
    for (uint32_t i = 0; i < PER_CHILD + sizeof wild / sizeof *wild; i++) {
        uint32_t id = i < PER_CHILD ? i : wild[i - PER_CHILD];
        for (int kind = 0; kind <= HAND_CLOSED + 1 && id != job->take.id; kind++)
            say(job, id, kind, HAND_KILLED);
    }
    say(job, job->take.id, HAND_CLOSED, 200);
    say(job, job->take.id, HAND_CLOSED, HAND_EOF); /* what is closed is not its own any more */
    return live_on();
}

static void what_a_child_tells_of_others_is_not_believed(void **state)
{
    (void)state;
    assert_int_equal(open_crew(&own, 1), 0);
    for (uint16_t port = 1; port < 5; port++) {
        come(port);
        expect_welcome(port);
    }
    UNTIL(in_flight() == 0, true);
    be_evil(speak_for_all, 0, 1);
    come(5);
    UNTIL(atomic_load(&shared->done) && ledger.conns == 4, true);
    assert_int_equal(ledger.total.closed[HAND_ERROR], 1);
    assert_int_equal(crew.workers[0].conns, 4);
    come(6);
    expect_welcome(6);
    for (uint16_t port = 1; port < 5; port++) {
        assert_false(readable(port));
        leave(port);
    }
    leave(6);
    UNTIL(ledger.conns == 0, true);
    assert_int_equal(ledger.total.closed[HAND_EOF], 5);
    assert_int_equal(in_flight(), 0);
}

static int confirm_and_go(const struct engine_job *job)
{
    welcome(job, &job->take, job->fd);
    return 0;
}

static int go(const struct engine_job *job)
{
    atomic_fetch_add(&shared->takes[job->take.port], 1);
    return 0;
}

static void child_that_goes_without_a_word_leaves_no_seat_behind(void **state)
{
    char byte;

    (void)state;
    assert_int_equal(open_crew(&own, 1), 0);
    be_evil(confirm_and_go, 0, 1);
    come(1);
    UNTIL(ledger.conns == 0, true);
    assert_int_equal(crew.workers[0].conns, 0);
    assert_int_equal(ledger.total.closed[HAND_ERROR], 1);
    assert_non_null(strstr(said(), "reason=error"));
    assert_int_equal(recv(clients[1], &byte, 1, 0), 1);
    assert_int_equal(recv(clients[1], &byte, 1, 0), 0);
}

static void unconfirmed_connection_is_given_to_another_child(void **state)
{
    char byte;

    (void)state;
    assert_int_equal(open_crew(&own, 1), 0);
    be_evil(go, 0, 14);
    come(1);
    UNTIL(readable(1), true);
    assert_int_equal(recv(clients[1], &byte, 1, 0), 1);
    assert_int_equal(atomic_load(&shared->takes[1]), 15);
    leave(1);
    UNTIL(ledger.conns == 0, true);
    assert_int_equal(ledger.total.closed[HAND_EOF], 1);
    assert_int_equal(occurrences(said(), "event=open"), 1);
}

static void connection_that_costs_fifteen_children_is_closed(void **state)
{
    char byte;

    (void)state;
    assert_int_equal(open_crew(&own, 1), 0);
    be_evil(go, 0, 1000);
    come(1);
    UNTIL(ledger.conns == 0, true);
    assert_int_equal(atomic_load(&shared->takes[1]), 15);
    assert_int_equal(ledger.total.closed[HAND_ERROR], 1);
    assert_true(recv(clients[1], &byte, 1, 0) <= 0);
    UNTIL(in_flight() == 0, true);
}

#define CREW_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CREW_TEST(child_that_ends_the_notes_of_all_costs_only_itself),
        CREW_TEST(no_confirm_is_lost_behind_nonsense),
        CREW_TEST(what_a_child_tells_of_others_is_not_believed),
        CREW_TEST(child_that_goes_without_a_word_leaves_no_seat_behind),
        CREW_TEST(unconfirmed_connection_is_given_to_another_child),
        CREW_TEST(connection_that_costs_fifteen_children_is_closed),
    };
    alarm(50);
    return cmocka_run_group_tests_name("crew_own", tests, NULL, NULL);
}
