/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

void pair_init(struct pair *pair)
{
    for (enum chan_role role = CHAN_CALLER; role <= CHAN_LISTENER; role++) {
        assert_int_equal(key_new(&pair->keys[role]), 0);
        struct chan_config config = {.role = role, .key = pair->keys[role]};
        assert_int_equal(chan_new(&pair->chans[role], &config), 0);
    }
}

void pair_done(struct pair *pair)
{
    for (int role = 0; role < 2; role++) {
        chan_free(pair->chans[role]);
        key_free(pair->keys[role]);
    }
}

int pair_carry(struct pair *pair, enum chan_role from, size_t step)
{
    struct chan *to = pair->chans[!from];
    int result = 0;

    for (;;) {
        size_t len;
        const uint8_t *bytes = chan_output(pair->chans[from], &len);
        if (len > step)
            len = step;
        if (len > chan_room(to))
            len = chan_room(to);
        if (len == 0 || result < 0)
            return result;
        result = chan_input(to, bytes, len);
        chan_sent(pair->chans[from], len);
    }
}

void pair_shake(struct pair *pair, size_t step)
{
    for (int round = 0; round < 2; round++) {
        assert_int_equal(pair_carry(pair, CHAN_CALLER, step), 0);
        assert_int_equal(pair_carry(pair, CHAN_LISTENER, step), 0);
    }
    assert_true(chan_is_open(pair->chans[CHAN_CALLER]));
    assert_true(chan_is_open(pair->chans[CHAN_LISTENER]));
}

void pair_take(struct pair *pair, enum chan_role from, uint8_t *bytes, size_t max, size_t *len)
{
    const uint8_t *output = chan_output(pair->chans[from], len);

    assert_in_range(*len, 0, max);
    if (*len > 0)
        memcpy(bytes, output, *len);
    chan_sent(pair->chans[from], *len);
}

void pair_talk(struct pair *pair, enum chan_role from, const char *text)
{
    char heard[256];
    size_t len = strlen(text);

    assert_int_equal(chan_write(pair->chans[from], text, len), len);
    assert_int_equal(pair_carry(pair, from, SIZE_MAX), 0);
    assert_int_equal(chan_read(pair->chans[!from], heard, sizeof heard), len);
    assert_memory_equal(heard, text, len);
    assert_int_equal(chan_read(pair->chans[!from], heard, sizeof heard), -EAGAIN);
}
