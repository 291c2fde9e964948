/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A chat that chose its protocol need not know which: the same conversation through each of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/err.h"
#include "wire/wire.h"

static const struct {
    enum wire_protocol protocol;
    const char *hello; /* as it leaves */
    size_t hello_len;
    const char *goodbye;
    size_t goodbye_len;
    const char *answer; /* of the peer, to it; NULL: the connection ends */
} protocols[] = {
    {WIRE_PLAIN, "hello\n", 6, "", 0, NULL},
    {WIRE_SESSION, "\0\0\0\x06\x10\x03hello", 11, "\0\0\0\0\x13", 5, "\0\0\0\0\x14"},
};

static void expect_output(const struct wire *wire, const char *bytes, size_t len)
{
    size_t waiting = SIZE_MAX;
    const uint8_t *output = wire_output(wire, &waiting);

    assert_int_equal(waiting, len);
    if (len > 0)
        assert_memory_equal(output, bytes, len);
}

static void a_conversation_is_the_same_in_each_protocol(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
        const uint8_t *hello = (const uint8_t *)protocols[i].hello;
        size_t len = protocols[i].hello_len;
        struct wire_event event;
        struct wire wire;
        wire_init(&wire, protocols[i].protocol);
        assert_true(wire_room(&wire) >= (size_t)64 << 10);
        assert_true(wire_wake_ms(&wire) == INT64_MAX);
        assert_false(wire_next(&wire, 0, &event));

        assert_int_equal(wire_send(&wire, (const uint8_t *)"hello", 5), 0);
        expect_output(&wire, protocols[i].hello, len);
        wire_sent(&wire, len);
        expect_output(&wire, "", 0);

        assert_int_equal(wire_input(&wire, hello, len, 0), 0);
        assert_true(wire_next(&wire, 0, &event));
        assert_true(event.kind == WIRE_TEXT && event.first && event.last);
        assert_int_equal(event.len, 5);
        assert_memory_equal(event.text, "hello", 5);
        assert_false(wire_next(&wire, 0, &event));

        wire_leave(&wire);
        expect_output(&wire, protocols[i].goodbye, protocols[i].goodbye_len);
        wire_sent(&wire, protocols[i].goodbye_len);
        assert_false(wire_settled(&wire));
        if (protocols[i].answer)
            assert_int_equal(wire_input(&wire, (const uint8_t *)protocols[i].answer, 5, 0), 0);
        else
            wire_end(&wire);
        assert_true(wire_next(&wire, 0, &event));
        assert_int_equal(event.kind, WIRE_LEFT);
        assert_true(wire_settled(&wire));
        wire_end(&wire);
        assert_false(wire_next(&wire, 0, &event));
        assert_int_equal(wire_room(&wire), 0);
        wire_done(&wire);
    }
}

/* Only plain takes the end of the connection for a goodbye. */
static void an_end_without_a_goodbye_is_a_loss_where_there_is_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
        struct wire_event event;
        struct wire wire;
        wire_init(&wire, protocols[i].protocol);
        wire_end(&wire);
        assert_true(wire_next(&wire, 0, &event));
        assert_int_equal(event.kind, protocols[i].protocol == WIRE_PLAIN ? WIRE_LEFT : WIRE_BROKEN);
        if (event.kind == WIRE_BROKEN)
            assert_int_equal(event.error, -ERR_CUT);
        wire_done(&wire);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_conversation_is_the_same_in_each_protocol),
        cmocka_unit_test(an_end_without_a_goodbye_is_a_loss_where_there_is_one),
    };

    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
