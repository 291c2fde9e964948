/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "load/outcome.h"

void outcome_init(struct outcome *outcome)
{
    *outcome = (struct outcome){.rtt = hist_new()};
}

void outcome_done(struct outcome *outcome)
{
    hist_free(outcome->rtt);
    outcome->rtt = NULL;
}

void outcome_reply(struct outcome *outcome, int64_t rtt_ns, int64_t wait_ns, uint64_t wrong)
{
    if (wrong) {
        outcome->corrupted++;
        return;
    }
    if (rtt_ns > wait_ns)
        outcome->late++;
    else
        outcome->received++;
    hist_record(outcome->rtt, rtt_ns);
}

uint64_t outcome_lost(const struct outcome *outcome)
{
    return outcome->sent - outcome->received - outcome->late - outcome->corrupted;
}

bool outcome_clean(const struct outcome *outcome)
{
    return outcome->sent > 0 && outcome->received == outcome->sent && outcome->unsent == 0 &&
           outcome->stray_bytes == 0;
}
