/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Dividing descriptors: whatever is found fits into what there is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/err.h"
#include "echo/plan.h"
#include "echo/seat.h"

static const struct {
    struct plan_given given;
    int error;
    uint32_t per_worker;
    uint32_t in_flight_max;
    uint32_t max_conns;
} cases[] = {
    /* descriptors, listeners, workers, pooled, asked */
    {{20000, 1, 2, true, 0}, 0, 19984, 256, 39968},
    {{20000, 1, 1, true, 19984}, 0, 19984, 256, 19984},
    {{20000, 1, 1, true, 19985}, -ERR_RANGE, 0, 0, 0},
    {{20000, 1, 2, true, 3}, 0, 19984, 256, 3},
    {{64, 1, 2, true, 0}, 0, 48, 22, 96},
    {{21, 1, 2, true, 0}, 0, 5, 1, 10},
    {{20, 1, 2, true, 0}, -EMFILE, 0, 0, 0},
    {{3, 1, 1, true, 0}, -EMFILE, 0, 0, 0},
    {{0, 1, 1, true, 0}, -EMFILE, 0, 0, 0},
    {{1024, 32, 128, true, 0}, 0, 1008, 6, 129024},
    {{SEAT_TOTAL_MAX, 1, 128, true, 0}, 0, SEAT_TOTAL_MAX / 128, 256, SEAT_TOTAL_MAX},
    {{64, 1, 1, false, 0}, 0, 48, 46, 48},
    {{64, 1, 1, false, 5000}, 0, 5000, 46, 5000},
    {{64, 1, 1, false, SEAT_TOTAL_MAX}, 0, SEAT_TOTAL_MAX, 46, SEAT_TOTAL_MAX},
};

static void each_limit_is_divided_as_it_must(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plan plan;
        assert_int_equal(plan_make(&cases[i].given, &plan), cases[i].error);
        if (cases[i].error)
            continue;
        assert_int_equal(plan.per_worker, cases[i].per_worker);
        assert_int_equal(plan.in_flight_max, cases[i].in_flight_max);
        assert_int_equal(plan.max_conns, cases[i].max_conns);
    }
}

static void no_division_takes_more_than_there_is(void **state)
{
    (void)state;
    for (uint32_t descriptors = 0; descriptors < 3000; descriptors += 7) {
        for (uint32_t workers = 1; workers <= 128; workers++) {
            struct plan_given given = {
                .descriptors = descriptors, .listeners = 3, .workers = workers, .pooled = true};
            struct plan plan;
            if (plan_make(&given, &plan))
                continue;
            assert_in_range(plan.in_flight_max, 1, 256);
            assert_true(plan.in_flight_max * workers + workers + 3 < descriptors);
            assert_true(plan.per_worker >= 1 && plan.per_worker < descriptors);
            assert_int_equal(plan.max_conns, plan.per_worker * workers);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_limit_is_divided_as_it_must),
        cmocka_unit_test(no_division_takes_more_than_there_is),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
