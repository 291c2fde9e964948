/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two who speak TLS as we do understand each other, however their bytes are cut, and only as much waits as
 * may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/err.h"
#include "net/chan.h"
#include "pair.h"

static void both_sides_know_each_other(void **state)
{
    struct pair pair;
    uint8_t caller[HASH_BYTES];
    uint8_t listener[HASH_BYTES];

    (void)state;
    pair_init(&pair);
    assert_null(chan_peer(pair.chans[CHAN_CALLER]));
    assert_null(chan_peer(pair.chans[CHAN_LISTENER]));
    assert_int_equal(chan_export(pair.chans[CHAN_CALLER], caller), -ERR_TLS);
    pair_shake(&pair, SIZE_MAX);
    assert_true(id_equal(chan_peer(pair.chans[CHAN_CALLER]), key_id(pair.keys[CHAN_LISTENER])));
    assert_true(id_equal(chan_peer(pair.chans[CHAN_LISTENER]), key_id(pair.keys[CHAN_CALLER])));
    assert_int_equal(chan_export(pair.chans[CHAN_CALLER], caller), 0);
    assert_int_equal(chan_export(pair.chans[CHAN_LISTENER], listener), 0);
    assert_memory_equal(caller, listener, sizeof caller);
    pair_talk(&pair, CHAN_CALLER, "hello");
    pair_talk(&pair, CHAN_LISTENER, "hello yourself");
    assert_string_equal(chan_why(pair.chans[CHAN_CALLER]), "");
    assert_int_equal(ERR_peek_error(), 0);
    pair_done(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_know_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
